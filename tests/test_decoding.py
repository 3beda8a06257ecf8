"""What another program prints may be of any bytes: it is decoded with a word on those that fail."""

import ast
from collections.abc import Iterator

from ops.project import ROOT

PARTS = ("components", "program", "ops", "local", "toolchain", "docs", "bench", "tools")
STARTING = {"run", "Popen", "check_output", "TemporaryFile", "NamedTemporaryFile"}


def strict(source: str) -> Iterator[int]:
    """Yield the lines of calls that read another program's text and fail on a byte."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        named = {keyword.arg for keyword in node.keywords}
        as_text = bool(named & {"text", "encoding", "universal_newlines"}) or any(
            isinstance(each, ast.Constant) and each.value in ("w+", "r+") for each in node.args
        )
        if name in STARTING and as_text and "errors" not in named:
            yield node.lineno


def test_no_byte_of_another_program_is_an_error_of_ours() -> None:
    paths = sorted(path for part in PARTS for path in (ROOT / part).rglob("*.py"))
    assert len(paths) > 200
    found = [
        f"{path.relative_to(ROOT)}:{line}"
        for path in paths
        for line in strict(path.read_text(encoding="utf-8"))
    ]
    assert found == []


def test_strict_decoding_is_seen() -> None:
    source = """
subprocess.run(["a"], text=True)
subprocess.run(["a"], capture_output=True)
subprocess.Popen(["a"], encoding="utf-8", errors="replace")
subprocess.Popen(["a"], encoding="utf-8")
TemporaryFile("w+")
"""
    assert list(strict(source)) == [2, 5, 6]
