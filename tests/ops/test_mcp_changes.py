"""What a report says of MCP servers: tools by name, never by their place in a list."""

from typing import Any

import pytest

from ops import report
from ops.assessment import StackPreview
from ops.changes import UNKNOWN, Step
from ops.headline import headline
from ops.mcp_changes import Tools
from ops.tokens import MCP_SERVER

URL = "https://mcp.example/"
MORE = "agents get more MCP tools"


def previewed(op: str, old: dict[str, Any], new: dict[str, Any]) -> StackPreview:
    urn = f"urn:pulumi:dev::firewalled-coder::{MCP_SERVER}::github-server"
    shared = {"slug": "github", "url": URL, "authType": "api_key", "enabled": True}
    before = {} if op == "create" else {**shared, **old}
    after = {} if op == "delete" else {**shared, **new}
    return StackPreview("dev", steps=(Step(op, urn, MCP_SERVER, before, after),))


def lines(preview: StackPreview) -> list[str]:
    section = report.to_markdown([preview]).split("#### MCP servers\n\n")[1]
    return section.split("\n\n")[0].splitlines()


def allowed(*names: str) -> dict[str, Any]:
    return {"toolAllowLists": list(names)}


GET_A = "  - ⚠️ agents **get** (1): `a`"
LOSE_C = "  - agents lose (1): `c`"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        # One that comes first shifts all others.
        (allowed("b", "c"), allowed("a", "b", "c"), [GET_A]),
        (allowed("b", "c"), allowed("a", "b"), [GET_A, LOSE_C]),
        (allowed("b", "c"), allowed("b"), [LOSE_C]),
        ({}, allowed("b"), ["  - agents lose: **every tool** of the server but `b`"]),
        (allowed("b"), {}, ["  - ⚠️ agents **get**: **every tool** of the server but `b`"]),
        ({"toolDenyLists": ["a"]}, {}, [GET_A]),
        ({}, {"toolDenyLists": ["c"]}, [LOSE_C]),
        (allowed("a"), {**allowed("a"), "enabled": False}, ["  - agents lose (1): `a`"]),
    ],
)
def test_tools_that_agents_get_and_lose(
    old: dict[str, Any], new: dict[str, Any], said: list[str]
) -> None:
    found = previewed("update", old, new)
    head, *rest = lines(found)
    assert head == "- `github`"
    assert [line for line in rest if "agents" in line] == said
    gets = any("**get**" in line for line in said)
    assert found.warnings == ((MORE,) if gets else ())
    assert headline([found]).startswith(f"⚠️ {MORE}" if gets else "changes;")


def test_a_server_that_is_made_brings_all_its_tools() -> None:
    found = previewed("create", {}, allowed("b", "a"))
    assert lines(found) == [
        f"- `github`: created, `{URL}`",
        "  - ⚠️ agents **get** (2): `a`, `b`",
        "  - what proves who asks: `api_key` (one key for everybody)",
        "  - it is not asked to read only",
    ]
    assert found.warnings == (MORE,)
    assert "**every tool** of the server" in lines(previewed("create", {}, {}))[1]
    off = previewed("create", {}, {"enabled": False})
    assert off.warnings == ()


def test_a_server_that_goes_takes_its_tools() -> None:
    found = previewed("delete", allowed("c"), {})
    assert lines(found) == ["- `github`: **deleted**", LOSE_C]
    assert found.warnings == ()


def test_another_address_and_another_proof_are_said_to_be_that() -> None:
    new = {"url": "https://other.example/", "authType": "user_oidc", "description": "x"}
    found = previewed("update", {}, new)
    assert lines(found) == [
        "- `github`",
        f"  - ⚠️ **another address**: `{URL}` → `https://other.example/`; what agents ask, and "
        "what proves who asks, goes there",
        "  - ⚠️ what proves who asks: `api_key` (one key for everybody) → `user_oidc` (the token of "
        "each person's login to Coder)",
        "  - `description`: not set → `x`",
    ]
    assert headline([found]) == (
        "⚠️ an MCP server has another address; an MCP server gets the token of each person's login "
        "to Coder"
    )


def test_what_is_not_known_yet_is_said_so() -> None:
    found = previewed("update", allowed("a"), {"toolAllowLists": UNKNOWN})
    assert "  - ⚠️ which tools agents get is known after the update" in lines(found)
    assert found.warnings == (MORE,)


def test_machines_are_told_the_same() -> None:
    data = report.to_json([previewed("update", allowed("b"), {"url": "https://o.example/"})])
    assert data["stacks"][0]["mcpServers"] == [
        {
            "name": "github",
            "op": "update",
            "known": True,
            "gained": {"everyToolBut": ["b"]},
            "lost": {"tools": []},
            "address": {"before": URL, "after": "https://o.example/"},
            "warnings": [],
        }
    ]


def test_tools_less_others() -> None:
    some, every = Tools(frozenset("ab")), Tools(frozenset("a"), every=True)
    assert some.without(every) == Tools(frozenset("a"))
    assert every.without(Tools(frozenset("b"), every=True)) == Tools(frozenset("b"))
