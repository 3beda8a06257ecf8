"""Who may do what in the stand-in for coderd."""

import httpx
import pytest

from local.coderd import LocalCoderd
from tests.local.coderd.making import member, template


@pytest.mark.parametrize("token", [None, "not-a-token"])
def test_without_a_valid_token_nothing_is_said(coderd: LocalCoderd, token: str | None) -> None:
    headers = {"Coder-Session-Token": token} if token else {}
    with httpx.Client(base_url=coderd.url, headers=headers, trust_env=False) as client:
        assert client.get("/api/v2/buildinfo").json()["version"] == "v2.37.0"
        assert client.get("/healthz").text == "OK"
        for method, path in [
            ("GET", "/api/v2/users/me"),
            ("POST", "/api/v2/files"),
            ("GET", "/api/experimental/organizations/default/mcp-servers"),
        ]:
            answer = client.request(method, path)
            assert answer.status_code == 401
            assert "signed out" in answer.json()["message"]


def test_a_member_sees_what_the_access_list_gives_and_changes_nothing(
    coderd: LocalCoderd, api: httpx.Client, name: str
) -> None:
    mine = template(api, name)
    hidden = template(api, f"{name}-hidden", disable_everyone_group_access=True)
    with member(coderd, api, name) as other:
        listed = {item["name"] for item in other.get("organizations/default/templates").json()}
        assert name in listed
        assert f"{name}-hidden" not in listed
        assert other.get(f"templates/{hidden['id']}").status_code == 404
        assert other.patch(f"templates/{mine['id']}", json={"icon": "x"}).status_code == 403
        for method, path in [
            ("POST", "organizations/default/templates"),
            ("POST", "organizations/default/groups"),
            ("POST", "files"),
            ("GET", "audit"),
            ("POST", "users"),
        ]:
            assert other.request(method, path, json={}).status_code == 403
        assert other.get("users/admin").status_code == 404
        user = other.get("users/me").json()
        api.patch(f"templates/{hidden['id']}/acl", json={"user_perms": {user["id"]: "use"}})
        assert other.get(f"templates/{hidden['id']}").status_code == 200
