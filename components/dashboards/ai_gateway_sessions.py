"""The section of the AI Gateway's dashboard on interceptions and sessions."""

from __future__ import annotations

from components.dashboards import sql
from components.dashboards.ai_gateway_queries import (
    COST,
    COST_OF_RESPONSE,
    COUNT,
    INTERCEPTION,
    PROMPT,
    PROMPT_CHARACTERS,
    PROVIDER,
    ROWS,
    SPLIT,
    STARTED,
    TO_PROMPT,
    TOKEN_UNITS,
    TOKENS,
    TOOL,
    USER_NAME,
    WITH_PRICE,
    WITH_TOKENS,
    WITH_USER,
    of_interception,
)
from components.dashboards.layout import Section
from components.dashboards.panel import Unit
from components.dashboards.panels import table_panel
from components.dashboards.queries import sql_rows
from components.dashboards.sql import Select


def sessions() -> Section:
    """Return the section on interceptions and sessions, the latest in tables."""
    return Section(
        "Intercepts and sessions",
        [
            table_panel(
                "Recent interceptions",
                f"The newest {ROWS} interceptions. No end: still running, or the replica that "
                "served it went away. Follow one to its prompt.",
                sql_rows(_recent_interceptions()),
                units={"seconds": Unit.SECONDS},
                links=TO_PROMPT,
            ),
            table_panel(
                "Sessions",
                f"The {ROWS} sessions used last in the range. Many interceptions in short time: "
                "an agent in a loop; tell its user.",
                sql_rows(_recent_sessions()),
                units=TOKEN_UNITS,
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
                            "provider": PROVIDER,
                            "model": INTERCEPTION.model,
                            "prompt": sql.truncated(PROMPT.prompt, PROMPT_CHARACTERS),
                        },
                        PROMPT,
                        WITH_USER,
                        order_by=("-time",),
                        limit=ROWS,
                    )
                ),
                height=8,
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
                            "session": INTERCEPTION.session_id,
                        },
                        TOOL,
                        WITH_USER,
                        order_by=("-time",),
                        limit=ROWS,
                    )
                ),
                height=8,
            ),
            table_panel(
                "Token detail",
                f"The newest {ROWS} responses, the tokens of each and its estimated cost. One far "
                "dearer than the others: read its prompt under Recent prompts by session.",
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
                            "cost": COST_OF_RESPONSE,
                            "session": INTERCEPTION.session_id,
                        },
                        TOKENS,
                        WITH_USER,
                        WITH_PRICE,
                        order_by=("-time",),
                        limit=ROWS,
                    )
                ),
                units={"cost": Unit.USD},
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
            "interception": interception.id,
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
            "models": sql.distinct(INTERCEPTION.model),
            "first": f"MIN({INTERCEPTION.started_at})",
            "last": f"MAX({INTERCEPTION.started_at})",
            "interceptions": COUNT,
            **SPLIT,
            "cost": COST,
        },
        INTERCEPTION,
        [WITH_TOKENS, WITH_PRICE, WITH_USER],
        [STARTED],
        group_by=["session", "user", "client"],
        order_by=["-last", "session"],
        limit=ROWS,
    )
