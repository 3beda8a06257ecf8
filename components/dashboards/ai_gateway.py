"""AI Gateway: what models were asked, by whom, at what cost, and with which tools.

coderd exports only the providers' health as metrics; all usage is in its PostgreSQL.
"""

from __future__ import annotations

from collections.abc import Mapping

from grafana_foundation_sdk.models.dashboard import Dashboard

from components.dashboards import logql, sql, uids
from components.dashboards.context import DashboardContext
from components.dashboards.model import (
    Column,
    Interceptions,
    Metrics,
    ModelPrices,
    TokenUsages,
    ToolUsages,
    UserPrompts,
    Users,
)
from components.dashboards.panels import (
    Color,
    Section,
    Threshold,
    Unit,
    bar_gauge_panel,
    build_dashboard,
    logs_panel,
    loki_lines,
    loki_metric,
    pie_panel,
    promql,
    sql_rows,
    sql_series,
    stat_panel,
    table_panel,
    timeseries_panel,
)
from components.dashboards.promql import aggregate, at_least, select
from components.dashboards.sql import Join, Select, Sql, in_range

UID = uids.AI_GATEWAY
TITLE = "AI Gateway"

PROMPT_CHARACTERS = 300
ROWS = 200
TOP = 20

# One alias for each table: every query here reads a table once at most.
_INTERCEPTION = Interceptions("i")
_TOKENS = TokenUsages("t")
_PROMPT = UserPrompts("q")
_TOOL = ToolUsages("c")
_PRICE = ModelPrices("p")
_USER = Users("u")

_USER_NAME = f"COALESCE({_USER.username}, {_INTERCEPTION.initiator_id}::text)"
# Rows of before Coder named provider instances have an empty name.
_PROVIDER = f"COALESCE(NULLIF({_INTERCEPTION.provider_name}, ''), {_INTERCEPTION.provider})"
_INPUT = sql.total(_TOKENS.input_tokens)
_OUTPUT = sql.total(_TOKENS.output_tokens)
_CACHE_READ = sql.total(_TOKENS.cache_read_input_tokens)
_CACHE_WRITE = sql.total(_TOKENS.cache_write_input_tokens)
_CACHE = sql.total(_TOKENS.cache_read_input_tokens, _TOKENS.cache_write_input_tokens)
_ALL_TOKENS = sql.total(
    _TOKENS.input_tokens,
    _TOKENS.output_tokens,
    _TOKENS.cache_read_input_tokens,
    _TOKENS.cache_write_input_tokens,
)
_COST = sql.usd(
    [
        (_TOKENS.input_tokens, _PRICE.input_price),
        (_TOKENS.output_tokens, _PRICE.output_price),
        (_TOKENS.cache_read_input_tokens, _PRICE.cache_read_price),
        (_TOKENS.cache_write_input_tokens, _PRICE.cache_write_price),
    ]
)
_COUNT = f"COUNT(DISTINCT {_INTERCEPTION.id})"

_WITH_USER = Join(_USER, _USER.id, _INTERCEPTION.initiator_id, outer=True)
_WITH_PRICE = Join(
    _PRICE,
    _PRICE.model,
    _INTERCEPTION.model,
    also=f"{_PRICE.provider} = {_INTERCEPTION.provider}",
    outer=True,
)
# Interceptions that used no token, such as failed ones, count too.
_WITH_TOKENS = Join(_TOKENS, _TOKENS.interception_id, _INTERCEPTION.id, outer=True)
_STARTED = in_range(_INTERCEPTION.started_at)


def _interceptions(
    columns: Mapping[str, Sql], *joins: Join, group_by: tuple[str, ...] = ()
) -> Select:
    return Select(columns, _INTERCEPTION, joins, [_STARTED], group_by=group_by, order_by=group_by)


