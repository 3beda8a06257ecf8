import json
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import pulumi
import pytest

from components.workspace_template.args import (
    AutoStop,
    GroupAccess,
    Schedule,
    WorkspaceTemplateArgs,
)
from components.workspace_template.component import WorkspaceTemplate
from components.workspace_template.render import render
from components.workspace_template.wiring import Firewall
from tests.components.recording import Recorder, record
from tests.components.workspace_template.conftest import RULES

Make = Callable[..., WorkspaceTemplateArgs]
TEMPLATE = "coderd:index/template:Template"
ORGANIZATION = "0d2a5c3e-0000-4000-8000-000000000001"
GENERATED: Mapping[str, Mapping[str, Any]] = {
    TEMPLATE: {"versions": [{"id": "version-id", "name": "kind-otter"}]},
    "random:index/randomPet:RandomPet": {},
}


def declare(args: WorkspaceTemplateArgs) -> tuple[Recorder, dict[str, Any]]:
    def program() -> dict[str, pulumi.Output[Any]]:
        made = WorkspaceTemplate("firewalled", args)
        return {
            "template_id": made.template_id,
            "active_version_id": made.active_version_id,
            "version_name": made.version_name,
            "policy": made.policy,
        }

    return record(program, GENERATED)


def template(args: WorkspaceTemplateArgs) -> dict[str, Any]:
    recorder, _ = declare(args)
    (inputs,) = recorder.of("Template")
    return dict(inputs)


def test_one_active_version_of_the_rendered_directory(template_args: Make) -> None:
    args = template_args(provisioner_tags={"zone": "gov"})
    recorder, outputs = declare(args)
    (inputs,) = recorder.of("Template")
    rendered = render(args)
    assert inputs == {
        "name": "firewalled",
        "displayName": "firewalled",
        "description": "",
        "icon": "/icon/claude.svg",
        "agentsAllowed": False,
        "versions": [
            {
                "name": "firewalled-version-id",
                "message": f"content {rendered.digest[:12]}",
                "directory": "build/templates/dev/firewalled",
                "active": True,
                "tfVars": [{"name": k, "value": v} for k, v in rendered.variables.items()],
                "provisionerTags": [{"name": "zone", "value": "gov"}],
            }
        ],
    }
    assert outputs == {
        "template_id": "firewalled-template-id",
        "active_version_id": "version-id",
        "version_name": "firewalled-version-id",
        "policy": list(RULES),
    }
    written = args.project_root / rendered.directory
    assert {path.name: path.read_bytes() for path in written.iterdir()} == rendered.files


