"""Who is in the jail: what the template's scripts see of real processes, by /proc."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from components.alerts.jail import LINE
from components.workspace_template.source import SOURCE
from local.workspace import landlock
from tests.components.workspace_template.sessions import stat_script, watch_script, write_program

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
        # In a folder of its own: a socket's path may have no more than 107 characters.
        self.agent = Path(tempfile.mkdtemp())
        self.socket = self.agent / "audit.sock"
        self.config = folder / "config.yaml"
        self.config.write_text("allowlist: []\njail_type: landjail\nproxy_port: 24511\n")
        os.utime(self.config, (time.time() - 60,) * 2)

    def start(self, *command: str, **variables: str) -> None:
        environment = {
            "HOME": str(self.home),
            "PATH": f"{self.programs}:{os.environ['PATH']}",
            "BOUNDARY_CONFIG": str(self.config),
            "CODER_AGENT_BOUNDARY_LOG_PROXY_SOCKET_PATH": str(self.socket),
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

    def started_claude(self, count: int) -> None:
        """Wait until so many of Claude Code's stand-ins run."""
        deadline = time.monotonic() + 60
        while (found := sum(self._sessions(each.pid) for each in self.started)) < count:
            assert time.monotonic() < deadline, found
            time.sleep(0.05)

    def until(self, count: int, kind: str = "claude") -> list[list[str]]:
        """Wait until so many are told of."""
        # To be told of each process of the machine takes longer than to look at ours.
        self.started_claude(count)
        deadline = time.monotonic() + 60
        while len(found := [each for each in self.state() if each[0] == kind]) < count:
            assert time.monotonic() < deadline, found
            time.sleep(0.25)
        return found

    def _sessions(self, pid: int, above: tuple[str, ...] = ()) -> int:
        """Count stand-ins from a process on; a shell's child has its words until it is another."""
        try:
            words = tuple(Path(f"/proc/{pid}/cmdline").read_text().split("\0"))
        except OSError:
            return 0
        # A script is the word after its shell.
        found = words != above and any(
            word.startswith(f"{self.home}/") and re.search(r"/claude(/versions/[^/]+)?$", word)
            for word in words[:2]
        )
        return found + sum(self._sessions(child, words) for child in _children(pid))

    def end(self) -> None:
        for process in self.started:
            for pid in reversed(_tree(process.pid)):
                subprocess.run(["kill", "-9", str(pid)], check=False, capture_output=True)
            process.wait()
        shutil.rmtree(self.agent)


def _children(pid: int) -> list[int]:
    try:
        return list(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))
    except OSError:
        return []


def _tree(pid: int) -> list[int]:
    return [pid, *(each for child in _children(pid) for each in _tree(child))]


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
    processes.started_claude(2)
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
    processes.started_claude(4)
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


# Makes its socket and runs a script, as Coder's agent does; in between somebody does something.
AGENT = """
import socket, subprocess, sys
_, path, between, script = sys.argv
listener = socket.socket(socket.AF_UNIX)
listener.bind(path)
listener.listen()
exec(between)
sys.exit(subprocess.run(["/bin/sh", "-c", script]).returncode)
"""


def told(
    processes: Processes, policy: Path, wait: int = 1, between: str = "", seconds: int = 15
) -> tuple[str | None, ...]:
    """Run the template's script as its agent does and read its line, as alerts read it.

    The machine has others' processes too; the script is told of these alone. It waits for so many
    seconds before it calls one free, in place of five, and takes the socket for the agent's if it
    is so many seconds younger.
    """
    script = watch_script(policy.read_bytes())
    for old, new in (
        ("sleep 5\n", f"sleep {wait}\n"),
        ("+ 15)", f"+ {seconds})"),
        ("jail_state()", "state_of_all()"),
    ):
        assert script.count(old) == 1
        script = script.replace(old, new)
    ours = f" {' '.join(processes.ours())} "
    only = f"awk -F '\\t' -v ours='{ours}' 'index(ours, \" \" $2 \" \")'"
    script = script.replace(
        "\nexpected=", f"\njail_state() {{ state_of_all | {only}; }}\nexpected="
    )
    done = subprocess.run(
        [sys.executable, "-c", AGENT, str(processes.socket), between, script],
        env={
            "CODER_AGENT_BOUNDARY_LOG_PROXY_SOCKET_PATH": str(processes.socket),
            "HOME": str(processes.home),
            "PATH": f"{processes.programs}:{os.environ['PATH']}",
            "CODER_WORKSPACE_OWNER_NAME": "ada",
            "CODER_WORKSPACE_NAME": "dev",
        },
        capture_output=True, text=True, check=True, timeout=30,
    )  # fmt: skip
    processes.socket.unlink(missing_ok=True)
    assert done.stderr == ""
    line = re.match(LINE, done.stdout)
    assert line, done.stdout
    return line.groups()


def test_nobody_in_the_jail_is_told_so(processes: Processes) -> None:
    assert told(processes, processes.config) == ("0", "0", "not in use", "open", "ada/dev")


