"""Data as a deployment would hold it, the same in every run: rows of Coder's tables, audit lines.

It holds what breaks queries: users that are gone, models without a price or with part of one,
interceptions without tokens, rows on both sides of the range, quotes, unicode, long texts.
"""

import json
import random
import uuid
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from tests.components.dashboards.generated_requests import END, START, URLS, rule_of

PROMPTS = (
    "Fix the failing test in 'settings.py'",
    'Say "hello", then `rm -rf build`; -- DROP TABLE users',
    "Übersetze die Anleitung 日本語 🚀 \\ backslash",
    "x" * 299 + "YZ and more that is cut off",
    "line one\nline two\ttabbed",
)
TOOLS = (
    ("read_file", None, False),
    ("bash", None, False),
    ("coder_list_workspaces", "https://coder.example/api/experimental/mcp/http", True),
    ("search_issues", "https://gitlab.example/api/v4/mcp", True),
    ("naïve_tool", "https://gitlab.example/api/v4/mcp", True),
)


@dataclass(frozen=True)
class User:
    id: str
    username: str


@dataclass(frozen=True)
class Price:
    provider: str
    model: str
    input_price: int | None
    output_price: int | None
    cache_read_price: int | None
    cache_write_price: int | None


@dataclass(frozen=True)
class Interception:
    id: str
    initiator_id: str
    provider: str
    provider_name: str
    model: str
    started_at: datetime
    ended_at: datetime | None
    client: str
    client_session_id: str | None
    thread_root_id: str | None
    credential_kind: str
    user_agent: str | None
    agent_firewall_session_id: str | None = None
    agent_firewall_sequence_number: int | None = None

    @property
    def session_id(self) -> str:
        return self.client_session_id or self.thread_root_id or self.id


@dataclass(frozen=True)
class Tokens:
    interception_id: str
    input_tokens: int
    output_tokens: int
    cache_read_input_tokens: int
    cache_write_input_tokens: int
    created_at: datetime

    @property
    def total(self) -> int:
        return (
            self.input_tokens
            + self.output_tokens
            + self.cache_read_input_tokens
            + self.cache_write_input_tokens
        )


@dataclass(frozen=True)
class Prompt:
    interception_id: str
    prompt: str
    created_at: datetime


@dataclass(frozen=True)
class Tool:
    interception_id: str
    tool: str
    server_url: str | None
    injected: bool
    invocation_error: str | None
    created_at: datetime


@dataclass(frozen=True)
class Agent:
    id: str
    name: str


@dataclass(frozen=True)
class Session:
    id: str
    workspace_agent_id: str
    confined_process_name: str
    started_at: datetime
    updated_at: datetime
    owner_id: str


@dataclass(frozen=True)
class Log:
    id: str
    session_id: str
    owner_id: str
    sequence_number: int
    captured_at: datetime
    proto: str
    method: str
    detail: str
    matched_rule: str | None


@dataclass
class Deployment:
    """All rows, and the lookups a query's joins stand for."""

    users: list[User] = field(default_factory=list)
    prices: list[Price] = field(default_factory=list)
    interceptions: list[Interception] = field(default_factory=list)
    tokens: list[Tokens] = field(default_factory=list)
    prompts: list[Prompt] = field(default_factory=list)
    tools: list[Tool] = field(default_factory=list)
    agents: list[Agent] = field(default_factory=list)
    sessions: list[Session] = field(default_factory=list)
    logs: list[Log] = field(default_factory=list)


