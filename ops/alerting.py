"""What a preview changes of the alerts: which are watched no longer, which are new, what differs.

Whoever wants to go unseen would switch the alert off that tells of a gap in the audit, so this
stands in the report by name and not in a diff of YAML alone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from components.observability import provisioning
from ops.changes import Step
from ops.markdown import code, word
from ops.tokens import ALERTS

_WORDS = {
    "expr": "query",
    "data": "query",
    "for": "time it has to hold",
    "annotations": "text",
    "evaluator": "evaluator",
    "interval": "how often it is asked",
}
# What a group says of its rules.
_OF_GROUPS = ("folder", "interval")
_LOSSES: Final = ("BoundaryBatchesDropped", "BoundaryLogsDropped")
_SPIKE: Final = ("BoundaryDenySpike",)
# The alerts of each threshold, and whether they fire more rarely when it is raised; None where
# that depends on what there is to count.
THRESHOLDS: Final[Mapping[str, tuple[tuple[str, ...], bool | None]]] = {
    "silentMinutes": (("BoundaryAuditSilent",), True),
    "unreportedMinutes": (("BoundaryAuditUnreported",), True),
    "lossMinutes": (_LOSSES, False),
    "droppedBatches": (("BoundaryBatchesDropped",), True),
    "droppedLogs": (("BoundaryLogsDropped",), True),
    "denyMinutes": (_SPIKE, None),
    "denyShare": (_SPIKE, True),
    "denyRequests": (_SPIKE, True),
    "denyGrowth": (_SPIKE, True),
    "denyBaselineHours": (_SPIKE, None),
    "reloadMinutes": (("AIGatewayReloadFailed",), True),
    "providerMinutes": (("AIGatewayProviderError",), True),
}


@dataclass(frozen=True)
class ThresholdChange:
    """One threshold that differs, by its key in the settings."""

    key: str
    old: float
    new: float

    @property
    def less_sensitive(self) -> bool:
        """Whether its alerts fire more rarely."""
        rarer_when_raised = THRESHOLDS[self.key][1]
        return rarer_when_raised is not None and rarer_when_raised == (self.new > self.old)


@dataclass(frozen=True)
class AlertChange:
    """One alert that differs, in what of it, and by which thresholds as far as is known."""

    name: str
    op: Literal["added", "removed", "changed"]
    parts: tuple[str, ...] = ()
    thresholds: tuple[ThresholdChange, ...] = ()


def alert_changes(
    steps: Iterable[Step],
    old_thresholds: Mapping[str, float] | None = None,
    new_thresholds: Mapping[str, float] | None = None,
) -> tuple[AlertChange, ...]:
    """Return the alerts that differ, those no longer watched first.

    An alert that goes from Prometheus to Grafana, or back, is one that changes.

    Args:
        steps: of a preview.
        old_thresholds: when the alerts fire now, by key; of one that is missing nothing is known.
        new_thresholds: the same afterwards.
    """
    moved = _moved(old_thresholds or {}, new_thresholds or {})
    old: dict[str, Mapping[str, Any]] = {}
    new: dict[str, Mapping[str, Any]] = {}
    for step in steps:
        if step.parent == ALERTS:
            old |= rules_of(step.old)
            new |= {} if step.op == "delete" else rules_of(step.new)
    removed = [AlertChange(name, "removed") for name in old if name not in new]
    added = [AlertChange(name, "added") for name in new if name not in old]
    changed = [
        AlertChange(
            name, "changed", parts, tuple(each for each in moved if name in THRESHOLDS[each.key][0])
        )
        for name in new
        if name in old and (parts := _parts(old[name], new[name]))
    ]
    return (*removed, *changed, *added)


def alert_warnings(changes: Collection[AlertChange]) -> tuple[str, ...]:
    """Return what must not be overlooked of the changes, in words for the headline."""
    gone = sum(change.op == "removed" for change in changes)
    rarer = any(each.less_sensitive for change in changes for each in change.thresholds)
    alerts = "1 alert is" if gone == 1 else f"{gone} alerts are"
    said = {f"{alerts} no longer watched": gone, "an alert becomes less sensitive": rarer}
    return tuple(warning for warning, holds in said.items() if holds)


def alert_lines(change: AlertChange) -> list[str]:
    """Return the change as lines of Markdown."""
    name = code(change.name)
    if change.op == "removed":
        return [f"- {name}: **no longer watched**"]
    if change.op == "added":
        return [f"- {name}: new"]
    return [
        f"- {name}: {', '.join(map(word, change.parts))}",
        *(
            f"  - {'⚠️ ' * each.less_sensitive}{code(each.key)}: {each.old:.12g} → {each.new:.12g}"
            + ", **less sensitive**" * each.less_sensitive
            for each in change.thresholds
        ),
    ]


def alert_json(change: AlertChange) -> dict[str, Any]:
    """Return the change as plain data."""
    return {
        "name": change.name,
        "op": change.op,
        "changed": list(change.parts),
        "thresholds": {
            each.key: {"before": each.old, "after": each.new, "lessSensitive": each.less_sensitive}
            for each in change.thresholds
        },
    }


def _moved(old: Mapping[str, float], new: Mapping[str, float]) -> tuple[ThresholdChange, ...]:
    return tuple(
        ThresholdChange(key, old[key], new[key])
        for key in THRESHOLDS
        if key in old and key in new and old[key] != new[key]
    )


def rules_of(inputs: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Return the rules of a PrometheusRule or of a ConfigMap for Grafana, by alert."""
    files = map(provisioning.read, _mapping(inputs.get("data")).values())
    found: dict[str, Mapping[str, Any]] = {}
    for document in (inputs.get("spec"), *files):
        for group in map(_mapping, _list(_mapping(document).get("groups"))):
            shared = {key: group[key] for key in _OF_GROUPS if key in group}
            for rule in map(_mapping, _list(group.get("rules"))):
                name = rule.get("alert") or rule.get("title")
                if name:
                    evaluator = "Prometheus" if "alert" in rule else "Grafana"
                    found[str(name)] = {**shared, **rule, "evaluator": evaluator}
    return found


def _parts(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[str, ...]:
    differing = {key for key in old.keys() | new.keys() if old.get(key) != new.get(key)}
    if "evaluator" in differing:
        # The two write the same query and text each in their own way.
        before, after = (str(rule.get("for", "0m")) for rule in (old, new))
        differing = {"evaluator"} | ({"for"} if before != after else set())
        differing |= {"labels"} if old.get("labels") != new.get("labels") else set()
    return tuple(sorted({_WORDS.get(key, key) for key in differing}))


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
