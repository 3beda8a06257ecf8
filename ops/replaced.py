"""Of two objects, of which an update replaced one by the other and did not finish, the one to stay.

The engine deletes the one before at the end of the next update, by its name. An update that goes
back to it would apply it once more under another manager, and then delete what it has just applied:
a network policy would be gone, and the state would know it as there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ops import terminal
from ops.existing import is_object
from ops.state import Resource, StackState
from ops.steps import ForeseenStep, object_id
from ops.tokens import PATCHED

Declared = Mapping[str, str]
"""By URN, the id of the object that a program declares."""


def declared(steps: Iterable[tuple[str, str, Mapping[str, Any]]]) -> Declared:
    """Return which objects a program declares; `steps` are URN, type and inputs of each."""
    return {urn: object_id(inputs) for urn, kind, inputs in steps if _has_name(kind)}


def of_steps(steps: Mapping[str, ForeseenStep]) -> Declared:
    """Return which objects a program declares, of what a preview says."""
    return declared(
        (step.urn, step.type, step.inputs) for step in steps.values() if step.op != "delete"
    )


def waiting(state: StackState) -> list[Resource]:
    """Return the objects that wait for their deletion, and that are deleted by their name."""
    return [each for each in state.waiting if _has_name(each["type"])]


def keep(state: StackState, wanted: Declared) -> list[str]:
    """Have the objects stay that a program declares; return what is to be said of it.

    Args:
        state: changed in place.
        wanted: of the program that the next update runs.
    """
    said = []
    for each in waiting(state):
        there = state.resources.get(each["urn"])
        if there is not None and there["id"] == each["id"]:
            # One object: to delete it would delete what is to stay.
            state.forget(each)
        elif wanted.get(each["urn"]) == each["id"]:
            state.keep(each)
            kind = each["type"].rpartition(":")[2]
            said.append(
                f"{kind} {each['id']} is to stay: the update that did not finish was to delete it"
            )
    return said


def settle(state: StackState, wanted: Declared) -> bool:
    """Do the same, and write the state; return whether anything was changed.

    Raises ChangedStateError and automation.CommandError.
    """
    said = keep(state, wanted)
    if not state.changed:
        return False
    state.save()
    for line in said:
        terminal.progress(line)
    return True


def _has_name(kind: str) -> bool:
    """Whether the engine knows what is of a type by a name that another one can have later."""
    return is_object(kind) or kind in PATCHED
