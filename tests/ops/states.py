"""States of a stack as plain data, with no engine."""

import json
from collections.abc import Iterable
from typing import Any

from ops.state import StackState


def state_of(*resources: dict[str, Any], pending: Iterable[tuple[str, Any]] = ()) -> StackState:
    """Return a state with these resources and pending operations: the kind and the resource."""
    operations = [{"type": kind, "resource": resource} for kind, resource in pending]
    deployment = {"resources": list(resources), "pending_operations": operations}
    state = StackState.__new__(StackState)
    state._document, state._deployment = {"deployment": deployment}, deployment
    state._before = json.dumps(state._document)
    state.resources = {each["urn"]: each for each in resources if not each.get("delete")}
    return state
