"""Control Plane: whether coderd's replicas run, have room, and answer."""

from __future__ import annotations

from grafana_foundation_sdk.models.dashboard import Dashboard

from components.dashboards import kubernetes, uids
from components.dashboards.context import DashboardContext
from components.dashboards.layout import Section, build_dashboard
from components.dashboards.metrics import Metric, Metrics
from components.dashboards.panel import Color, Panel, Threshold, Unit
from components.dashboards.panels import bar_gauge_panel, stat_panel, timeseries_panel
from components.dashboards.promql import (
    Expression,
    aggregate,
    increase,
    quantile_over,
    rate,
    select,
    topk,
)
from components.dashboards.queries import promql

UID = uids.CONTROL_PLANE
TITLE = "Control Plane"

SLOW_PUBSUB = 0.1
SLUGGISH_PUBSUB = 0.5
"""Seconds from which people feel the latency between replicas."""

_STATUS_COLORS = {"2xx": Color.GREEN, "3xx": Color.BLUE, "4xx": Color.ORANGE, "5xx": Color.RED}


def replicas(context: DashboardContext, value: int) -> Expression:
    """Count coderd's replicas that Prometheus reaches (1) or does not (0)."""
    # A service mesh adds targets to a pod; the pod is up only if all of them are.
    pods = aggregate("min", select(Metrics.UP, **kubernetes.coderd_pods(context)), "pod")
    return aggregate("count", pods.equals(value)).or_zero()


def replicas_up(context: DashboardContext, *, detail: str = "") -> Panel:
    """Return the number of replicas that answer."""
    return stat_panel(
        "Replicas up",
        "Replicas of coderd that Prometheus reaches. None: nobody reaches Coder, or its metrics "
        "are off (CODER_PROMETHEUS_ENABLE); look at the Deployment's pods first.",
        promql(replicas(context, 1), instant=True),
        base=Color.RED,
        thresholds=[Threshold(1, Color.GREEN)],
        detail=detail,
    )


def replicas_down(context: DashboardContext, *, detail: str = "") -> Panel:
    """Return the number of replicas that do not answer."""
    return stat_panel(
        "Replicas down",
        "Replicas that run and do not answer Prometheus. Any that stays: read its log and its "
        "readiness, since people are sent to it too.",
        promql(replicas(context, 0), instant=True),
        base=Color.GREEN,
        thresholds=[Threshold(1, Color.RED)],
        detail=detail,
    )


def _replicas_and_licence(context: DashboardContext) -> Section:
    # Every replica exports the same figures.
    active = aggregate("max", select(Metrics.LICENSE_ACTIVE_USERS))
    limit = aggregate("max", select(Metrics.LICENSE_LIMIT_USERS))
    enforced = aggregate("max", select(Metrics.LICENSE_USER_LIMIT_ENABLED))
    up = aggregate("min", select(Metrics.UP, **kubernetes.coderd_pods(context)), "pod")
    return Section(
        "Replicas and licence",
        [
            replicas_up(context),
            replicas_down(context),
            stat_panel(
                "Licence in use",
                "Active users as a share of what the licence allows. From 90 %: suspend who has "
                "left, or order seats before new people are kept out.",
                promql(active / (limit > 0), instant=True),
                unit=Unit.PERCENT,
                base=Color.GREEN,
                thresholds=[Threshold(0.9, Color.ORANGE), Threshold(1, Color.RED)],
                decimals=0,
                no_value="no limit",
            ),
            stat_panel(
                "Active users",
                "Users that count against the licence: active ones, not dormant or suspended.",
                promql(active, instant=True),
                no_value="no licence",
            ),
            stat_panel(
                "User limit",
                "Users that the licence allows. Lower than ordered: the new licence is not "
                "uploaded, see Deployment, Licenses.",
                promql(limit, instant=True),
                no_value="no limit",
            ),
            stat_panel(
                "User limit enforced",
                "Whether the licence limits users. No on a licensed deployment: the licence has "
                "expired or lacks the feature, see Deployment, Licenses.",
                promql(enforced, instant=True),
                mappings={"0": ("No", Color.BLUE), "1": ("Yes", Color.GREEN)},
                no_value="no licence",
            ),
            timeseries_panel(
                "Replicas over time",
                "1 while a replica answers, 0 while it does not. A line that ends belongs to a "
                "pod that is gone: a rollout if others begin, else an eviction.",
                promql(up, "{{pod}}"),
                maximum=1,
            ),
            timeseries_panel(
                "Users against the licence",
                "Active users and the limit. Two lines about to meet: order seats.",
                promql(active, "Active users"),
                promql(limit, "Limit"),
                colors={"Limit": Color.RED},
                dashed=["Limit"],
            ),
        ],
    )


def _resources(context: DashboardContext) -> Section:
    containers = kubernetes.coderd_containers(context)
    return Section(
        "Resources",
        [
            kubernetes.cpu_panel(
                "CPU",
                "Cores in use by replica, beside what one replica requests and may use. At the "
                "limit coderd is throttled and answers slowly: raise it, or add a replica.",
                containers,
            ),
            kubernetes.memory_panel(
                "Memory",
                "Working set by replica, which is what the OOM killer counts. Near the limit: "
                "raise it before Terminations shows OOMKilled.",
                containers,
            ),
            kubernetes.restarts_panel(
                "Restarts",
                "Restarts of coderd's containers over the range; none in health. See Last "
                "terminations for the reason.",
                containers,
            ),
            kubernetes.terminations_panel(
                "Terminations",
                "Containers found terminated, by reason. OOMKilled: raise the memory limit. "
                "Error: read the pod's previous log, mostly a wrong setting or no database.",
                containers,
            ),
            kubernetes.last_terminations_table(
                "Last terminations",
                "Why each container that was restarted had ended. An old entry stays until its "
                "pod is replaced.",
                containers,
            ),
        ],
    )


