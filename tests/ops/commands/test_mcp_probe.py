"""mcp-probe: whether Coder would take a server, and whether each allowed tool exists."""

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from components.settings.mcp import McpServerSettings
from ops import engine, stacks
from ops.cli import app
from tests.ops.test_mcp_probe import LittleServer, serving

TOOLS = ("get_me", "list_issues", "drop_all")
PAGES = [{"result": {"tools": [{"name": name} for name in TOOLS]}}]


@pytest.fixture
def url() -> Iterator[str]:
    with serving(LittleServer(pages=list(PAGES)).app) as url:
        yield url


def probe(
    monkeypatch: pytest.MonkeyPatch,
    servers: list[dict[str, Any]],
    *arguments: str,
    stack: str = "dev",
) -> tuple[int, str]:
    settings = [
        McpServerSettings.model_validate({"displayName": "S", "slug": "s", **each})
        for each in servers
    ]

    @contextmanager
    def session(*_: Any) -> Iterator[Any]:
        key = SimpleNamespace(value="key-of-the-test")
        yield SimpleNamespace(stack=SimpleNamespace(get_config=lambda *_, **__: key))

    monkeypatch.setattr(engine, "session", session)
    monkeypatch.setattr(stacks, "settings", lambda _: SimpleNamespace(mcp_servers=settings))
    result = CliRunner().invoke(app, ["mcp-probe", stack, *arguments])
    assert "key-of-the-test" not in result.output
    return result.exit_code, result.output


def test_each_allowed_tool_exists(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    status, said = probe(monkeypatch, [{"url": url, "tools": ["list_issues", "get_me"]}])
    assert status == 0
    assert "passed" in said
    assert "allowed: get_me, list_issues" in said
    assert "others: drop_all" in said


def test_an_allowed_tool_that_does_not_exist(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    status, said = probe(monkeypatch, [{"url": url, "tools": ["get_me", "get_issue"]}])
    assert status == 1
    assert "failed" in said
    assert "allowed and not there: get_issue" in said


def test_every_tool_is_allowed(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    status, said = probe(monkeypatch, [{"url": url}])
    assert status == 0
    assert "every tool is allowed" in said
    assert f"others: {', '.join(TOOLS)}" in said


def test_a_server_in_the_cluster_is_asked_through_a_forwarded_port(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    inside = {"url": "http://mcp.tools.svc:8080/mcp", "inCluster": True, "tools": ["get_me"]}
    status, said = probe(monkeypatch, [inside])
    assert status == 1
    assert "`kubectl -n tools port-forward service/mcp 8000:8080`" in said
    assert "--url s=http://127.0.0.1:8000/mcp" in said
    status, said = probe(monkeypatch, [inside], "--url", f"s={url}")
    assert (status, "passed" in said) == (0, True)


@pytest.mark.parametrize(
    ("stack", "inside", "said"),
    [
        ("local", False, "nothing serves it for the stack local"),
        ("local", True, "nothing serves it for the stack local"),
        ("dev", False, "through `kubectl port-forward`, then --url s=URL of the forwarded port"),
        ("dev", True, "`kubectl -n tools port-forward service/mcp 8000:80`, then --url s=http"),
    ],
)
def test_a_host_that_is_not_known_here_leads_on(
    monkeypatch: pytest.MonkeyPatch, stack: str, inside: bool, said: str
) -> None:
    url = "http://mcp.tools.svc/mcp" if inside else "https://mcp.invalid/mcp"
    server = {"url": url, "inCluster": inside}
    status, output = probe(monkeypatch, [server], stack=stack)
    assert status == 1
    assert f"{url}: its host cannot be resolved from here" in output
    assert said in output
    assert "Errno" not in output
    _, output = probe(monkeypatch, [server], "--url", "s=http://mcp.invalid/", stack=stack)
    assert said not in output, "another URL was given already"


@pytest.mark.parametrize("auth", ["oauth2", "user_oidc"])
def test_who_proves_who_they_are_is_not_asked_for(
    monkeypatch: pytest.MonkeyPatch, url: str, auth: str
) -> None:
    personal = {"slug": "own", "url": f"{url}/readonly", "authType": auth}
    status, said = probe(monkeypatch, [personal, {"url": url}])
    assert status == 3
    assert "not checked" in said
    assert f"each person proves who they are (authType {auth})" in said


@pytest.mark.parametrize("text", ["s", "s=", "t=https://a/", "=https://a/"])
def test_another_url_names_its_server(monkeypatch: pytest.MonkeyPatch, url: str, text: str) -> None:
    status, said = probe(monkeypatch, [{"url": url}], "--url", text)
    assert status == 1
    assert f"--url {text}: must be SLUG=URL, with one of s" in said


@pytest.mark.parametrize(
    ("elsewhere", "shown", "right"),
    [
        ("http://192.0.2.2/mcp", "http://192.0.2.2/mcp", "would send the key in clear; use https"),
        ("https://u:hunter22@a.com/", "https://[hidden]@a.com/", "must hold no user or password"),
        ("ftp://a.com/", "ftp://a.com/", "must be a URL such as"),
    ],
)
def test_another_url_takes_no_key_that_the_settings_own_would_not(
    monkeypatch: pytest.MonkeyPatch, url: str, elsewhere: str, shown: str, right: str
) -> None:
    status, said = probe(monkeypatch, [{"url": url}], "--url", f"s={elsewhere}")
    assert status == 1
    assert f"--url s={shown}: {right}" in said
    assert "hunter22" not in said
