"""Status: one look at whether Coder, its database and what observes it are up."""

from __future__ import annotations

from grafana_foundation_sdk.models.dashboard import Dashboard

from components.dashboards import coder_control_plane, coder_provisioners, kubernetes, uids
from components.dashboards.context import DashboardContext
from components.dashboards.layout import Section, build_dashboard
from components.dashboards.metrics import Metrics
from components.dashboards.panel import Color, Panel, Threshold, Unit
from components.dashboards.panels import pie_panel, stat_panel, timeseries_panel
from components.dashboards.promql import (
    Expression,
    aggregate,
    histogram_quantile,
    is_positive,
    once,
    rate,
    select,
)
from components.dashboards.queries import promql

UID = uids.STATUS
TITLE = "Status"

UP_OR_DOWN = {"0": ("Down", Color.RED), "1": ("Up", Color.GREEN)}

_TOOLS = {
    # The operator names Prometheus' pods; the others' begin with the name of their chart.
    "Prometheus": "=~prometheus-.+-[0-9]+",
    "Loki": "=~(.+-)?loki-.+",
    # Promtail ended in March 2026, Grafana Agent before it; Alloy took their place.
    "Log collectors": "=~(.+-)?(promtail|alloy|grafana-agent)-.+",
}
_BUILD_COLORS = {
    "succeeded": Color.GREEN,
    "failed": Color.RED,
    "running": Color.BLUE,
    "pending": Color.YELLOW,
    "canceled": Color.ORANGE,
}


def _workspaces(**matchers: str) -> Expression:
    """Count workspaces by their latest build; the metric leaves deleted ones out."""
    return aggregate("sum", once(Metrics.WORKSPACE_LATEST_BUILD_STATUS, **matchers))


_RUNNING = _workspaces(status="succeeded", workspace_transition="start")
_STOPPED = _workspaces(status="succeeded", workspace_transition="stop")
_FAILED = _workspaces(status="failed")


def _application(context: DashboardContext) -> Section:
    return Section(
        "Application",
        [
            coder_control_plane.replicas_up(context, detail=coder_control_plane.UID),
            coder_control_plane.replicas_down(context, detail=coder_control_plane.UID),
            coder_provisioners.built_in_panel(context, detail=coder_provisioners.UID),
            coder_provisioners.external_panel(context, detail=coder_provisioners.UID),
            stat_panel(
                "Running workspaces",
                "Workspaces whose latest build started them. A sudden fall outside of scheduled "
                "stops: look at Failed builds.",
                promql(_RUNNING.or_zero(), instant=True),
                detail=uids.WORKSPACES,
            ),
            stat_panel(
                "Failed builds",
                "Workspaces whose latest build failed: their owners cannot work. Several of one "
                "template: go back to its last version; see Provisioners for the reason.",
                promql(_FAILED.or_zero(), instant=True),
                base=Color.GREEN,
                thresholds=[Threshold(1, Color.ORANGE), Threshold(5, Color.RED)],
                detail=uids.WORKSPACES,
            ),
            pie_panel(
                "Latest builds",
                "Every workspace by how its latest build ended. pending that stays: no provisioner "
                "takes the build.",
                promql(
                    aggregate("sum", once(Metrics.WORKSPACE_LATEST_BUILD_STATUS), "status"),
                    "{{status}}",
                    instant=True,
                ),
                colors=_BUILD_COLORS,
            ),
            timeseries_panel(
                "Workspaces over time",
                "Running, stopped and failed workspaces. Failed grows from one moment on: a "
                "template's new version, or a cluster without room.",
                promql(_RUNNING.or_zero(), "running"),
                promql(_STOPPED.or_zero(), "stopped"),
                promql(_FAILED.or_zero(), "failed"),
                colors={"running": Color.GREEN, "stopped": Color.BLUE, "failed": Color.RED},
                width=16,
            ),
        ],
    )


