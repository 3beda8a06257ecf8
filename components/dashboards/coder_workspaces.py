"""Workspaces: what all of them use, whether their builds succeed, and who runs which template."""

from __future__ import annotations

from grafana_foundation_sdk.models.dashboard import Dashboard

from components.dashboards import kubernetes, logql, uids
from components.dashboards.coder_workspaces_builds import (
    BOTH,
    TEMPLATE,
    TOP,
    WORKSPACE,
    builds_section,
)
from components.dashboards.context import DashboardContext
from components.dashboards.layout import Section, build_dashboard, prometheus_variable
from components.dashboards.links import by_cell
from components.dashboards.metrics import Metrics
from components.dashboards.panel import Color, Panel, Threshold, Unit
from components.dashboards.panels import (
    bar_gauge_panel,
    logs_panel,
    pie_panel,
    stat_panel,
    table_panel,
    timeseries_panel,
)
from components.dashboards.promql import (
    Expression,
    aggregate,
    increase,
    label_values,
    once,
    quantile_over,
    select,
    topk,
)
from components.dashboards.queries import loki_lines, promql

UID = uids.WORKSPACES
TITLE = "Workspaces"
AGENT_STATUS_COLORS = {
    "connected": Color.GREEN,
    "connecting": Color.YELLOW,
    "disconnected": Color.ORANGE,
    "timeout": Color.RED,
}
_POD_LINK = by_cell(uids.WORKSPACE_DETAIL, "pod")


def _workspaces(**matchers: str) -> Expression:
    latest = once(Metrics.WORKSPACE_LATEST_BUILD_STATUS, **TEMPLATE, **matchers)
    return aggregate("sum", latest).or_zero()


def _now(context: DashboardContext) -> Section:
    lost = once(Metrics.AGENT_CONNECTIONS, **WORKSPACE, status="!=connected")
    not_ready = select(Metrics.POD_READY, namespace=context.workspaces_namespace, condition="false")
    return Section(
        "Now",
        [
            stat_panel(
                "Workspaces",
                "Workspaces there are, by their latest build, with the chosen templates. Far "
                "above your users: set dormancy, so that forgotten ones go away.",
                promql(_workspaces(), instant=True),
            ),
            stat_panel(
                "Running",
                "Workspaces whose latest build is a start that succeeded. More at night than "
                "expected: autostop is off or too long in a template.",
                promql(_workspaces(status="succeeded", workspace_transition="start"), instant=True),
            ),
            stat_panel(
                "Builds in progress",
                "Workspaces whose latest build waits or runs. High and not falling: provisioners "
                "are short, see the Provisioners dashboard.",
                promql(_workspaces(status="=~pending|running|canceling"), instant=True),
                thresholds=[Threshold(10, Color.ORANGE)],
            ),
            stat_panel(
                "Latest build failed",
                "Workspaces whose latest build failed: their owners are stuck. Read Failed "
                "builds by template version, then Build log below.",
                promql(_workspaces(status="failed"), instant=True),
                base=Color.GREEN,
                thresholds=[Threshold(1, Color.ORANGE), Threshold(5, Color.RED)],
            ),
            stat_panel(
                "Agents not connected",
                "Agents of the latest builds that coderd does not reach. For minutes after a "
                "start that is normal; for longer, open the workspace's detail.",
                promql(aggregate("count", lost).or_zero(), instant=True),
                base=Color.GREEN,
                thresholds=[Threshold(1, Color.ORANGE), Threshold(5, Color.RED)],
            ),
            stat_panel(
                "Pods not ready",
                "Pods of the workspaces' namespace that are not ready. Many at once: a node, an "
                "image or a quota; ask kubectl for their events.",
                promql(aggregate("sum", not_ready).or_zero(), instant=True),
                base=Color.GREEN,
                thresholds=[Threshold(1, Color.ORANGE), Threshold(5, Color.RED)],
            ),
        ],
    )


def _resources(context: DashboardContext) -> Section:
    containers = kubernetes.workspace_containers(context)
    restarts = increase(select(Metrics.POD_RESTARTS, **containers), "$__rate_interval")
    return Section(
        "Resources",
        [
            timeseries_panel(
                "CPU",
                f"Cores in use, the {TOP} pods that use most. One flat at its limit for hours: a "
                "process in a loop, or an owner who needs a larger size.",
                promql(topk(TOP, kubernetes.cpu(containers)), "{{pod}}"),
                unit=Unit.CORES,
            ),
            timeseries_panel(
                "Memory",
                f"Working set, which the OOM killer judges by, of the {TOP} pods with most. One "
                "that only rises: a leak; its container ends when it meets the limit.",
                promql(topk(TOP, kubernetes.memory(containers)), "{{pod}}"),
                unit=Unit.BYTES,
            ),
            timeseries_panel(
                "Restarts",
                f"Restarts of containers, the {TOP} pods with most. More than one an hour: read "
                "the reason beside; what ran in the workspace was lost each time.",
                promql(topk(TOP, aggregate("sum", restarts, "pod")), "{{pod}}"),
                bars=True,
                stacked=True,
                interval="5m",
            ),
            kubernetes.terminations_panel(
                "Terminations",
                "Containers seen terminated, by reason. OOMKilled: offer a larger memory in the "
                "template, or tell the owner.",
                containers,
                width=12,
            ),
            _pods(context),
        ],
    )


