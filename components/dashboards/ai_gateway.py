"""AI Gateway: what models were asked, by whom, at what cost, and with which tools.

Who asked what is in coderd's PostgreSQL alone; metrics tell how the gateway itself fares.
"""

from __future__ import annotations

from grafana_foundation_sdk.models.dashboard import Dashboard

from components.dashboards import logql, uids
from components.dashboards.ai_gateway_queries import (
    CHOSEN_INTERCEPTION,
    INTERCEPTION,
    PROVIDER,
    interceptions,
    over_time,
    ranking,
)
from components.dashboards.ai_gateway_requests import requests
from components.dashboards.ai_gateway_sessions import sessions
from components.dashboards.ai_gateway_tools import tools
from components.dashboards.ai_gateway_usage import usage
from components.dashboards.context import DashboardContext
from components.dashboards.layout import Section, build_dashboard, textbox
from components.dashboards.metrics import Metrics
from components.dashboards.panel import Color, Threshold, Unit
from components.dashboards.panels import (
    logs_panel,
    pie_panel,
    stat_panel,
    table_panel,
    timeseries_panel,
)
from components.dashboards.promql import aggregate, at_least, by_any_name, select
from components.dashboards.queries import loki_lines, loki_metric, promql, sql_rows, sql_series

UID = uids.AI_GATEWAY
TITLE = "AI Gateway"


def _overview(context: DashboardContext) -> Section:
    info = by_any_name(Metrics.PROVIDER_INFO, select)
    reload = by_any_name(Metrics.PROVIDERS_LAST_RELOAD, select)
    success = by_any_name(Metrics.PROVIDERS_LAST_RELOAD_SUCCESS, select)
    gateway_logs = logql.containing(context.coder_logs, "aibridged")
    activity = over_time(
        INTERCEPTION.started_at,
        {"interceptions": "COUNT(*)"},
        provider=PROVIDER,
    )
    return Section(
        "Overview",
        [
            stat_panel(
                "Configured providers",
                "Model providers coderd knows. None: no agent reaches a model; add one under "
                "Deployment, AI providers.",
                promql(
                    aggregate(
                        "count",
                        aggregate("max", info, "provider_name"),
                    ).or_zero(),
                    instant=True,
                ),
                base=Color.RED,
                thresholds=[Threshold(1, Color.GREEN)],
            ),
            stat_panel(
                "Provider reload status",
                "Whether every replica's last reload of its providers succeeded. Failed: the "
                "gateway runs with the configuration before; read the gateway log below.",
                promql(aggregate("min", at_least(success, reload)), instant=True),
                mappings={"0": ("Failed", Color.RED), "1": ("OK", Color.GREEN)},
                no_value="no data",
            ),
            stat_panel(
                "Last successful reload",
                "When the replica furthest behind last read its providers.",
                promql(aggregate("min", success) * 1000, instant=True),
                unit=Unit.FROM_NOW,
                no_value="never",
            ),
            stat_panel(
                "Interceptions",
                "Requests to model providers that passed the gateway in the range.",
                sql_rows(interceptions({"interceptions": "COUNT(*)"})),
            ),
            stat_panel(
                "Active sessions",
                "Sessions with at least one interception in the range.",
                sql_rows(interceptions({"sessions": f"COUNT(DISTINCT {INTERCEPTION.session_id})"})),
            ),
            stat_panel(
                "Unique users",
                "People on whose behalf a model was asked in the range.",
                sql_rows(interceptions({"users": f"COUNT(DISTINCT {INTERCEPTION.initiator_id})"})),
            ),
            table_panel(
                "Provider inventory",
                "Each provider and its status. error: its configuration was refused; see the "
                "gateway log. disabled: switched off on purpose.",
                promql(
                    aggregate(
                        "max",
                        info,
                        "provider_name",
                        "provider_type",
                        "status",
                    ),
                    instant=True,
                ),
                columns={
                    "provider_name": "Provider",
                    "provider_type": "Type",
                    "status": "Status",
                },
                width=12,
                height=8,
            ),
            pie_panel(
                "Interceptions by provider",
                "Which providers the range's interceptions went to.",
                sql_rows(ranking("provider", PROVIDER, "interceptions", "COUNT(*)")),
                width=12,
            ),
            timeseries_panel(
                "Interception activity",
                "Interceptions for each interval, by provider. None while agents work: they go "
                "past the gateway, or their provider fails.",
                sql_series(interceptions(activity, group_by=("time", "provider"))),
                bars=True,
                stacked=True,
            ),
            timeseries_panel(
                "Gateway log events",
                "Lines a second of coderd's log that name aibridged. A burst: read them below.",
                loki_metric(logql.total(logql.rate(gateway_logs)), "events"),
                unit=Unit.PER_SECOND,
            ),
            logs_panel(
                "Gateway log stream",
                "What the gateway logs: reloads, provider errors, refused requests.",
                loki_lines(gateway_logs),
            ),
        ],
    )


def build(context: DashboardContext) -> Dashboard:
    """Return the dashboard for one stack."""
    return build_dashboard(
        uid=UID,
        title=TITLE,
        description=(
            "What agents asked of models through the AI Gateway: use, cost, sessions, prompts and "
            "tools. The cost is an estimate from Coder's list of prices."
        ),
        context=context,
        variables=[
            textbox(
                CHOSEN_INTERCEPTION,
                "Interception",
                "Id of the interception whose prompt is shown in full. Follow one in a table.",
            ),
        ],
        sections=[_overview(context), usage(), requests(), sessions(), tools()],
        time_from="now-24h",
        refresh="5m",
    )
