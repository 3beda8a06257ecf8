"""What is told of an MCP server by what Coder has of it, not by the settings alone."""

from typing import Any

import pytest

from ops import drift, report
from ops.assessment import StackPreview
from ops.changes import steps
from ops.headline import headline
from ops.heard import Heard
from ops.mcp_changes import server_change, server_drift, terminal_lines
from ops.tokens import MCP_SERVER
from tests.ops.test_mcp_changes import MORE, lines

URN = f"urn:pulumi:dev::firewalled-coder::{MCP_SERVER}::key-server"
SHARED = {"slug": "key", "url": "https://mcp.example/readonly", "enabled": True}
KEY = {"authType": "api_key", "apiKeyHeader": "Authorization"}
REVOCATION = {"oauth2RevocationUrl": "https://l.example/revoke"}
CLIENT = {
    "oauth2ClientId": "x",
    "oauth2AuthUrl": "https://l.example/authorize",
    "oauth2TokenUrl": "https://l.example/token",
}
DISCOVERED = {"authType": "oauth2"}
LOGIN = {**DISCOVERED, **CLIENT}
KEEPS = "Coder keeps what the settings lack of an MCP server's login"
MOVED = "an MCP server's login is at another address"
WAY = "; to be rid of it, take the server out of the settings, `up`, put it back, `up` again"
NONE: dict[str, Any] = {}


def event(
    old: dict[str, Any], new: dict[str, Any], live: dict[str, Any], op: str = "update"
) -> dict[str, Any]:
    return {
        "op": op,
        "urn": URN,
        "type": MCP_SERVER,
        "old": {"inputs": SHARED | old, "outputs": SHARED | old | live},
        "new": {"inputs": SHARED | new, "outputs": {}},
        "diffs": ["toolDenyLists"],
    }


def previewed(*given: Any) -> StackPreview:
    return StackPreview("dev", steps=steps([event(*given)]))


@pytest.mark.parametrize(
    ("old", "record", "said", "plain"),
    [
        (
            NONE,
            {"toolAllowLists": ["a"]},
            "**every tool** of the server but `a`",
            "every tool but a",
        ),
        ({"toolAllowLists": ["a", "b"]}, {"toolDenyLists": ["b"]}, "(1): `b`", "b"),
        # A refresh takes into the inputs what stands there already.
        ({"toolAllowLists": ["a"]}, {"enabled": False}, "(1): `a`", "a"),
    ],
)
def test_tools_that_somebody_took_away_come_back_by_name(
    old: dict[str, Any], record: dict[str, Any], said: str, plain: str
) -> None:
    live = {"toolAllowLists": [], "toolDenyLists": [], **old, **record}
    found = previewed(KEY | old, KEY | old, live)
    (line,) = (each for each in lines(found) if "agents" in each)
    assert line.startswith("  - ⚠️ agents **get**")
    assert line.endswith(said)
    assert headline([found]).startswith(f"⚠️ {MORE}")
    assert terminal_lines(found.servers) == [f"MCP server key: agents get {plain}"]


def test_tools_that_somebody_gave_go_and_warn_of_nothing() -> None:
    old = {**KEY, "toolAllowLists": ["a"]}
    found = previewed(old, old, {"toolAllowLists": ["a", "b"]})
    assert "  - agents lose (1): `b`" in lines(found)
    assert found.warnings == ()


def test_a_record_as_the_settings_say_tells_nothing_more() -> None:
    old = {**KEY, "toolAllowLists": ["b", "a"], "description": "x"}
    live = {"toolAllowLists": ["a", "b"], "toolDenyLists": [], "availability": "default_off"}
    found = previewed(old, {**old, "description": "y"}, live)
    assert lines(found) == ["- `key`", "  - `description`: `x` → `y`"]
    assert found.warnings == ()


