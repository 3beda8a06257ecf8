"""What the dashboard of the AI Gateway asks Coder's database, in parts that its sections share."""

from __future__ import annotations

from collections.abc import Mapping

from components.dashboards import sql, uids
from components.dashboards.links import by_cell
from components.dashboards.panel import Unit
from components.dashboards.sql import Join, Select, Sql, in_range
from components.dashboards.tables import (
    Column,
    Interceptions,
    ModelPrices,
    TokenUsages,
    ToolUsages,
    UserPrompts,
    Users,
)

PROMPT_CHARACTERS = 300
ROWS = 200
SPENDERS = 100
TOP = 20

CHOSEN_INTERCEPTION = "interception"
"""Variable of the dashboard: the id of the interception whose prompt is read in full."""
TO_PROMPT = {"interception": by_cell(uids.AI_GATEWAY, CHOSEN_INTERCEPTION)}
"""Links of a table that has the column."""

# One alias for each table: every query here reads a table once at most.
INTERCEPTION = Interceptions("i")
TOKENS = TokenUsages("t")
PROMPT = UserPrompts("q")
TOOL = ToolUsages("c")
_PRICE = ModelPrices("p")
_USER = Users("u")

USER_NAME = f"COALESCE({_USER.username}, {INTERCEPTION.initiator_id}::text)"
# Rows of before Coder named provider instances have an empty name.
PROVIDER = f"COALESCE(NULLIF({INTERCEPTION.provider_name}, ''), {INTERCEPTION.provider})"
INPUT = sql.total(TOKENS.input_tokens)
OUTPUT = sql.total(TOKENS.output_tokens)
CACHE_READ = sql.total(TOKENS.cache_read_input_tokens)
CACHE_WRITE = sql.total(TOKENS.cache_write_input_tokens)
CACHE = sql.total(TOKENS.cache_read_input_tokens, TOKENS.cache_write_input_tokens)
ALL_TOKENS = sql.total(
    TOKENS.input_tokens,
    TOKENS.output_tokens,
    TOKENS.cache_read_input_tokens,
    TOKENS.cache_write_input_tokens,
)
_PRICED = [
    (TOKENS.input_tokens, _PRICE.input_price),
    (TOKENS.output_tokens, _PRICE.output_price),
    (TOKENS.cache_read_input_tokens, _PRICE.cache_read_price),
    (TOKENS.cache_write_input_tokens, _PRICE.cache_write_price),
]
COST = sql.usd(_PRICED)
COST_OF_RESPONSE = sql.usd_of_row(_PRICED)
SPLIT: Mapping[str, Sql] = {"input": INPUT, "output": OUTPUT, "cache": CACHE}
"""Tokens by kind, so that a sum that grew says by what."""
TOKEN_UNITS = {"cost": Unit.USD, **dict.fromkeys(SPLIT, Unit.SHORT)}
COUNT = f"COUNT(DISTINCT {INTERCEPTION.id})"

WITH_USER = Join(_USER, _USER.id, INTERCEPTION.initiator_id, outer=True)
WITH_PRICE = Join(
    _PRICE,
    _PRICE.model,
    INTERCEPTION.model,
    also=f"{_PRICE.provider} = {INTERCEPTION.provider}",
    outer=True,
)
# Interceptions that used no token, such as failed ones, count too.
WITH_TOKENS = Join(TOKENS, TOKENS.interception_id, INTERCEPTION.id, outer=True)
STARTED = in_range(INTERCEPTION.started_at)


def interceptions(
    columns: Mapping[str, Sql], *joins: Join, group_by: tuple[str, ...] = ()
) -> Select:
    """Return a query of the interceptions in the range."""
    return Select(columns, INTERCEPTION, joins, [STARTED], group_by=group_by, order_by=group_by)


def of_interception(
    columns: Mapping[str, Sql],
    source: TokenUsages | UserPrompts | ToolUsages,
    *joins: Join,
    group_by: tuple[str, ...] = (),
    order_by: tuple[str, ...] = (),
    limit: int | None = None,
) -> Select:
    """Read a table whose rows belong to interceptions, in the range of their own time."""
    owner = Join(INTERCEPTION, INTERCEPTION.id, source.interception_id)
    return Select(
        columns,
        source,
        [owner, *joins],
        [in_range(source.created_at)],
        group_by=group_by,
        order_by=order_by,
        limit=limit,
    )


def ranking(name: str, group: Sql, figure: str, value: Sql, *joins: Join) -> Select:
    """Return the query of the most by a figure, named as its column."""
    return Select(
        {name: group, figure: value},
        INTERCEPTION,
        joins,
        [STARTED],
        group_by=[name],
        order_by=[f"-{figure}", name],
        limit=TOP,
    )


def over_time(time: Column, columns: Mapping[str, Sql], **by: Sql) -> Mapping[str, Sql]:
    """Return the columns of values over time, by series."""
    return {"time": sql.bucket(time), **by, **columns}
