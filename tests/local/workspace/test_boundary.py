"""The stand-in for Boundary answers what the real one answered."""

import json
import sys
from pathlib import Path

import pytest

from local.workspace import landlock
from tests.local.workspace.boundary_cases import CASES, Answer, Case, run, run_alike

RECORDED = Path(__file__).parents[2] / "recordings" / "boundary-0.9.0" / "runs.jsonl"
ANSWERS = {each["name"]: each for each in map(json.loads, RECORDED.read_text().splitlines())}
STAND_IN = [sys.executable, "-m", "local.workspace.boundary"]


JAILS = landlock.abi() >= landlock.NETWORK_ABI


@pytest.fixture(scope="module")
def alike() -> dict[str, Answer]:
    """The answers of one start; a kernel without it has no jail in which to ask one by one."""
    return run_alike(STAND_IN) if JAILS else {}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_it_answers_as_boundary_does(case: Case, alike: dict[str, Answer]) -> None:
    answer = alike.get(case.name) or run(case, STAND_IN)
    if not JAILS and answer.status == 0 and case.command:
        # A kernel without it has no open jail, as with the real one.
        assert "missing kernel Landlock support" in answer.errors
        return
    assert vars(answer) == ANSWERS[case.name]


def test_nothing_else_is_recorded() -> None:
    assert list(ANSWERS) == [case.name for case in CASES]
