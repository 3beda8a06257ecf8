"""What somebody else deleted or changed, as a run of the engine that reads back found it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from ops import gateway_drift, network
from ops.markdown import code
from ops.reach import TemplateReach

_CHANGES: Final[Mapping[str, Literal["deleted", "changed"]]] = {
    "delete": "deleted",
    "update": "changed",
}
OPEN_NOW: Final = "somebody deleted the network policy: workspaces are open now"
"""Warning of a headline."""
# What of it people set stands among the inputs as well.
_REPORTED: Final = frozenset({"status", "metadata"})


@dataclass(frozen=True)
class Drift:
    """One object that is not there any more, or not as the last update left it.

    Attributes:
        urn: the resource's URN.
        type: its type token.
        op: what was done to it.
        place: namespace and name of a Kubernetes object, else the resource's name.
    """

    urn: str
    type: str
    op: Literal["deleted", "changed"]
    place: str

    @classmethod
    def of(cls, metadata: Mapping[str, Any], op: Literal["deleted", "changed"]) -> Drift:
        """Return the object of a step's metadata, as plain data."""
        inputs = (metadata.get("old") or {}).get("inputs") or {}
        urn = str(metadata["urn"])
        named = inputs.get("metadata")
        named = named if isinstance(named, Mapping) else {}
        place = [str(named[key]) for key in ("namespace", "name") if named.get(key)]
        return cls(urn, str(metadata["type"]), op, "/".join(place) or urn.rpartition("::")[2])

    @property
    def kind(self) -> str:
        """Its kind, as Kubernetes or Coder calls it."""
        return self.type.rpartition(":")[2]


def deleted(metadata: Iterable[Mapping[str, Any]]) -> tuple[Drift, ...]:
    """Return what a preview with a refresh did not find any more.

    Args:
        metadata: of `res_outputs_event`, as plain data; of what is gone there is no new state.
    """
    return tuple(
        Drift.of(each, "deleted")
        for each in metadata
        if _word(each) == "refresh" and each.get("old") and not each.get("new")
    )


def refreshed(metadata: Iterable[Mapping[str, Any]]) -> tuple[Drift, ...]:
    """Return what a refresh found deleted, then what it found changed.

    Args:
        metadata: of `res_outputs_event`, as plain data: there a refresh tells what it found.
    """
    every = [
        Drift.of(each, op)
        for each in metadata
        # Those have lines of their own: gateway_drift.py.
        if not gateway_drift.written([each])
        # A provider is of the state alone: the program gave it another address.
        and not str(each["type"]).startswith("pulumi:providers:")
        and (op := _CHANGES.get(_word(each)))
        and (op == "deleted" or _is_another(each))
    ]
    return tuple(sorted(every, key=lambda drift: (drift.op != "deleted", drift.type, drift.urn)))


def is_open(found: Collection[Drift], reaches: Iterable[TemplateReach]) -> bool:
    """Whether workspaces have no network policy at this moment because somebody deleted it."""
    gone = any(drift.op == "deleted" and drift.type in network.KINDS for drift in found)
    return gone and any(
        reach.before and reach.network.after and not reach.network.before for reach in reaches
    )


def lines(found: Collection[Drift], *, opens: bool, stack: str) -> list[str]:
    """Return what was deleted as lines of Markdown, and what makes it good."""
    if not found:
        return []
    said = [f"- {code(drift.kind)} {code(drift.place)}" for drift in found]
    if opens:
        said.append(
            "- ⚠️ without their network policy workspaces reach **every address and port at this "
            "moment**, and everything reaches them"
        )
    # An update alone does not see that they are gone.
    command = code(f"python -m ops refresh {stack} && python -m ops up {stack}")
    return [*said, f"- {command} makes again what the settings still have"]


def told(found: Collection[Drift], stack: str) -> Iterator[str]:
    """Yield the lines of a refresh: each object that differs, and the next command."""
    for drift in found:
        yield f"{drift.op} by somebody else: {drift.kind} {drift.place}"
        if drift.op == "deleted" and drift.type in network.KINDS:
            yield "  without it workspaces reach what it closed, until it is made again"
    if found:
        yield f"look at what an update would restore: python -m ops preview {stack}"
        yield f"then restore it: python -m ops up {stack}"


def _is_another(metadata: Mapping[str, Any]) -> bool:
    """Whether more differs than what a cluster's controllers report of an object."""
    old, new = (metadata.get(side) or {} for side in ("old", "new"))
    shown = [
        {key: value for key, value in (side.get("outputs") or {}).items() if key not in _REPORTED}
        for side in (old, new)
    ]
    return bool(old.get("inputs") != new.get("inputs") or shown[0] != shown[1])


def _word(metadata: Mapping[str, Any]) -> str:
    return str(getattr(metadata["op"], "value", metadata["op"]))
