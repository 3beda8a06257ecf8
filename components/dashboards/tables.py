"""What the dashboards may read of Coder's PostgreSQL: every table and column, by name and type.

Queries are built from these values alone, so a name that does not exist is an attribute error
in Python and an error of the type checker, not an empty panel. Source: Coder's
`coderd/database/dump.sql`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, overload


@dataclass(frozen=True)
class Column:
    """One column of a table under the alias it has in one query."""

    table: str
    alias: str
    name: str
    type: str

    def __str__(self) -> str:
        return f"{self.alias}.{self.name}"


class _Declared:
    """Declares a column in a `Table` and yields it under the table's alias."""

    def __init__(self, sql_type: str, *, later: bool = False) -> None:
        self.type = sql_type
        self.later = later
        self.name = ""

    def __set_name__(self, owner: type[Table], name: str) -> None:
        self.name = name

    @overload
    def __get__(self, instance: None, owner: type[Table]) -> _Declared: ...

    @overload
    def __get__(self, instance: Table, owner: type[Table]) -> Column: ...

    def __get__(self, instance: Table | None, owner: type[Table]) -> Column | _Declared:
        if instance is None:
            return self
        return Column(owner.NAME, instance.alias, self.name, self.type)


class Table:
    """A table that the role `grafana_ro` may read, under an alias.

    `str(table)` is what stands in a FROM clause.
    """

    NAME: ClassVar[str]
    COLUMN_GRANT: ClassVar[bool] = False
    """Whether the role may read only the columns named here, as the others hold credentials."""

    OPTIONAL: ClassVar[bool] = False
    """Whether Coder's earlier releases, which are served from 2.30 on, lack the table."""

    def __init__(self, alias: str) -> None:
        self.alias = alias

    def __str__(self) -> str:
        return f"{self.NAME} AS {self.alias}"

    @classmethod
    def columns(cls) -> Iterator[tuple[str, str]]:
        """Yield name and PostgreSQL type of every column declared."""
        for name, value in vars(cls).items():
            if isinstance(value, _Declared):
                yield name, value.type

    @classmethod
    def later_columns(cls) -> Iterator[str]:
        """Yield the names of the columns that the oldest release served has not."""
        for name, value in vars(cls).items():
            if isinstance(value, _Declared) and (value.later or cls.OPTIONAL):
                yield name


_UUID = "uuid"
_TEXT = "text"
_TIME = "timestamp with time zone"
_COUNT = "bigint"


class Interceptions(Table):
    """One request to a model provider that the AI Gateway intercepted."""

    NAME = "aibridge_interceptions"
    id = _Declared(_UUID)
    initiator_id = _Declared(_UUID)
    provider = _Declared(_TEXT)
    provider_name = _Declared(_TEXT, later=True)
    model = _Declared(_TEXT)
    started_at = _Declared(_TIME)
    ended_at = _Declared(_TIME)
    session_id = _Declared(_TEXT, later=True)
    thread_root_id = _Declared(_UUID, later=True)
    client = _Declared("character varying", later=True)
    metadata = _Declared("jsonb")
    credential_kind = _Declared("credential_kind", later=True)
    agent_firewall_session_id = _Declared(_UUID, later=True)
    agent_firewall_sequence_number = _Declared("integer", later=True)


class TokenUsages(Table):
    """Tokens of one response; `input_tokens` leaves the cached ones out."""

    NAME = "aibridge_token_usages"
    interception_id = _Declared(_UUID)
    input_tokens = _Declared(_COUNT)
    output_tokens = _Declared(_COUNT)
    cache_read_input_tokens = _Declared(_COUNT, later=True)
    cache_write_input_tokens = _Declared(_COUNT, later=True)
    created_at = _Declared(_TIME)


class UserPrompts(Table):
    """The text a user sent."""

    NAME = "aibridge_user_prompts"
    interception_id = _Declared(_UUID)
    prompt = _Declared(_TEXT)
    created_at = _Declared(_TIME)


