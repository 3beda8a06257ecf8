"""The jail looked at from inside for real: shell, /proc, sockets, and Landlock where it is."""

import hashlib
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.workspace import landlock
from ops.verification import scripts
from ops.verification.deployment import Deployment
from ops.verification.jail import Jail
from ops.verification.model import Outcome, Result
from ops.verification.path import Visit
from ops.verification.plan import Target
from ops.verification.run import Clock
from tests.ops.verification.conftest import FIREWALL, Place
from tests.ops.verification.making import Making, Redaction

LANDLOCK = landlock.abi() >= landlock.NETWORK_ABI


@pytest.fixture(scope="module")
def seen(place: Place, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Result]:
    making = Making(tmp_path_factory.mktemp("run"))
    run = making.run(clock=Clock())
    url = place.coderd.url
    target = Target("firewalled", "firewalled", "jail", firewall=FIREWALL, access_url=url)
    peer = Target("open", "open", "peer", access_url=url)
    with Deployment(place.coderd, Redaction([place.coderd.token])) as deployment:
        visits = [Visit(run, deployment, each) for each in (target, peer)]
        try:
            run.parallel([visit.build for visit in visits])
            visits[0].look_inside()
            jail = Jail(run, *visits)
            jail.look()
        finally:
            run.parallel([visit.delete for visit in visits])
    assert place.coderd.token not in repr(making.told)
    return {f"{result.subject} {result.check}": result for result in making.told}


def test_nothing_stays(place: Place, seen: dict[str, Result]) -> None:
    assert seen["firewalled path.deleted"].outcome is Outcome.PASSED
    assert {"jail", "peer"}.isdisjoint(place.workspaces())
    folder = place.local.directory / "workspaces"
    running = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True)
    made = seen["firewalled path.built"].exchanges[0].answer
    id = made.split('"id": "')[1].split('"')[0]
    assert id not in [each.name for each in folder.iterdir()]
    assert id not in running.stdout


@pytest.mark.parametrize(
    "check",
    ["jail.started", "jail.policy", "jail.claude", "jail.denied", "jail.tcp", "jail.bind"],
)
def test_the_jail_holds(seen: dict[str, Result], check: str) -> None:
    result = seen[f"firewalled {check}"]
    assert result.outcome is (Outcome.PASSED if LANDLOCK else Outcome.NOT_CHECKED), result


def test_what_was_asked_and_answered_is_kept(seen: dict[str, Result]) -> None:
    told = {e.request: e.answer for e in seen["firewalled jail.started"].exchanges}
    assert told["inside the jail: HEAD http://denied.test/"] == "denied (403)"
    assert told["inside the jail: POST http://only-get.test/"] == "denied (403)"
    allowed = told["inside the jail: GET http://nowhere.invalid/simple/"]
    assert allowed == "allowed, but no answer from the server"


def test_coderd_answers_from_inside(seen: dict[str, Result]) -> None:
    assert seen["firewalled path.inside"].outcome is Outcome.PASSED


def test_landlock_leaves_the_proxys_port_of_other_pods_open(seen: dict[str, Result]) -> None:
    result = seen["firewalled jail.peers"]
    assert result.outcome is Outcome.NOT_CHECKED
    assert "inside tcp 127." in result.detail


def test_a_typed_claude_is_seen_outside_of_the_jail(seen: dict[str, Result]) -> None:
    """The template puts no wrapper on PATH."""
    result = seen["firewalled jail.typed"]
    assert result.outcome is Outcome.FAILED
    assert "runs outside of the jail" in result.detail


# Who is in the jail, by /proc -------------------------------------------------------------------

JAIL_STATE = scripts._FILES / "jail_state.sh"


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

    def state(self, shell: str = "sh") -> list[list[str]]:
        """What is told of these processes alone; the machine has others."""
        done = subprocess.run(
            [shell, "-c", f". {JAIL_STATE}; jail_state"],
            env={"HOME": str(self.home), "PATH": f"{self.programs}:{os.environ['PATH']}"},
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        ours = {str(pid) for process in self.started for pid in _tree(process.pid)}
        lines = [line.split("\t") for line in done.stdout.splitlines()]
        return [fields for fields in lines if fields[1] in ours]

    def until(self, count: int, kind: str = "claude") -> list[list[str]]:
        deadline = time.monotonic() + 60
        while len(found := [each for each in self.state() if each[0] == kind]) < count:
            assert time.monotonic() < deadline, found
            time.sleep(0.5)
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
    time.sleep(3)
    other.write_text("allowlist: ['domain=*']\n")
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
