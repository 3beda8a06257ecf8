"""Dashboards and Alerts, for programs in other languages."""

from typing import NotRequired, TypedDict

import pulumi

from components.alerts import component as alerts
from components.dashboards import component as dashboards
from components.package.inputs import build, known


class DashboardsInputs(TypedDict):
    """Which dashboards there are, and where their data is."""

    namespace: NotRequired[pulumi.Input[str]]
    """Namespace of Grafana, in which its sidecar looks for ConfigMaps."""
    name_prefix: NotRequired[str]
    """What the name of each ConfigMap begins with; the uid of its dashboard follows."""
    uid_prefix: NotRequired[str]
    """What the uid of each dashboard begins with in Grafana, which keeps one of a uid."""
    dashboards: NotRequired[list[str]]
    """Uids without it; all of the catalogue if not given."""
    folder: NotRequired[str]
    """Folder in Grafana."""
    coder_namespace: NotRequired[str]
    """Namespace of coderd."""
    coder_deployment: NotRequired[str]
    """Deployment of coderd."""
    coder_container: NotRequired[str]
    """Container of coderd in its pods."""
    workspaces_namespace: NotRequired[str]
    """Namespace of the workspaces."""
    prometheus_uid: NotRequired[str]
    """Uid of the Prometheus data source."""
    loki_uid: NotRequired[str]
    """Uid of the Loki data source."""
    postgres_uid: NotRequired[str]
    """Uid of the data source of Coder's PostgreSQL."""
    loki_selector: NotRequired[dict[str, str]]
    """Value by Loki stream label of coderd's log, beside its namespace."""
    loki_labels: NotRequired[dict[str, str]]
    """What Loki calls a stream label, where its collector names it otherwise."""
    firewall_records: NotRequired[bool]
    """Whether Coder's database has the firewall's own records, as 2.35.0 and newer do."""
    gateway_tables: NotRequired[bool]
    """Whether it has prices, sessions and cached tokens, as 2.34.0 and newer do; true."""
    names: NotRequired[pulumi.Input[dict[str, str]]]
    """What people call a template or a version, by its id; other ids are shown as they are."""


class DataLocation(TypedDict):
    """Where the data of the alerts' queries is."""

    coder_namespace: NotRequired[str]
    """Namespace of coderd."""
    coder_deployment: NotRequired[str]
    """Deployment of coderd."""
    coder_container: NotRequired[str]
    """Container of coderd in its pods."""
    workspaces_namespace: NotRequired[str]
    """Namespace of the workspaces."""
    prometheus_uid: NotRequired[str]
    """Uid of the Prometheus data source."""
    loki_uid: NotRequired[str]
    """Uid of the Loki data source."""
    postgres_uid: NotRequired[str]
    """Uid of the data source of Coder's PostgreSQL."""
    coder_stream: NotRequired[dict[str, str]]
    """Value by Loki stream label of coderd's log, beside its namespace."""
    stream_labels: NotRequired[dict[str, str]]
    """What Loki calls a stream label, where its collector names it otherwise."""
    uid_prefix: NotRequired[str]
    """What the uids of the dashboards begin with, for the links to them."""


class AlertLimits(TypedDict):
    """When the alerts fire. Minutes and hours are whole, shares are between 0 and 1."""

    silent_minutes: NotRequired[int]
    """Agents forwarded audit batches for this long and no audit line came."""
    unreported_minutes: NotRequired[int]
    """Workspaces behind a firewall run this long and no agent reports its audit counters."""
    loss_minutes: NotRequired[int]
    """Over how long lost batches and lines are counted."""
    dropped_batches: NotRequired[float]
    """So many lost batches are accepted in that time."""
    dropped_logs: NotRequired[float]
    """So many lost audit lines are accepted in that time."""
    deny_minutes: NotRequired[int]
    """Over how long denials are counted."""
    deny_share: NotRequired[float]
    """The denied share of a template version's requests that is too much."""
    deny_requests: NotRequired[int]
    """With fewer requests a share says nothing."""
    deny_growth: NotRequired[float]
    """A spike is this many times what the template was denied before."""
    deny_baseline_hours: NotRequired[int]
    """How long before is."""
    reload_minutes: NotRequired[int]
    """So long a failed reload of the gateway's providers is accepted."""
    provider_minutes: NotRequired[int]
    """So long a provider that was refused is accepted."""


class AlertsInputs(TypedDict):
    """Which alerts there are, when they fire and where they go."""

    alerts: NotRequired[list[str]]
    """Names; all of the catalogue if not given."""
    evaluator: NotRequired[str]
    """Who evaluates the alerts on PromQL alone: prometheus (its operator) or grafana."""
    group: NotRequired[str]
    """Name of the rules' group, and with it of the objects that hold them."""
    namespace: NotRequired[pulumi.Input[str]]
    """Namespace of the PrometheusRule."""
    rule_labels: NotRequired[dict[str, str]]
    """Labels of the PrometheusRule, by which Prometheus selects its rules."""
    grafana_namespace: NotRequired[pulumi.Input[str]]
    """Namespace in which Grafana's sidecar looks for ConfigMaps."""
    folder: NotRequired[str]
    """Folder in Grafana."""
    labels: NotRequired[dict[str, str]]
    """Labels of every alert, by which it is routed."""
    runbook: NotRequired[str]
    """Address of the page on alerts, for the annotation runbook_url."""
    grafana_url: NotRequired[str]
    """Address of Grafana, for dashboard_url; a path alone if empty."""
    dashboards: NotRequired[list[str]]
    """Uids of the dashboards that are there; only those are linked."""
    queries: NotRequired[DataLocation]
    """Where the data is."""
    thresholds: NotRequired[AlertLimits]
    """When to fire."""
    confined_templates: NotRequired[list[str]]
    """Names of the templates with a firewall."""
    isolated_templates: NotRequired[list[str]]
    """Names of those that give the agents of Coder itself a pod of their own."""
    network_policies: NotRequired[list[str]]
    """Names of the NetworkPolicies in the namespace of the workspaces."""
    organization_id: NotRequired[str]
    """Id of the organization of those templates; if not given, any organization's count."""
    audit_counters: NotRequired[bool]
    """Whether agents export counters of their audit, as those of 2.32.0 and newer do; true."""


class Dashboards(dashboards.Dashboards):
    """The dashboards of Coder's agents, one ConfigMap for each, which Grafana's sidecar loads."""

    def __init__(
        self, name: str, args: DashboardsInputs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        known(DashboardsInputs, args)
        super().__init__(name, build(dashboards.DashboardsArgs, args), opts)


class Alerts(alerts.Alerts):
    """Alerts as a PrometheusRule and a ConfigMap of Grafana's alert provisioning."""

    def __init__(
        self, name: str, args: AlertsInputs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        known(AlertsInputs, args)
        super().__init__(name, build(alerts.AlertsArgs, args), opts)
