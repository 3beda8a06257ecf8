"""What a plan makes of the policies, Boundary's and Claude Code's own, and of its credential."""

import base64

import pytest

from components.claude_code import ClaudePolicy
from components.workspace_template.render import render
from components.workspace_template.wiring import Firewall
from tests.components.workspace_template.planning import (
    SESSION_TOKEN,
    Make,
    Plan,
    every,
    outputs,
    resources,
)
from tests.components.workspace_template.sessions import put_script


@pytest.mark.parametrize("confined", [True, False])
def test_managed_settings_go_with_the_policies(
    plan: Plan, template_args: Make, confined: bool
) -> None:
    policy = ClaudePolicy.model_validate({"deny": ["Bash(curl *)"], "bypass": True})
    given = {"claude_policy": policy} | ({} if confined else {"firewall": None})
    planned = plan(**given)
    files = render(template_args(**given)).files
    settings = files["managed-settings.json"]
    script = files["write_managed_settings.sh"].decode()
    script = script.replace("@SETTINGS_BASE64@", base64.b64encode(settings).decode())
    (own,) = resources(planned, "coder_script")
    assert outputs(planned, "claude_code")["pre_install_script"] == own["script"]
    if confined:
        first, rest = put_script(files["boundary.yaml"], settings), own["script"]
        assert rest.startswith(f"{first}\n#!/usr/bin/env bash\n# Puts the policy")
        assert rest.endswith(f"\n{script}")
    else:
        assert own["script"] == script


@pytest.mark.parametrize("firewall", [None, Firewall("allowlist: []\n")])
def test_the_owners_token_is_there_once(plan: Plan, firewall: Firewall | None) -> None:
    """The module's stand-in sets what the module does with these inputs."""
    planned = plan(firewall=firewall)
    found = [each for each in every(planned, "coder_env") if each["value"] == SESSION_TOKEN]
    assert [each["name"] for each in found] == ["CLAUDE_API_KEY"]
