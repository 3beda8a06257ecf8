"""Which groups of checks a command line chooses, and how it ends."""

import pytest

from ops.verification.command import chosen, counted, line, status
from ops.verification.model import CheckGroup, Outcome, Result


@pytest.mark.parametrize("group", [CheckGroup.JAIL, CheckGroup.AGENTS])
def test_what_looks_into_a_workspace_has_it_built(group: CheckGroup) -> None:
    assert chosen([group]) == {group, CheckGroup.PATH}


def test_another_group_is_alone_and_none_named_is_all() -> None:
    assert chosen([CheckGroup.MCP, CheckGroup.PREFLIGHT]) == {CheckGroup.MCP, CheckGroup.PREFLIGHT}
    assert chosen([]) == set(CheckGroup)


@pytest.mark.parametrize(
    ("outcomes", "ends", "said"),
    [
        ([Outcome.PASSED], 0, "1 passed, 0 failed, 0 not checked"),
        # A fault of a real part is told, and fails nobody's deployment.
        (
            [Outcome.PASSED, Outcome.KNOWN_FAULT],
            0,
            "1 passed, 0 failed, 0 not checked, 1 known fault",
        ),
        (
            [Outcome.KNOWN_FAULT, Outcome.NOT_CHECKED],
            3,
            "0 passed, 0 failed, 1 not checked, 1 known fault",
        ),
        (
            [Outcome.KNOWN_FAULT, Outcome.FAILED],
            1,
            "0 passed, 1 failed, 0 not checked, 1 known fault",
        ),
    ],
)
def test_how_it_ends(outcomes: list[Outcome], ends: int, said: str) -> None:
    results = [Result("jail.target", "", each, "seen", "look") for each in outcomes]
    assert (status(results), counted(results)) == (ends, said)
    assert all(each.outcome in line(each).plain for each in results)
    assert all("next: look" in line(each).plain for each in results)
