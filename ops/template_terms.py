"""What a preview changes of the terms of a template: who may use it, which version, how long."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from components.coder.lookup import EVERYONE
from ops.changes import Step
from ops.markdown import code
from ops.template_changes import AccessChange, ClaudePolicyChange, Registered
from ops.tokens import TEMPLATE

_EVERYONE: Final = "everyone in the organization may use a template"
_ALL_ADMINISTER: Final = (
    "everyone in the organization may administer a template, its firewall included"
)
_ADMINISTER: Final = "more people may administer a template, its firewall included"
_LOOSER: Final = "Claude Code's managed settings are loosened"
_OLD_VERSIONS: Final = "workspaces may start on old versions of a template, with their walls"
_AGAIN: Final = "a deprecated template takes new workspaces again"
_SOONER: Final = "dormant workspaces are deleted sooner, homes included"

_ACTIVE: Final = "requireActiveVersion"
_DEPRECATED: Final = "deprecationMessage"
_DELETED: Final = "timeTilDormantAutodeleteMs"
_LIFETIMES: Final = {
    "defaultTtlMs": "stops after",
    "activityBumpMs": "use puts the stop off by",
    "failureTtlMs": "a failed start stops after",
    "timeTilDormantMs": "dormant when unused for",
    _DELETED: "deleted when dormant for",
}
_HOUR_MS: Final = 3_600_000


def term_warnings(
    steps: Iterable[Step],
    access: Iterable[AccessChange],
    policies: Mapping[str, ClaudePolicyChange],
    old: Mapping[str, Registered],
) -> tuple[str, ...]:
    """Return what the headline says.

    Args:
        steps: what the engine would do.
        access: who may use a template, where that changes.
        policies: what changes of Claude Code's managed settings, by template.
        old: what each template registered at the last update; one that is new loosens nothing,
            but may be administered by more people than others.
    """
    every = tuple(access)
    wider = frozenset[str]().union(*(each.administrators for each in every))
    told = [_ALL_ADMINISTER] if EVERYONE in wider else [_ADMINISTER] if wider else []
    told += [_EVERYONE for each in every if not each.is_new and each.opens]
    told += [_LOOSER for name, each in policies.items() if name in old and each.loosens]
    for step in steps:
        if step.type == TEMPLATE and step.old and step.new:
            told += [warning for _, warning in _terms(step) if warning]
    return tuple(dict.fromkeys(told))


def term_lines(step: Step) -> list[str]:
    """Return what changes of a template's terms; what loosens them is marked."""
    if not step.old or not step.new:
        return []
    return [f"  - {'⚠️ ' * bool(warning)}{line}" for line, warning in _terms(step)]


def _terms(step: Step) -> Iterable[tuple[str, str]]:
    was, now = (bool(each.get(_ACTIVE)) for each in (step.old, step.new))
    if was != now:
        words = ("any version", "the active version alone")
        yield f"workspaces start on: {words[was]} → {words[now]}", _OLD_VERSIONS if was else ""
    message, other = (str(each.get(_DEPRECATED) or "") for each in (step.old, step.new))
    if message != other:
        said = " → ".join(code(each) if each else "not" for each in (message, other))
        yield f"deprecated: {said}", "" if other else _AGAIN
    for key, what in _LIFETIMES.items():
        before, after = step.old.get(key), step.new.get(key)
        if before != after:
            sooner = key == _DELETED and _sooner(before, after)
            yield f"{what}: {_span(before)} → {_span(after)}", _SOONER if sooner else ""


def _sooner(before: Any, after: Any) -> bool:
    """Whether it happens earlier; unset and 0 are never."""
    if not isinstance(after, int | float) or not after:
        return False
    return not isinstance(before, int | float) or not before or after < before


def _span(milliseconds: Any) -> str:
    if milliseconds is None:
        return "not set"
    if not isinstance(milliseconds, int | float):
        return code(str(milliseconds))
    return f"{milliseconds / _HOUR_MS:,.10g} h"
