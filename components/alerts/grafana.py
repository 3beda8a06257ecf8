"""Alerts as rules of Grafana: a file of its alert provisioning.

Form and meaning: `pkg/services/provisioning/alerting/rules_types.go` of Grafana, and its pages on
file provisioning and on expressions. Grafana reads the file when it starts and when its sidecar
asks it to. It keeps a rule that a file no longer names, so the file names those to delete.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from components.alerts.model import Alert
from components.dashboards.context import DashboardContext
from components.dashboards.panels import Query

EXPRESSIONS = "__expr__"
INTERVAL_MINUTES = 5
"""Between two evaluations: the baseline of denials reads many lines."""
ORGANIZATION = 1
_UID_PREFIX = "firewalled-coder-"
_CONDITION = "firing"


def uid(alert: str) -> str:
    """Return the uid of an alert's rule: at most 40 of letters, digits and hyphens."""
    return f"{_UID_PREFIX}{alert.lower()}"[:40]


def provisioning(
    alerts: Sequence[Alert],
    context: DashboardContext,
    *,
    group: str,
    folder: str,
    labels: Mapping[str, str],
    annotations: Mapping[str, Mapping[str, str]],
    gone: Sequence[str] = (),
) -> dict[str, Any]:
    """Return the provisioning file's content.

    Args:
        alerts: For Grafana to evaluate.
        context: Where the data is.
        group: Name of the rule group.
        folder: Title of the folder.
        labels: On every alert beside its severity.
        annotations: Of each alert, by its name.
        gone: Names of alerts that must not be there.
    """
    made: dict[str, Any] = {"apiVersion": 1}
    if alerts:
        made["groups"] = [
            {
                "orgId": ORGANIZATION,
                "name": group,
                "folder": folder,
                "interval": f"{INTERVAL_MINUTES}m",
                "rules": [
                    _rule(alert, context, labels, annotations[alert.name]) for alert in alerts
                ],
            }
        ]
    if gone:
        made["deleteRules"] = [{"orgId": ORGANIZATION, "uid": uid(name)} for name in gone]
    return made


def _rule(
    alert: Alert,
    context: DashboardContext,
    labels: Mapping[str, str],
    annotations: Mapping[str, str],
) -> dict[str, Any]:
    queries = [_query(letter, query, alert, context) for letter, query in alert.queries.items()]
    # A result may come as a series of one point, which no condition takes: the last is its value.
    reduced = [
        _expression(letter, type="reduce", expression=_source(letter), reducer="last")
        for letter in alert.queries
    ]
    condition = alert.condition or "$A > 0"
    told = {name: _translated(text) for name, text in annotations.items()}
    if "dashboard_url" in told:
        told["__dashboardUid__"] = alert.panel.uid
        told["__panelId__"] = str(alert.panel.id)
    return {
        "uid": uid(alert.name),
        "title": alert.name,
        "condition": _CONDITION,
        "data": [
            *queries,
            *reduced,
            _expression(_CONDITION, type="math", expression=condition),
        ],
        "for": f"{alert.hold_minutes}m",
        # No result is what a query without anything wrong has; an error is told as one.
        "noDataState": "OK",
        "execErrState": "Error",
        "annotations": told,
        "labels": {**labels, "severity": alert.severity.value},
        "isPaused": False,
    }


def _query(letter: str, query: Query, alert: Alert, context: DashboardContext) -> dict[str, Any]:
    kind, source = {
        "prometheus": ("prometheus", context.prometheus_uid),
        "loki": ("loki", context.loki_uid),
        "postgres": ("grafana-postgresql-datasource", context.postgres_uid),
    }[query.kind]
    model: dict[str, Any] = {
        "refId": _source(letter),
        "datasource": {"type": kind, "uid": source},
        "expr": query.text,
        "instant": True,
        "range": False,
    }
    if query.kind == "loki":
        model["queryType"] = "instant"
    return {
        "refId": _source(letter),
        "datasourceUid": source,
        "relativeTimeRange": {"from": alert.window_minutes * 60, "to": 0},
        "model": model,
    }


def _source(letter: str) -> str:
    return f"query_{letter}"


def _expression(letter: str, **model: str) -> dict[str, Any]:
    return {
        "refId": letter,
        "datasourceUid": EXPRESSIONS,
        "model": {
            "refId": letter,
            "datasource": {"type": EXPRESSIONS, "uid": EXPRESSIONS},
            **model,
        },
    }


def _translated(template: str) -> str:
    # Grafana's $value is a text of all values; Prometheus' is the number.
    return re.sub(r"\$value\b", "$values.A.Value", template)
