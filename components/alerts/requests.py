"""The alert on what a single request says, of the lines of the audit."""

from __future__ import annotations

from components.alerts.model import Alert, AlertContext, PanelLink, Severity
from components.dashboards import agent_firewall, logql
from components.dashboards.log_fields import AuditDecision, AuditField
from components.dashboards.queries import loki_metric

_WINDOW_MINUTES = 15
"""Longer than between two evaluations by what a line may take to Loki."""


def host_unknown(context: AlertContext) -> Alert:
    """A request that was allowed for one host, and sent to the one of its header."""
    by = (AuditField.OWNER, AuditField.WORKSPACE_NAME)
    lines = logql.audit(
        context.queries.coder_logs,
        *by,
        decision=AuditDecision.ALLOW,
        filtered=False,
        unaddressed=True,
    )
    return Alert(
        name="BoundaryHostUnknown",
        severity=Severity.CRITICAL,
        summary=(
            "{{ $labels.owner }}/{{ $labels.workspace_name }} got past the policy: where its "
            "requests went is not known"
        ),
        description=(
            f"In the last {_WINDOW_MINUTES} minutes Boundary allowed {{{{ $value }}}} requests "
            "whose target names no host that they went to, such as pypi.org:/simple. Up to v0.9.0 "
            "it judges the name in such a target and sends the request to the header Host, which "
            "no line of the audit has. No program asks so by itself. Stop the workspace, and take "
            "the owner's tokens of Coder back: Coder's API can be asked that way too."
        ),
        panel=PanelLink(
            agent_firewall.UID,
            "Requests to unknown hosts",
            {"owner": AuditField.OWNER.label},
        ),
        queries={
            "A": loki_metric(
                logql.total(logql.count(lines, f"{_WINDOW_MINUTES}m"), *by), instant=True
            )
        },
        labels=tuple(field.label for field in by),
        window_minutes=_WINDOW_MINUTES,
    )
