"""docs/architecture.md draws the house as it is, and names files that are there."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from ops.project import ROOT

PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
# What git ignores, and git itself.
IGNORED = {".git", *(ROOT / ".gitignore").read_text().replace("/\n", "\n").split()}
# Their shape is said in words: they have a folder for each thing that they hold.
FOLDED = {"sdks", "tests", "tools"}


def picture() -> list[str]:
    """The folders of the picture, whole."""
    drawing = PAGE.split("```")[1]
    folders: list[str] = []
    above: list[str] = []
    for indent, name in re.findall(r"^( *)([\w.-]+)/", drawing, re.MULTILINE):
        above = [*above[: len(indent) // 2], name]
        folders.append("/".join(above))
    return folders


def folders(place: Path) -> Iterator[str]:
    """The folders below a place that hold files, those of FOLDED without what is in them."""
    for inner in sorted(place.iterdir()):
        if not inner.is_dir() or inner.name in IGNORED or inner.suffix == ".egg-info":
            continue
        path = inner.relative_to(ROOT).as_posix()
        below = list(folders(inner))
        if below or any(each.is_file() for each in inner.iterdir()):
            yield path
            if path not in FOLDED:
                yield from below


def test_every_folder_of_the_picture_is_there_and_no_other() -> None:
    assert sorted(picture()) == sorted(folders(ROOT))


@pytest.mark.parametrize("page", ["docs/architecture.md", "CONTRIBUTING.md"])
def test_every_file_that_is_named_is_there(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    named = re.findall(r"`((?:[\w.-]+/)+[\w.-]*|[\w-]+\.py)`", text)
    assert len(named) > 3
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_the_way_of_the_setting_names_what_the_code_has() -> None:
    way = PAGE.split("## The way of one setting")[1].split("\n## ")[0]
    for file, name in {
        "components/settings/load.py": "def from_engine",
        "components/settings/grafana.py": "class Grafana",
        "components/dashboards/component.py": "class DashboardsArgs",
    }.items():
        assert file in way
        assert name.split()[1] in way
        assert name in (ROOT / file).read_text(encoding="utf-8")
    assert "grafana_folder" in way
    assert "grafana_folder" in (ROOT / "components/dashboards/component.py").read_text()
