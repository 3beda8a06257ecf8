"""The section `alerts`: which there are, who evaluates them and when they fire."""

from typing import Annotated

from pydantic import Field

from components.alerts.names import EVALUATOR, RULE_LABELS, Evaluator
from components.alerts.names import NAMES as ALERTS
from components.alerts.thresholds import (
    BaselineHours,
    Growth,
    Losses,
    Minutes,
    Requests,
    Share,
    Thresholds,
    Window,
)
from components.observability import grafana_defaults
from components.settings.section import SettingsSection, no_map
from components.settings.types import (
    AlertLabel,
    AlertName,
    Endpoint,
    KubernetesLabels,
    KubernetesName,
    NoDuplicates,
)


class AlertThresholds(SettingsSection):
    """When the alerts fire; see docs/alerts.md."""

    silent_minutes: Window = Field(
        Thresholds.silent_minutes, description="Batches without an audit line in Loki."
    )
    unreported_minutes: Minutes = Field(
        Thresholds.unreported_minutes, description="Agents that report no audit counters."
    )
    loss_minutes: Minutes = Field(
        Thresholds.loss_minutes, description="Time over which losses are counted."
    )
    dropped_batches: Losses = Field(
        Thresholds.dropped_batches, description="Lost batches accepted in that time."
    )
    dropped_logs: Losses = Field(
        Thresholds.dropped_logs, description="Lost audit lines accepted in that time."
    )
    deny_minutes: Window = Field(
        Thresholds.deny_minutes, description="Time over which denials are counted."
    )
    deny_share: Share = Field(Thresholds.deny_share, description="Denied share that is too much.")
    deny_requests: Requests = Field(
        Thresholds.deny_requests, description="With fewer requests no spike."
    )
    deny_growth: Growth = Field(
        Thresholds.deny_growth, description="So many times the share before."
    )
    deny_baseline_hours: BaselineHours = Field(
        Thresholds.deny_baseline_hours, description="How long before is."
    )
    reload_minutes: Minutes = Field(
        Thresholds.reload_minutes, description="A failed provider reload accepted so long."
    )
    provider_minutes: Minutes = Field(
        Thresholds.provider_minutes, description="A refused provider accepted so long."
    )


class AlertsSettings(SettingsSection):
    """Alerts on the audit, the policy and the AI Gateway."""

    rules: Annotated[list[AlertName], NoDuplicates] = Field(
        default_factory=lambda: list(ALERTS), description="Names; all of them if unset."
    )
    evaluator: Evaluator = Field(
        EVALUATOR,
        description="Of alerts on metrics: Prometheus, by a PrometheusRule, or Grafana.",
    )
    namespace: KubernetesName = Field(
        grafana_defaults.NAMESPACE, description="Namespace of the PrometheusRule."
    )
    rule_labels: KubernetesLabels = Field(
        default_factory=lambda: dict(RULE_LABELS),
        description="Labels of the PrometheusRule, by which Prometheus selects it.",
    )
    labels: dict[AlertLabel, str] = Field(
        default_factory=no_map, description="Labels of every alert, to route by."
    )
    runbook_url: Endpoint | None = Field(
        None, description="Where docs/alerts.md is read; its path in the repository if unset."
    )
    grafana_url: Endpoint | None = Field(
        None, description="Grafana's address in links to dashboards; a path alone if unset."
    )
    thresholds: AlertThresholds = Field(
        AlertThresholds.model_construct(), description="When the alerts fire."
    )
