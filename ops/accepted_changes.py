"""What changes of the policies of others that a stack accepts: no resource has them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from ops.markdown import code

_WARNING: Final = "somebody else's network policy is newly accepted"


@dataclass(frozen=True)
class AcceptedChange:
    """A policy of somebody else that is newly accepted, no longer, or for another reason.

    Attributes:
        policy: its kind and name.
        old: the reason before, None if it was not accepted.
        new: the reason afterwards, None if it is not.
    """

    policy: str
    old: str | None
    new: str | None


def accepted_changes(
    old: Mapping[str, str] | None, new: Mapping[str, str] | None
) -> tuple[AcceptedChange, ...]:
    """Return what changes; without a policy of the stack's own there is nothing to open.

    Args:
        old: the reason of each by kind and name, at the last update; None without such a policy.
        new: the same by the settings.
    """
    if new is None:
        return ()
    before = old or {}
    found = (
        AcceptedChange(name, before.get(name), new.get(name)) for name in sorted({*before, *new})
    )
    return tuple(each for each in found if each.old != each.new)


def accepted_lines(changes: Iterable[AcceptedChange]) -> list[str]:
    """Return a line of Markdown for each."""
    lines = []
    for each in changes:
        if each.new is None:
            told = "no longer accepted; what it opens is warned of"
        elif each.old is None:
            told = f"**newly accepted**, whatever it opens; because: {code(each.new.rstrip('.'))}"
        else:
            told = f"accepted for another reason: {code(each.new.rstrip('.'))}"
        mark = "⚠️ " if each.old is None else ""
        lines.append(f"- {mark}{code(each.policy)} of somebody else: {told}")
    return lines


def accepted_warnings(changes: Iterable[AcceptedChange]) -> tuple[str, ...]:
    """Return what the headline says."""
    return (_WARNING,) if any(each.old is None for each in changes) else ()