def deployment(seed: int = 5) -> Deployment:
    """Return the rows of one generated deployment."""
    rng = random.Random(seed)

    def new_id() -> str:
        return str(uuid.UUID(int=rng.getrandbits(128), version=4))

    data = Deployment()
    data.users = [User(new_id(), name) for name in ("ada", "o'brien", "zoë", "quiet")]
    data.prices = [
        Price("anthropic", "claude-opus-4-7", 5_000_000, 25_000_000, 500_000, 6_250_000),
        Price("anthropic", "claude-haiku-4-5", 1_000_000, 5_000_000, None, None),
        # The same model elsewhere, at another price.
        Price("bedrock", "claude-opus-4-7", 5_500_000, 27_500_000, 550_000, 6_875_000),
    ]
    models = [
        ("anthropic", "anthropic", "claude-opus-4-7"),
        ("anthropic", "", "claude-haiku-4-5"),
        ("bedrock", "bedrock-us-gov-west-1", "claude-opus-4-7"),
        ("openai", "openai", "gpt-without-price"),
    ]
    gone = new_id()
    moments = iter(_distinct_moments(rng, 1400))
    sessions: list[tuple[str, str, str | None]] = [
        (rng.choice(data.users[:3]).id, rng.choice(["Claude Code", "Codex"]), f"session {n} é")
        for n in range(14)
    ]
    sessions.append((gone, "Unknown", None))
    for number in range(260):
        owner, client, session = rng.choice(sessions)
        provider, provider_name, model = rng.choice(models)
        started = next(moments)
        earlier = rng.choice(data.interceptions).id if data.interceptions else None
        made = Interception(
            id=new_id(),
            initiator_id=owner,
            provider=provider,
            provider_name=provider_name,
            model=model,
            started_at=started,
            ended_at=None if number % 17 == 0 else started + timedelta(milliseconds=number * 37),
            client=client,
            client_session_id=session,
            thread_root_id=earlier if session is None and number % 2 else None,
            credential_kind=rng.choice(["centralized", "byok_api_key"]),
            user_agent=None if number % 11 == 0 else "claude-cli/2.1 (\"é')",
        )
        data.interceptions.append(made)
        for _ in range(number % 3):  # one in three used no token
            data.tokens.append(
                Tokens(
                    made.id,
                    rng.randrange(2_000_000),
                    rng.randrange(200_000),
                    rng.choice([0, rng.randrange(9_000_000)]),
                    rng.choice([0, rng.randrange(500_000)]),
                    next(moments),
                )
            )
        if number % 2:
            data.prompts.append(Prompt(made.id, rng.choice(PROMPTS), next(moments)))
        for _ in range(number % 4):
            tool, server, injected = rng.choice(TOOLS)
            error = "MCP: 'timeout'" if injected and rng.random() < 0.3 else None
            data.tools.append(Tool(made.id, tool, server, injected, error, next(moments)))
    data.agents = [Agent(new_id(), name) for name in ("main", "dev")]
    for number in range(230):
        started = next(moments)
        data.sessions.append(
            Session(
                new_id(),
                # Of some sessions the agent is gone, with its workspace.
                new_id() if number % 40 == 0 else rng.choice(data.agents).id,
                rng.choice(["claude", "bash 'é\""]),
                started,
                started + timedelta(seconds=number),
                gone if number % 50 == 0 else rng.choice(data.users).id,
            )
        )
    _record_requests(data, rng)
    return data


def _record_requests(data: Deployment, rng: random.Random) -> None:
    """Give some sessions their requests, and some of these the prompts that came with them."""
    asking = {prompt.interception_id for prompt in data.prompts}
    places = {each.id: place for place, each in enumerate(data.interceptions)}
    free = iter([*places])
    for session in data.sessions[::9]:
        # Requests to the gateway; between them is what the agent asked for then.
        prompts = {0, rng.randrange(5, 9), rng.randrange(9, 14)}
        for number in range(rng.choice((6, 17))):
            if number in prompts:
                place = places[next(free)]
                data.interceptions[place] = replace(
                    data.interceptions[place],
                    agent_firewall_session_id=session.id,
                    agent_firewall_sequence_number=number,
                )
            elif number == 3:
                continue  # lost on its way
            url, domain, _ = rng.choice(URLS)
            data.logs.append(
                Log(
                    str(uuid.UUID(int=rng.getrandbits(128), version=4)),
                    session.id,
                    session.owner_id,
                    number,
                    session.started_at + timedelta(seconds=number),
                    "http",
                    rng.choice(("GET", "POST")),
                    url,
                    rule_of(domain),
                )
            )
    assert asking & {i.id for i in data.interceptions if i.agent_firewall_session_id}


