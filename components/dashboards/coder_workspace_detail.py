"""Workspace Detail: one workspace, from its agent's connection to its pod and its builds.

Coder names workspaces by name, Kubernetes their pods by id (`coder-<workspace id>`), and no metric
holds both. coderd's log does, so a table leads from the one to the other.
"""

from __future__ import annotations

from grafana_foundation_sdk.models.dashboard import Dashboard

from components.dashboards import kubernetes, logql, uids
from components.dashboards.coder_workspace_connection import WORKSPACE, connection
from components.dashboards.coder_workspaces import AGENT_STATUS_COLORS
from components.dashboards.coder_workspaces_builds import STATUS_COLORS, TRANSITION_COLORS
from components.dashboards.context import DashboardContext
from components.dashboards.layout import Section, build_dashboard, prometheus_variable
from components.dashboards.links import by_cell
from components.dashboards.log_fields import BuildField, StreamLabel
from components.dashboards.metrics import Metrics
from components.dashboards.panel import Color, Panel, Threshold, Unit
from components.dashboards.panels import logs_panel, stat_panel, table_panel, timeseries_panel
from components.dashboards.promql import (
    added,
    aggregate,
    chosen,
    events,
    label_values,
    once,
    rounded,
)
from components.dashboards.queries import loki_lines, loki_metric, promql

UID = uids.WORKSPACE_DETAIL
TITLE = "Workspace Detail"

POD_PREFIX = "coder-"
"""What stands before the workspace's id in the name of its pod, as the template makes it."""
HOME_SUFFIX = "-home"
"""What stands behind the pod's name in the name of the claim of its home, likewise."""

# coderd/database/queries: workspace_agent_lifecycle_state.
LIFECYCLE_COLORS = {
    "ready": Color.GREEN,
    "created": Color.BLUE,
    "starting": Color.BLUE,
    "start_timeout": Color.ORANGE,
    "start_error": Color.RED,
    "shutting_down": Color.YELLOW,
    "shutdown_timeout": Color.ORANGE,
    "shutdown_error": Color.RED,
    "off": Color.YELLOW,
}

_BOTH = {**WORKSPACE, "template_name": chosen("template_name")}
_LOG_FILTERS = {
    "workspace_name": "${workspace_name:regex}",
    "template_name": "${template_name:regex}",
}


