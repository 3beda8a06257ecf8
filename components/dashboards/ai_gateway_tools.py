"""The section of the AI Gateway's dashboard on tools."""

from __future__ import annotations

from components.dashboards import sql
from components.dashboards.ai_gateway_queries import (
    INTERCEPTION,
    PROMPT,
    PROMPT_CHARACTERS,
    ROWS,
    TOOL,
    TOP,
    USER_NAME,
    WITH_USER,
    of_interception,
    over_time,
)
from components.dashboards.layout import Section
from components.dashboards.panels import (
    bar_gauge_panel,
    pie_panel,
    table_panel,
    timeseries_panel,
)
from components.dashboards.queries import sql_rows, sql_series


def tools() -> Section:
    """Return the section on tools that models called."""
    source = f"COALESCE({TOOL.server_url}, 'client')"
    kind = f"CASE WHEN {TOOL.injected} THEN 'injected' ELSE 'client' END"
    calls = "COUNT(*)"
    calls_over_time = over_time(TOOL.created_at, {"calls": calls}, kind=kind)
    prompts_over_time = over_time(PROMPT.created_at, {"prompts": "COUNT(*)"})
    return Section(
        "Tools, MCP and prompts",
        [
            timeseries_panel(
                "Tool calls over time",
                "Tool calls for each interval: injected from MCP servers by the gateway, or "
                "brought by the client.",
                sql_series(
                    of_interception(
                        calls_over_time,
                        TOOL,
                        group_by=("time", "kind"),
                        order_by=("time", "kind"),
                    )
                ),
                bars=True,
                stacked=True,
            ),
            bar_gauge_panel(
                "Top tools",
                f"The {TOP} tools called most in the range. One you did not expect: see Recent "
                "tool calls for who used it.",
                sql_rows(
                    of_interception(
                        {"tool": TOOL.tool, "calls": calls},
                        TOOL,
                        group_by=("tool",),
                        order_by=("-calls", "tool"),
                        limit=TOP,
                    )
                ),
            ),
            table_panel(
                "Tool calls by user and model",
                "Who called tools through which model. Many errors: the tool does not fit the "
                "model or its MCP server is down.",
                sql_rows(
                    of_interception(
                        {
                            "user": USER_NAME,
                            "model": INTERCEPTION.model,
                            "calls": calls,
                            "errors": f"COUNT({TOOL.invocation_error})",
                        },
                        TOOL,
                        WITH_USER,
                        group_by=("user", "model"),
                        order_by=("-calls", "user", "model"),
                        limit=ROWS,
                    )
                ),
                width=12,
            ),
            table_panel(
                "MCP servers and tool sources",
                "Where tools came from: an MCP server, or the client itself. A server with "
                "errors: check it and its credential.",
                sql_rows(
                    of_interception(
                        {
                            "source": source,
                            "tools": f"COUNT(DISTINCT {TOOL.tool})",
                            "calls": calls,
                            "errors": f"COUNT({TOOL.invocation_error})",
                        },
                        TOOL,
                        group_by=("source",),
                        order_by=("-calls", "source"),
                        limit=ROWS,
                    )
                ),
                width=12,
            ),
            pie_panel(
                "Injected and client calls",
                "How many tool calls the gateway injected and governs, against those that "
                "clients ran on their own.",
                sql_rows(
                    of_interception(
                        {"kind": kind, "calls": calls},
                        TOOL,
                        group_by=("kind",),
                        order_by=("kind",),
                    )
                ),
            ),
            timeseries_panel(
                "Prompts over time",
                "Prompts of people for each interval; the steps an agent takes by itself are not "
                "prompts.",
                sql_series(
                    of_interception(
                        prompts_over_time, PROMPT, group_by=("time",), order_by=("time",)
                    )
                ),
                bars=True,
                width=8,
            ),
            bar_gauge_panel(
                "Prompts by user",
                f"The {TOP} people with the most prompts in the range.",
                sql_rows(
                    of_interception(
                        {"user": USER_NAME, "prompts": "COUNT(*)"},
                        PROMPT,
                        WITH_USER,
                        group_by=("user",),
                        order_by=("-prompts", "user"),
                        limit=TOP,
                    )
                ),
                width=8,
            ),
            table_panel(
                "Recent prompts",
                f"The newest {ROWS} prompts, their first {PROMPT_CHARACTERS} characters. Prompts "
                "may hold personal data: grant this dashboard accordingly.",
                sql_rows(
                    of_interception(
                        {
                            "time": PROMPT.created_at,
                            "user": USER_NAME,
                            "model": INTERCEPTION.model,
                            "prompt": sql.truncated(PROMPT.prompt, PROMPT_CHARACTERS),
                        },
                        PROMPT,
                        WITH_USER,
                        order_by=("-time",),
                        limit=ROWS,
                    )
                ),
            ),
        ],
    )
