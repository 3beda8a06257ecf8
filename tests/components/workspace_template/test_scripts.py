"""Every script that a workspace's agent runs, in every form of template."""

import hashlib
import os
import re
import shlex
import subprocess
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from components.programs import Program
from components.releases import CLAUDE_CODE
from components.workspace_template.source import SOURCE
from components.workspace_template.start_script import policies
from components.workspace_template.wiring import Firewall, ModuleVersions
from tests.components.workspace_template.conftest import CONFIG, RULES
from tests.components.workspace_template.planning import Plan, every, outputs, resources
from tests.components.workspace_template.sessions import MANAGED_SETTINGS
from tests.components.workspace_template.test_install_programs import Place, archive, place
from tests.components.workspace_template.test_policies import POLICY

__all__ = ["place"]

PACKED = {name: archive(name, name.encode()) for name in ("boundary", "claude")}
PROGRAMS = {
    name: Program(
        url=f"https://files.example.gov/{name}", sha256=hashlib.sha256(content).hexdigest()
    )
    for name, content in PACKED.items()
}
FORMS = [
    pytest.param(*form, id="-".join(str(each) for each in form))
    for form in product((4, 5), ("confined", "own", "open"), ("url", ""), ("managed", ""))
    if form[:3] != (4, "own", "")  # which is refused
]
every_form = pytest.mark.parametrize(("wiring", "firewall", "claude", "managed"), FORMS)


def of_form(wiring: int, firewall: str, claude: str, managed: str) -> dict[str, Any]:
    """Arguments of a template of that form."""
    program = PROGRAMS["boundary"] if firewall == "own" else None
    return {
        "module_versions": ModuleVersions(CLAUDE_CODE[wiring]),
        "tasks": False,
        "firewall": None if firewall == "open" else Firewall(CONFIG, policy=RULES, program=program),
        "claude_program": PROGRAMS["claude"] if claude else None,
        "claude_policy": POLICY if managed else None,
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


@every_form
def test_its_length_is_known_before(
    plan: Plan, wiring: int, firewall: str, claude: str, managed: str
) -> None:
    given = of_form(wiring, firewall, claude, managed)
    planned = outputs(plan(**given), "claude_code")["pre_install_script"]
    policy = given["claude_policy"]
    assert planned == policies(given["firewall"], policy, given["claude_program"], wiring)


def run(script: str, place: Place, temporary: Path) -> subprocess.CompletedProcess[str]:
    """Run a script of the policies as Coder's agent does, in a workspace of its own."""
    logs, etc = place.folder / "logs", place.folder / "etc" / MANAGED_SETTINGS.name
    script = script.replace("/tmp/boundary_logs", str(logs)).replace(
        str(MANAGED_SETTINGS), str(etc)
    )
    shell = shlex.split(script.partition("\n")[0].removeprefix("#!"))
    return subprocess.run(
        [*shell, "-c", script],
        env={
            "HOME": str(place.home),
            "PATH": f"{place.folder / 'bin'}:/usr/bin:/bin",
            "CODER_SCRIPT_BIN_DIR": str(place.scripts),
            "TMPDIR": str(temporary),
        },
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.skipif(os.geteuid() != 0, reason="without root it asks for sudo, and for a real curl")
@every_form
def test_a_start_leaves_nothing_behind(
    plan: Plan, place: Place, wiring: int, firewall: str, claude: str, managed: str
) -> None:
    """It is one shell, in which a later `trap` takes the place of an earlier one."""
    platform = "arm64" if os.uname().machine in ("aarch64", "arm64") else "amd64"
    for name in ("boundary", "claude", f"boundary-linux-{platform}.tar.gz"):
        place.serve(name, PACKED[name.partition("-")[0]])
    temporary = place.folder / "tmp"
    temporary.mkdir()
    planned = plan(**of_form(wiring, firewall, claude, managed))
    # The second takes what was kept, as the module's own run of it does.
    for each in resources(planned, "coder_script") * 2:
        done = run(each["script"], place, temporary)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        assert list(temporary.iterdir()) == []
    assert (place.scripts / "claude").exists() is (firewall != "open")
    assert (place.home / ".local/share/firewalled-coder/programs/claude").exists() is bool(claude)
    left = [str(each) for each in place.folder.rglob("*") if re.search(r"\.\d+$", each.name)]
    assert left == []


@pytest.mark.parametrize("shell", ["sh", "bash"])
@pytest.mark.parametrize(
    "call",
    [
        "parents",
        "variable",
        "word",
        "program",
        "listens",
        "is_claude",
        "boundary_of",
        "policy_file",
        "more_rules",
        "started",
        "keeps_quiet",
    ],
)
def test_nothing_is_said_of_a_process_that_ended_meanwhile(call: str, shell: str) -> None:
    """A shell says itself what it cannot open, to where its errors went until then."""
    parts = ("root_path", "jail_state", "jail_audit")
    text = "\n".join((SOURCE / f"{each}.sh").read_text() for each in parts)
    # The kernel has no process of that number.
    done = subprocess.run(
        [shell, "-c", f"{text}\n{call} 4194305 1 || :"],
        env={"HOME": "/nonexistent", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
