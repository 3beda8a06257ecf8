"""What a plan makes of the policies, Boundary's and Claude Code's own, and of its credential."""

import base64
import json
from typing import Any

import pytest

from components.claude_code import ClaudePolicy
from components.releases import CLAUDE_CODE
from components.workspace_template.render import render
from components.workspace_template.wiring import Firewall, ModuleVersions
from tests.components.workspace_template.planning import (
    PROBE,
    SESSION_TOKEN,
    Make,
    Plan,
    every,
    outputs,
    resources,
)
from tests.components.workspace_template.sessions import put_script

POLICY = ClaudePolicy.model_validate(
    {
        "deny": ["Bash(curl *)"],
        "ask": ["Bash(a && b > 'é \\\\ $x' < `c`)"],
        "hooks": [{"event": "PreToolUse", "matcher": "Bash", "command": 'printf "%s\\n" a >&2'}],
        "bypass": True,
    }
)


@pytest.mark.parametrize("confined", [True, False])
@pytest.mark.parametrize("wiring", [4, 5])
def test_managed_settings_go_with_the_policies(
    plan: Plan, template_args: Make, confined: bool, wiring: int
) -> None:
    given: dict[str, Any] = {
        "claude_policy": POLICY,
        "tasks": False,
        "module_versions": ModuleVersions(CLAUDE_CODE[wiring]),
    } | ({} if confined else {"firewall": None})
    planned = plan(**given)
    files = render(template_args(**given)).files
    # By bytes, since the jailed `claude` holds the file to its digest: Terraform's JSON is compact,
    # sorts keys and escapes these three.
    settings = json.dumps(
        POLICY.document(), ensure_ascii=False, sort_keys=True, separators=(",", ":")
    )
    for character in "<>&":
        settings = settings.replace(character, f"\\u{ord(character):04x}")
    written = f"{settings}\n".encode()
    script = files["write_managed_settings.sh"].decode()
    script = script.replace("@SETTINGS_BASE64@", base64.b64encode(written).decode())
    (own,) = resources(planned, "coder_script")
    assert outputs(planned, "claude_code")["pre_install_script"] == own["script"]
    if confined:
        first = put_script(files["boundary.yaml"], written, installed=wiring == 5)
        rest = own["script"]
        assert rest.startswith(f"{first}\n")
        assert "\n#!/usr/bin/env bash\n# Puts the policy" in rest
        assert rest.endswith(f"\n{script}")
    else:
        assert own["script"] == script


def test_module_5_is_given_the_same_managed_settings(plan: Plan, template_args: Make) -> None:
    given: dict[str, Any] = {"module_versions": ModuleVersions(), "tasks": False}
    probe = f'{PROBE}\noutput "module_writes" {{ value = module.claude_code.managed_file }}\n'
    probe += 'output "template_writes" { value = local.managed_file }\n'
    planned = plan(probe=probe, claude_policy=POLICY, **given)
    assert outputs(planned, "claude_code")["managed_settings"] == POLICY.document()
    assert outputs(planned, "module_writes") == outputs(planned, "template_writes")
    assert outputs(plan(**given), "claude_code")["managed_settings"] is None


@pytest.mark.parametrize("firewall", [None, Firewall("allowlist: []\n")])
def test_the_owners_token_is_there_once(plan: Plan, firewall: Firewall | None) -> None:
    """The module's stand-in sets what the module does with these inputs."""
    planned = plan(firewall=firewall)
    found = [each for each in every(planned, "coder_env") if each["value"] == SESSION_TOKEN]
    assert [each["name"] for each in found] == ["CLAUDE_API_KEY"]
