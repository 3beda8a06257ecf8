"""Two templates of a run never share what a provider uploads."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pulumi
import pytest

from components.errors import ArgsError
from components.workspace_template import directories
from components.workspace_template.args import WorkspaceTemplateArgs
from components.workspace_template.component import WorkspaceTemplate
from components.workspace_template.render import AGENT_ENV
from tests.components.recording import Recorder, record
from tests.components.workspace_template.test_component import GENERATED

Make = Callable[..., WorkspaceTemplateArgs]


def declare(*given: WorkspaceTemplateArgs) -> Recorder:
    def program() -> dict[str, pulumi.Output[Any]]:
        for name, args in zip(("prod", "lab"), given, strict=False):
            WorkspaceTemplate(name, args)
        return {}

    return record(program, GENERATED)[0]


@pytest.mark.parametrize(
    ("first", "second", "relation"),
    [
        ({}, {}, "is that"),
        ({"directory": "out/x"}, {"name": "other", "directory": "out/./x"}, "is that"),
        ({"directory": "link"}, {"name": "other", "directory": "real"}, "is that"),
        ({"directory": "out/x"}, {"name": "other", "directory": "out"}, r"is around \S+/out/x,"),
        ({"directory": "out"}, {"name": "other", "directory": "out/x"}, r"is within \S+/out,"),
        ({}, {"name": "other", "directory": "build/templates/dev/firewalled"}, "is that"),
    ],
)
def test_two_templates_in_one_directory_are_refused_and_both_are_named(
    template_args: Make,
    tmp_path: Path,
    first: dict[str, Any],
    second: dict[str, Any],
    relation: str,
) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    one = template_args(**first)
    two = template_args(**second, agent_variables={"LAB": "1"})
    other = second.get("name", "firewalled")
    told = rf"'{other}' \(component lab\).*{relation}.* 'firewalled' \(component prod\)"
    with pytest.raises(ArgsError, match=told):
        declare(one, two)
    (written,) = (path for path in tmp_path.rglob(AGENT_ENV))
    assert "LAB" not in written.read_text()


def test_two_templates_of_one_name_stand_in_two_directories(template_args: Make) -> None:
    recorder = declare(template_args(), template_args(directory="build/templates/lab"))
    uploaded = [each["versions"][0]["directory"] for each in recorder.of("Template")]
    assert sorted(uploaded) == ["build/templates/dev/firewalled", "build/templates/lab"]


def test_the_next_run_of_a_process_renders_into_the_same_directory(template_args: Make) -> None:
    for _ in range(2):
        assert len(declare(template_args()).of("Template")) == 1


def test_a_plugin_is_told_of_the_engine_anew_for_each_component_of_its_run(
    template_args: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(directories, "_one_run", [])
    monkeypatch.setattr(directories, "_process", [])
    directories.one_run()
    declare(template_args())
    with pytest.raises(ArgsError, match="is that of template 'firewalled'"):
        declare(template_args())
