"""Alerts as rules of Prometheus: the specification of a PrometheusRule."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from components.alerts.model import Alert

INTERVAL = "1m"


def rules(
    alerts: Sequence[Alert],
    *,
    name: str,
    labels: Mapping[str, str],
    annotations: Mapping[str, Mapping[str, str]],
) -> dict[str, Any]:
    """Return one group of rules, in the form that a rule file and a PrometheusRule share.

    Args:
        alerts: Such as Prometheus can evaluate alone.
        name: Of the group.
        labels: On every alert beside its severity.
        annotations: Of each alert, by its name.
    """
    made = []
    for alert in alerts:
        (query,) = alert.queries.values()
        made.append(
            {
                "alert": alert.name,
                "expr": query.text,
                **({"for": f"{alert.hold_minutes}m"} if alert.hold_minutes else {}),
                "labels": {**labels, "severity": alert.severity.value},
                "annotations": dict(annotations[alert.name]),
            }
        )
    return {"groups": [{"name": name, "interval": INTERVAL, "rules": made}]}
