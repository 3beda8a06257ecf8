"""Alerts on the audit, the policy and the AI Gateway: what they watch, and who evaluates them."""

from components.alerts.catalogue import CATALOGUE
from components.alerts.component import RUNBOOK, Alerts, AlertsArgs
from components.alerts.model import Alert, AlertContext, Thresholds

__all__ = [
    "CATALOGUE",
    "RUNBOOK",
    "Alert",
    "AlertContext",
    "Alerts",
    "AlertsArgs",
    "Thresholds",
]