def _of_interception(
    columns: Mapping[str, Sql],
    source: TokenUsages | UserPrompts | ToolUsages,
    *joins: Join,
    group_by: tuple[str, ...] = (),
    order_by: tuple[str, ...] = (),
    limit: int | None = None,
) -> Select:
    """Read a table whose rows belong to interceptions, in the range of their own time."""
    owner = Join(_INTERCEPTION, _INTERCEPTION.id, source.interception_id)
    return Select(
        columns,
        source,
        [owner, *joins],
        [in_range(source.created_at)],
        group_by=group_by,
        order_by=order_by,
        limit=limit,
    )


def _ranking(name: str, group: Sql, figure: str, value: Sql, *joins: Join) -> Select:
    return Select(
        {name: group, figure: value},
        _INTERCEPTION,
        joins,
        [_STARTED],
        group_by=[name],
        order_by=[f"-{figure}", name],
        limit=TOP,
    )


def _over_time(time: Column, columns: Mapping[str, Sql], **by: Sql) -> Mapping[str, Sql]:
    return {"time": sql.bucket(time), **by, **columns}


def _overview(context: DashboardContext) -> Section:
    reload = select(Metrics.PROVIDERS_LAST_RELOAD)
    success = select(Metrics.PROVIDERS_LAST_RELOAD_SUCCESS)
    gateway_logs = logql.containing(context.coder_logs, "aibridged")
    activity = _over_time(
        _INTERCEPTION.started_at,
        {"interceptions": "COUNT(*)"},
        provider=_PROVIDER,
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
                        aggregate("max", select(Metrics.PROVIDER_INFO), "provider_name"),
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
                sql_rows(_interceptions({"interceptions": "COUNT(*)"})),
            ),
            stat_panel(
                "Active sessions",
                "Sessions with at least one interception in the range.",
                sql_rows(
                    _interceptions({"sessions": f"COUNT(DISTINCT {_INTERCEPTION.session_id})"})
                ),
            ),
            stat_panel(
                "Unique users",
                "People on whose behalf a model was asked in the range.",
                sql_rows(
                    _interceptions({"users": f"COUNT(DISTINCT {_INTERCEPTION.initiator_id})"})
                ),
            ),
            table_panel(
                "Provider inventory",
                "Each provider and its status. error: its configuration was refused; see the "
                "gateway log. disabled: switched off on purpose.",
                promql(
                    aggregate(
                        "max",
                        select(Metrics.PROVIDER_INFO),
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
                sql_rows(_ranking("provider", _PROVIDER, "interceptions", "COUNT(*)")),
                width=12,
            ),
            timeseries_panel(
                "Interception activity",
                "Interceptions for each interval, by provider. None while agents work: they go "
                "past the gateway, or their provider fails.",
                sql_series(_interceptions(activity, group_by=("time", "provider"))),
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


def _usage() -> Section:
    def tokens(name: str, expression: str, *joins: Join) -> Select:
        return _of_interception({name: expression}, _TOKENS, *joins)

    tokens_over_time = _over_time(
        _TOKENS.created_at,
        {
            "input": _INPUT,
            "output": _OUTPUT,
            "cache read": _CACHE_READ,
            "cache write": _CACHE_WRITE,
        },
    )
    cost_over_time = _over_time(_TOKENS.created_at, {"cost": _COST}, model=_INTERCEPTION.model)
    cost_each = f"COALESCE({_COST} / NULLIF({_COUNT}, 0), 0)"
    return Section(
        "Usage and cost",
        [
            stat_panel(
                "Input tokens",
                "Tokens sent to models in the range, those read from a cache left out.",
                sql_rows(tokens("input", _INPUT)),
            ),
            stat_panel(
                "Output tokens",
                "Tokens that models answered with in the range.",
                sql_rows(tokens("output", _OUTPUT)),
            ),
            stat_panel(
                "Cache tokens",
                "Tokens written to and read from the providers' prompt caches in the range.",
                sql_rows(tokens("cache", _CACHE)),
            ),
            stat_panel(
                "Total tokens",
                "Input, output and cache tokens of the range.",
                sql_rows(tokens("total", _ALL_TOKENS)),
            ),
            stat_panel(
                "Estimated cost",
                "Tokens times Coder's list of prices. A model without a price counts as free: "
                "compare Cost by model before you trust a low figure.",
                sql_rows(tokens("cost", _COST, _WITH_PRICE)),
                unit=Unit.USD,
                decimals=2,
            ),
            stat_panel(
                "Cost an interception",
                "Estimated cost of the interceptions that started in the range, divided by "
                "their number. A rise without a new model: prompts grow or the cache misses.",
                sql_rows(_interceptions({"cost": cost_each}, _WITH_TOKENS, _WITH_PRICE)),
                unit=Unit.USD,
                decimals=4,
            ),
            timeseries_panel(
                "Tokens over time",
                "Tokens for each interval, by kind. Much input and little cache read: prompt "
                "caching does not work.",
                sql_series(
                    _of_interception(
                        tokens_over_time, _TOKENS, group_by=("time",), order_by=("time",)
                    )
                ),
                bars=True,
                stacked=True,
            ),
            timeseries_panel(
                "Cost over time",
                "Estimated cost for each interval, by model.",
                sql_series(
                    _of_interception(
                        cost_over_time,
                        _TOKENS,
                        _WITH_PRICE,
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
                sql_rows(_spending("user", _USER_NAME, _WITH_USER)),
                units={"cost": Unit.USD, "tokens": Unit.SHORT},
                width=12,
            ),
            table_panel(
                "Cost by model",
                "Interceptions, tokens and estimated cost of each model. Cost 0 with tokens: the "
                "model has no price in ai_model_prices.",
                sql_rows(_spending("model", _INTERCEPTION.model)),
                units={"cost": Unit.USD, "tokens": Unit.SHORT},
                width=12,
            ),
            pie_panel(
                "Token split",
                "The range's tokens by kind. A small share of cache read makes a session dear.",
                sql_rows(
                    _of_interception(
                        {
                            "input": _INPUT,
                            "output": _OUTPUT,
                            "cache read": _CACHE_READ,
                            "cache write": _CACHE_WRITE,
                        },
                        _TOKENS,
                    )
                ),
                slice_by="column",
            ),
            bar_gauge_panel(
                "Interceptions by model",
                f"The {TOP} models asked most in the range. One you did not approve: remove it "
                "from its provider.",
                sql_rows(_ranking("model", _INTERCEPTION.model, "interceptions", "COUNT(*)")),
                width=8,
            ),
            bar_gauge_panel(
                "Interceptions by user",
                f"The {TOP} people with the most interceptions in the range.",
                sql_rows(_ranking("user", _USER_NAME, "interceptions", "COUNT(*)", _WITH_USER)),
                width=8,
            ),
        ],
    )


def _spending(name: str, group: Sql, *joins: Join) -> Select:
    return Select(
        {name: group, "interceptions": _COUNT, "tokens": _ALL_TOKENS, "cost": _COST},
        _INTERCEPTION,
        [_WITH_TOKENS, _WITH_PRICE, *joins],
        [_STARTED],
        group_by=[name],
        order_by=["-cost", "-interceptions", name],
        limit=TOP,
    )


def _sessions() -> Section:
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
                    _of_interception(
                        {
                            "time": _PROMPT.created_at,
                            "session": _INTERCEPTION.session_id,
                            "user": _USER_NAME,
                            "prompt": sql.truncated(_PROMPT.prompt, PROMPT_CHARACTERS),
                        },
                        _PROMPT,
                        _WITH_USER,
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
                    _of_interception(
                        {
                            "time": _TOOL.created_at,
                            "user": _USER_NAME,
                            "model": _INTERCEPTION.model,
                            "tool": _TOOL.tool,
                            "server": _TOOL.server_url,
                            "injected": _TOOL.injected,
                            "error": _TOOL.invocation_error,
                        },
                        _TOOL,
                        _WITH_USER,
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
                    _of_interception(
                        {
                            "time": _TOKENS.created_at,
                            "user": _USER_NAME,
                            "provider": _PROVIDER,
                            "model": _INTERCEPTION.model,
                            "input": _TOKENS.input_tokens,
                            "output": _TOKENS.output_tokens,
                            "cache read": _TOKENS.cache_read_input_tokens,
                            "cache write": _TOKENS.cache_write_input_tokens,
                        },
                        _TOKENS,
                        _WITH_USER,
                        order_by=("-time",),
                        limit=ROWS,
                    )
                ),
            ),
        ],
    )


def _recent_interceptions() -> Select:
    interception = _INTERCEPTION
    seconds = f"EXTRACT(EPOCH FROM {interception.ended_at} - {interception.started_at})"
    return Select(
        {
            "started": interception.started_at,
            "user": _USER_NAME,
            "provider": _PROVIDER,
            "model": interception.model,
            "client": interception.client,
            "user agent": f"{interception.metadata} ->> 'request_user_agent'",
            "credential": interception.credential_kind,
            "seconds": seconds,
            "session": interception.session_id,
            "thread": interception.thread_root_id,
        },
        interception,
        [_WITH_USER],
        [_STARTED],
        order_by=["-started"],
        limit=ROWS,
    )


def _recent_sessions() -> Select:
    return Select(
        {
            "session": _INTERCEPTION.session_id,
            "user": _USER_NAME,
            "client": _INTERCEPTION.client,
            "first": f"MIN({_INTERCEPTION.started_at})",
            "last": f"MAX({_INTERCEPTION.started_at})",
            "interceptions": _COUNT,
            "tokens": _ALL_TOKENS,
            "cost": _COST,
        },
        _INTERCEPTION,
        [_WITH_TOKENS, _WITH_PRICE, _WITH_USER],
        [_STARTED],
        group_by=["session", "user", "client"],
        order_by=["-last", "session"],
        limit=ROWS,
    )


def _tools() -> Section:
    source = f"COALESCE({_TOOL.server_url}, 'client')"
    kind = f"CASE WHEN {_TOOL.injected} THEN 'injected' ELSE 'client' END"
    calls = "COUNT(*)"
    over_time = _over_time(_TOOL.created_at, {"calls": calls}, kind=kind)
    prompts_over_time = _over_time(_PROMPT.created_at, {"prompts": "COUNT(*)"})
    return Section(
        "Tools, MCP and prompts",
        [
            timeseries_panel(
                "Tool calls over time",
                "Tool calls for each interval: injected from MCP servers by the gateway, or "
                "brought by the client.",
                sql_series(
                    _of_interception(
                        over_time,
                        _TOOL,
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
                    _of_interception(
                        {"tool": _TOOL.tool, "calls": calls},
                        _TOOL,
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
                    _of_interception(
                        {
                            "user": _USER_NAME,
                            "model": _INTERCEPTION.model,
                            "calls": calls,
                            "errors": f"COUNT({_TOOL.invocation_error})",
                        },
                        _TOOL,
                        _WITH_USER,
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
                    _of_interception(
                        {
                            "source": source,
                            "tools": f"COUNT(DISTINCT {_TOOL.tool})",
                            "calls": calls,
                            "errors": f"COUNT({_TOOL.invocation_error})",
                        },
                        _TOOL,
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
                    _of_interception(
                        {"kind": kind, "calls": calls},
                        _TOOL,
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
                    _of_interception(
                        prompts_over_time, _PROMPT, group_by=("time",), order_by=("time",)
                    )
                ),
                bars=True,
                width=8,
            ),
            bar_gauge_panel(
                "Prompts by user",
                f"The {TOP} people with the most prompts in the range.",
                sql_rows(
                    _of_interception(
                        {"user": _USER_NAME, "prompts": "COUNT(*)"},
                        _PROMPT,
                        _WITH_USER,
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
                    _of_interception(
                        {
                            "time": _PROMPT.created_at,
                            "user": _USER_NAME,
                            "model": _INTERCEPTION.model,
                            "prompt": sql.truncated(_PROMPT.prompt, PROMPT_CHARACTERS),
                        },
                        _PROMPT,
                        _WITH_USER,
                        order_by=("-time",),
                        limit=ROWS,
                    )
                ),
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
        sections=[_overview(context), _usage(), _sessions(), _tools()],
        time_from="now-24h",
        refresh="5m",
    )
