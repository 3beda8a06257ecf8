"""Files of HCL are parsed once, and what was kept of them is what the parser says."""

import sys
from pathlib import Path

import pytest

from components.workspace_template.source import SOURCE
from local.coderd import hcl

TEXTS = [path.read_text(encoding="utf-8") for path in sorted(SOURCE.glob("*.tf"))]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(hcl, "_folder", lambda: tmp_path / "kept")
    return tmp_path / "kept"


def test_what_was_kept_is_what_the_parser_says(monkeypatch: pytest.MonkeyPatch) -> None:
    parsed = [hcl.tree(text) for text in TEXTS]
    monkeypatch.setitem(sys.modules, "hcl2", None)
    assert [hcl.tree(text) for text in TEXTS] == parsed
    assert all(parsed)


@pytest.mark.parametrize("content", ['{"a": 1', "null", "[]", ""])
def test_what_was_kept_in_part_is_parsed_again(folder: Path, content: str) -> None:
    parsed = hcl.tree("a = 1\n")
    (kept,) = folder.iterdir()
    kept.write_text(content)
    assert hcl.tree("a = 1\n") == parsed
    assert kept.read_text().endswith("}")


def test_where_nothing_can_be_kept_it_is_parsed_each_time(folder: Path) -> None:
    folder.write_text("a file")
    assert hcl.tree("a = 1\n") == hcl.tree("a = 1\n") == {"a": 1}


@pytest.mark.parametrize(("text", "line"), [("a = \n", 1), ('a = 1\nb "c" {\n', 3)])
def test_what_is_no_hcl_is_not_kept(folder: Path, text: str, line: int) -> None:
    for _ in range(2):
        with pytest.raises(hcl.HclError) as error:
            hcl.tree(text)
        assert error.value.line == line
    assert not folder.exists()
