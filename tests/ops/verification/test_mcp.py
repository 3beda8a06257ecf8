"""MCP servers as Coder has them, as they answer, and as coderd's log tells of them."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from components.settings.mcp import McpServerSettings
from ops.verification.mcp import SKIPPED, Mcp, Server
from ops.verification.model import Outcome, Result
from ops.verification.services import Services
from tests.ops.test_mcp_probe import LittleServer, serving
from tests.ops.verification.fake_coderd import FakeCoderd
from tests.ops.verification.fake_grafana import services
from tests.ops.verification.making import Making, deployment

KEY = "key-of-the-test"
PAGES = [{"result": {"tools": [{"name": name} for name in ("get_me", "list_issues", "drop_all")]}}]
REGISTERED = {
    "id": "s-1",
    "slug": "github",
    "enabled": True,
    "auth_type": "custom_headers",
    "transport": "streamable_http",
    "availability": "default_off",
    "tool_allow_list": ["get_me"],
    "tool_deny_list": [],
}
Look = Callable[..., dict[str, Result]]


def settings(url: str, **changes: Any) -> McpServerSettings:
    values = {"slug": "github", "displayName": "GitHub", "url": url, "tools": ["get_me"], **changes}
    return McpServerSettings.model_validate(values)


@pytest.fixture
def little() -> LittleServer:
    return LittleServer(pages=list(PAGES))


@pytest.fixture
def url(little: LittleServer) -> Iterator[str]:
    with serving(little.app) as url:
        yield url


@pytest.fixture
def look(tmp_path: Path, url: str) -> Look:
    def look(
        registered: dict[str, Any] | None = None,
        *,
        asked: Services | None = None,
        key: str | None = KEY,
        **changes: Any,
    ) -> dict[str, Result]:
        fake = FakeCoderd()
        there = {**REGISTERED, "url": url, **(registered or {})}
        fake.mcp_servers = [there]
        if registered is not None and not registered:
            fake.mcp_servers = None
        making = Making(tmp_path)
        server = Server(settings(url, **changes), key)
        Mcp(making.run(), deployment(fake), None, server, asked or services()).look()
        assert KEY not in repr(making.told)
        return dict(making.results)

    return look


def test_a_server_that_is_as_it_should_be(look: Look, url: str, little: LittleServer) -> None:
    seen = look()
    assert seen["mcp.registered"].detail == f"{url}, enabled"
    assert seen["mcp.handshake"].outcome is Outcome.PASSED
    assert seen["mcp.tools"].detail == "1 of 3 tools are allowed, each of them exists"
    # As Coder sends it: the key, and that nothing is to be written.
    for _, headers, _ in little.requests:
        assert headers["authorization"] == f"Bearer {KEY}"
        assert headers["x-mcp-readonly"] == "true"


@pytest.mark.parametrize(
    ("registered", "detail"),
    [
        ({"slug": "other"}, "Coder has no MCP server github"),
        ({"enabled": False}, "it is registered and not enabled"),
        ({"url": "https://evil.test/mcp"}, "Coder asks https://evil.test/mcp, not "),
        ({"tool_allow_list": []}, "Coder lets agents call every tool, and the stack get_me"),
        ({"tool_allow_list": None}, "Coder lets agents call every tool, and the stack get_me"),
        (
            {"tool_allow_list": ["get_me", "drop_all"]},
            "Coder lets agents call drop_all, get_me, and the stack get_me",
        ),
        ({"tool_deny_list": ["get_me"]}, "Coder denies get_me, and the stack none"),
        ({"auth_type": "none"}, "Coder has auth_type none, and the stack custom_headers"),
        ({"availability": "force_on"}, "Coder has availability force_on, and the stack default"),
        ({"transport": "sse"}, "Coder has transport sse, and the stack streamable_http"),
    ],
)
def test_a_server_that_coder_has_otherwise(
    look: Look, registered: dict[str, Any], detail: str
) -> None:
    seen = look(registered)["mcp.registered"]
    assert seen.outcome is Outcome.FAILED
    assert detail in seen.detail


def test_a_coder_without_mcp_servers(look: Look) -> None:
    seen = look({})["mcp.registered"]
    assert (seen.outcome, seen.next_step) == (
        Outcome.NOT_CHECKED,
        "they need Coder 2.37 or newer",
    )


@pytest.mark.parametrize(
    ("tools", "outcome", "detail"),
    [
        (["get_me", "gone"], Outcome.FAILED, "the server has no gone"),
        ([], Outcome.NOT_CHECKED, "the stack allows every tool, of which there are 3"),
    ],
)
def test_tools_against_the_allow_list(
    look: Look, tools: list[str], outcome: Outcome, detail: str
) -> None:
    seen = look(tools=tools)["mcp.tools"]
    assert (seen.outcome, seen.detail) == (outcome, detail)


def test_a_server_that_coders_client_drops(look: Look, little: LittleServer) -> None:
    little.notified = 204
    seen = look()["mcp.handshake"]
    assert (seen.outcome, seen.next_step) == (
        Outcome.FAILED,
        "use a release of the server that answers 202",
    )


def test_a_key_that_is_refused(look: Look) -> None:
    seen = look(key="another")
    assert {seen[check].outcome for check in ("mcp.handshake", "mcp.tools")} == {Outcome.FAILED}


@pytest.mark.parametrize("auth", ["oauth2", "user_oidc"])
def test_who_proves_who_they_are_is_not_asked_for(look: Look, auth: str) -> None:
    seen = look(authType=auth, readOnly=False)
    for check in ("mcp.handshake", "mcp.tools"):
        assert seen[check].outcome is Outcome.NOT_CHECKED
        assert "in a chat" in seen[check].next_step


def test_a_server_without_a_key_is_asked_without(look: Look, little: LittleServer) -> None:
    seen = look(authType="none", key=None)
    assert seen["mcp.handshake"].outcome is Outcome.FAILED, "the little server wants one"
    assert "authorization" not in little.requests[0][1]


def test_a_key_that_is_not_known(look: Look) -> None:
    seen = look(key=None)
    for check in ("mcp.handshake", "mcp.tools"):
        assert seen[check].outcome is Outcome.NOT_CHECKED
        assert "without CODER_SESSION_TOKEN" in seen[check].next_step


@pytest.mark.parametrize(
    ("lines", "outcome"),
    [
        (["coderd: started"], Outcome.PASSED),
        ([f"{SKIPPED} due to connection failure  mcp_server=other"], Outcome.PASSED),
        ([f"{SKIPPED} due to connection failure  mcp_server=github-enterprise"], Outcome.PASSED),
        ([f"{SKIPPED} due to connection failure  mcp_server=github"], Outcome.FAILED),
        # Of a log that is not there nobody knows what coderd did.
        ([], Outcome.NOT_CHECKED),
    ],
)
def test_what_coderd_logged(look: Look, lines: list[str], outcome: Outcome) -> None:
    queries: list[str] = []

    def loki(request: httpx.Request) -> httpx.Response:
        query = request.url.params["query"]
        queries.append(query)
        kept = [line for line in lines if SKIPPED not in query or SKIPPED in line]
        values = [[str(number), line] for number, line in enumerate(kept)]
        result = [{"stream": {}, "values": values}] if values else []
        data = {"resultType": "streams", "result": result}
        return httpx.Response(200, json={"status": "success", "data": data})

    assert look(asked=services(loki))["mcp.skipped"].outcome is outcome
    assert queries[0] == f"{{namespace=`coder`}} |= `{SKIPPED}`"
    assert queries[1:] in ([], ["{namespace=`coder`} |= `coderd`"])
