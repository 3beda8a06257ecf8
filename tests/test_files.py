"""No file of source or tests is over 400 lines."""

from pathlib import Path

from ops.project import ROOT

MOST = 400
# Written by generators, or not ours.
GENERATED = {"sdks", "build", "node_modules"}
KINDS = {".py", ".go", ".sh", ".tf", ".mjs"}


def lengths(root: Path) -> dict[str, int]:
    """Lines by path of every file that people write."""
    found = {}
    for path in root.rglob("*"):
        inner = path.relative_to(root)
        hidden = any(part.startswith(".") or part in GENERATED for part in inner.parts)
        if path.suffix in KINDS and not hidden and path.is_file():
            found[inner.as_posix()] = len(path.read_bytes().splitlines())
    return found


def test_no_file_is_too_long() -> None:
    found = lengths(ROOT)
    assert len(found) > 300
    assert {p: n for p, n in found.items() if n > MOST} == {}
