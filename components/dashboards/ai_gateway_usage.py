"""The sections of the AI Gateway's dashboard on tokens, costs and sessions."""

from __future__ import annotations

from components.dashboards import sql
from components.dashboards.ai_gateway_queries import (
    ALL_TOKENS,
    CACHE,
    CACHE_READ,
    CACHE_WRITE,
    COST,
    COUNT,
    INPUT,
    INTERCEPTION,
    OUTPUT,
    PROMPT,
    PROMPT_CHARACTERS,
    PROVIDER,
    ROWS,
    STARTED,
    TOKENS,
    TOOL,
    TOP,
    USER_NAME,
    WITH_PRICE,
    WITH_TOKENS,
    WITH_USER,
    interceptions,
    of_interception,
    over_time,
    ranking,
)
from components.dashboards.layout import Section
from components.dashboards.panel import Unit
from components.dashboards.panels import (
    bar_gauge_panel,
    pie_panel,
    stat_panel,
    table_panel,
    timeseries_panel,
)
from components.dashboards.queries import sql_rows, sql_series
from components.dashboards.sql import Join, Select, Sql


def usage() -> Section:
    """Return the section on tokens and what they cost."""

    def tokens(name: str, expression: str, *joins: Join) -> Select:
        return of_interception({name: expression}, TOKENS, *joins)

    tokens_over_time = over_time(
        TOKENS.created_at,
        {
            "input": INPUT,
            "output": OUTPUT,
            "cache read": CACHE_READ,
            "cache write": CACHE_WRITE,
        },
    )
    cost_over_time = over_time(TOKENS.created_at, {"cost": COST}, model=INTERCEPTION.model)
    cost_each = f"COALESCE({COST} / NULLIF({COUNT}, 0), 0)"
    return Section(
        "Usage and cost",
        [
            stat_panel(
                "Input tokens",
                "Tokens sent to models in the range, those read from a cache left out.",
                sql_rows(tokens("input", INPUT)),
            ),
            stat_panel(
                "Output tokens",
                "Tokens that models answered with in the range.",
                sql_rows(tokens("output", OUTPUT)),
            ),
            stat_panel(
                "Cache tokens",
                "Tokens written to and read from the providers' prompt caches in the range.",
                sql_rows(tokens("cache", CACHE)),
            ),
            stat_panel(
                "Total tokens",
                "Input, output and cache tokens of the range.",
                sql_rows(tokens("total", ALL_TOKENS)),
            ),
            stat_panel(
                "Estimated cost",
                "Tokens times Coder's list of prices. A model without a price counts as free: "
                "compare Cost by model before you trust a low figure.",
                sql_rows(tokens("cost", COST, WITH_PRICE)),
                unit=Unit.USD,
                decimals=2,
            ),
            stat_panel(
                "Cost an interception",
                "Estimated cost of the interceptions that started in the range, divided by "
                "their number. A rise without a new model: prompts grow or the cache misses.",
                sql_rows(interceptions({"cost": cost_each}, WITH_TOKENS, WITH_PRICE)),
                unit=Unit.USD,
                decimals=4,
            ),
            timeseries_panel(
                "Tokens over time",
                "Tokens for each interval, by kind. Much input and little cache read: prompt "
                "caching does not work.",
                sql_series(
                    of_interception(
                        tokens_over_time, TOKENS, group_by=("time",), order_by=("time",)
                    )
                ),
                bars=True,
                stacked=True,
            ),
            timeseries_panel(
                "Cost over time",
                "Estimated cost for each interval, by model.",
                sql_series(
                    of_interception(
                        cost_over_time,
                        TOKENS,
                        WITH_PRICE,
                        group_by=("time", "model"),
                        order_by=("time", "model"),
                    )
                ),
                unit=Unit.USD,
                bars=True,
                stacked=True,
            ),
            table_panel(
                "Top users",
                f"The {TOP} people with the highest estimated cost in the range. One far above "
                "the others: look for a loop under Sessions.",
                sql_rows(_spending("user", USER_NAME, WITH_USER)),
                units={"cost": Unit.USD, "tokens": Unit.SHORT},
                width=12,
            ),
            table_panel(
                "Cost by model",
                "Interceptions, tokens and estimated cost of each model. Cost 0 with tokens: the "
                "model has no price in ai_model_prices.",
                sql_rows(_spending("model", INTERCEPTION.model)),
                units={"cost": Unit.USD, "tokens": Unit.SHORT},
                width=12,
            ),
            pie_panel(
                "Token split",
                "The range's tokens by kind. A small share of cache read makes a session dear.",
                sql_rows(
                    of_interception(
                        {
                            "input": INPUT,
                            "output": OUTPUT,
                            "cache read": CACHE_READ,
                            "cache write": CACHE_WRITE,
                        },
                        TOKENS,
                    )
                ),
                slice_by="column",
            ),
            bar_gauge_panel(
                "Interceptions by model",
                f"The {TOP} models asked most in the range. One you did not approve: remove it "
                "from its provider.",
                sql_rows(ranking("model", INTERCEPTION.model, "interceptions", "COUNT(*)")),
                width=8,
            ),
            bar_gauge_panel(
                "Interceptions by user",
                f"The {TOP} people with the most interceptions in the range.",
                sql_rows(ranking("user", USER_NAME, "interceptions", "COUNT(*)", WITH_USER)),
                width=8,
            ),
        ],
    )


