"""What was being replaced when an update was killed: which of two things stays."""

from typing import Any

import pytest

from ops import recovery, replaced, tokens
from tests.ops.states import state_of

POLICY = tokens.NETWORK_POLICY


def policy(namespace: str, **more: Any) -> dict[str, Any]:
    return {"urn": "p", "type": POLICY, "id": f"{namespace}/closed", **more}


def making(kind: str, **inputs: Any) -> tuple[str, Any]:
    return "creating", {"urn": "p", "type": kind, "inputs": inputs}


NEW = {"metadata": {"namespace": "new", "name": "closed"}}
SERVER = {"slug": "github", "url": "https://example.com"}


@pytest.mark.parametrize(
    ("there", "operation", "looked_for"),
    [
        (policy("old"), making(POLICY, **NEW), True),
        # The engine keeps what it was making until somebody has looked.
        (policy("new"), making(POLICY, **NEW), False),
        # The one before is deleted already, whatever its name.
        (policy("new", pendingReplacement=True), making(POLICY, **NEW), True),
        (
            {"urn": "p", "type": tokens.MCP_SERVER, "id": "1", "pendingReplacement": True},
            making(tokens.MCP_SERVER, **SERVER),
            True,
        ),
        (
            {"urn": "p", "type": tokens.MCP_SERVER, "id": "1"},
            making(tokens.MCP_SERVER, **SERVER),
            False,
        ),
    ],
)
def test_what_was_being_made_in_place_of_something_is_looked_for(
    there: dict[str, Any], operation: Any, looked_for: bool
) -> None:
    known = state_of(there, pending=[operation])
    assert bool([*recovery.left(known).made(known.resources)]) == looked_for


def test_what_is_taken_stands_before_what_it_replaces_and_needs_it_still() -> None:
    old, needs = policy("old"), {"urn": "t", "type": tokens.TEMPLATE, "dependencies": ["p"]}
    known = state_of(old, needs)
    known.put(policy("new"))
    assert known.deployment["resources"] == [policy("new"), policy("old", delete=True), needs]
    assert known.resources["p"]["id"] == "new/closed"
    # It is one object, or the one before is deleted already: nothing waits.
    for there in (policy("new"), policy("old", pendingReplacement=True)):
        known = state_of(there)
        known.put(policy("new"))
        assert known.deployment["resources"] == [policy("new")]


def test_what_the_program_declares_stays_and_the_other_is_deleted() -> None:
    known = state_of(policy("new"), policy("old", delete=True))
    assert replaced.keep(known, {"p": "new/closed"}) == []
    assert replaced.keep(known, {"p": "elsewhere/closed"}) == []
    assert replaced.keep(known, {"p": "old/closed"}) == [
        "NetworkPolicy old/closed is to stay: the update that did not finish was to delete it"
    ]
    assert known.deployment["resources"] == [policy("old"), policy("new", delete=True)]
    assert known.resources["p"]["id"] == "old/closed"


def test_an_object_is_not_deleted_by_what_was_known_of_it_before() -> None:
    name = {"urn": "n", "type": "random:index/randomPet:RandomPet", "id": "a"}
    known = state_of(policy("a"), name, policy("a", delete=True), {**name, "delete": True})
    assert replaced.keep(known, {}) == []
    assert known.deployment["resources"] == [policy("a"), name, {**name, "delete": True}]
    assert replaced.waiting(known) == []