class ToolUsages(Table):
    """One tool call; `server_url` is null for a tool that the client brought."""

    NAME = "aibridge_tool_usages"
    interception_id = _Declared(_UUID)
    tool = _Declared(_TEXT)
    server_url = _Declared(_TEXT)
    injected = _Declared("boolean")
    invocation_error = _Declared(_TEXT)
    created_at = _Declared(_TIME)


class ModelThoughts(Table):
    """The reasoning a model returned. Granted, and shown on no dashboard."""

    NAME = "aibridge_model_thoughts"
    OPTIONAL = True
    interception_id = _Declared(_UUID)
    content = _Declared(_TEXT)
    created_at = _Declared(_TIME)


class ModelPrices(Table):
    """Prices in 1e-12 USD a token (micro-USD a million tokens); null where there is none."""

    NAME = "ai_model_prices"
    OPTIONAL = True
    provider = _Declared(_TEXT)
    model = _Declared(_TEXT)
    input_price = _Declared(_COUNT)
    output_price = _Declared(_COUNT)
    cache_read_price = _Declared(_COUNT)
    cache_write_price = _Declared(_COUNT)


class BoundarySessions(Table):
    """One run of a confined process behind the firewall."""

    NAME = "boundary_sessions"
    OPTIONAL = True
    id = _Declared(_UUID)
    owner_id = _Declared(_UUID)
    workspace_agent_id = _Declared(_UUID)
    confined_process_name = _Declared(_TEXT)
    started_at = _Declared(_TIME)
    updated_at = _Declared(_TIME)


class BoundaryLogs(Table):
    """One request of a session, numbered in it; `matched_rule` is null where none let it through.

    An interception holds the number of its own request, as the firewall sends both along.
    """

    NAME = "boundary_logs"
    OPTIONAL = True
    id = _Declared(_UUID)
    session_id = _Declared(_UUID)
    owner_id = _Declared(_UUID)
    sequence_number = _Declared("integer")
    captured_at = _Declared(_TIME)
    proto = _Declared(_TEXT)
    method = _Declared(_TEXT)
    detail = _Declared(_TEXT)
    matched_rule = _Declared(_TEXT)


class Users(Table):
    """The people behind the ids; the other columns hold e-mail addresses and password hashes."""

    NAME = "users"
    COLUMN_GRANT = True
    id = _Declared(_UUID)
    username = _Declared(_TEXT)


class WorkspaceAgents(Table):
    """The agents of workspaces; the other columns hold their tokens."""

    NAME = "workspace_agents"
    COLUMN_GRANT = True
    id = _Declared(_UUID)
    name = _Declared("character varying")


class AgentMetadata(Table):
    """What agents tell of their workspaces; the other columns hold the scripts that ask."""

    NAME = "workspace_agent_metadata"
    COLUMN_GRANT = True
    workspace_agent_id = _Declared(_UUID)
    key = _Declared("character varying")
    value = _Declared("character varying")
    error = _Declared("character varying")
    collected_at = _Declared(_TIME)


class Templates(Table):
    """The templates; whether Coder's own agents may use one came with 2.37, `agents_allowed`."""

    NAME = "templates"
    id = _Declared(_UUID)
    organization_id = _Declared(_UUID)
    name = _Declared("character varying")
    deleted = _Declared("boolean")


GRANTED_TABLES: tuple[type[Table], ...] = (
    Interceptions,
    TokenUsages,
    UserPrompts,
    ToolUsages,
    ModelThoughts,
    BoundarySessions,
    BoundaryLogs,
    ModelPrices,
    Users,
    WorkspaceAgents,
    AgentMetadata,
    Templates,
)
"""All that `grafana_ro` may read, in the order of the grants."""

_LATER_TABLES = "|".join(table.NAME for table in GRANTED_TABLES if table.OPTIONAL)
_LATER_COLUMNS = "|".join(
    name for table in GRANTED_TABLES if not table.OPTIONAL for name in table.later_columns()
)
_LATER = re.compile(rf"\b(?:{_LATER_TABLES})\b|\b[a-z]\.(?:{_LATER_COLUMNS})\b")


def reads_later(sql: str) -> bool:
    """Return whether a query reads a table or column that the oldest release served has not."""
    return _LATER.search(sql) is not None
