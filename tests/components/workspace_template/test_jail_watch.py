"""Who is in the jail: what the template's scripts see of real processes, by /proc."""

import hashlib
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from components.alerts.jail import LINE
from components.workspace_template.render import SOURCE
from local.workspace import landlock

pytestmark = pytest.mark.usefixtures("alone")
LANDLOCK = landlock.abi() >= landlock.NETWORK_ABI
JAIL_STATE = SOURCE / "jail_state.sh"


class Processes:
    """Claude Code's stand-ins, in and out of a jail, started as a person might start them."""

    def __init__(self, folder: Path) -> None:
        self.home = folder
        self.programs = folder / "bin"
        self.programs.mkdir()
        self.started: list[subprocess.Popen[bytes]] = []
        self.claude = self.programs / "claude"
        self.claude.write_text("#!/bin/sh\nwhile :; do sleep 1; done\n")
        self.claude.chmod(0o755)
        root = Path(__file__).resolve().parents[3]
        boundary = self.programs / "boundary"
        boundary.write_text(
            f'#!/bin/sh\nPYTHONPATH="{root}" exec "{shutil.which("python3")}" '
            '-m local.workspace.boundary "$@"\n'
        )
        boundary.chmod(0o755)
        self.config = folder / "config.yaml"
        self.config.write_text("allowlist: []\njail_type: landjail\nproxy_port: 24511\n")
        os.utime(self.config, (time.time() - 60,) * 2)

    def start(self, *command: str, **variables: str) -> None:
        environment = {
            "HOME": str(self.home),
            "PATH": f"{self.programs}:{os.environ['PATH']}",
            "BOUNDARY_CONFIG": str(self.config),
            **variables,
        }
        self.started.append(
            subprocess.Popen(command, env=environment, start_new_session=True, cwd=self.home)
        )

    def ours(self) -> set[str]:
        return {str(pid) for process in self.started for pid in _tree(process.pid)}

    def state(self, shell: str = "sh") -> list[list[str]]:
        """What is told of these processes alone; the machine has others."""
        done = subprocess.run(
            [shell, "-c", f". {JAIL_STATE}; jail_state"],
            env={"HOME": str(self.home), "PATH": f"{self.programs}:{os.environ['PATH']}"},
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        ours = self.ours()
        lines = [line.split("\t") for line in done.stdout.splitlines()]
        return [fields for fields in lines if fields[1] in ours]

    def until(self, count: int, kind: str = "claude") -> list[list[str]]:
        deadline = time.monotonic() + 60
        while len(found := [each for each in self.state() if each[0] == kind]) < count:
            assert time.monotonic() < deadline, found
            time.sleep(0.25)
        return found

    def end(self) -> None:
        for process in self.started:
            for pid in reversed(_tree(process.pid)):
                subprocess.run(["kill", "-9", str(pid)], check=False, capture_output=True)
            process.wait()


def _tree(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children")
    found = children.read_text().split() if children.exists() else []
    return [pid, *(each for child in found for each in _tree(int(child)))]


def later(file: Path) -> None:
    """Say that a file was written three seconds from now: two may be the clocks' difference."""
    os.utime(file, (time.time() + 3,) * 2)


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Processes]:
    made = Processes(tmp_path)
    try:
        yield made
    finally:
        made.end()


def test_who_is_jailed_and_who_is_not(processes: Processes) -> None:
    processes.start("boundary", "--", "claude")
    processes.start("claude")
    processes.until(2)
    for shell in ("sh", "bash"):
        found = {fields[2]: fields for fields in processes.state(shell) if fields[0] == "claude"}
        assert found["unjailed"][1] == str(processes.started[1].pid)
        assert found["unjailed"][3:5] == ["-", "-"]
        if LANDLOCK:
            assert found["jailed"][3:5] == [str(processes.started[0].pid), "24511"]


@pytest.mark.skipif(not LANDLOCK, reason="this kernel starts no jail")
def test_the_policies_of_running_boundaries(processes: Processes, tmp_path: Path) -> None:
    digest = hashlib.sha256(processes.config.read_bytes()).hexdigest()
    other = tmp_path / "other.yaml"
    shutil.copy(processes.config, other)
    processes.start("boundary", "--", "claude", "--allow", "x")
    processes.start("boundary", "--proxy-port=24512", f"--config={other}", "--", "claude")
    processes.start(
        "boundary", "--proxy-port", "24513", "--allow", "domain=evil.test", "--", "claude"
    )
    processes.start(
        "boundary", "--proxy-port", "24514", "--", "claude", BOUNDARY_ALLOW="domain=evil.test"
    )
    processes.until(4, "boundary")
    other.write_text("allowlist: ['domain=*']\n")
    later(other)
    lines = {fields[1]: fields[3:] for fields in processes.until(4, "boundary")}
    plain, changed, by_flag, by_variable = (lines[str(p.pid)] for p in processes.started)
    assert plain == [str(processes.config), digest, "no", "-"]
    assert changed[0] == str(other)
    assert (changed[1] != digest, changed[2]) == (True, "yes"), "changed after it was read"
    assert by_flag == [str(processes.config), digest, "no", "flag,"]
    assert by_variable == [str(processes.config), digest, "no", "variable,"]


@pytest.mark.skipif(not LANDLOCK, reason="this kernel starts no jail")
def test_a_wrapper_that_waits_for_boundary_is_no_free_claude(
    processes: Processes, tmp_path: Path
) -> None:
    wrapper = tmp_path / "wrapper"
    wrapper.mkdir()
    (wrapper / "claude").write_text(f"#!/bin/sh\nboundary -- {processes.claude}; exit\n")
    (wrapper / "claude").chmod(0o755)
    processes.start(str(wrapper / "claude"))
    found = {fields[2] for fields in processes.until(2)}
    assert found == {"wrapper", "jailed"}


def test_ways_around_the_jail_are_seen(processes: Processes) -> None:
    claude = str(processes.claude)
    processes.start("env", "-i", "PATH=/usr/bin:/bin", claude)
    processes.start("sh", claude)
    processes.start("env", "HTTPS_PROXY=http://localhost:24511", claude)
    assert [what for _, _, what, *_ in processes.until(3)] == ["unjailed"] * 3


def test_another_name_is_seen_by_the_program(processes: Processes) -> None:
    versions = processes.home / ".local" / "share" / "claude" / "versions"
    versions.mkdir(parents=True)
    shutil.copy(shutil.which("sleep") or "", versions / "2.1.0")
    processes.start(str(versions / "2.1.0"), "60")
    ((_, _, what, _, _, program),) = processes.until(1)
    assert (what, program) == ("unjailed", str(versions / "2.1.0"))


# What the agent tells of them -------------------------------------------------------------------


def told(processes: Processes, policy: Path, wait: int = 1) -> tuple[str | None, ...]:
    """Run the template's script as its agent does and read its line, as alerts read it.

    The machine has others' processes too; the script is told of these alone. It waits for so many
    seconds before it calls one free, in place of five.
    """
    state = (SOURCE / "jail_state.sh").read_text().replace("jail_state()", "state_of_all()")
    expected = hashlib.sha256(policy.read_bytes()).hexdigest()
    watch = (SOURCE / "jail_watch.sh").read_text().replace("@POLICY_SHA256@", expected)
    assert "sleep 5\n" in watch
    watch = watch.replace("sleep 5\n", f"sleep {wait}\n")
    ours = f" {' '.join(processes.ours())} "
    only = f"awk -F '\\t' -v ours='{ours}' 'index(ours, \" \" $2 \" \")'"
    done = subprocess.run(
        ["sh", "-c", f"{state}\njail_state() {{ state_of_all | {only}; }}\n{watch}"],
        env={
            "HOME": str(processes.home),
            "PATH": f"{processes.programs}:{os.environ['PATH']}",
            "CODER_WORKSPACE_OWNER_NAME": "ada",
            "CODER_WORKSPACE_NAME": "dev",
        },
        capture_output=True, text=True, check=True, timeout=30,
    )  # fmt: skip
    assert done.stderr == ""
    line = re.match(LINE, done.stdout.removesuffix("\n"))
    assert line, done.stdout
    return line.groups()


def test_nobody_in_the_jail_is_told_so(processes: Processes) -> None:
    assert told(processes, processes.config) == ("0", "0", "not in use", "ada/dev")


@pytest.mark.skipif(not LANDLOCK, reason="this kernel starts no jail")
def test_inside_and_outside_are_counted(processes: Processes) -> None:
    processes.start("boundary", "--", "claude")
    processes.until(1, "boundary")
    assert told(processes, processes.config) == ("0", "1", "as deployed", "ada/dev")
    processes.start("claude")
    processes.start("sh", str(processes.claude))
    processes.until(3)
    assert told(processes, processes.config) == ("2", "1", "as deployed", "ada/dev")


@pytest.mark.skipif(not LANDLOCK, reason="this kernel starts no jail")
def test_a_policy_of_ones_own_is_told(processes: Processes, tmp_path: Path) -> None:
    deployed = tmp_path / "deployed.yaml"
    shutil.copy(processes.config, deployed)
    processes.start("boundary", "--", "claude", BOUNDARY_ALLOW="domain=evil.test")
    processes.until(1, "boundary")
    assert told(processes, deployed)[2] == "extended"
    later(processes.config)
    assert told(processes, deployed)[2] == "changed"
    processes.config.write_text("allowlist: ['domain=*']\n")
    later(processes.config)
    assert told(processes, deployed)[2] == "foreign"


def test_one_that_is_about_to_enter_its_jail_is_not_outside(processes: Processes) -> None:
    processes.start("sh", "-c", f"{processes.claude} & sleep 2; kill $!; sleep 30")
    processes.until(1)
    assert told(processes, processes.config, wait=4)[:2] == ("0", "0")
