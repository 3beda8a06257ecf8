"""The section `alerts`: which there are, who evaluates them and when they fire."""

from typing import Annotated, Literal

from pydantic import Field

from components.alerts.names import NAMES as ALERTS
from components.settings.section import Section, no_map
from components.settings.types import (
    AlertLabel,
    AlertName,
    Endpoint,
    KubernetesLabels,
    KubernetesName,
    Minutes,
    NoDuplicates,
    Number,
)


class AlertThresholds(Section):
    """When the alerts fire; see docs/alerts.md."""

    silent_minutes: Minutes = Field(15, description="Batches without an audit line in Loki.")
    unreported_minutes: Minutes = Field(30, description="Agents that report no audit counters.")
    loss_minutes: Minutes = Field(15, description="Time over which losses are counted.")
    dropped_batches: Number = Field(0, ge=0, description="Lost batches accepted in that time.")
    dropped_logs: Number = Field(0, ge=0, description="Lost audit lines accepted in that time.")
    deny_minutes: Minutes = Field(15, description="Time over which denials are counted.")
    deny_share: Number = Field(0.3, gt=0, lt=1, description="Denied share that is too much.")
    deny_requests: int = Field(20, ge=1, description="With fewer requests no spike.")
    deny_growth: Number = Field(2.0, ge=1, description="So many times the share before.")
    deny_baseline_hours: int = Field(24, ge=1, le=720, description="How long before is.")
    reload_minutes: Minutes = Field(10, description="A failed provider reload accepted so long.")
    provider_minutes: Minutes = Field(10, description="A refused provider accepted so long.")


class Alerts(Section):
    """Alerts on the audit, the policy and the AI Gateway."""

    rules: Annotated[list[AlertName], NoDuplicates] = Field(
        default_factory=lambda: list(ALERTS), description="Names; all of them if unset."
    )
    evaluator: Literal["prometheus", "grafana"] = Field(
        "prometheus",
        description="Of alerts on metrics: Prometheus, by a PrometheusRule, or Grafana.",
    )
    namespace: KubernetesName = Field("monitoring", description="Namespace of the PrometheusRule.")
    rule_labels: KubernetesLabels = Field(
        default_factory=lambda: {"release": "kube-prometheus-stack"},
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
