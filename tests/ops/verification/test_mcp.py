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
        ({"forward_coder_headers": True}, "Coder has forward_coder_headers true, and the stack f"),
        ({"allow_in_plan_mode": True}, "Coder has allow_in_plan_mode true, and the stack false"),
        ({"model_intent": True}, "Coder has model_intent true, and the stack false"),
    ],
)
def test_a_server_that_coder_has_otherwise(
    look: Look, registered: dict[str, Any], detail: str
) -> None:
    seen = look(registered)["mcp.registered"]
    assert seen.outcome is Outcome.FAILED
    assert detail in seen.detail


CLIENT = {
    "clientId": "coder",
    "authUrl": "https://login.test/authorize",
    "tokenUrl": "https://login.test/token",
    "scopes": ["read", "write"],
}
LOGIN = {
    "auth_type": "oauth2",
    "oauth2_client_id": "coder",
    "oauth2_auth_url": "https://login.test/authorize",
    "oauth2_token_url": "https://login.test/token",
    "oauth2_revocation_url": "",
    "oauth2_scopes": "read write",
}
PERSONAL = {"authType": "oauth2", "readOnly": False}


@pytest.mark.parametrize(
    ("name", "value", "declared"),
    [
        ("oauth2_client_id", "another", "coder"),
        ("oauth2_auth_url", "https://evil.test/", "https://login.test/authorize"),
        ("oauth2_token_url", "https://evil.test/", "https://login.test/token"),
        ("oauth2_revocation_url", "https://evil.test/", "none"),
        ("oauth2_scopes", "admin", "read write"),
        ("oauth2_scopes", "", "read write"),
    ],
)
def test_a_login_that_somebody_moved(look: Look, name: str, value: str, declared: str) -> None:
    seen = look(LOGIN, oauth2=CLIENT, **PERSONAL)["mcp.registered"]
    assert seen.outcome is Outcome.PASSED, seen
    seen = look({**LOGIN, name: value}, oauth2=CLIENT, **PERSONAL)["mcp.registered"]
    assert seen.outcome is Outcome.FAILED
    assert f"Coder has {name} {value or 'none'}, and the stack {declared}" in seen.detail


def test_a_login_that_coder_found_itself_is_told(look: Look) -> None:
    seen = look(LOGIN, **PERSONAL)["mcp.registered"]
    assert seen.outcome is Outcome.PASSED
    assert "with tokens of https://login.test/token, as Coder found out" in seen.detail


def test_a_key_in_another_header(look: Look) -> None:
    registered = {"auth_type": "api_key", "api_key_header": "X-Other"}
    seen = look(registered, readOnly=False)["mcp.registered"]
    assert seen.outcome is Outcome.FAILED
    assert "Coder has api_key_header X-Other, and the stack Authorization" in seen.detail
    registered["api_key_header"] = "Authorization"
    assert look(registered, readOnly=False)["mcp.registered"].outcome is Outcome.PASSED


def test_what_coder_hides_from_the_token_is_not_checked(look: Look) -> None:
    hidden = {"url": "", "transport": "", "api_key_header": ""}
    seen = look(hidden)["mcp.registered"]
    assert seen.outcome is Outcome.NOT_CHECKED
    assert "hides from this token where it asks" in seen.detail
    seen = look({**hidden, "tool_allow_list": []})["mcp.registered"]
    assert seen.outcome is Outcome.FAILED, "what it shows counts"


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
        # Of more lines than are asked for, Loki tells the newest.
        assert request.url.params["direction"] == "backward"
        kept = [line for line in lines if SKIPPED not in query or SKIPPED in line]
        values = [[str(number), line] for number, line in enumerate(kept)]
        result = [{"stream": {}, "values": values}] if values else []
        data = {"resultType": "streams", "result": result}
        return httpx.Response(200, json={"status": "success", "data": data})

    assert look(asked=services(loki))["mcp.skipped"].outcome is outcome
    named = r"|~ `(^|[^\w-])github([^\w-]|$)`"
    assert queries[0] == f"{{namespace=`coder`}} |= `{SKIPPED}` {named}"
    assert queries[1:] in ([], ["{namespace=`coder`} |= `coderd`"])


def test_what_coderd_logged_of_others_is_not_kept(look: Look) -> None:
    line = '{"msg": "coderd: request", "fields": {"user": "alice", "pin": "zx81"}}'
    skipped = f"{SKIPPED} mcp_server=github {'x' * 120} api_key={KEY}"

    def loki(request: httpx.Request) -> httpx.Response:
        lines = said if SKIPPED in request.url.params["query"] else [line]
        result = [{"stream": {}, "values": [["1", each] for each in lines]}]
        data = {"resultType": "streams", "result": result}
        return httpx.Response(200, json={"status": "success", "data": data})

    said: list[str] = []
    passed = look(asked=services(loki))["mcp.skipped"]
    assert passed.outcome is Outcome.PASSED
    assert "alice" not in repr(passed)
    assert "zx81" not in repr(passed)
    assert "`coderd`" in passed.exchanges[-1].request
    said = [skipped]
    failed = look(asked=services(loki))["mcp.skipped"]
    assert "api_key=[secret]" in failed.detail
    assert KEY[:8] not in repr(failed)
