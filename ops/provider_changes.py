"""What a preview changes of where a stack's resources are: its cluster and its Coder deployment.

The engine takes another address for the same place: it asks nothing, and makes nothing anew there.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from ops.changes import Step
from ops.markdown import code

# By type of provider: what says where, the setting it comes from, and what it is of.
_PROVIDERS: Final = {
    "pulumi:providers:kubernetes": ("context", "kubernetes.context", "cluster"),
    "pulumi:providers:coderd": ("url", "coder.accessUrl or coder.apiUrl", "Coder deployment"),
}


@dataclass(frozen=True)
class ElsewhereChange:
    """Another place named for what the stack has made.

    Attributes:
        what: what it is: a cluster, a Coder deployment.
        setting: the key of the settings that names it.
        old: how it was named.
        new: how it is named.
    """

    what: str
    setting: str
    old: str
    new: str


def elsewhere_changes(steps: Iterable[Step]) -> tuple[ElsewhereChange, ...]:
    """Return the providers that are to look elsewhere; of a new one nothing is there yet."""
    found = []
    for step in steps:
        if step.type not in _PROVIDERS or step.op in {"create", "delete"}:
            continue
        part, setting, what = _PROVIDERS[step.type]
        old, new = (str(inputs.get(part) or "unset") for inputs in (step.old, step.new))
        if old != new:
            found.append(ElsewhereChange(what, setting, old, new))
    return tuple(found)


def elsewhere_warnings(changes: Iterable[ElsewhereChange]) -> tuple[str, ...]:
    """Return what the headline says."""
    return tuple(f"the {each.what} is named otherwise" for each in changes)


def elsewhere_lines(changes: Iterable[ElsewhereChange], stack: str) -> list[str]:
    """Return a line of Markdown for each, and what to do where it is another place."""
    return [
        f"- ⚠️ {each.what}: {code(each.old)} → {code(each.new)} (`{each.setting}`). The engine "
        "takes it for the same by another name. If it is another, nothing of the stack is there, "
        f"and this update makes only what differs: run `python -m ops refresh {stack}` after it, "
        f"which finds that out, and then `python -m ops up {stack}`"
        for each in changes
    ]