def _workspace() -> Section:
    startup = once(Metrics.AGENT_STARTUP_SCRIPT, **_BOTH)
    failed = once(Metrics.AGENT_STARTUP_SCRIPT, **_BOTH, success="false")
    latency = once(Metrics.AGENT_LATENCIES, **WORKSPACE, preferred="true")
    connected = once(Metrics.AGENT_CONNECTIONS, **WORKSPACE, status="connected")
    not_ready = once(Metrics.AGENT_CONNECTIONS, **WORKSPACE, lifecycle_state="!=ready")
    builds_failed = rounded(events(Metrics.WORKSPACE_BUILDS, status="failed", **_BOTH))
    return Section(
        "Workspace",
        [
            stat_panel(
                "Agents connected",
                "Agents of the chosen workspaces that coderd reaches. 0 while the workspace runs: "
                "read Workspace log below for the agent's own words.",
                promql(aggregate("count", connected).or_zero(), instant=True),
                base=Color.RED,
                thresholds=[Threshold(1, Color.GREEN)],
            ),
            stat_panel(
                "Agents not ready",
                "Agents in another lifecycle state than ready. Starting is normal for minutes; "
                "start_error: the startup script ended with an error, read its log in Coder.",
                promql(aggregate("count", not_ready).or_zero(), instant=True),
                base=Color.GREEN,
                thresholds=[Threshold(1, Color.ORANGE)],
            ),
            stat_panel(
                "Startup script",
                "How long the startup script last took, the slowest agent's. Above two minutes: "
                "move what it installs into the image.",
                promql(aggregate("max", startup), instant=True),
                unit=Unit.SECONDS,
                base=Color.GREEN,
                thresholds=[Threshold(60, Color.ORANGE), Threshold(120, Color.RED)],
                no_value="not finished",
            ),
            stat_panel(
                "Startup scripts failed",
                "Agents whose startup script ended with an error: the firewall or Claude Code may "
                "be missing. Read the script's log in Coder and restart the workspace.",
                promql(aggregate("count", failed).or_zero(), instant=True),
                base=Color.GREEN,
                thresholds=[Threshold(1, Color.RED)],
            ),
            stat_panel(
                "Latency",
                "From the agent to the relay it prefers, the slowest agent's. Above 0.2 s a "
                "terminal feels slow: compare with other workspaces of its cluster.",
                promql(aggregate("max", latency), instant=True),
                unit=Unit.SECONDS,
                base=Color.GREEN,
                thresholds=[Threshold(0.2, Color.ORANGE), Threshold(0.5, Color.RED)],
                no_value="not connected",
            ),
            stat_panel(
                "Failed builds",
                "Builds of the chosen workspaces that failed in the range. Read Build log "
                "below, and the build's own log in Coder.",
                promql(builds_failed.or_zero(), instant=True),
                base=Color.GREEN,
                thresholds=[Threshold(1, Color.RED)],
            ),
            table_panel(
                "Agents",
                "How coderd sees each agent. Connected and ready is good; timeout: it never "
                "reported; disconnected: it did, and its pod or the network is gone.",
                promql(once(Metrics.AGENT_CONNECTIONS, **WORKSPACE), instant=True),
                columns={
                    "username": "Owner",
                    "workspace_name": "Workspace",
                    "agent_name": "Agent",
                    "status": "Status",
                    "lifecycle_state": "Lifecycle",
                },
                colors={"Status": AGENT_STATUS_COLORS, "Lifecycle": LIFECYCLE_COLORS},
                width=12,
                height=6,
            ),
            table_panel(
                "Templates",
                "What the chosen workspaces were built from. An old version: its egress policy is "
                "the old one too, until the workspace is updated.",
                promql(once(Metrics.AGENTS_UP, **_BOTH), instant=True),
                columns={
                    "username": "Owner",
                    "workspace_name": "Workspace",
                    "template_name": "Template",
                    "template_version": "Template version",
                    "Value": "Agents",
                },
                links={"Template": by_cell(uids.WORKSPACES, "template_name")},
                width=12,
                height=6,
            ),
        ],
    )


def _resources(context: DashboardContext) -> Section:
    containers = kubernetes.workspace_containers(context, chosen("pod"))
    homes = {
        "namespace": context.workspaces_namespace,
        "persistentvolumeclaim": chosen("pod") + HOME_SUFFIX,
    }
    return Section(
        "Resources of the chosen pod",
        [
            _pods(context),
            kubernetes.cpu_panel(
                "CPU",
                "Cores in use against what the pod requests and may use. At the limit: the "
                "workspace is throttled, its owner may choose a larger size.",
                containers,
                width=8,
            ),
            kubernetes.memory_panel(
                "Memory",
                "Working set against what the pod requests and may use. At the limit the "
                "container is killed, and with it what ran inside.",
                containers,
                width=8,
            ),
            kubernetes.volume_panel(
                "Home volume",
                "What the home holds of what it can. Full: builds and the agent's log fail with "
                "`no space left`; its owner deletes caches, or makes a workspace with more.",
                homes,
            ),
            kubernetes.restarts_panel(
                "Restarts",
                "Restarts of the pod's containers in the range. Each ended every process of the "
                "workspace: see why beside.",
                containers,
            ),
            kubernetes.terminations_panel(
                "Terminations",
                "Containers seen terminated, by reason. OOMKilled: choose a larger memory; Error: "
                "read Workspace log below.",
                containers,
            ),
            kubernetes.last_terminations_table(
                "Last terminations",
                "Why each container that was restarted had ended the time before.",
                containers,
            ),
        ],
    )


