"""The section of the agent firewall's dashboard on how its audit log fares."""

from __future__ import annotations

from components.dashboards import logql, uids
from components.dashboards.context import DashboardContext
from components.dashboards.layout import Section
from components.dashboards.links import by_cell
from components.dashboards.losses import lost
from components.dashboards.metrics import Metrics
from components.dashboards.panel import Color, Threshold, Unit
from components.dashboards.panels import (
    logs_panel,
    stat_panel,
    table_panel,
    timeseries_panel,
)
from components.dashboards.promql import added, aggregate, increase, once, rate, select, without
from components.dashboards.queries import loki_lines, loki_metric, promql, sql_rows
from components.dashboards.sql import Join, Select, in_range
from components.dashboards.tables import BoundarySessions, WorkspaceAgents

_WORKSPACE = ("username", "workspace_name")
WORKSPACE_LINK = {"Workspace": by_cell(uids.WORKSPACE_DETAIL, "workspace_name")}


def operations(context: DashboardContext) -> Section:
    """Return the section on lost batches and lines, agents and sessions."""
    forwarded = select(Metrics.BATCHES_FORWARDED)
    # Every agent exports the counter, at zero where nothing is confined.
    agents = aggregate("count", forwarded > 0, *_WORKSPACE, "agent_name")
    running = aggregate("sum", once(Metrics.AGENTS_UP), *_WORKSPACE) > 0
    confined = aggregate("sum", once(Metrics.BATCHES_FORWARDED), *_WORKSPACE) > 0
    unprotected = without(running, confined, *_WORKSPACE)
    any_loss = [Threshold(1, Color.RED)]
    return Section(
        "Operations",
        [
            stat_panel(
                "Batches forwarded",
                "Batches of audit logs that agents sent to coderd over the range.",
                promql(aggregate("sum", increase(forwarded)), instant=True),
                unit=Unit.WHOLE,
                width=3,
            ),
            stat_panel(
                "Batches forwarded in all",
                "The same since each agent that reports now began. Falls when workspaces stop: "
                "their counters end with them.",
                promql(aggregate("sum", once(Metrics.BATCHES_FORWARDED)), instant=True),
                unit=Unit.WHOLE,
                width=3,
            ),
            stat_panel(
                "Batches dropped",
                "Batches that agents could not send. Any loss is a gap in the audit: check the "
                "agents' connection to coderd and coderd's log for ReportBoundaryLogs.",
                promql(lost(Metrics.BATCHES_DROPPED, over="$__range").or_zero(), instant=True),
                base=Color.GREEN,
                thresholds=any_loss,
                unit=Unit.WHOLE,
            ),
            stat_panel(
                "Logs dropped",
                "Audit lines lost inside workspaces. reason boundary_channel_full: a process "
                "sends faster than the proxy logs; forward_failed: see Batches dropped.",
                promql(lost(Metrics.LOGS_DROPPED, over="$__range").or_zero(), instant=True),
                base=Color.GREEN,
                thresholds=any_loss,
                unit=Unit.WHOLE,
            ),
            stat_panel(
                "Active firewall agents",
                "Agents that report now and have forwarded audit batches since they started. Fewer "
                "than the running workspaces of firewalled templates: see Agents without a "
                "firewall.",
                promql(aggregate("count", agents).or_zero(), instant=True),
            ),
            stat_panel(
                "Agents without a firewall",
                "Running workspaces whose agent has forwarded no audit batch since it started: "
                "the template has no firewall, nothing is confined yet, or the jail did not start.",
                promql(aggregate("count", unprotected).or_zero(), instant=True),
                base=Color.GREEN,
                thresholds=[Threshold(1, Color.ORANGE)],
                width=3,
            ),
            stat_panel(
                "Firewall sessions",
                "Confined processes that started in the range, from boundary_sessions.",
                sql_rows(_session_count()),
                width=3,
            ),
            timeseries_panel(
                "Forwarded batches by workspace",
                "Batches a second by workspace and user. A line that ends while the workspace "
                "runs: its firewall died, restart the workspace.",
                promql(
                    aggregate("sum", rate(forwarded), *_WORKSPACE),
                    "{{username}}/{{workspace_name}}",
                ),
                unit=Unit.PER_SECOND,
            ),
            timeseries_panel(
                "Dropped batches and logs",
                "Losses by reason in each interval. Anything above zero is a gap in the audit.",
                promql(
                    added(Metrics.BATCHES_DROPPED, "reason"),
                    "batches: {{reason}}",
                ),
                promql(
                    added(Metrics.LOGS_DROPPED, "reason"),
                    "logs: {{reason}}",
                ),
                thresholds=[Threshold(0.001, Color.RED)],
            ),
            table_panel(
                "Firewall agents",
                "Batches each agent with a firewall forwarded over the range.",
                promql(
                    aggregate("sum", increase(forwarded), *_WORKSPACE, "agent_name"),
                    instant=True,
                ),
                columns={
                    "username": "Owner",
                    "workspace_name": "Workspace",
                    "agent_name": "Agent",
                    "Value": "Batches",
                },
                links=WORKSPACE_LINK,
                width=12,
            ),
            table_panel(
                "Workspaces without a firewall",
                "The workspaces counted in Agents without a firewall, and their agents. Open "
                "each and check its template.",
                promql(unprotected, instant=True),
                columns={
                    "username": "Owner",
                    "workspace_name": "Workspace",
                    "Value": "Agents",
                },
                links=WORKSPACE_LINK,
                width=12,
            ),
            table_panel(
                "Recent firewall sessions",
                "The last 200 confined processes. updated is the last audit batch of each.",
                sql_rows(_recent_sessions()),
            ),
            timeseries_panel(
                "Boundary log events",
                "Lines a second of the workspaces' logs that name boundary. A burst: read them "
                "below.",
                loki_metric(
                    logql.total(logql.rate(logql.containing(context.workspace_logs, "boundary"))),
                    "events",
                ),
                unit=Unit.PER_SECOND,
                width=24,
                height=6,
            ),
            logs_panel(
                "Boundary log stream",
                "What Boundary itself logs in the workspaces: start failures of the jail, "
                "configuration errors, proxy errors.",
                loki_lines(logql.containing(context.workspace_logs, "boundary")),
            ),
        ],
    )


def _session_count() -> Select:
    session = BoundarySessions("s")
    return Select({"sessions": "COUNT(*)"}, session, where=[in_range(session.started_at)])


def _recent_sessions() -> Select:
    session, agent = BoundarySessions("s"), WorkspaceAgents("a")
    return Select(
        {
            "started": session.started_at,
            # A workspace that is deleted takes its agent's row along; what ran in it stays told.
            "agent": f"COALESCE({agent.name}, {session.workspace_agent_id}::text)",
            "process": session.confined_process_name,
            "updated": session.updated_at,
            "session": session.id,
        },
        session,
        [Join(agent, session.workspace_agent_id, agent.id, outer=True)],
        [in_range(session.started_at)],
        order_by=["-started"],
        limit=200,
    )
