"""Every script that a workspace's agent runs, in every form of template."""

import re
import shlex
import subprocess
from itertools import product
from typing import Any

import pytest

from components.claude_code import ClaudePolicy
from components.programs import Program
from components.releases import CLAUDE_CODE
from components.workspace_template.wiring import Firewall, ModuleVersions
from tests.components.workspace_template.conftest import CONFIG, RULES
from tests.components.workspace_template.planning import Plan, every, outputs, resources

URL = Program(url="https://files.example.gov/program", sha256="0" * 64)
FORMS = [
    pytest.param(*form, id="-".join(str(each) for each in form))
    for form in product((4, 5), ("confined", "own", "open"), ("url", ""), ("managed", ""))
    if form[:3] != (4, "own", "")  # which is refused
]
every_form = pytest.mark.parametrize(("wiring", "firewall", "claude", "managed"), FORMS)


def of_form(wiring: int, firewall: str, claude: str, managed: str) -> dict[str, Any]:
    """Arguments of a template of that form."""
    program = URL if firewall == "own" else None
    return {
        "module_versions": ModuleVersions(CLAUDE_CODE[wiring]),
        "tasks": False,
        "firewall": None if firewall == "open" else Firewall(CONFIG, policy=RULES, program=program),
        "claude_program": URL if claude else None,
        "claude_policy": ClaudePolicy(deny=["WebFetch"]) if managed else None,
    }


def scripts(planned: dict[str, Any]) -> list[str]:
    """What the agent is given to run, and what a module is given for that."""
    given = outputs(planned, "claude_code")["pre_install_script"]
    (agent,) = resources(planned, "coder_agent")
    own = [each["script"] for each in every(planned, "coder_script")]
    return [*own, *([given] if given else []), *(each["script"] for each in agent["metadata"])]


@every_form
def test_every_script_says_which_shell_it_is_for(
    plan: Plan, wiring: int, firewall: str, claude: str, managed: str
) -> None:
    """Without that the agent runs it by the shell of the workspace's user, whichever it is."""
    found = scripts(plan(**of_form(wiring, firewall, claude, managed)))
    policies = firewall != "open" or claude or managed
    assert len(found) == 3 + (2 if policies else 0) + (firewall != "open")
    for script in found:
        # One program with its words is the same to every shell.
        if re.fullmatch(r"coder stat [a-z/ -]+", script):
            continue
        first = script.partition("\n")[0]
        assert first in ("#!/bin/bash -p", "#!/bin/sh"), script[:200]
        shell = shlex.split(first.removeprefix("#!"))
        done = subprocess.run(
            [*shell, "-n", "-c", script], capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stderr) == (0, "")
