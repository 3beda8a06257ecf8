"""MCP servers, people and the audit log of the stand-in for coderd, and requests it refuses."""

from pathlib import Path

import httpx
import pytest

from local.coderd import LocalCoderd
from tests.local.coderd.making import template


def test_what_is_secret_in_an_mcp_server_is_never_given_back(
    coderd: LocalCoderd, api: httpx.Client, name: str
) -> None:
    servers = f"{coderd.url}/api/experimental/organizations/default/mcp-servers"
    secret = "Bearer very-secret-key"
    body = {
        "display_name": "Code",
        "slug": name,
        "url": "https://mcp.example.com/",
        "transport": "streamable_http",
        "availability": "default_off",
        "auth_type": "api_key",
        "api_key_header": "Authorization",
        "api_key_value": secret,
        "tool_allow_list": ["b", "a"],
    }
    made = api.post(servers, json=body)
    assert made.status_code == 201
    server = f"{servers}/{made.json()['id']}"
    shown = api.get(server)
    assert shown.json()["has_api_key"] is True
    assert shown.json()["tool_allow_list"] == ["a", "b"]
    changed = api.patch(
        server, json={"auth_type": "custom_headers", "custom_headers": {"X-Key": secret}}
    )
    assert changed.status_code == 200
    assert (changed.json()["has_api_key"], changed.json()["has_custom_headers"]) == (False, True)
    assert changed.json()["api_key_header"] == ""
    listed = api.get(servers)
    for answer in (made, shown, changed, listed, api.get("audit", params={"limit": 100})):
        assert "very-secret" not in answer.text
    for file in filter(Path.is_file, coderd.directory.rglob("*")):
        assert b"very-secret" not in file.read_bytes()
    assert api.post(servers, json=body).status_code == 409
    for change in (
        {"url": "mcp"},
        {"auth_type": "password"},
        {"api_key_value": ""},
        {"auth_type": "oauth2"},
        {"auth_type": "custom_headers"},
        {"slug": ""},
        {"enabled": "yes"},
    ):
        assert api.post(servers, json={**body, "slug": "x", **change}).status_code == 400
    assert api.delete(server).status_code == 204
    assert api.get(server).status_code == 404


def test_people_and_organizations(api: httpx.Client) -> None:
    found = api.get("users", params={"q": "develop"}).json()
    assert [user["username"] for user in found["users"]] == ["developer"]
    assert api.get("users", params={"q": "role:owner"}).json()["users"][0]["username"] == "admin"
    assert api.get("users", params={"q": "colour:red"}).status_code == 400
    (organization,) = api.get("organizations").json()
    for id in (organization["id"], organization["name"], "default"):
        assert api.get(f"organizations/{id}").json() == organization
    assert api.get("organizations/other").status_code == 404
    names = {item["username"] for item in api.get("organizations/default/members").json()}
    assert {"admin", "developer"} <= names


def test_the_audit_log_says_who_did_what(api: httpx.Client, name: str) -> None:
    made = template(api, name)
    api.patch(f"templates/{made['id']}", json={"icon": "/icon.png"})
    log = api.get("audit", params={"limit": 2}).json()
    assert [(item["action"], item["resource_target"]) for item in log["audit_logs"]] == [
        ("write", name),
        ("create", name),
    ]
    assert log["audit_logs"][0]["user"]["username"] == "admin"
    assert log["count"] > 2


@pytest.mark.parametrize("content", [b"{", b"[]", b""])
def test_a_body_that_is_no_object(api: httpx.Client, content: bytes) -> None:
    answer = api.post("organizations/default/groups", content=content)
    assert (answer.status_code, answer.json()["message"]) == (
        400,
        "Request body must be valid JSON.",
    )


def test_a_refused_request_leaves_nothing_behind(api: httpx.Client, name: str) -> None:
    made = template(api, name)
    other = {made["organization_id"]: "", made["id"]: "use"}
    refused = api.patch(f"templates/{made['id']}/acl", json={"group_perms": other})
    assert refused.status_code == 400
    assert len(api.get(f"templates/{made['id']}/acl").json()["group"]) == 1
