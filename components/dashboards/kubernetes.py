"""Pods of the deployment as PromQL matchers, and the panels that show what they use.

cAdvisor counts a pod once for each container and once more as a whole; only series of containers
are read here, so nothing is added up twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from components.dashboards.context import DashboardContext
from components.dashboards.metrics import Metric, Metrics
from components.dashboards.panel import Color, Panel, Threshold, Unit
from components.dashboards.panels import stat_panel, table_panel, timeseries_panel
from components.dashboards.promql import (
    Expression,
    aggregate,
    increase,
    max_over_time,
    peak,
    rate,
    select,
)
from components.dashboards.queries import Query, promql

Matchers = Mapping[str, str]
"""Value by label, as `promql.select` takes them."""

_LINES = {"Requested": Color.ORANGE, "Limit": Color.RED}


def coderd_pods(context: DashboardContext) -> Matchers:
    """Match the pods of coderd's Deployment: its name, a hash, five characters.

    Provisioners (`coder-provisioner-...`) and databases (`coder-db-1`) are none of them.
    """
    pods = f"=~{context.coder_deployment}-[0-9a-z]+-[0-9a-z]{{5}}"
    return {"namespace": context.coder_namespace, "pod": pods}


def coderd_containers(context: DashboardContext) -> Matchers:
    """Match coderd's container in its pods."""
    return {**coderd_pods(context), "container": context.coder_container}


def provisioner_pods(context: DashboardContext) -> Matchers:
    """Match the pods of external provisioners, by their chart's name."""
    return {"namespace": context.coder_namespace, "pod": "=~.*provisioner.*"}


def provisioner_containers(context: DashboardContext) -> Matchers:
    """Match the containers of external provisioners."""
    return {**provisioner_pods(context), "container": "!="}


def workspace_containers(context: DashboardContext, pods: str = "") -> Matchers:
    """Match the containers of workspaces, those alone whose pods `pods` matches, if given."""
    named = {"pod": pods} if pods else {}
    return {"namespace": context.workspaces_namespace, **named, "container": "!="}


def cpu(containers: Matchers) -> Expression:
    """Return the cores in use by pod."""
    return aggregate("sum", rate(select(Metrics.CONTAINER_CPU, **containers)), "pod")


def memory(containers: Matchers) -> Expression:
    """Return the bytes in use by pod, as the OOM killer counts them."""
    return aggregate("sum", select(Metrics.CONTAINER_MEMORY, **containers), "pod")


def cpu_peak(containers: Matchers) -> Expression:
    """Return the most cores that all pods together had in use over the range."""
    return peak(aggregate("sum", rate(select(Metrics.CONTAINER_CPU, **containers))))


def memory_peak(containers: Matchers) -> Expression:
    """Return the most bytes that all pods together had in use over the range."""
    return peak(aggregate("sum", select(Metrics.CONTAINER_MEMORY, **containers)))


def limit(resource: Literal["cpu", "memory"], containers: Matchers) -> Expression:
    """Return the cores or bytes that each pod may use."""
    return aggregate("sum", select(Metrics.POD_LIMITS, resource=resource, **containers), "pod")


def _of_largest_pod(metric: Metric, resource: str, containers: Matchers) -> Expression:
    by_pod = aggregate("sum", select(metric, resource=resource, **containers), "pod")
    return aggregate("max", by_pod)


def _bounds(resource: str, containers: Matchers) -> tuple[Query, Query]:
    return (
        promql(_of_largest_pod(Metrics.POD_REQUESTS, resource, containers), "Requested"),
        promql(_of_largest_pod(Metrics.POD_LIMITS, resource, containers), "Limit"),
    )


def cpu_panel(title: str, description: str, containers: Matchers, *, width: int = 12) -> Panel:
    """Return CPU by pod against what one pod requests and may use."""
    return timeseries_panel(
        title,
        description,
        promql(cpu(containers), "{{pod}}"),
        *_bounds("cpu", containers),
        unit=Unit.CORES,
        colors=_LINES,
        dashed=list(_LINES),
        width=width,
    )


def memory_panel(title: str, description: str, containers: Matchers, *, width: int = 12) -> Panel:
    """Return memory by pod against what one pod requests and may use."""
    return timeseries_panel(
        title,
        description,
        promql(memory(containers), "{{pod}}"),
        *_bounds("memory", containers),
        unit=Unit.BYTES,
        colors=_LINES,
        dashed=list(_LINES),
        width=width,
    )


def volume_panel(title: str, description: str, claims: Matchers, *, width: int = 8) -> Panel:
    """Return what volumes hold, by claim, against what the largest of them can hold."""
    used = aggregate("max", select(Metrics.VOLUME_USED, **claims), "persistentvolumeclaim")
    capacity = aggregate("max", select(Metrics.VOLUME_CAPACITY, **claims))
    return timeseries_panel(
        title,
        description,
        promql(used, "{{persistentvolumeclaim}}"),
        promql(capacity, "Capacity"),
        unit=Unit.BYTES,
        colors={"Capacity": Color.RED},
        dashed=["Capacity"],
        width=width,
    )


def restarts_panel(
    title: str, description: str, containers: Matchers, *, width: int = 4, height: int = 8
) -> Panel:
    """Return how often containers were restarted over the range."""
    restarts = increase(select(Metrics.POD_RESTARTS, **containers))
    return stat_panel(
        title,
        description,
        # Without kube-state-metrics there is no number, which is not the same as none.
        promql(aggregate("sum", restarts), instant=True),
        no_value="no data",
        base=Color.GREEN,
        # increase() extrapolates: a single restart may come out below 1.
        thresholds=[Threshold(0.5, Color.ORANGE), Threshold(2.5, Color.RED)],
        unit=Unit.WHOLE,
        width=width,
        height=height,
    )


def terminations_panel(
    title: str, description: str, containers: Matchers, *, width: int = 10
) -> Panel:
    """Return how many containers were seen terminated in each interval, by reason."""
    seen = max_over_time(select(Metrics.POD_TERMINATED_REASON, **containers), "$__interval")
    return timeseries_panel(
        title,
        description,
        promql(aggregate("sum", seen, "reason"), "{{reason}}"),
        bars=True,
        stacked=True,
        colors={"OOMKilled": Color.RED, "Error": Color.ORANGE, "Completed": Color.BLUE},
        width=width,
    )


def last_terminations_table(
    title: str, description: str, containers: Matchers, *, width: int = 10, height: int = 8
) -> Panel:
    """Return why each container that was restarted had ended."""
    last = select(Metrics.POD_LAST_TERMINATED_REASON, **containers).equals(1)
    return table_panel(
        title,
        description,
        promql(aggregate("max", last, "pod", "container", "reason"), instant=True),
        columns={"pod": "Pod", "container": "Container", "reason": "Reason"},
        width=width,
        height=height,
    )
