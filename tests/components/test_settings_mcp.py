"""What Coder sends an MCP server, by the settings of it."""

from typing import Any

import pytest

from components.settings.mcp import McpServerSettings

URL = "https://mcp.example.com/mcp"
KEY = {"Authorization": "Bearer k"}
READ_ONLY = {"X-MCP-Readonly": "true"}
LOGIN = {"clientId": "c", "authUrl": "https://l/", "tokenUrl": "https://l/t"}


@pytest.mark.parametrize(
    ("given", "headers"),
    [
        ({}, {**KEY, **READ_ONLY}),
        ({"readOnly": False}, KEY),
        # The URL says it already, and one header suffices.
        ({"url": f"{URL}/readonly"}, KEY),
        ({"url": f"{URL}/x/issues/readonly/"}, KEY),
        ({"url": f"{URL}/readonly/x"}, {**KEY, **READ_ONLY}),
        ({"authType": "none"}, READ_ONLY),
        ({"authType": "user_oidc", "readOnly": False}, {}),
        ({"authType": "oauth2", "oauth2": LOGIN, "readOnly": False}, {}),
    ],
)
def test_headers(given: dict[str, Any], headers: dict[str, str]) -> None:
    values = {"slug": "s", "displayName": "S", "url": URL, **given}
    server = McpServerSettings.model_validate(values)
    assert server.headers("k") == headers
    assert server.headers(None) == {k: v for k, v in headers.items() if k != "Authorization"}
    assert list(server.problems()) == []


@pytest.mark.parametrize(
    ("url", "fits"),
    [
        ("http://mcp.tools.svc:8080/mcp", True),
        ("http://mcp.tools.svc.cluster.local/mcp", True),
        ("https://MCP.tools.svc/mcp", True),
        ("http://mcp.tools/mcp", False),
        ("http://mcp.svc/mcp", False),
        ("http://mcp.tools.svc.evil_example.com/mcp", False),
    ],
)
def test_a_service_of_the_cluster(url: str, fits: bool) -> None:
    values = {"slug": "s", "displayName": "S", "url": url, "inCluster": True}
    found = [key for key, _, _ in McpServerSettings.model_validate(values).problems()]
    assert found == ([] if fits else ["url"])


@pytest.mark.parametrize("tool", ["*", "get_*", "issue_?"])
def test_a_pattern_is_no_tool(tool: str) -> None:
    values = {"slug": "s", "displayName": "S", "url": URL, "tools": ["get_me", tool]}
    (problem,) = McpServerSettings.model_validate(values).problems()
    assert problem == (
        "tools[1]",
        tool,
        "Coder takes no pattern here: name each tool as the server does, or leave tools empty for "
        "every tool of it",
    )
