"""What a preview changes of the Pod Security Standards of the workspaces' namespace."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from ops.changes import UNKNOWN, Step

_LABEL: Final = "pod-security.kubernetes.io"
_NO: Final = "no"
# What the API server takes where no label says a version.
_LATEST: Final = "latest"
# From the strictest to the widest.
_LEVELS: Final = ("restricted", "baseline", "privileged", _NO)
_MODES: Final[Mapping[str, str]] = {
    "enforce": "Pod Security",
    "warn": "Pod Security that is warned of",
    "audit": "Pod Security in the API server's audit log",
}
_LESS: Final = "the namespace of workspaces is held to less of Pod Security"
_OLDER: Final = "the namespace of workspaces is held to an older Pod Security"


class PodSecurityChange(NamedTuple):
    """One label that is another afterwards: what it is, before and after, what it lets through."""

    what: str
    old: str
    new: str
    warning: str = ""


def pod_security_changes(step: Step) -> Iterator[PodSecurityChange]:
    """Yield what a step on the namespace changes of it."""
    before = {} if step.op == "create" else _labels(step.old)
    after = {} if step.op == "delete" else _labels(step.new)
    if before is None or after is None:
        return
    for mode, what in _MODES.items():
        old, new = (str(labels.get(f"{_LABEL}/{mode}", _NO)) for labels in (before, after))
        # Of labels that come or go as a whole, what is enforced says enough.
        if old != new and (mode == "enforce" or (before and after)):
            warning = _LESS if mode == "enforce" and _is_wider(old, new) else ""
            yield PodSecurityChange(what, old, new, warning)
    if before and after:
        yield from _versions(before, after)


def _versions(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[PodSecurityChange]:
    told = set()
    for mode in _MODES:
        key = f"{_LABEL}/{mode}-version"
        old, new = (str(labels.get(key, _LATEST)) for labels in (before, after))
        if old != new and (old, new) not in told:
            # The stack has one version for all three.
            told.add((old, new))
            warning = _OLDER if mode == "enforce" and _release(new) < _release(old) else ""
            yield PodSecurityChange("version of Pod Security", old, new, warning)


def _release(version: str) -> float:
    found = re.fullmatch(r"v1\.(\d+)", version)
    return float(found[1]) if found else float("inf")


def _is_wider(old: str, new: str) -> bool:
    known = old in _LEVELS and new in _LEVELS
    return known and _LEVELS.index(new) > _LEVELS.index(old)


def _labels(inputs: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the namespace's labels, None while they are not known."""
    metadata: Any = inputs.get("metadata") or {}
    labels: Any = metadata if metadata == UNKNOWN else metadata.get("labels") or {}
    unknown = labels == UNKNOWN or UNKNOWN in labels.values()
    return None if unknown else labels
