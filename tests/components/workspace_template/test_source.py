"""What a template is made of, in a folder where anything may be left."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from components.errors import ArgsError
from components.workspace_template import render
from components.workspace_template.args import WorkspaceTemplateArgs

Make = Callable[..., WorkspaceTemplateArgs]


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of the source, which templates are rendered from."""
    copy = tmp_path / "terraform"
    shutil.copytree(render.SOURCE, copy)
    monkeypatch.setattr(render, "SOURCE", copy)
    render._source.cache_clear()
    yield copy
    render._source.cache_clear()


def test_what_others_leave_in_the_source_is_no_part_of_a_template(
    template_args: Make, source: Path
) -> None:
    before = render.render(template_args())
    for name in (".DS_Store", ".main.tf.swp", ".hidden.tf", "boundary.tf.orig", "main.tf~"):
        (source / name).write_text("hunter2")
    (source / ".terraform").mkdir()
    (source / "terraform.tfstate").write_text("{}")
    render._source.cache_clear()
    assert render.render(template_args()) == before


def test_every_committed_file_is_part_of_the_source(source: Path) -> None:
    assert render._source() == {path.name: path.read_bytes() for path in sorted(source.iterdir())}


@pytest.mark.parametrize("name", ["terraform.tfvars", "a.auto.tfvars.json", ".tfvars"])
def test_values_beside_the_source_are_refused(template_args: Make, source: Path, name: str) -> None:
    (source / name).write_text('image = "hunter2"')
    with pytest.raises(ArgsError) as told:
        render.render(template_args())
    assert str(told.value) == (
        f"template: {name} stands in {source.parent.name}/terraform: take it out of there; values "
        "belong into the stack's settings"
    )
