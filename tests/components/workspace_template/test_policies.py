"""What a plan makes of the policies, Boundary's and Claude Code's own, and of its credential.

Both wirings are applied with Coder's own provider, as a build of a workspace does.
"""

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from components.claude_code import ClaudePolicy
from components.releases import CLAUDE_CODE
from components.workspace_template.render import render
from components.workspace_template.wiring import Firewall, ModuleVersions
from tests.components.workspace_template.planning import (
    BUILD,
    PROBE,
    SESSION_TOKEN,
    Make,
    Plan,
    Run,
    every,
    outputs,
    resources,
)
from tests.components.workspace_template.sessions import SHEBANG, put_script

POLICY = ClaudePolicy.model_validate(
    {
        "deny": ["Bash(curl *)"],
        "ask": ["Bash(a && b > 'é \\\\ $x' < `c`)"],
        "hooks": [{"event": "PreToolUse", "matcher": "Bash", "command": 'printf "%s\\n" a >&2'}],
        "bypass": True,
    }
)

CREDENTIAL = {4: "CLAUDE_API_KEY", 5: "ANTHROPIC_AUTH_TOKEN"}


def of_policies(confined: bool, wiring: int) -> dict[str, Any]:
    """Arguments of a template with both policies, or with Claude Code's own alone."""
    return {
        "claude_policy": POLICY,
        "tasks": wiring == 4,
        "module_versions": ModuleVersions(CLAUDE_CODE[wiring]),
    } | ({} if confined else {"firewall": None})


@pytest.mark.parametrize("confined", [True, False])
@pytest.mark.parametrize("wiring", [4, 5])
def test_managed_settings_go_with_the_policies(
    plan: Plan, template_args: Make, confined: bool, wiring: int
) -> None:
    given = of_policies(confined, wiring)
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
        assert rest.startswith(f"{SHEBANG}{first}\n")
        assert "\n# Puts the policy" in rest
        assert rest.endswith(f"\n{script}")
    else:
        assert own["script"] == f"{SHEBANG}{script}"


@pytest.mark.parametrize("confined", [True, False])
@pytest.mark.parametrize("wiring", [4, 5])
def test_a_build_is_applied_and_leaves_nothing_to_do(
    terraform: Run, plan: Plan, template_args: Make, tmp_path: Path, wiring: int, confined: bool
) -> None:
    given = of_policies(confined, wiring)
    planned = plan(**given)
    rendered = render(template_args(**given))
    directory = tmp_path / rendered.directory
    done = terraform("apply", "-no-color", "-input=false", "plan", cwd=directory, env=BUILD)
    assert done.returncode == 0, done.stdout + done.stderr
    shown = terraform("show", "-json", cwd=directory)
    state = {"planned_values": json.loads(shown.stdout)["values"]}
    (agent,) = every(state, "coder_agent")
    assert agent["token"]
    for kind in ("coder_env", "coder_script", "coder_app"):
        made = every(state, kind)
        assert len(made) == len(every(planned, kind))
        assert {each["agent_id"] for each in made} <= {agent["id"]}
    variables = {each["name"]: each["value"] for each in every(state, "coder_env")}
    assert [name for name, each in variables.items() if each == SESSION_TOKEN] == [
        CREDENTIAL[wiring]
    ]
    assert ("BOUNDARY_CONFIG" in variables) is confined
    words = [f"-var={name}={value}" for name, value in rendered.variables.items()]
    again = terraform(
        "plan", "-no-color", "-input=false", "-detailed-exitcode", *words, cwd=directory, env=BUILD
    )
    assert again.returncode == 0, again.stdout + again.stderr


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
