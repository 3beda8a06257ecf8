"""The functions of Coder's provider."""

from typing import Any
from uuid import UUID

import httpx
import pytest

from local.providers.base import ProviderError
from local.providers.coderd import CoderdProvider
from local.providers.wire import Properties
from tests.local.providers.coderd.engine import GROUP, MCP, Engine, version


def test_functions(provider: CoderdProvider, api: httpx.Client, name: str) -> None:
    def call(function: str, **args: Any) -> Properties:
        return provider.invoke(f"coderd:index/{function}:{function}", args)

    organization = call("getOrganization", isDefault=True)
    assert organization["name"] == "coder"
    assert call("getOrganization", id=organization["id"]) == organization
    assert call("getOrganization", name="coder") == organization
    user = call("getUser", username="developer")
    assert (user["email"], user["loginType"]) == ("developer@example.com", "password")
    assert call("getUser", id=user["id"]) == user
    assert user["id"] in organization["members"]
    made = api.post("organizations/default/groups", json={"name": name}).json()
    group = call("getGroup", name=name)
    assert group == call("getGroup", id=made["id"])
    assert group == call("getGroup", name=name, organizationId=organization["id"])
    assert group["members"] == []
    required = {
        function: set(
            provider.schema()["functions"][f"coderd:index/{function}:{function}"]["outputs"][
                "required"
            ]
        )
        for function in ("getOrganization", "getUser", "getGroup")
    }
    # Null where sharing is an experiment that is off, as in Coder 2.30.
    assert required["getOrganization"] - organization.keys() == {"workspaceSharing"}
    assert required["getUser"] <= user.keys()
    assert required["getGroup"] <= group.keys()

    for function, args, reason in (
        ("getGroup", {"name": "nobody"}, r"no group nobody; there is .*Everyone"),
        ("getGroup", {"id": str(UUID(int=1))}, "no group with the id 0"),
        ("getGroup", {}, "either id or name"),
        ("getGroup", {"nmae": "x"}, "nmae is not an input"),
        ("getOrganization", {"name": "other"}, "no organization other; there is coder"),
        ("getOrganization", {"name": "coder", "isDefault": True}, "takes one of"),
        ("getUser", {"username": "nobody"}, "no user nobody"),
        ("getUser", {}, "one of id, username and email"),
        ("getTemplate", {}, "does not serve the function"),
    ):
        with pytest.raises(ProviderError, match=reason):
            call(function, **args)


def test_outputs_are_those_of_the_schema(
    provider: CoderdProvider, template: Engine, server: dict[str, Any], name: str
) -> None:
    group, mcp = Engine(provider, GROUP, name), Engine(provider, MCP, name)
    template.create(name=name, versions=[version()])
    group.create(name=name)
    mcp.create(**server)
    for engine in (template, group, mcp):
        described = provider.schema()["resources"][engine.type]
        missing = set(described["required"]) - engine.state.keys()
        allowed = {"oauth2AuthUrl", "oauth2ClientId", "oauth2RevocationUrl", "oauth2TokenUrl"}
        assert missing <= allowed
        assert engine.state.keys() - {"id", "__meta"} <= described["properties"].keys()