def test_the_stacks_contract_and_the_sizes_are_kept_in_the_state(
    template_args: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[dict[str, Any]] = []
    monkeypatch.setattr(
        WorkspaceTemplate, "register_outputs", lambda _, outputs: kept.append(outputs)
    )
    declare(template_args(contract="{}"))
    declare(template_args())
    assert kept[0]["contract"] == "{}"
    assert "contract" not in kept[1]
    sizes = {"cpu": [2, 4, 8], "memory": [4, 8, 16], "disk_size": [10, 20, 50]}
    assert json.loads(kept[0]["sizes"]) == sizes


def test_everything_belongs_to_the_component(template_args: Make) -> None:
    recorder, _ = declare(template_args())
    assert [(args.typ, args.name) for args in recorder.registered] == [
        ("firewalledcoder:index:WorkspaceTemplate", "firewalled"),
        ("random:index/randomPet:RandomPet", "firewalled-version"),
        (TEMPLATE, "firewalled-template"),
    ]


def keepers(args: WorkspaceTemplateArgs) -> dict[str, str]:
    recorder, _ = declare(args)
    (pet,) = recorder.of("RandomPet")
    return dict(pet["keepers"])


def test_the_version_name_is_kept_by_the_content(template_args: Make) -> None:
    same = keepers(template_args(description="other words", schedule=Schedule(timedelta(hours=1))))
    assert same == keepers(template_args())
    assert keepers(template_args(firewall=Firewall("allowlist: []\n"))) != same
    assert keepers(template_args(namespace="elsewhere")) != same


def test_different_content_never_shares_a_version_name(template_args: Make) -> None:
    recorder, _ = declare(template_args())
    (pet,) = recorder.of("RandomPet")
    assert pet["keepers"]["content"].startswith(pet["prefix"])
    assert len(pet["prefix"]) == 8


def test_policy_is_an_output(template_args: Make) -> None:
    rules = ({"rule": "domain=pypi.org", "group": "python", "why": "packages"},)
    config = "allowlist: [domain=pypi.org]\n"
    _, outputs = declare(template_args(firewall=Firewall(config, policy=rules)))
    assert outputs["policy"] == list(rules)


def test_schedule_in_milliseconds(template_args: Make) -> None:
    inputs = template(
        template_args(
            schedule=Schedule(
                default_ttl=timedelta(hours=8),
                activity_bump=timedelta(hours=1),
                failure_ttl=timedelta(),
                dormant_after=timedelta(days=30),
                delete_dormant_after=timedelta(days=90),
                auto_stop=AutoStop(("saturday", "sunday"), 2),
                auto_start_days=("monday",),
                user_auto_start=True,
                user_auto_stop=False,
            )
        )
    )
    expected = {
        "defaultTtlMs": 28_800_000,
        "activityBumpMs": 3_600_000,
        "failureTtlMs": 0,
        "timeTilDormantMs": 2_592_000_000,
        "timeTilDormantAutodeleteMs": 7_776_000_000,
        "autoStopRequirement": {"daysOfWeeks": ["saturday", "sunday"], "weeks": 2},
        "autoStartPermittedDaysOfWeeks": ["monday"],
        "allowUserAutoStart": True,
        "allowUserAutoStop": False,
    }
    assert {key: inputs[key] for key in expected} == expected


def test_switches(template_args: Make) -> None:
    inputs = template(
        template_args(
            display_name="Claude Code (firewalled)",
            max_port_share_level="owner",
            require_active_version=True,
            cancel_workspace_jobs=False,
            classic_parameter_flow=True,
            agents_allowed=False,
            deprecation_message="use the other",
            organization_id=ORGANIZATION,
        )
    )
    expected = {
        "displayName": "Claude Code (firewalled)",
        "maxPortShareLevel": "owner",
        "requireActiveVersion": True,
        "allowUserCancelWorkspaceJobs": False,
        "useClassicParameterFlow": True,
        "agentsAllowed": False,
        "deprecationMessage": "use the other",
        "organizationId": ORGANIZATION,
    }
    assert {key: inputs[key] for key in expected} == expected


def test_no_list_is_not_an_empty_one(template_args: Make) -> None:
    assert "acl" not in template(template_args())
    assert template(template_args(access=()))["acl"] == {"groups": [], "users": []}


def test_access_is_by_the_ids_of_groups(template_args: Make) -> None:
    access = (GroupAccess("id-of-platform", "admin"), GroupAccess("id-of-developers"))
    inputs = template(template_args(organization_id=ORGANIZATION, access=access))
    assert inputs["acl"] == {
        "groups": [
            {"id": "id-of-developers", "role": "use"},
            {"id": "id-of-platform", "role": "admin"},
        ],
        "users": [],
    }


@pytest.mark.parametrize(
    ("given", "declared"),
    [
        ({}, False),
        ({"agents_allowed": True}, True),
        ({"agents_allowed": "isolated"}, True),
        ({"firewall": None}, None),
        ({"firewall": None, "agents_allowed": False}, False),
        ({"firewall": None, "agents_allowed": True}, True),
    ],
)
def test_a_firewall_keeps_coders_own_agents_out(
    template_args: Make, given: dict[str, Any], declared: bool | None
) -> None:
    assert template(template_args(**given)).get("agentsAllowed") is declared
