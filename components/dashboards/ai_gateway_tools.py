"""The section of the AI Gateway's dashboard on tools."""

from __future__ import annotations

from components.dashboards import sql
from components.dashboards.ai_gateway_queries import (
    CHOSEN_INTERCEPTION,
    COUNT,
    INTERCEPTION,
    PROMPT,
    PROMPT_CHARACTERS,
    PROVIDER,
    ROWS,
    TO_PROMPT,
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
from components.dashboards.sql import Join, Select


def tools() -> Section:
    """Return the section on tools that models called."""
    source = f"COALESCE({TOOL.server_url}, 'client')"
    kind = f"CASE WHEN {TOOL.injected} THEN 'injected' ELSE 'client' END"
    calls = "COUNT(*)"
    errors = f"COUNT({TOOL.invocation_error})"
    calls_over_time = over_time(TOOL.created_at, {"calls": calls}, tool=TOOL.tool)
    prompts_over_time = over_time(PROMPT.created_at, {"prompts": "COUNT(*)"}, provider=PROVIDER)
    return Section(
        "Tools, MCP and prompts",
        [
            timeseries_panel(
                "Tool calls over time",
                "Calls of each tool for each interval. One that rises alone: an agent in a loop; "
                "see who under Tool calls by user, model and tool.",
                sql_series(
                    of_interception(
                        calls_over_time,
                        TOOL,
                        group_by=("time", "tool"),
                        order_by=("time", "tool"),
                    )
                ),
                bars=True,
                stacked=True,
            ),
            table_panel(
                "Top tools",
                f"The {TOP} tools called most in the range, those of the gateway (injected) and of "
                "the client apart. Injected with errors: look at its MCP server.",
                sql_rows(
                    of_interception(
                        {
                            "tool": TOOL.tool,
                            "injected": TOOL.injected,
                            "calls": calls,
                            "errors": errors,
                            "interceptions": COUNT,
                        },
                        TOOL,
                        group_by=("tool", "injected"),
                        order_by=("-calls", "tool", "injected"),
                        limit=TOP,
                    )
                ),
                width=12,
                height=8,
            ),
            table_panel(
                "Tool calls by user, model and tool",
                "Who called which tool through which model. Many errors: the tool does not fit the "
                "model or its MCP server is down.",
                sql_rows(
                    of_interception(
                        {
                            "user": USER_NAME,
                            "provider": PROVIDER,
                            "model": INTERCEPTION.model,
                            "tool": TOOL.tool,
                            "calls": calls,
                            "errors": errors,
                        },
                        TOOL,
                        WITH_USER,
                        group_by=("user", "provider", "model", "tool"),
                        order_by=("-calls", "user", "provider", "model", "tool"),
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
                            "injected": TOOL.injected,
                            "tools": f"COUNT(DISTINCT {TOOL.tool})",
                            "calls": calls,
                            "errors": errors,
                        },
                        TOOL,
                        group_by=("source", "injected"),
                        order_by=("-calls", "source", "injected"),
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
                "Prompts of people for each interval by provider; the steps an agent takes by "
                "itself are not prompts.",
                sql_series(
                    of_interception(
                        prompts_over_time,
                        PROMPT,
                        group_by=("time", "provider"),
                        order_by=("time", "provider"),
                    )
                ),
                bars=True,
                stacked=True,
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
                f"The newest {ROWS} prompts, their first {PROMPT_CHARACTERS} characters. Follow an "
                "interception to read its prompt in full below.",
                sql_rows(
                    of_interception(
                        {
                            "time": PROMPT.created_at,
                            "user": USER_NAME,
                            "provider": PROVIDER,
                            "model": INTERCEPTION.model,
                            "prompt": sql.truncated(PROMPT.prompt, PROMPT_CHARACTERS),
                            "interception": INTERCEPTION.id,
                        },
                        PROMPT,
                        WITH_USER,
                        order_by=("-time",),
                        limit=ROWS,
                    )
                ),
                links=TO_PROMPT,
            ),
            table_panel(
                "Prompt in full",
                "The whole text of the interception chosen above, whenever it was; empty until one "
                "is chosen. Prompts may hold personal data: who may use the data source reads all "
                "of them, whatever the folder's rights are; give it to those people alone.",
                sql_rows(_full_prompt()),
                height=6,
            ),
        ],
    )


def _full_prompt() -> Select:
    return Select(
        {
            "time": PROMPT.created_at,
            "user": USER_NAME,
            "model": INTERCEPTION.model,
            "prompt": PROMPT.prompt,
        },
        PROMPT,
        [Join(INTERCEPTION, INTERCEPTION.id, PROMPT.interception_id), WITH_USER],
        [sql.is_chosen(INTERCEPTION.id, CHOSEN_INTERCEPTION)],
        order_by=["time"],
    )
