"""What a preview changes of the labels of alerts: by which Prometheus takes them, and routes them.

Rules that nothing selects watch nothing, and an alert that is routed elsewhere wakes nobody.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from ops.alerting import rules_of
from ops.changes import Change, Step, differences
from ops.markdown import code, some, turned
from ops.tokens import ALERTS

_SELECTED: Final = "Prometheus selects the alerts' rules by other labels"
_ROUTED: Final = "alerts are routed by other labels"


@dataclass(frozen=True)
class LabelChange:
    """A label that is another afterwards.

    Attributes:
        alerts: whose; empty for the object that holds the rules.
        label: its name.
        old: its value now, None if it is not there.
        new: its value afterwards, likewise.
        warning: what the headline says.
    """

    alerts: tuple[str, ...]
    label: str
    old: str | None
    new: str | None
    warning: str

    @property
    def line(self) -> str:
        """It as a line of Markdown."""
        of = (
            f"by which {some(self.alerts, code)} {'are' if len(self.alerts) > 1 else 'is'} routed"
            if self.alerts
            else "by which Prometheus selects the rules"
        )
        return f"- ⚠️ label {code(self.label)}, {of}: {turned(self.old, self.new)}"


def label_changes(steps: Iterable[Step]) -> tuple[LabelChange, ...]:
    """Return the labels that differ of what stays; one that all alerts share stands once."""
    stays = [
        step
        for step in steps
        if step.parent == ALERTS and step.old and step.new and step.op != "delete"
    ]
    # The labels of a ConfigMap are its kind's, by which Grafana's sidecar finds it.
    selected = [
        LabelChange((), each.path, each.old, each.new, _SELECTED)
        for step in stays
        if "spec" in step.new
        for each in differences(_selecting(step.old), _selecting(step.new))
    ]
    routed: dict[Change, list[str]] = {}
    for step in stays:
        for name, change in _of_alerts(step):
            routed.setdefault(change, []).append(name)
    return (
        *selected,
        *(
            LabelChange(tuple(names), each.path, each.old, each.new, _ROUTED)
            for each, names in routed.items()
        ),
    )


def label_warnings(changes: Iterable[LabelChange]) -> tuple[str, ...]:
    """Return what the headline says, each once."""
    return tuple(dict.fromkeys(each.warning for each in changes))


def _of_alerts(step: Step) -> Iterator[tuple[str, Change]]:
    old, new = rules_of(step.old), rules_of(step.new)
    for name in sorted(new.keys() & old.keys()):
        for change in differences(_labels(old[name]), _labels(new[name])):
            yield name, change


def _labels(rule: Mapping[str, Any]) -> dict[str, str]:
    found = rule.get("labels")
    return {str(k): str(v) for k, v in found.items()} if isinstance(found, Mapping) else {}


def _selecting(inputs: Mapping[str, Any]) -> dict[str, str]:
    metadata = inputs.get("metadata")
    return _labels(metadata) if isinstance(metadata, Mapping) else {}