def busy_session(data: Deployment, since: datetime = START) -> str:
    """Return the session with the most requests, all of them from `since` to the range's end."""
    requests: dict[str, list[datetime]] = {}
    for log in data.logs:
        requests.setdefault(log.session_id, []).append(log.captured_at)
    within = [each for each, times in requests.items() if since <= min(times) and max(times) <= END]
    return max(within, key=lambda each: len(requests[each]))


def until(data: Deployment, end: datetime) -> Deployment:
    """Return the rows with what Boundary recorded until a moment, and nothing of later."""
    return replace(
        data,
        sessions=[
            replace(each, updated_at=min(each.updated_at, end))
            for each in data.sessions
            if each.started_at <= end
        ],
        logs=[each for each in data.logs if each.captured_at <= end],
    )


def long_prompt(data: Deployment) -> str:
    """Return an interception whose prompt is longer than what a table shows of it."""
    return next(p.interception_id for p in data.prompts if len(p.prompt) > 300)


def _distinct_moments(rng: random.Random, count: int) -> list[datetime]:
    # Distinct, so that an order by time is one order; from an hour before the range to one after.
    offsets = rng.sample(range(-3_600_000, 7 * 3_600_000), count)
    return [START + timedelta(milliseconds=offset) for offset in offsets]


def inserts(data: Deployment) -> str:
    """Return the SQL that fills Coder's tables."""
    statements = [
        _insert(
            "users",
            ("id", "email", "username", "hashed_password"),
            [(u.id, f"{u.id}@example.com", u.username, "\\x00") for u in data.users],
        ),
        _insert(
            "workspace_agents",
            ("id", "name", "auth_token"),
            [(a.id, a.name, a.id) for a in data.agents],
        ),
        _insert_all("ai_model_prices", data.prices),
        _insert(
            "aibridge_interceptions",
            (
                *("id", "initiator_id", "provider", "provider_name", "model", "started_at"),
                *("ended_at", "client", "client_session_id", "thread_root_id"),
                *("credential_kind", "metadata"),
                *("agent_firewall_session_id", "agent_firewall_sequence_number"),
            ),
            [
                (
                    *(i.id, i.initiator_id, i.provider, i.provider_name, i.model, i.started_at),
                    *(i.ended_at, i.client, i.client_session_id, i.thread_root_id),
                    i.credential_kind,
                    json.dumps({"request_user_agent": i.user_agent} if i.user_agent else {}),
                    *(i.agent_firewall_session_id, i.agent_firewall_sequence_number),
                )
                for i in data.interceptions
            ],
        ),
        _insert_all("aibridge_token_usages", data.tokens),
        _insert_all("aibridge_user_prompts", data.prompts),
        _insert_all("aibridge_tool_usages", data.tools),
        _insert_all("boundary_sessions", data.sessions),
        _insert_all("boundary_logs", data.logs),
    ]
    return "\n".join(statements)


def _insert_all(table: str, rows: list) -> str:
    names = tuple(vars(rows[0]))
    return _insert(table, names, [tuple(vars(row).values()) for row in rows])


def _insert(table: str, columns: tuple[str, ...], rows: list[tuple]) -> str:
    values = ",\n".join("(" + ", ".join(map(_literal, row)) + ")" for row in rows)
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES\n{values};"


def _literal(value: object) -> str:
    match value:
        case None:
            return "NULL"
        case bool() | int():
            return str(value)
        case datetime():
            return f"'{value.isoformat()}'"
        case _:
            return "'" + str(value).replace("'", "''") + "'"