def _pubsub(context: DashboardContext) -> Section:
    pods = kubernetes.coderd_pods(context)
    metrics = {"send": Metrics.PUBSUB_SEND_LATENCY, "receive": Metrics.PUBSUB_RECEIVE_LATENCY}
    limits = [Threshold(SLOW_PUBSUB, Color.ORANGE), Threshold(SLUGGISH_PUBSUB, Color.RED)]

    def number(word: str, quantile: float, name: str, metric: Metric) -> Panel:
        return stat_panel(
            f"Pubsub {word} {name}",
            f"Latency to {word} a message through PostgreSQL now, {name} of the replicas. From "
            "0.5 s Coder feels sluggish: look at the CPU of the database first.",
            promql(quantile_over(quantile, select(metric, **pods)), instant=True),
            unit=Unit.SECONDS,
            base=Color.GREEN,
            thresholds=limits,
            no_value="no data",
            width=5,
        )

    def over_time(word: str, metric: Metric) -> Panel:
        latency = select(metric, **pods)
        return timeseries_panel(
            f"Pubsub latency to {word}",
            f"Time to {word} a message. Median high: the database is short of CPU. Only p90 high: "
            "one replica is slow, or far from the database.",
            promql(quantile_over(0.5, latency), "median"),
            promql(quantile_over(0.9, latency), "p90"),
            unit=Unit.SECONDS,
            thresholds=limits,
        )

    errors = increase(select(Metrics.PUBSUB_LATENCY_ERRORS, **pods))
    return Section(
        "Messages between replicas (pubsub)",
        [
            *(number(word, 0.5, "median", metric) for word, metric in metrics.items()),
            *(number(word, 0.9, "p90", metric) for word, metric in metrics.items()),
            stat_panel(
                "Pubsub errors",
                "Latency measurements that failed over the range. Any: replicas lose their "
                "connection to PostgreSQL; look for pubsub in coderd's log.",
                promql(aggregate("sum", errors), instant=True),
                no_value="no data",
                base=Color.GREEN,
                thresholds=[Threshold(0.5, Color.RED)],
                unit=Unit.WHOLE,
            ),
            *(over_time(word, metric) for word, metric in metrics.items()),
        ],
    )


def _api(context: DashboardContext) -> Section:
    pods = kubernetes.coderd_pods(context)
    requests = select(Metrics.API_REQUESTS, **pods)

    def with_code(pattern: str) -> Expression:
        return select(Metrics.API_REQUESTS, code=f"=~{pattern}", **pods)

    # No 5xx at all is a share of 0, not a gap.
    failed = aggregate("sum", rate(with_code("5.."))).or_zero() / aggregate("sum", rate(requests))
    return Section(
        "API",
        [
            timeseries_panel(
                "API requests by replica",
                "Requests a second that each replica answers. One far above the others: the load "
                "balancer does not spread them.",
                promql(aggregate("sum", rate(requests), "pod"), "{{pod}}"),
                unit=Unit.REQUESTS_PER_SECOND,
            ),
            timeseries_panel(
                "API requests by status",
                "Requests a second by class of answer. 4xx rises: a client or a token is wrong. "
                "5xx rises: coderd or its database is; see Failing routes.",
                *(
                    promql(aggregate("sum", rate(with_code(f"{name[0]}.."))).or_zero(), name)
                    for name in _STATUS_COLORS
                ),
                unit=Unit.REQUESTS_PER_SECOND,
                stacked=True,
                colors=_STATUS_COLORS,
            ),
            timeseries_panel(
                "Share of requests that fail",
                "5xx answers as a share of all. Above 1 %: people notice; read coderd's log at "
                "that moment.",
                promql(failed, "5xx"),
                unit=Unit.PERCENT,
                thresholds=[Threshold(0.01, Color.RED)],
                width=8,
            ),
            bar_gauge_panel(
                "Failing routes",
                "The ten routes with the most 5xx answers over the range. One route: a defect, "
                "report it. All of them: the database.",
                promql(
                    topk(10, aggregate("sum", increase(with_code("5..")), "path") > 0),
                    "{{path}}",
                    instant=True,
                ),
                color=Color.RED,
                width=8,
            ),
            bar_gauge_panel(
                "Busiest routes",
                "The ten routes with the most requests over the range. A route that leads without "
                "reason: find the client that polls it.",
                promql(
                    topk(10, aggregate("sum", increase(requests), "path")),
                    "{{path}}",
                    instant=True,
                ),
                width=8,
            ),
        ],
    )


def build(context: DashboardContext) -> Dashboard:
    """Return the dashboard for one stack."""
    return build_dashboard(
        uid=UID,
        title=TITLE,
        description="coderd: its replicas, licence, resources, messages and API.",
        context=context,
        time_from="now-24h",
        sections=[
            _replicas_and_licence(context),
            _resources(context),
            _pubsub(context),
            _api(context),
        ],
    )
