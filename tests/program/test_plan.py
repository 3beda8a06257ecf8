"""What a stack's settings say reaches the components' plan."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from components.coder.lookup import Known
from components.settings.load import load
from components.workspace_template.args import GroupAccess, WorkspaceTemplateArgs
from components.workspace_template.wiring import ModuleVersions, ProviderVersions
from program import plan


def declared(
    workspaces: dict[str, Any],
    template: dict[str, Any],
    *,
    licensed: bool = True,
    switch: dict[str, str] | None = None,
    policy: dict[str, Any] | None = None,
) -> WorkspaceTemplateArgs:
    settings = load(
        "dev",
        {
            "coder": {"accessUrl": "https://coder.example.com:8443"},
            "externalAuth": {"providers": [{"id": "forge", "host": "gitlab.example.com"}]},
            "workspaces": workspaces,
            "templates": [
                {"name": "firewalled", "firewall": {"jail": "nsjail"}, **template},
                # So that there is a firewall to switch off.
                {"name": "other", "firewall": {}},
            ],
            "firewall": switch or {},
            "policy": policy or {},
            "secrets": {
                "coderToken": "t",
                "externalAuth": {"forge": {"clientId": "i", "clientSecret": "s"}},
            },
        },
    )
    groups = {"engineering": "id-e", "platform": "id-p"}
    known = Known("organization-id", groups, access_lists=licensed)
    return plan.workspace_template("dev", settings, settings.templates[0], known, Path("/x"))


def test_what_is_not_said_is_left_to_coder() -> None:
    args = declared({}, {})
    assert args.module_versions == ModuleVersions()
    assert args.max_port_share_level is None
    assert args.deprecation_message is None
    assert args.provisioner_tags == {}
    assert args.provider_versions == ProviderVersions()
    assert args.firewall is not None
    assert args.firewall.boundary_version == "v0.9.0"
    assert args.git_credentials is True
    assert args.schedule.default_ttl is None
    assert args.gitlab_external_auth_id == "forge"
    assert args.organization_id == "organization-id"


def test_every_setting_of_a_template_arrives() -> None:
    args = declared(
        {
            "modules": {"claudeCode": "4.8.0", "codeServer": "1.4.0"},
            "providers": {"coder": "2.21.0", "kubernetes": "3.0.0"},
            "provisionerTags": {"zone": "gov"},
            "boundaryVersion": "v0.8.1",
            "agentEnv": {"A": "stack", "B": "stack"},
        },
        {
            "maxPortShareLevel": "authenticated",
            "deprecationMessage": "use the other",
            "access": {"use": ["engineering"], "admin": ["platform"]},
            "lifetime": {"defaultTtlHours": 1.5},
            "agentEnv": {"B": "template"},
            "gitCredentials": False,
        },
    )
    assert args.module_versions == ModuleVersions(claude_code="4.8.0", code_server="1.4.0")
    assert args.git_credentials is False
    assert args.max_port_share_level == "authenticated"
    assert args.deprecation_message == "use the other"
    assert args.provisioner_tags == {"zone": "gov"}
    assert args.access == (
        GroupAccess("id-e", "use", "engineering"),
        GroupAccess("id-p", "admin", "platform"),
    )
    assert args.schedule.default_ttl == timedelta(minutes=90)
    assert args.agent_variables == {"A": "stack", "B": "template"}
    assert args.firewall is not None
    assert args.firewall.jail_type == "nsjail"
    assert args.firewall.boundary_version == "v0.8.1"
    assert args.provider_versions == ProviderVersions(coder="2.21.0", kubernetes="3.0.0")
    assert "domain=coder.example.com path=/api/v2/buildinfo\n" in args.firewall.config


@pytest.mark.parametrize("state", ["on", "off"])
def test_a_template_keeps_the_stacks_contract_while_its_firewall_is_switched_off_too(
    state: str,
) -> None:
    switch = {"state": state}
    if state == "off":
        switch |= {"reason": "r", "until": str(datetime.now(UTC).date()), "who": "w"}
    denied = {"url": "https://pastebin.com/", "reason": "anyone may read it"}
    policy = {"mustDeny": [denied], "highestGrade": "F"}
    assert json.loads(declared({}, {}, switch=switch, policy=policy).contract) == {
        "mustAllow": {},
        "mustDeny": {"GET https://pastebin.com/": "anyone may read it"},
        "highestGrade": "F",
        "acceptEverything": False,
        "stack": None,
    }


def test_a_template_with_a_policy_of_its_own_keeps_its_own_contract_beside_the_stacks() -> None:
    denied = {"url": "https://pastebin.com/", "reason": "anyone may read it"}
    policy = {"mustDeny": [denied], "highestGrade": "F"}
    own = declared({}, {"policy": {"highestGrade": "H"}}, policy=policy)
    assert json.loads(own.contract) == {
        "mustAllow": {},
        "mustDeny": {},
        "highestGrade": "H",
        "acceptEverything": False,
        "stack": {
            "mustAllow": {},
            "mustDeny": {"GET https://pastebin.com/": "anyone may read it"},
            "highestGrade": "F",
            "acceptEverything": False,
        },
    }


def test_a_template_without_a_firewall_has_no_contract() -> None:
    assert declared({}, {"firewall": None}, policy={"highestGrade": "F"}).contract == ""


def test_access_is_everyones_where_the_stack_names_no_groups() -> None:
    everyone = (GroupAccess("organization-id", "use", "Everyone"),)
    assert declared({}, {}).access == everyone
    # Named and empty is nobody but those who administer Coder.
    assert declared({}, {"access": {}}).access == ()
    # Without a licence there are no lists: everyone, and nothing can be said of it.
    assert declared({}, {}, licensed=False).access is None


@pytest.mark.parametrize(
    ("given", "allowed"),
    [
        ({}, False),
        ({"agentsAllowed": True}, True),
        ({"agentsAllowed": "isolated"}, "isolated"),
        ({"firewall": None}, None),
        ({"firewall": None, "agentsAllowed": False}, False),
    ],
)
@pytest.mark.parametrize("state", ["on", "off"])
def test_coders_own_agents_stay_out_while_the_firewall_is_switched_off(
    given: dict[str, Any], allowed: bool | str | None, state: str
) -> None:
    switch = {"state": state}
    if state == "off":
        switch |= {"reason": "r", "until": str(datetime.now(UTC).date()), "who": "w"}
    args = declared({}, given, switch=switch)
    assert args.agents_allowed == allowed
    assert type(args.agents_allowed) is type(allowed)
