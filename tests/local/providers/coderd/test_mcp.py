"""An MCP server from its first preview to its deletion."""

from typing import Any

import httpx
import pytest

from local.coderd import LocalCoderd
from local.providers.base import ProviderError
from local.providers.coderd import CoderdProvider
from local.providers.wire import UNKNOWN, Secret, plain
from tests.local.providers.coderd.engine import MCP, SECRET, Engine


def test_an_mcp_server_from_preview_to_delete(
    provider: CoderdProvider, deployment: LocalCoderd, api: httpx.Client, server: dict[str, Any]
) -> None:
    engine = Engine(provider, MCP, server["slug"])
    servers = f"{deployment.url}/api/experimental/organizations/default/mcp-servers"
    assert engine.preview(**server)["updatedAt"] is UNKNOWN
    made = engine.create(**server)
    assert (made["transport"], made["availability"], made["enabled"]) == (
        "streamable_http",
        "default_off",
        False,
    )
    assert api.get(f"{servers}/{engine.id}").json()["has_api_key"] is True
    for kept in (engine.inputs, engine.state):
        assert SECRET not in repr(plain(kept))
        assert not any(key.endswith("Wo") for key in kept)
    assert engine.changes(**server) == {}
    reordered = {**server, "toolAllowLists": ["get_issue", "get_me"]}
    assert engine.changes(**reordered) == {}

    # The value alone changes nothing, its version does.
    other = {**server, "apiKeyValueWo": Secret("Bearer another")}
    assert engine.changes(**other) == {}
    rotated = {**other, "apiKeyValueWoVersion": 2, "enabled": True}
    assert engine.changes(**rotated) == {"apiKeyValueWoVersion": "update", "enabled": "update"}
    assert engine.update(**rotated)["apiKeyValueWoVersion"] == 2

    api.patch(f"{servers}/{engine.id}", json={"enabled": False, "description": "by hand"})
    assert engine.refresh()
    assert engine.changes(**rotated) == {"description": "delete", "enabled": "update"}
    engine.update(**rotated)

    headers = {
        "displayName": "GitHub",
        "slug": server["slug"],
        "url": server["url"],
        "authType": "custom_headers",
        "customHeadersWo": Secret({"Authorization": SECRET, "X-MCP-Readonly": "true"}),
        "customHeadersWoVersion": 1,
    }
    assert engine.preview(**headers)["apiKeyHeader"] is UNKNOWN
    engine.update(**headers)
    shown = api.get(f"{servers}/{engine.id}").json()
    assert (shown["has_api_key"], shown["has_custom_headers"]) == (False, True)
    assert engine.changes(**headers) == {}
    engine.delete()
    assert not engine.refresh()


def test_an_mcp_server_that_is_there_is_imported_and_not_taken_over(
    provider: CoderdProvider, server: dict[str, Any]
) -> None:
    made = Engine(provider, MCP, server["slug"])
    made.create(**server)
    with pytest.raises(ProviderError, match=r"Unable to create MCP server, got error: .* 409"):
        Engine(provider, MCP, "again").create(**server)
    imported = Engine(provider, MCP, "imported")
    imported.id = f"{made.outputs['organizationId']}/{made.id}"
    assert imported.refresh()
    assert imported.inputs["slug"] == server["slug"]
    assert imported.id == made.id


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"authType": "basic"}, "authType"),
        ({"transport": "stdio"}, "transport"),
        ({"apiKeyValueWo": None}, "apiKeyValueWo"),
        ({"apiKeyValueWo": ""}, "apiKeyValueWo"),
        ({"apiKeyValueWoVersion": None}, "apiKeyValueWo"),
        ({"apiKeyHeader": None}, "apiKeyHeader"),
        ({"oauth2Scopes": "read"}, "oauth2Scopes"),
        ({"authType": "oauth2", "apiKeyHeader": None, "oauth2ClientId": "x"}, "oauth2ClientId"),
        ({"authType": "custom_headers", "apiKeyHeader": None}, "customHeadersWo"),
        ({"slug": ""}, "slug"),
    ],
)
def test_mcp_servers_that_are_refused(
    provider: CoderdProvider, server: dict[str, Any], change: dict[str, Any], path: str
) -> None:
    failures = Engine(provider, MCP, "bad").failures(**{**server, **change})
    assert path in failures
    assert SECRET not in repr(failures)


def test_a_new_version_of_a_secret_needs_the_secret(
    provider: CoderdProvider, server: dict[str, Any]
) -> None:
    engine = Engine(provider, MCP, server["slug"])
    engine.create(**server)
    without = {key: value for key, value in server.items() if key != "apiKeyValueWo"}
    assert engine.changes(**without) == {}
    assert engine.failures(**{**without, "apiKeyValueWoVersion": 2}).keys() == {"apiKeyValueWo"}


def test_what_is_taken_out_of_a_login_stays_in_coder(
    provider: CoderdProvider, deployment: LocalCoderd, api: httpx.Client
) -> None:
    bare = {"displayName": "J", "slug": "j", "url": "https://j.example/", "authType": "oauth2"}
    public = bare | {
        "oauth2ClientId": "x",
        "oauth2AuthUrl": "https://l.example/authorize",
        "oauth2TokenUrl": "https://l.example/token",
    }
    revoking = public | {"oauth2RevocationUrl": "https://l.example/revoke"}
    secret = {"oauth2ClientSecretWo": Secret(SECRET), "oauth2ClientSecretWoVersion": 1}
    engine = Engine(provider, MCP, "j")
    engine.create(**revoking, **secret)
    assert engine.changes(**public, **secret) == {}
    # A version that goes is an update that sends nothing.
    assert engine.changes(**public) == {"oauth2ClientSecretWoVersion": "delete"}
    engine.update(**public)
    assert engine.changes(**bare) == {}
    engine.update(**bare, description="y")
    servers = f"{deployment.url}/api/experimental/organizations/default/mcp-servers"
    kept = api.get(f"{servers}/{engine.id}").json()
    assert kept["has_oauth2_secret"] is True
    assert kept["oauth2_client_id"] == "x"
    assert kept["oauth2_revocation_url"] == "https://l.example/revoke"
