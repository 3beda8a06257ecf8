"""Every command and option that a message, a comment or a page names is there."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from ops.cli import app

ROOT = Path(__file__).resolve().parents[2]
COMMANDS = typer.main.get_command(app).commands  # type: ignore[attr-defined]
OPTIONS = {
    name: {option for each in command.params for option in each.opts} | {"--help"}
    for name, command in COMMANDS.items()
}
# A command of ours with what stands behind it, up to the end of the code, the line or the sentence.
NAMED = re.compile(r"(?:python -m ops|(?<=`)ops) +([a-z][a-z-]*)([^`;\n|]*)")
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]*")
# Options of other tools that our messages name: git, pulumi, kubectl.
OTHERS = {
    "--context",  # kubectl's
    *("--unshallow", "--all", "--global", "--add"),
    *("--debug", "--message", "--stack", "--path", "--secret", "--cascade", "--prefix"),
    *("--run-program", "--target-dependents"),
    # Of Coder's command line and of Boundary's.
    *("--agents-allowed", "--search", "--config", "--log-dir", "--log-level", "--proxy-port"),
}


def texts(path: Path) -> Iterator[str]:
    """Yield the texts of a module, what is filled in later replaced by X."""
    nodes = [
        node
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.JoinedStr | ast.Constant)
    ]
    parts = {
        id(value) for node in nodes if isinstance(node, ast.JoinedStr) for value in node.values
    }
    for node in nodes:
        if isinstance(node, ast.JoinedStr):
            yield "".join(
                str(each.value) if isinstance(each, ast.Constant) else "X" for each in node.values
            )
        elif isinstance(node, ast.Constant) and id(node) not in parts:
            yield str(node.value)


def sources() -> list[Path]:
    modules = [ROOT / "__main__.py"]
    for name in ("ops", "components", "toolchain", "program"):
        modules += sorted((ROOT / name).rglob("*.py"))
    return [path for path in modules if "__pycache__" not in path.parts]


def pages() -> list[Path]:
    return [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def named() -> Iterator[tuple[str, str, str]]:
    """Yield place, command and what stands behind it, of every command that is named."""
    for path in sources():
        for text in texts(path):
            for match in NAMED.finditer(text):
                yield f"{path.relative_to(ROOT)}", match[1], match[2]
    for path in pages():
        for match in NAMED.finditer(path.read_text(encoding="utf-8")):
            yield f"{path.relative_to(ROOT)}", match[1], match[2]


# Read in a test and not for the names of tests, which every worker has to find by itself.
@pytest.fixture(scope="module")
def every() -> list[tuple[str, str, str]]:
    return list(named())


def test_there_are_messages_to_read(every: list[tuple[str, str, str]]) -> None:
    assert len({command for _, command, _ in every}) > 8
    assert any(place.startswith("ops/") for place, _, _ in every)


def test_every_command_and_its_options_are_there(every: list[tuple[str, str, str]]) -> None:
    wrong = []
    for place, command, rest in every:
        # A shell's comment and another command behind it are not its arguments.
        own = re.split(r"  #|&&|, then| and then|\bor\b", rest)[0]
        if command not in COMMANDS or set(OPTION.findall(own)) - OPTIONS[command]:
            wrong.append(f"{place} names ops {command}{rest}")
    assert wrong == []


def test_an_option_that_a_message_names_alone_is_one_of_some_command() -> None:
    ours = {option for options in OPTIONS.values() for option in options}
    unknown = {
        (str(path.relative_to(ROOT)), option)
        for path in sources()
        if path.is_relative_to(ROOT / "ops")
        for text in texts(path)
        if " " in text.strip()
        for option in OPTION.findall(text)
        if option not in ours | OTHERS
    }
    assert not unknown