def _pods(context: DashboardContext) -> Panel:
    containers = kubernetes.workspace_containers(context)
    memory = kubernetes.memory(containers)
    limit = kubernetes.limit("memory", containers)
    return table_panel(
        "Pods against their limits",
        "What each pod uses of what it may. Memory above nine tenths of its limit is about to be "
        "killed; CPU far below what all asked for: lower the template's requests. Follow a pod to "
        "its detail.",
        promql(kubernetes.cpu(containers), instant=True),
        promql(kubernetes.limit("cpu", containers), instant=True),
        promql(memory, instant=True),
        promql(limit, instant=True),
        promql(memory / limit, instant=True),
        columns={
            "pod": "Pod",
            "Value #A": "CPU",
            "Value #B": "CPU limit",
            "Value #C": "Memory",
            "Value #D": "Memory limit",
            "Value #E": "Memory of limit",
        },
        units={
            "CPU": Unit.SHORT,
            "Memory": Unit.BYTES,
            "Memory limit": Unit.BYTES,
            "Memory of limit": Unit.PERCENT,
        },
        links={"Pod": _POD_LINK},
    )


def _distribution() -> Section:
    def share(title: str, description: str, *by: str) -> Panel:
        latest = once(Metrics.WORKSPACE_LATEST_BUILD_STATUS, **TEMPLATE)
        legend = ": ".join("{{" + label + "}}" for label in by)
        workspaces = topk(TOP, aggregate("sum", latest, *by))
        return pie_panel(title, description, promql(workspaces, legend, instant=True), width=12)

    return Section(
        "Who uses what",
        [
            share(
                "Workspaces by user",
                "Who owns the workspaces. One person with very many: a script, or prebuilds, "
                "whose owner is the user prebuilds.",
                "workspace_owner",
            ),
            share(
                "Workspaces by user and template",
                "The same by template. Those on a template you retire are whom to tell.",
                "workspace_owner",
                "template_name",
            ),
            share(
                "Workspaces by template",
                "Which templates are in use. One that nobody uses: deprecate it.",
                "template_name",
            ),
            share(
                "Workspaces by template version",
                "How far a version has spread. Many on an old one: their policy is the old one "
                "too, until they are updated; ask for automatic updates.",
                "template_name",
                "template_version",
            ),
        ],
    )


def _agents() -> Section:
    up = once(Metrics.AGENTS_UP, **BOTH)
    connections = once(Metrics.AGENT_CONNECTIONS, **WORKSPACE)
    latency = once(Metrics.AGENT_LATENCIES, **WORKSPACE, preferred="true")
    startup = aggregate(
        "max", once(Metrics.AGENT_STARTUP_SCRIPT, **BOTH), "username", "workspace_name"
    )
    received = aggregate("sum", once(Metrics.AGENT_RX_BYTES, **WORKSPACE)) / 60
    sent = aggregate("sum", once(Metrics.AGENT_TX_BYTES, **WORKSPACE)) / 60
    return Section(
        "Agents",
        [
            timeseries_panel(
                "Agents by template",
                "Agents of running workspaces. A step down that nobody planned: a node or a "
                "whole template went away.",
                promql(aggregate("sum", up, "template_name"), "{{template_name}}"),
                stacked=True,
                width=8,
            ),
            timeseries_panel(
                "Agents by connection",
                "Agents by how coderd sees them. Disconnected in a step: coderd's access URL or "
                "its websockets; timeout: the agent never came up, read the pod's log.",
                promql(aggregate("sum", connections, "status"), "{{status}}"),
                stacked=True,
                colors=AGENT_STATUS_COLORS,
                width=8,
            ),
            timeseries_panel(
                "Connection latency, 95th percentile",
                "From agents to the relay each prefers. Above 0.2 s a terminal feels slow: add a "
                "relay near them, or look at the network between.",
                promql(quantile_over(0.95, latency, "derp_region"), "{{derp_region}}"),
                unit=Unit.SECONDS,
                thresholds=[Threshold(0.2, Color.ORANGE)],
                width=8,
            ),
            bar_gauge_panel(
                "Slowest startup scripts",
                f"How long the startup script last took, the {TOP} slowest workspaces. Minutes: "
                "move what it installs into the image.",
                promql(topk(TOP, startup), "{{username}}/{{workspace_name}}", instant=True),
                unit=Unit.SECONDS,
            ),
            timeseries_panel(
                "Traffic of agents",
                "Bytes a second through coderd's tunnels, as the agents count them each minute. "
                "Much sent by one workspace at night: see its detail.",
                promql(received, "received"),
                promql(sent, "sent"),
                unit=Unit.BYTES_PER_SECOND,
            ),
        ],
    )


def _logs(context: DashboardContext) -> Section:
    return Section(
        "Logs",
        [
            logs_panel(
                "Build log",
                "What provisioners in coderd logged about builds of the chosen workspaces and "
                "templates, in the order of time. Terraform's own errors are in the build's log in "
                "Coder.",
                loki_lines(
                    logql.about(
                        context.coder_logs,
                        "provisionerd",
                        workspace_name="${workspace_name:regex}",
                        template_name="${template_name:regex}",
                    )
                ),
                oldest_first=True,
            )
        ],
    )


def build(context: DashboardContext) -> Dashboard:
    """Return the dashboard for one stack."""
    # Unlike the counters of builds, which begin anew with coderd, it names every workspace.
    up = Metrics.AGENTS_UP
    return build_dashboard(
        uid=UID,
        title=TITLE,
        description=(
            "All workspaces: their resources, builds, owners, templates and agents. Panels honour "
            "the filters as far as their data names a workspace or a template."
        ),
        context=context,
        variables=[
            prometheus_variable(
                "workspace_name", "Workspace", label_values(up, "workspace_name"), context
            ),
            prometheus_variable(
                "template_name", "Template", label_values(up, "template_name"), context
            ),
        ],
        sections=[
            _now(context),
            _resources(context),
            builds_section(),
            _distribution(),
            _agents(),
            _logs(context),
        ],
        time_from="now-24h",
    )