def test_a_refresh_names_the_tools_that_an_update_gives_back() -> None:
    read = {"toolAllowLists": ["a"], "toolDenyLists": [], "enabled": True}
    seen = event(KEY, KEY, NONE)
    seen["old"]["outputs"] |= read | {"toolAllowLists": ["a", "b"]}
    seen["new"] = {"inputs": SHARED | KEY, "outputs": SHARED | KEY | read}
    assert list(drift.told(drift.refreshed([seen]), "dev"))[:2] == [
        "changed by somebody else: AgentsMcpServer key-server",
        "  agents have no longer: b; an update gives them back",
    ]
    assert server_drift({**read, "enabled": False}, {**read, "toolAllowLists": []}) == [
        "agents have newly: every tool; an update takes them away"
    ]


@pytest.mark.parametrize(
    ("old", "new", "record", "said"),
    [
        (
            LOGIN | REVOCATION,
            LOGIN,
            NONE,
            "  - ⚠️ Coder **still** gives tokens back at `https://l.example/revoke`" + WAY,
        ),
        # By hand, in Coder.
        (
            LOGIN,
            LOGIN,
            REVOCATION,
            "  - ⚠️ Coder **still** gives tokens back at `https://l.example/revoke`" + WAY,
        ),
        (
            LOGIN | REVOCATION,
            DISCOVERED,
            NONE,
            "  - ⚠️ Coder **stays** the client `x` of the login as it was" + WAY,
        ),
        (
            LOGIN | {"oauth2ClientSecretWoVersion": 7},
            LOGIN,
            NONE,
            "  - ⚠️ Coder **keeps** the secret of itself as a client" + WAY,
        ),
    ],
)
def test_what_coder_keeps_of_a_login_is_not_said_to_be_gone(
    old: dict[str, Any], new: dict[str, Any], record: dict[str, Any], said: str
) -> None:
    found = previewed(old, new, record)
    text = "\n".join(lines(found))
    assert said in text.splitlines()
    assert "not set" not in text
    assert "→" not in text
    assert found.warnings == (KEEPS,)
    (line,) = terminal_lines(found.servers)
    assert line == f"MCP server key: {said.removeprefix('  - ⚠️ ').replace('**', '')}"


def test_what_coder_keeps_is_told_of_a_server_that_nothing_changes() -> None:
    heard = Heard()
    heard.events.append(event(LOGIN, LOGIN, REVOCATION, "same"))
    found = heard.preview("dev", dict, dict)
    (name, told) = lines(found)
    assert name == "- `key`"
    assert "Coder **still** gives tokens back" in told
    assert (found.verdict, found.warnings) == ("same", (KEEPS,))
    heard.events[0] = event(LOGIN, DISCOVERED, NONE, "same")
    assert "Coder **stays** the client `x`" in lines(heard.preview("dev", dict, dict))[1]
    heard.events[0] = event(DISCOVERED, DISCOVERED, CLIENT | REVOCATION, "same")
    assert heard.preview("dev", dict, dict).servers == ()


def test_what_coder_found_out_itself_is_its_to_keep() -> None:
    change = {"description": "y"}
    found = previewed(DISCOVERED, DISCOVERED | change, CLIENT | REVOCATION)
    assert lines(found) == ["- `key`", "  - `description`: not set → `y`"]
    assert found.warnings == ()
    moved = previewed(DISCOVERED, DISCOVERED, CLIENT | REVOCATION, "replace")
    assert moved.warnings == ()


def test_a_server_that_is_made_anew_has_what_the_settings_say() -> None:
    gone = previewed(LOGIN | REVOCATION, LOGIN, NONE, "replace")
    assert "  - Coder gives tokens back at: `https://l.example/revoke` → `not set`" in lines(gone)
    assert any("people log in again" in each for each in lines(gone))
    assert gone.warnings == ()
    asked = previewed(LOGIN, DISCOVERED, NONE, "replace")
    assert "  - ⚠️ people log in at: `https://l.example/authorize` → what the server says" in lines(
        asked
    )
    assert asked.warnings == (MOVED,)
    assert "**replaced**" in report.to_markdown([asked])


def test_a_login_that_goes_as_a_whole_is_cleared_by_coder() -> None:
    found = previewed(LOGIN | REVOCATION, KEY, NONE)
    assert KEEPS not in found.warnings
    assert server_change(found.steps[0]).asking
