"""What the commands show is what was said."""

import ast
from collections.abc import Callable, Iterator

import pytest

from ops import terminal
from ops.project import ROOT


@pytest.mark.parametrize("show", [terminal.fail, terminal.progress])
def test_a_word_between_colons_is_no_picture(
    show: Callable[[str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    show("path=/:key:/[bold]")
    assert "path=/:key:/[bold]" in capsys.readouterr().err


def marked_up(source: str) -> Iterator[int]:
    """Yield the lines of what is printed of values and taken for markup."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "print":
            named = {keyword.arg for keyword in node.keywords}
            if any(isinstance(each, ast.JoinedStr) for each in node.args) and "markup" not in named:
                yield node.lineno


def test_no_value_is_taken_for_markup() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line}"
        for part in ("ops", "local", "toolchain", "program")
        for path in sorted((ROOT / part).rglob("*.py"))
        for line in marked_up(path.read_text(encoding="utf-8"))
    ]
    assert found == []
    assert list(marked_up("console.print(f'{a}')\nconsole.print(f'{a}', markup=False)")) == [1]