@pytest.mark.skipif(not LANDLOCK, reason="this kernel starts no jail")
def test_inside_and_outside_are_counted(processes: Processes) -> None:
    processes.start("boundary", "--", "claude")
    processes.started_claude(1)
    assert told(processes, processes.config) == ("0", "1", "as deployed", "open", "ada/dev")
    processes.start("claude")
    processes.start("sh", str(processes.claude))
    processes.started_claude(3)
    assert told(processes, processes.config) == ("2", "1", "as deployed", "open", "ada/dev")


@pytest.mark.skipif(not LANDLOCK, reason="this kernel starts no jail")
def test_a_policy_of_ones_own_is_told(processes: Processes, tmp_path: Path) -> None:
    deployed = tmp_path / "deployed.yaml"
    shutil.copy(processes.config, deployed)
    processes.start("boundary", "--", "claude", BOUNDARY_ALLOW="domain=evil.test")
    processes.started_claude(1)
    assert told(processes, deployed)[2] == "extended"
    later(processes.config)
    assert told(processes, deployed)[2] == "changed"
    processes.config.write_text("allowlist: ['domain=*']\n")
    later(processes.config)
    assert told(processes, deployed)[2] == "foreign"


def test_one_that_is_about_to_enter_its_jail_is_not_outside(processes: Processes) -> None:
    processes.start("sh", "-c", f"{processes.claude} & sleep 2; kill $!; sleep 30")
    processes.started_claude(1)
    assert told(processes, processes.config, wait=4)[:2] == ("0", "0")


# The way of audit lines -------------------------------------------------------------------------

REBIND = "import os; os.unlink(path); b = socket.socket(socket.AF_UNIX); b.bind(path)"


@pytest.mark.parametrize(
    ("between", "seconds", "audit"),
    [
        ("import os; os.unlink(path)", 15, "gone"),
        (f"{REBIND}; b.listen()", 15, "foreign"),
        (f"listener.close(); {REBIND}", 15, "foreign"),
        # Two clocks, each to a second: as if the agent had started long before.
        (REBIND, -10, "foreign"),
    ],
    ids=["removed", "one that listens", "one of nobody", "one that is younger than the agent"],
)
def test_a_socket_that_is_not_the_agents_is_told(
    processes: Processes, between: str, seconds: int, audit: str
) -> None:
    assert told(processes, processes.config, between=between, seconds=seconds)[3] == audit


@pytest.mark.skipif(not LANDLOCK, reason="this kernel starts no jail")
@pytest.mark.parametrize(
    ("flag", "variables"),
    [
        ("--disable-audit-logs", {}),
        ("--log-level=warn", {"DISABLE_AUDIT_LOGS": "true"}),
        ("--log-level=warn", {"CODER_AGENT_BOUNDARY_LOG_PROXY_SOCKET_PATH": "/tmp/none"}),
    ],
)
def test_a_boundary_that_keeps_quiet_is_told(
    processes: Processes, flag: str, variables: dict[str, str]
) -> None:
    processes.start("boundary", flag, "--", "claude", **variables)
    processes.started_claude(1)
    assert told(processes, processes.config)[3] == "off"


# What a jailed agent may write to ---------------------------------------------------------------


def test_nothing_that_is_first_on_path_is_run_outside_of_the_jail(
    processes: Processes, tmp_path: Path
) -> None:
    """The folder that Coder's agent puts first for all that it runs is the workspace's user's."""
    for program in Path("/usr/bin").iterdir():
        if not (processes.programs / program.name).exists():
            text = f'#!/bin/sh\necho {program.name} >> "{tmp_path}/ran"\nexec {program} "$@"\n'
            write_program(processes.programs / program.name, text)
    write_program(processes.programs / "coder", f'#!/bin/sh\necho coder >> "{tmp_path}/ran"\n')
    processes.start("/bin/sh", str(processes.claude), PATH="/usr/bin:/bin")
    assert told(processes, processes.config)[:2] == ("1", "0"), "claude is found by that PATH"
    for command, unit in (("stat_cpu", "cores"), ("stat_mem", "GiB"), ("stat_disk /", "GiB")):
        done = subprocess.run(
            ["/bin/sh", "-c", stat_script(command)],
            env={"PATH": f"{processes.programs}:/usr/bin:/bin"},
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert re.fullmatch(rf"[0-9.]+(/[0-9.]+)? {unit}( \(\d+%\))?\n", done.stdout)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("files", "said"),
    [
        (
            {
                "memory.current": "3221225472",
                "memory.max": "8589934592",
                "memory.stat": "anon 5\ninactive_file 1073741824",
            },
            "2/8 GiB (25%)",
        ),
        (
            {
                "memory.current": "1610612736",
                "memory.max": "max",
                "memory.stat": "inactive_file 0",
            },
            "1.5 GiB",
        ),
        (
            {
                "memory/memory.usage_in_bytes": "3221225472",
                "memory/memory.limit_in_bytes": "9223372036854771712",
                "memory/memory.stat": "total_inactive_file 1073741824",
            },
            "2 GiB",
        ),
    ],
)
def test_memory_is_what_the_cgroup_says(tmp_path: Path, files: dict[str, str], said: str) -> None:
    script = stat_script("stat_mem")
    assert "cgroup=/sys/fs/cgroup\n" in script
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(f"{text}\n")
    script = script.replace("cgroup=/sys/fs/cgroup\n", f"cgroup={tmp_path}\n")
    done = subprocess.run(["/bin/sh", "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == f"{said}\n"
