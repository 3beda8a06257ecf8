"""The pages name the ways out that the commands name, for the same errors."""

import re
from pathlib import Path

import pytest

from ops import ways_out
from ops.conflicts import WAY_OUT

DOCS = Path(__file__).resolve().parents[2] / "docs"
COMMAND = re.compile(r"`(?:python -m ops )?([a-z]+ STACK|pulumi [^`]+)`")


def rows() -> list[str]:
    """The table of docs/updates.md, a line each."""
    text = (DOCS / "updates.md").read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line.startswith("| ")]


@pytest.mark.parametrize(("error", "way"), [(e.pattern, w) for e, w in ways_out._WAYS])
def test_an_error_has_a_row_with_its_commands(error: str, way: str) -> None:
    # The page leaves out what stands before the status.
    mine = [row for row in rows() if re.search(error, f"unexpected status code {row[3:]}")]
    # The row below a row of the same error goes on with it.
    both = [*mine, *(row for row in rows() if row.startswith("| the same") and mine)]
    named = set(COMMAND.findall(way))
    assert named
    assert named <= set(COMMAND.findall("\n".join(both))), both


def test_a_conflict_is_left_or_taken_in_the_same_way() -> None:
    text = " ".join((DOCS / "adoption.md").read_text(encoding="utf-8").split())
    for words in (
        "kubernetes.forceConflicts",
        "PULUMI_K8S_ENABLE_PATCH_FORCE=true",
        "taking it out of the settings",
        "have its owner give it up",
        "coderd's Deployment and the labels of the workspaces' namespace",
    ):
        assert words in WAY_OUT, words
        assert words in text, words
