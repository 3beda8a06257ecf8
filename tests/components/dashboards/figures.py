"""What every SQL panel must show, computed in Python from the generated rows."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from functools import cached_property

from tests.components.dashboards.generated import Deployment, Interception, Tokens
from tests.components.dashboards.grafana import View

Row = dict[str, object]
PICO = 10**12


@dataclass(frozen=True)
class Figures:
    """The rows of a deployment as one view of a dashboard sees them."""

    data: Deployment
    view: View

    @cached_property
    def by_id(self) -> Mapping[str, Interception]:
        return {i.id: i for i in self.data.interceptions}

    @cached_property
    def interceptions(self) -> list[Interception]:
        return [i for i in self.data.interceptions if self.view.contains(i.started_at)]

    @cached_property
    def tokens(self) -> list[Tokens]:
        return self._seen(self.data.tokens)

    @cached_property
    def prompts(self) -> list:
        return self._seen(self.data.prompts)

    @cached_property
    def tools(self) -> list:
        return self._seen(self.data.tools)

    def _seen(self, rows: Iterable) -> list:
        return [row for row in rows if self.view.contains(row.created_at)]

    def of(self, row) -> Interception:
        return self.by_id[row.interception_id]

    def user(self, interception: Interception) -> str:
        names = {user.id: user.username for user in self.data.users}
        return names.get(interception.initiator_id, interception.initiator_id)

    def cost(self, rows: Iterable[Tokens]) -> Fraction:
        prices = {(p.provider, p.model): p for p in self.data.prices}
        total = 0
        for row in rows:
            owner = self.of(row)
            price = prices.get((owner.provider, owner.model))
            if price:
                total += (
                    row.input_tokens * (price.input_price or 0)
                    + row.output_tokens * (price.output_price or 0)
                    + row.cache_read_input_tokens * (price.cache_read_price or 0)
                    + row.cache_write_input_tokens * (price.cache_write_price or 0)
                )
        return Fraction(total, PICO)

    def tokens_of(self, interceptions: Iterable[Interception]) -> list[Tokens]:
        ids = {i.id for i in interceptions}
        return [t for t in self.data.tokens if t.interception_id in ids]

    def spending(self, interceptions: list[Interception]) -> Row:
        used = self.tokens_of(interceptions)
        return {"interceptions": len(interceptions), **split(used), "cost": self.cost(used)}

    def buckets(self, rows: Iterable, when: str, **by: Callable) -> dict[tuple, list]:
        groups: dict[tuple, list] = defaultdict(list)
        for row in rows:
            key = (self.view.bucket(getattr(row, when)), *(of(row) for of in by.values()))
            groups[key].append(row)
        return dict(sorted(groups.items()))


def provider(interception: Interception) -> str:
    return interception.provider_name or interception.provider


def kind(tool) -> str:
    return "injected" if tool.injected else "client"


def grouped(rows: Iterable, key: Callable) -> dict:
    groups = defaultdict(list)
    for row in rows:
        groups[key(row)].append(row)
    return groups


def ranking(rows: Iterable, key: Callable, name: str, figure: str, limit: int = 20) -> list[Row]:
    counts = {group: len(members) for group, members in grouped(rows, key).items()}
    order = sorted(counts, key=lambda group: (-counts[group], group))
    return [{name: group, figure: counts[group]} for group in order[:limit]]


def newest(rows: Iterable, when: str, limit: int = 200) -> list:
    return sorted(rows, key=lambda row: getattr(row, when), reverse=True)[:limit]


def kinds(tokens: Iterable[Tokens]) -> Row:
    rows = list(tokens)
    return {
        "input": sum(t.input_tokens for t in rows),
        "output": sum(t.output_tokens for t in rows),
        "cache read": sum(t.cache_read_input_tokens for t in rows),
        "cache write": sum(t.cache_write_input_tokens for t in rows),
    }


def split(tokens: Iterable[Tokens]) -> Row:
    of = kinds(tokens)
    cache = of["cache read"] + of["cache write"]
    return {"input": of["input"], "output": of["output"], "cache": cache}


def top_spending(f: Figures, **by: Callable) -> list[Row]:
    rows = [
        {
            **dict(zip(by, group, strict=True)),
            "sessions": len({i.session_id for i in members}),
            **f.spending(members),
        }
        for group, members in grouped(
            f.interceptions, lambda i: tuple(of(i) for of in by.values())
        ).items()
    ]
    rows.sort(key=lambda row: (-row["cost"], -row["interceptions"], *(row[name] for name in by)))
    return rows[:100]


def recent_sessions(f: Figures) -> list[Row]:
    rows = [
        {
            "session": session,
            "user": user,
            "client": client,
            "models": ", ".join(sorted({i.model for i in members})),
            "first": min(i.started_at for i in members),
            "last": max(i.started_at for i in members),
            **f.spending(members),
        }
        for (session, user, client), members in grouped(
            f.interceptions, lambda i: (i.session_id, f.user(i), i.client)
        ).items()
    ]
    rows.sort(key=lambda row: row["session"])
    rows.sort(key=lambda row: row["last"], reverse=True)
    return rows[:200]


def tool_groups(f: Figures, key: Callable) -> list[tuple]:
    groups = [
        (group, members, sum(t.invocation_error is not None for t in members))
        for group, members in grouped(f.tools, key).items()
    ]
    return sorted(groups, key=lambda g: (-len(g[1]), g[0]))[:200]


def firewall_sessions(f: Figures) -> list[Row]:
    agents = {agent.id: agent.name for agent in f.data.agents}
    seen = [s for s in f.data.sessions if f.view.contains(s.started_at)]
    return [
        {
            "started": s.started_at,
            "agent": agents.get(s.workspace_agent_id, s.workspace_agent_id),
            "process": s.confined_process_name,
            "updated": s.updated_at,
            "session": s.id,
        }
        for s in newest(seen, "started_at", len(seen))
    ]


def _started_seconds(i: Interception) -> Decimal | None:
    if i.ended_at is None:
        return None
    return Decimal(str((i.ended_at - i.started_at).total_seconds()))


EXPECTED: Mapping[tuple[str, str], Callable[[Figures], list[Row]]] = {
    ("agent-firewall", "Firewall sessions"): lambda f: [{"sessions": len(firewall_sessions(f))}],
    ("agent-firewall", "Recent firewall sessions"): lambda f: firewall_sessions(f)[:200],
    ("ai-gateway", "Interceptions"): lambda f: [{"interceptions": len(f.interceptions)}],
    ("ai-gateway", "Active sessions"): lambda f: [
        {"sessions": len({i.session_id for i in f.interceptions})}
    ],
    ("ai-gateway", "Unique users"): lambda f: [
        {"users": len({i.initiator_id for i in f.interceptions})}
    ],
    ("ai-gateway", "Interceptions by provider"): lambda f: ranking(
        f.interceptions, provider, "provider", "interceptions"
    ),
    ("ai-gateway", "Interception activity"): lambda f: [
        {"time": time, "provider": name, "interceptions": len(rows)}
        for (time, name), rows in f.buckets(
            f.interceptions, "started_at", provider=provider
        ).items()
    ],
    ("ai-gateway", "Input tokens"): lambda f: [{"input": kinds(f.tokens)["input"]}],
    ("ai-gateway", "Output tokens"): lambda f: [{"output": kinds(f.tokens)["output"]}],
    ("ai-gateway", "Cache tokens"): lambda f: [
        {"cache": kinds(f.tokens)["cache read"] + kinds(f.tokens)["cache write"]}
    ],
    ("ai-gateway", "Total tokens"): lambda f: [{"total": sum(t.total for t in f.tokens)}],
    ("ai-gateway", "Estimated cost"): lambda f: [{"cost": f.cost(f.tokens)}],
    ("ai-gateway", "Cost an interception"): lambda f: [
        {
            "cost": f.cost(f.tokens_of(f.interceptions)) / len(f.interceptions)
            if f.interceptions
            else 0
        }
    ],
    ("ai-gateway", "Tokens over time"): lambda f: [
        {"time": time, **kinds(rows)} for (time,), rows in f.buckets(f.tokens, "created_at").items()
    ],
    ("ai-gateway", "Cost over time"): lambda f: [
        {"time": time, "model": model, "cost": f.cost(rows)}
        for (time, model), rows in f.buckets(
            f.tokens, "created_at", model=lambda t: f.of(t).model
        ).items()
    ],
    ("ai-gateway", "Top users"): lambda f: top_spending(f, user=f.user),
    ("ai-gateway", "Cost by model"): lambda f: top_spending(
        f, provider=provider, model=lambda i: i.model
    ),
    ("ai-gateway", "Token split"): lambda f: [kinds(f.tokens)],
    ("ai-gateway", "Interceptions by model"): lambda f: ranking(
        f.interceptions, lambda i: i.model, "model", "interceptions"
    ),
    ("ai-gateway", "Interceptions by user"): lambda f: ranking(
        f.interceptions, f.user, "user", "interceptions"
    ),
    ("ai-gateway", "Recent interceptions"): lambda f: [
        {
            "started": i.started_at,
            "user": f.user(i),
            "provider": provider(i),
            "model": i.model,
            "client": i.client,
            "user agent": i.user_agent,
            "credential": i.credential_kind,
            "seconds": _started_seconds(i),
            "session": i.session_id,
            "thread": i.thread_root_id,
            "interception": i.id,
        }
        for i in newest(f.interceptions, "started_at")
    ],
    ("ai-gateway", "Sessions"): recent_sessions,
    ("ai-gateway", "Recent prompts by session"): lambda f: [
        {
            "time": p.created_at,
            "session": f.of(p).session_id,
            "user": f.user(f.of(p)),
            "provider": provider(f.of(p)),
            "model": f.of(p).model,
            "prompt": p.prompt[:300],
        }
        for p in newest(f.prompts, "created_at")
    ],
    ("ai-gateway", "Recent tool calls"): lambda f: [
        {
            "time": t.created_at,
            "user": f.user(f.of(t)),
            "model": f.of(t).model,
            "tool": t.tool,
            "server": t.server_url,
            "injected": t.injected,
            "error": t.invocation_error,
            "session": f.of(t).session_id,
        }
        for t in newest(f.tools, "created_at")
    ],
    ("ai-gateway", "Token detail"): lambda f: [
        {
            "time": t.created_at,
            "user": f.user(f.of(t)),
            "provider": provider(f.of(t)),
            "model": f.of(t).model,
            **kinds([t]),
            "cost": f.cost([t]),
            "session": f.of(t).session_id,
        }
        for t in newest(f.tokens, "created_at")
    ],
    ("ai-gateway", "Tool calls over time"): lambda f: [
        {"time": time, "tool": name, "calls": len(rows)}
        for (time, name), rows in f.buckets(f.tools, "created_at", tool=lambda t: t.tool).items()
    ],
    ("ai-gateway", "Top tools"): lambda f: [
        {
            "tool": tool,
            "injected": injected,
            "calls": len(rows),
            "errors": errors,
            "interceptions": len({t.interception_id for t in rows}),
        }
        for (tool, injected), rows, errors in tool_groups(f, lambda t: (t.tool, t.injected))[:20]
    ],
    ("ai-gateway", "Tool calls by user, model and tool"): lambda f: [
        {
            "user": user,
            "provider": name,
            "model": model,
            "tool": tool,
            "calls": len(rows),
            "errors": errors,
        }
        for (user, name, model, tool), rows, errors in tool_groups(
            f, lambda t: (f.user(f.of(t)), provider(f.of(t)), f.of(t).model, t.tool)
        )
    ],
    ("ai-gateway", "MCP servers and tool sources"): lambda f: [
        {
            "source": source,
            "injected": injected,
            "tools": len({t.tool for t in rows}),
            "calls": len(rows),
            "errors": errors,
        }
        for (source, injected), rows, errors in tool_groups(
            f, lambda t: (t.server_url or "client", t.injected)
        )
    ],
    ("ai-gateway", "Injected and client calls"): lambda f: [
        {"kind": name, "calls": len(rows)} for name, rows in sorted(grouped(f.tools, kind).items())
    ],
    ("ai-gateway", "Prompts over time"): lambda f: [
        {"time": time, "provider": name, "prompts": len(rows)}
        for (time, name), rows in f.buckets(
            f.prompts, "created_at", provider=lambda p: provider(f.of(p))
        ).items()
    ],
    ("ai-gateway", "Prompts by user"): lambda f: ranking(
        f.prompts, lambda p: f.user(f.of(p)), "user", "prompts"
    ),
    ("ai-gateway", "Recent prompts"): lambda f: [
        {
            "time": p.created_at,
            "user": f.user(f.of(p)),
            "provider": provider(f.of(p)),
            "model": f.of(p).model,
            "prompt": p.prompt[:300],
            "interception": p.interception_id,
        }
        for p in newest(f.prompts, "created_at")
    ],
    ("ai-gateway", "Prompt in full"): lambda f: [
        {
            "time": p.created_at,
            "user": f.user(f.of(p)),
            "model": f.of(p).model,
            "prompt": p.prompt,
        }
        for p in f.data.prompts
        if p.interception_id == f.view.variables["interception"]
    ],
}
"""By dashboard and panel."""


def same(shown: str, expected: object) -> bool:
    """Compare a value as PostgreSQL prints it with what Python computed."""
    match expected:
        case None:
            return shown == ""
        case datetime():
            return datetime.fromisoformat(shown) == expected
        case bool():
            return shown == ("t" if expected else "f")
        case int() | Decimal():
            return Decimal(shown) == expected
        case Fraction():
            # numeric division rounds beyond the sixteenth digit; nobody pays less than that.
            return abs(Fraction(Decimal(shown)) - expected) < Fraction(1, 10**14)
        case _:
            return shown == expected
