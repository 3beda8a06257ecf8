"""What a preview changes of the quota and the limits of the workspaces' namespace."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from ops.changes import UNKNOWN, Change, Step, differences
from ops.markdown import code
from ops.tokens import LIMIT_RANGE, RESOURCE_QUOTA

_NAMES: Final = {RESOURCE_QUOTA: "quota", LIMIT_RANGE: "limits"}


def quota_lines(
    steps: Iterable[Step], shown: Callable[[Iterable[Change]], list[str]]
) -> Iterator[str]:
    """Yield what changes, one value a line.

    Args:
        steps: of a preview.
        shown: returns values that differ as lines.
    """
    for step in steps:
        if step.type in _NAMES:
            old = {} if step.op == "create" else _values(step.old)
            new = {} if step.op == "delete" else _values(step.new)
            place = (step.new or step.old).get("metadata") or {}
            gone = ": **removed**" * (step.op == "delete")
            yield f"- {_NAMES[step.type]} of {code(str(place.get('namespace', '')))}{gone}"
            yield from (f"  {line}" for line in shown(differences(old, new)))


def _values(inputs: Mapping[str, Any]) -> dict[str, str]:
    """Return the bounds by name; of a limit, what one container or one claim may have at most."""
    spec = inputs.get("spec") or {}
    if spec == UNKNOWN:
        return {"all": UNKNOWN}
    hard = {str(key): _written(str(value)) for key, value in (spec.get("hard") or {}).items()}
    most = {
        f"{limit.get('type')} {key}": _written(str(value))
        for limit in spec.get("limits") or ()
        for key, value in (limit.get("max") or {}).items()
    }
    return hard | most


def _written(quantity: str) -> str:
    """Return a quantity as settings write it: the API server makes `2k` of 2000."""
    found = re.fullmatch(r"(\d+)([kMG])", quantity)
    return str(int(found[1]) * 1000 ** (1 + "kMG".index(found[2]))) if found else quantity