def _spending(name: str, group: Sql, *joins: Join) -> Select:
    return Select(
        {name: group, "interceptions": COUNT, "tokens": ALL_TOKENS, "cost": COST},
        INTERCEPTION,
        [WITH_TOKENS, WITH_PRICE, *joins],
        [STARTED],
        group_by=[name],
        order_by=["-cost", "-interceptions", name],
        limit=TOP,
    )


def sessions() -> Section:
    """Return the section on interceptions and sessions, the latest in tables."""
    return Section(
        "Intercepts and sessions",
        [
            table_panel(
                "Recent interceptions",
                f"The newest {ROWS} interceptions. No end: still running, or the replica that "
                "served it went away.",
                sql_rows(_recent_interceptions()),
                units={"seconds": Unit.SECONDS},
            ),
            table_panel(
                "Sessions",
                f"The {ROWS} sessions used last in the range. Many interceptions in short time: "
                "an agent in a loop; tell its user.",
                sql_rows(_recent_sessions()),
                units={"cost": Unit.USD, "tokens": Unit.SHORT},
            ),
            table_panel(
                "Recent prompts by session",
                f"The newest {ROWS} prompts with the session each belongs to.",
                sql_rows(
                    of_interception(
                        {
                            "time": PROMPT.created_at,
                            "session": INTERCEPTION.session_id,
                            "user": USER_NAME,
                            "prompt": sql.truncated(PROMPT.prompt, PROMPT_CHARACTERS),
                        },
                        PROMPT,
                        WITH_USER,
                        order_by=("-time",),
                        limit=ROWS,
                    )
                ),
                width=12,
            ),
            table_panel(
                "Recent tool calls",
                f"The newest {ROWS} tool calls. An error is of a tool the gateway injected; look "
                "at its MCP server.",
                sql_rows(
                    of_interception(
                        {
                            "time": TOOL.created_at,
                            "user": USER_NAME,
                            "model": INTERCEPTION.model,
                            "tool": TOOL.tool,
                            "server": TOOL.server_url,
                            "injected": TOOL.injected,
                            "error": TOOL.invocation_error,
                        },
                        TOOL,
                        WITH_USER,
                        order_by=("-time",),
                        limit=ROWS,
                    )
                ),
                width=12,
            ),
            table_panel(
                "Token detail",
                f"The newest {ROWS} responses and the tokens of each.",
                sql_rows(
                    of_interception(
                        {
                            "time": TOKENS.created_at,
                            "user": USER_NAME,
                            "provider": PROVIDER,
                            "model": INTERCEPTION.model,
                            "input": TOKENS.input_tokens,
                            "output": TOKENS.output_tokens,
                            "cache read": TOKENS.cache_read_input_tokens,
                            "cache write": TOKENS.cache_write_input_tokens,
                        },
                        TOKENS,
                        WITH_USER,
                        order_by=("-time",),
                        limit=ROWS,
                    )
                ),
            ),
        ],
    )


def _recent_interceptions() -> Select:
    interception = INTERCEPTION
    seconds = f"EXTRACT(EPOCH FROM {interception.ended_at} - {interception.started_at})"
    return Select(
        {
            "started": interception.started_at,
            "user": USER_NAME,
            "provider": PROVIDER,
            "model": interception.model,
            "client": interception.client,
            "user agent": f"{interception.metadata} ->> 'request_user_agent'",
            "credential": interception.credential_kind,
            "seconds": seconds,
            "session": interception.session_id,
            "thread": interception.thread_root_id,
        },
        interception,
        [WITH_USER],
        [STARTED],
        order_by=["-started"],
        limit=ROWS,
    )


def _recent_sessions() -> Select:
    return Select(
        {
            "session": INTERCEPTION.session_id,
            "user": USER_NAME,
            "client": INTERCEPTION.client,
            "first": f"MIN({INTERCEPTION.started_at})",
            "last": f"MAX({INTERCEPTION.started_at})",
            "interceptions": COUNT,
            "tokens": ALL_TOKENS,
            "cost": COST,
        },
        INTERCEPTION,
        [WITH_TOKENS, WITH_PRICE, WITH_USER],
        [STARTED],
        group_by=["session", "user", "client"],
        order_by=["-last", "session"],
        limit=ROWS,
    )
