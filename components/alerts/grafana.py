"""Alerts as rules of Grafana: a file of its alert provisioning.

Form and meaning: `pkg/services/provisioning/alerting/rules_types.go` of Grafana, and its pages on
file provisioning and on expressions. Grafana reads the file when it starts and when its sidecar
asks it to. It keeps a rule that a file no longer names, so the file names those to delete. It
expands variables in all of the file but queries and annotations.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from grafana_foundation_sdk.builders import alerting, expr
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.alerting import RelativeTimeRange
from grafana_foundation_sdk.models.dashboard import DataSourceRef

from components.alerts.model import Alert
from components.dashboards.context import DashboardContext
from components.dashboards.queries import Query, source_ref, target
from components.observability.provisioning import ORGANIZATION, annotation, literal

EXPRESSIONS = "__expr__"
_CONDITION = "firing"


def uid(alert: str, group: str) -> str:
    """Return the uid of an alert's rule: at most 40 of letters, digits and hyphens."""
    return f"{group}-{alert.lower()}"[:40]


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
        group: Name of the rule group; one of another interval than most has it appended.
        folder: Title of the folder.
        labels: On every alert beside its severity.
        annotations: Of each alert, by its name.
        gone: Names of alerts that must not be there.
    """
    made: dict[str, Any] = {"apiVersion": 1}
    # All rules of a group are evaluated at once, each interval.
    intervals = sorted({alert.interval_seconds for alert in alerts}, reverse=True)
    usual = Alert.interval_seconds
    if alerts:
        made["groups"] = [
            {
                "orgId": ORGANIZATION,
                "name": literal(group if seconds == usual else f"{group}-{seconds}s"),
                "folder": literal(folder),
                "interval": f"{seconds}s" if seconds % 60 else f"{seconds // 60}m",
                "rules": [
                    _rule(alert, context, group, labels, annotations[alert.name])
                    for alert in alerts
                    if alert.interval_seconds == seconds
                ],
            }
            for seconds in intervals
        ]
    if gone:
        made["deleteRules"] = [{"orgId": ORGANIZATION, "uid": uid(name, group)} for name in gone]
    return made


def _rule(
    alert: Alert,
    context: DashboardContext,
    group: str,
    labels: Mapping[str, str],
    annotations: Mapping[str, str],
) -> dict[str, Any]:
    steps: list[alerting.Query] = []
    for letter, query in alert.queries.items():
        steps.append(_query(letter, query, alert, context))
    for letter in alert.queries:
        # A result may come as a series of one point, which no condition takes: the last is it.
        last = expr.TypeReduce().ref_id(letter).expression(_source(letter)).reducer("last")
        steps.append(_expression(letter, last))
    condition = expr.TypeMath().ref_id(_CONDITION).expression(alert.condition or "$A > 0")
    steps.append(_expression(_CONDITION, condition))
    told = {name: _translated(text) for name, text in annotations.items()}
    if "dashboard_url" in told:
        told["__dashboardUid__"] = f"{context.uid_prefix}{alert.panel.uid}"
        told["__panelId__"] = str(alert.panel.id)
    return {
        "uid": uid(alert.name, group),
        "title": literal(alert.name),
        "condition": _CONDITION,
        "data": [json.loads(json.dumps(step.build(), cls=JSONEncoder)) for step in steps],
        "for": f"{alert.hold_minutes}m",
        # No result is what a query without anything wrong has; an error is told as one.
        "noDataState": "OK",
        "execErrState": "Error",
        "annotations": told,
        "labels": literal({**labels, "severity": alert.severity.value}),
        "isPaused": False,
    }


def _query(letter: str, query: Query, alert: Alert, context: DashboardContext) -> alerting.Query:
    return (
        alerting.Query(_source(letter))
        .datasource_uid(source_ref(query.kind, context).uid or "")
        # Grafana's files give it in seconds; an instant query looks at its end alone.
        .relative_time_range(RelativeTimeRange(alert.window_minutes * 60, 0))
        .model(target(dataclasses.replace(query, instant=True), _source(letter), context))
    )


def _expression(letter: str, model: expr.TypeReduce | expr.TypeMath) -> alerting.Query:
    source = DataSourceRef(type_val=EXPRESSIONS, uid=EXPRESSIONS)
    return alerting.Query(letter).datasource_uid(EXPRESSIONS).model(model.datasource(source))


def _source(letter: str) -> str:
    return f"query_{letter}"


def _translated(template: str) -> str:
    # Grafana's $value is a text of all values; Prometheus' is the number.
    return annotation(re.sub(r"\$value\b", "$values.A.Value", template))
