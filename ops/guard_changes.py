"""What a preview changes of what guards a stack: whose update it takes, and which rules it refuses.

No resource has it, so without this an edit that drops it reads like no change.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from ops.markdown import code

_PROTECTED: Final = "protected"
_BRANCH: Final = "mainBranch"
_FORCE: Final = "kubernetes.forceConflicts"


@dataclass(frozen=True)
class GuardChange:
    """One guard that is another afterwards.

    Attributes:
        setting: its key in the settings.
        old: how it is now.
        new: how it is afterwards.
        warning: what is let through by it, empty if nothing.
    """

    setting: str
    old: str
    new: str
    warning: str = ""


def guards_of(outputs: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a stack's outputs say of its guards, nothing if they are of an earlier one."""
    registered = outputs.get("guards")
    return dict(json.loads(registered)) if isinstance(registered, str) and registered else {}


def guard_changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[GuardChange, ...]:
    """Return what differs of what both sides record: states of earlier releases record nothing."""
    return tuple(
        GuardChange(key, _text(old[key]), _text(now), _warning(key, old, new))
        for key, now in new.items()
        if key in old and old[key] != now
    )


def guard_warnings(changes: Iterable[GuardChange]) -> tuple[str, ...]:
    """Return what the headline says."""
    return tuple(each.warning for each in changes if each.warning)


def guard_lines(changes: Iterable[GuardChange]) -> list[str]:
    """Return a line of Markdown for each."""
    return [
        f"- {'⚠️ ' if each.warning else ''}{code(each.setting)}: {code(each.old)} → "
        f"{code(each.new)}{f': **{each.warning}**' if each.warning else ''}"
        for each in changes
    ]


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _warning(key: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    now = new[key]
    protected = bool(old.get(_PROTECTED) and new.get(_PROTECTED))
    said = {
        _PROTECTED: (not now, "the stack is no longer protected: it takes an update unreviewed"),
        _BRANCH: (protected, "the stack takes its updates from another branch"),
        _FORCE: (bool(now), "what others own of the cluster's objects is taken over by force"),
    }
    holds, words = said.get(key, (False, ""))
    return words if holds else ""
