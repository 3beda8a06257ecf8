"""What a preview changes of the alerts: which are watched no longer, which are new, what differs.

Whoever wants to go unseen would switch the alert off that tells of a gap in the audit, so this
stands in the report by name and not in a diff of YAML alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import yaml

from ops.changes import Step

_COMPONENT = "firewalledcoder:index:Alerts"
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


@dataclass(frozen=True)
class AlertChange:
    """One alert that differs, and in what of it."""

    name: str
    op: Literal["added", "removed", "changed"]
    parts: tuple[str, ...] = ()


def alert_changes(steps: Iterable[Step]) -> tuple[AlertChange, ...]:
    """Return the alerts that differ, those no longer watched first.

    An alert that goes from Prometheus to Grafana, or back, is one that changes.
    """
    old: dict[str, Mapping[str, Any]] = {}
    new: dict[str, Mapping[str, Any]] = {}
    for step in steps:
        if step.parent == _COMPONENT:
            old |= _rules(step.old)
            new |= {} if step.op == "delete" else _rules(step.new)
    removed = [AlertChange(name, "removed") for name in old if name not in new]
    added = [AlertChange(name, "added") for name in new if name not in old]
    changed = [
        AlertChange(name, "changed", parts)
        for name in new
        if name in old and (parts := _parts(old[name], new[name]))
    ]
    return (*removed, *changed, *added)


def _rules(inputs: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Return the rules of a PrometheusRule or of a ConfigMap for Grafana, by alert."""
    documents = [inputs.get("spec")]
    for text in _mapping(inputs.get("data")).values():
        try:
            documents.append(yaml.safe_load(text))
        except (yaml.YAMLError, AttributeError):
            continue
    found: dict[str, Mapping[str, Any]] = {}
    for document in documents:
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