def _pods(context: DashboardContext) -> Panel:
    lines = logql.about(
        context.coder_logs,
        BuildField.WORKSPACE_ID.label,
        workspace_id=".+",
        workspace_name=_LOG_FILTERS["workspace_name"],
    )
    named = logql.total(logql.count(lines), BuildField.WORKSPACE_NAME, BuildField.WORKSPACE_ID)
    return table_panel(
        "Pods of the chosen workspaces",
        "Follow an id to choose its pod for the panels below, which show all pods until then. "
        "Empty: coderd logged nothing about the workspace in the range; take a longer one.",
        loki_metric(named, "Lines", instant=True),
        columns={"workspace_name": "Workspace", "workspace_id": "Id", "Lines": "Lines of log"},
        links={"Id": by_cell(UID, "pod", prefix=POD_PREFIX, keep="workspace_name")},
        height=5,
    )


def _builds() -> Section:
    builds = Metrics.WORKSPACE_BUILDS
    return Section(
        "Builds",
        [
            timeseries_panel(
                "Builds by transition",
                "Builds in each interval. Starts and stops in turn, close together: autostart and "
                "autostop work against each other.",
                promql(added(builds, "workspace_transition", **_BOTH), "{{workspace_transition}}"),
                bars=True,
                stacked=True,
                colors=TRANSITION_COLORS,
                interval="5m",
                width=8,
            ),
            table_panel(
                "Builds of the range",
                "How often each workspace was built, from which version, and how it ended. The "
                "version that fails is the one to go back from.",
                promql(
                    rounded(
                        events(
                            builds,
                            "workspace_owner",
                            "workspace_name",
                            "template_version",
                            "workspace_transition",
                            "status",
                            **_BOTH,
                        )
                    ),
                    instant=True,
                ),
                columns={
                    "workspace_owner": "Owner",
                    "workspace_name": "Workspace",
                    "template_version": "Template version",
                    "workspace_transition": "Transition",
                    "status": "Status",
                    "Value": "Builds",
                },
                colors={"Status": STATUS_COLORS},
                width=16,
                height=8,
            ),
        ],
    )


def _logs(context: DashboardContext) -> Section:
    pods = context.stream(
        {StreamLabel.NAMESPACE: context.workspaces_namespace}, {StreamLabel.POD: "${pod:regex}"}
    )
    return Section(
        "Logs",
        [
            logs_panel(
                "Build log",
                "What provisioners in coderd logged about builds of the chosen workspaces, in the "
                "order of time. Terraform's own errors are in the build's log in Coder.",
                loki_lines(logql.about(context.coder_logs, "provisionerd", **_LOG_FILTERS)),
                oldest_first=True,
                width=12,
            ),
            logs_panel(
                "Workspace log",
                "What the chosen pod writes: the agent, the startup script, Boundary. An agent "
                "that cannot reach coderd says so here.",
                loki_lines(pods),
                width=12,
            ),
        ],
    )


def build(context: DashboardContext) -> Dashboard:
    """Return the dashboard for one stack."""
    up = Metrics.AGENTS_UP
    return build_dashboard(
        uid=UID,
        title=TITLE,
        description=(
            "One workspace, or a few: agent, connection, pod, builds and logs. Choose the "
            "workspace by name, then its pod by the id that the table of pods gives."
        ),
        context=context,
        variables=[
            prometheus_variable(
                "template_name", "Template", label_values(up, "template_name"), context
            ),
            prometheus_variable(
                "workspace_name",
                "Workspace",
                label_values(up, "workspace_name", template_name=chosen("template_name")),
                context,
            ),
            prometheus_variable(
                "pod",
                "Pod",
                label_values(Metrics.POD_REQUESTS, "pod", namespace=context.workspaces_namespace),
                context,
            ),
        ],
        sections=[
            _workspace(),
            connection(),
            _resources(context),
            _builds(),
            _logs(context),
        ],
        time_from="now-24h",
    )