def _peaks(context: DashboardContext) -> Section:
    coderd = kubernetes.coderd_containers(context)
    provisioners = kubernetes.provisioner_containers(context)

    def high(title: str, words: str, peak: Expression, unit: Unit) -> Panel:
        return stat_panel(
            title,
            f"{words} Compare with what all its pods request: far below, requests may shrink; "
            "above, they should grow.",
            promql(peak, instant=True),
            unit=unit,
            decimals=2 if unit is Unit.CORES else None,
            no_value="no pod",
            width=6,
        )

    return Section(
        "Resource high watermark",
        [
            high(
                "Control plane CPU",
                "The most cores that all replicas of coderd used together in the range.",
                kubernetes.cpu_peak(coderd),
                Unit.CORES,
            ),
            high(
                "Provisioner CPU",
                "The most cores that all external provisioners used together in the range.",
                kubernetes.cpu_peak(provisioners),
                Unit.CORES,
            ),
            high(
                "Control plane memory",
                "The most memory that all replicas of coderd used together in the range.",
                kubernetes.memory_peak(coderd),
                Unit.BYTES,
            ),
            high(
                "Provisioner memory",
                "The most memory that all external provisioners used together in the range.",
                kubernetes.memory_peak(provisioners),
                Unit.BYTES,
            ),
        ],
    )


def _database() -> Section:
    transactions = select(Metrics.DB_TX_DURATION, "_count")
    failed = select(Metrics.DB_TX_DURATION, "_count", success="false")
    now = aggregate("sum", rate(transactions, "5m"))
    return Section(
        "Database",
        [
            stat_panel(
                "PostgreSQL",
                "Up while coderd ended a transaction in the last five minutes, as its heartbeats "
                "always do. Down with replicas up: the database; with none: coderd first.",
                promql(is_positive(now).or_zero(), instant=True),
                mappings=UP_OR_DOWN,
                height=8,
            ),
            timeseries_panel(
                "Transactions",
                "Transactions a second by whether they succeeded. Failures beside a step in the "
                "total: conflicts under load; failures alone: the database.",
                promql(aggregate("sum", rate(transactions)), "all"),
                promql(aggregate("sum", rate(failed)).or_zero(), "failed"),
                unit=Unit.PER_SECOND,
                colors={"all": Color.BLUE, "failed": Color.RED},
                width=10,
            ),
            timeseries_panel(
                "Transaction time",
                "Median and p99 of coderd's transactions. p99 above 1 s: look for locks and for "
                "CPU and disk of the database.",
                promql(histogram_quantile(0.5, Metrics.DB_TX_DURATION), "median"),
                promql(histogram_quantile(0.99, Metrics.DB_TX_DURATION), "p99"),
                unit=Unit.SECONDS,
                thresholds=[Threshold(1, Color.RED)],
                width=10,
            ),
        ],
    )


def _observability() -> Section:
    def tool(name: str, pods: str, lost: str) -> Panel:
        return stat_panel(
            name,
            f"Whether Prometheus reaches every pod of {name}. Down: {lost}",
            promql(aggregate("min", select(Metrics.UP, pod=pods)), instant=True),
            mappings=UP_OR_DOWN,
            no_value="not scraped",
            height=7,
        )

    lost = {
        "Prometheus": "figures and alerts have a gap; look at its pod and its volume.",
        "Loki": "the audit of requests is not kept; look at its pod and its volume.",
        "Log collectors": "a node's logs, audit lines among them, arrive late or never; find the "
        "pod beside.",
    }
    return Section(
        "Observability",
        [
            *(tool(name, pods, lost[name]) for name, pods in _TOOLS.items()),
            timeseries_panel(
                "Observability pods",
                "1 while Prometheus reaches a pod, 0 while it does not. A gap in all of them: "
                "Prometheus itself was down.",
                *(
                    promql(aggregate("min", select(Metrics.UP, pod=pods), "pod"), "{{pod}}")
                    for pods in _TOOLS.values()
                ),
                maximum=1,
                height=7,
            ),
        ],
    )


def build(context: DashboardContext) -> Dashboard:
    """Return the dashboard for one stack."""
    return build_dashboard(
        uid=UID,
        title=TITLE,
        description="Whether Coder, its database and what observes them are up.",
        context=context,
        time_from="now-24h",
        sections=[_application(context), _peaks(context), _database(), _observability()],
    )
