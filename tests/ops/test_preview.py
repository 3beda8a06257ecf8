import json
import os
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from ops import preview, stacks
from ops.assessment import StackPreview
from ops.changes import Step
from ops.cli import app

URN = "urn:pulumi:dev::firewalled-coder::kubernetes:core/v1:ConfigMap::{}"
CHANGE = Step("create", URN.format("a"), "kubernetes:core/v1:ConfigMap", {}, {"data": {"a": "b"}})


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> dict[str, StackPreview]:
    """What the previews of stacks find, by name."""
    found = {
        "same": StackPreview("same"),
        "changes": StackPreview("changes", steps=(CHANGE,)),
        "fails": StackPreview("fails", failure="no"),
    }
    monkeypatch.setattr(preview, "_assessed", lambda stack, refresh, save: found[stack])
    return found


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["same"], 0),
        (["changes"], 0),
        (["same", "changes", "--exit-code"], 2),
        (["same", "--exit-code"], 0),
        (["changes", "fails", "--exit-code"], 1),
        (["fails"], 1),
    ],
)
def test_the_exit_status(found: dict[str, StackPreview], arguments: list[str], code: int) -> None:
    result = CliRunner().invoke(app, ["preview", *arguments])
    assert result.exit_code == code
    for name in arguments:
        assert name.startswith("--") or f"### Stack `{name}`" in result.stdout


def test_a_stack_named_twice_is_previewed_once(found: dict[str, StackPreview]) -> None:
    result = CliRunner().invoke(app, ["preview", "same", "same", "--json"])
    assert [each["name"] for each in json.loads(result.stdout)["stacks"]] == ["same"]


def test_the_report_goes_to_a_file(found: dict[str, StackPreview], tmp_path: Path) -> None:
    file = tmp_path / "report.md"
    result = CliRunner().invoke(app, ["preview", "fails", "--out", str(file)])
    assert result.exit_code == 1
    assert result.stdout == ""
    assert file.read_text(encoding="utf-8").startswith("## Preview: ⛔")


def test_a_name_of_other_bytes_than_utf_8_is_written_down(
    found: dict[str, StackPreview], tmp_path: Path
) -> None:
    name = os.fsdecode(b"caf\xe9")
    found[name] = StackPreview(name, failure="no")
    for options in ([], ["--json"]):
        file = tmp_path / "report"
        result = CliRunner().invoke(app, ["preview", name, "--out", str(file), *options])
        assert result.exit_code == 1, result.output
        assert "caf\\udce9" in file.read_text(encoding="utf-8")
    assert json.loads(file.read_text(encoding="utf-8"))["stacks"][0]["name"] == name


@pytest.mark.parametrize("option", ["--out", "--save-plan"])
def test_a_file_that_cannot_be_written_is_told_first(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, option: str
) -> None:
    monkeypatch.setattr(preview, "_assessed", None)
    result = CliRunner().invoke(app, ["preview", "same", option, str(tmp_path / "no" / "file")])
    assert result.exit_code == 1
    assert "there is no folder" in result.stderr
    assert "Traceback" not in result.output


def test_wrong_settings_are_the_report(monkeypatch: pytest.MonkeyPatch) -> None:
    result = CliRunner().invoke(app, ["preview", "nosuch"])
    assert result.exit_code == 1
    assert f"no stack 'nosuch'; there are {', '.join(stacks.names())}" in result.stdout
    assert "## Preview: ⛔" in result.stdout


def test_a_mistake_in_the_code_is_not_taken_for_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> None:
        raise KeyError("mistake")

    monkeypatch.setattr(preview.stack_files, "settings", broken)
    with pytest.raises(KeyError):
        preview._assessed("local", refresh=False, save=None)
