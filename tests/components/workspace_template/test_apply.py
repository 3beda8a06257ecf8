"""Both wirings, applied with Coder's own provider, as a build of a workspace does."""

import json
from pathlib import Path
from typing import Any

import pytest

from components.claude_code import ClaudePolicy
from components.releases import CLAUDE_CODE
from components.workspace_template.render import render
from components.workspace_template.wiring import ModuleVersions
from tests.components.workspace_template.planning import (
    BUILD,
    SESSION_TOKEN,
    Make,
    Plan,
    Run,
    every,
)

CREDENTIAL = {4: "CLAUDE_API_KEY", 5: "ANTHROPIC_AUTH_TOKEN"}


@pytest.mark.parametrize("confined", [True, False])
@pytest.mark.parametrize("wiring", [4, 5])
def test_a_build_is_applied_and_leaves_nothing_to_do(
    terraform: Run, plan: Plan, template_args: Make, tmp_path: Path, wiring: int, confined: bool
) -> None:
    given: dict[str, Any] = {
        "module_versions": ModuleVersions(CLAUDE_CODE[wiring]),
        "tasks": wiring == 4,
        "claude_policy": ClaudePolicy(bypass=True),
    } | ({} if confined else {"firewall": None})
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
