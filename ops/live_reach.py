"""What looks at live network policies have in common: who wrote what, and what pods reach by it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import httpx

from components.kubeconfig import ClusterError, message
from components.network.reach import Manifest, NetworkChange
from ops import network


@dataclass(frozen=True)
class Editor:
    """Who owns a field, by the API server's record.

    Attributes:
        manager: the field manager's name.
        time: when it wrote last, as recorded.
    """

    manager: str
    time: str = ""

    @classmethod
    def of(cls, entry: Mapping[str, Any]) -> Editor:
        """Return the one of an entry of the record."""
        return cls(str(entry.get("manager")), str(entry.get("time") or ""))

    @property
    def said(self) -> str:
        """Both in words."""
        return f"{self.manager} at {self.time}" if self.time else self.manager


@dataclass(frozen=True)
class LiveReach:
    """What is reached beside what was declared.

    Attributes:
        pods: whose pods they are, the templates' names or Coder's own agents.
        change: from declared to live.
    """

    pods: tuple[str, ...]
    change: NetworkChange


def reaches(
    old: Sequence[Manifest], new: Sequence[Manifest], templates: Sequence[str]
) -> tuple[LiveReach, ...]:
    """Return what differs for the pods of each template, alike ones as one."""
    found: dict[NetworkChange, list[str]] = {}
    for name in templates or ("",):
        for change, pods in (
            (network.change(old, new, name), name or "every workspace"),
            (network.agents_change(old, new, name), f"{name} for Coder's own agents"),
        ):
            # What was not selected may be no pod of the stack at all.
            if change.before and change.changed:
                found.setdefault(change, []).append(pods)
    return tuple(LiveReach(tuple(pods), change) for change, pods in found.items())


def read(answer: httpx.Response) -> Manifest | None:
    """Return what the API server answers, None for what is not there; raises ClusterError."""
    if answer.status_code == HTTPStatus.NOT_FOUND:
        return None
    try:
        found = answer.json() if answer.is_success else None
    except ValueError:
        found = None
    if not isinstance(found, Mapping):
        raise ClusterError(message(answer) or f"the API server answers {answer.status_code}")
    return found


def place(policy: Manifest) -> tuple[str, str]:
    """Return a policy's namespace and name."""
    metadata = mapping(policy.get("metadata"))
    return str(metadata.get("namespace") or "default"), str(metadata.get("name") or "")


def record(policy: Manifest) -> list[Mapping[str, Any]]:
    """Return who wrote what of a policy."""
    entries = mapping(policy.get("metadata")).get("managedFields") or ()
    return [mapping(each) for each in entries]


def wrote_spec(entry: Mapping[str, Any]) -> bool:
    """Whether an entry of the record is of somebody who wrote the spec."""
    return bool({"f:spec", "f:specs"} & mapping(entry.get("fieldsV1")).keys())


def mapping(value: Any) -> Mapping[str, Any]:
    """Return a mapping, an empty one in place of anything else."""
    return value if isinstance(value, Mapping) else {}
