"""The section of the AI Gateway's dashboard on tokens and what they cost."""

from __future__ import annotations

from collections.abc import Mapping

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
    PROVIDER,
    SPENDERS,
    SPLIT,
    STARTED,
    TOKEN_UNITS,
    TOKENS,
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
                f"The {SPENDERS} people with the highest estimated cost in the range. One far "
                "above the others: look for a loop under Sessions.",
                sql_rows(_spending({"user": USER_NAME}, WITH_USER)),
                units=TOKEN_UNITS,
                width=12,
            ),
            table_panel(
                "Cost by model",
                f"The {SPENDERS} models that cost most. Cost 0 with tokens: the model has no price "
                "in ai_model_prices, and its use counts as free.",
                sql_rows(_spending({"provider": PROVIDER, "model": INTERCEPTION.model})),
                units=TOKEN_UNITS,
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


def _spending(groups: Mapping[str, Sql], *joins: Join) -> Select:
    return Select(
        {
            **groups,
            "sessions": f"COUNT(DISTINCT {INTERCEPTION.session_id})",
            "interceptions": COUNT,
            **SPLIT,
            "cost": COST,
        },
        INTERCEPTION,
        [WITH_TOKENS, WITH_PRICE, *joins],
        [STARTED],
        group_by=list(groups),
        order_by=["-cost", "-interceptions", *groups],
        limit=SPENDERS,
    )
