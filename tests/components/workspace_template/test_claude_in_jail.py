"""The `claude` that comes first on PATH, run for real."""

import os
import pty
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from components.workspace_template.values import SESSION_PORTS
from tests.components.workspace_template.sessions import (
    MANAGED_SETTINGS,
    REAL,
    Sessions,
    put_script,
    until,
    write_program,
)


@pytest.fixture(params=["records", pytest.param("real", marks=pytest.mark.skipif(
    not REAL, reason="no real Boundary: LOCAL_WORKSPACE_BOUNDARY names none"
))])  # fmt: skip
def sessions(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Sessions]:
    made = Sessions(tmp_path, REAL if request.param == "real" else None)
    try:
        done = made.put()
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        yield made
    finally:
        made.end()


@pytest.fixture
def recorded(tmp_path: Path) -> Iterator[Sessions]:
    """With the Boundary that records alone."""
    made = Sessions(tmp_path)
    try:
        assert made.put().returncode == 0
        yield made
    finally:
        made.end()


def test_arguments_streams_and_exit_status_pass(sessions: Sessions) -> None:
    words = ["arguments", "a b", "", "*", "-p", "--", "--config=x", "$HOME", "'\"", "\n"]
    assert sessions.run("claude", *words).stdout.split("\0")[:-1] == words
    done = sessions.run("claude", "streams", input="typed", stdin=None)
    assert (done.stdout, done.stderr, done.returncode) == ("typed", "to-errors\n", 0)
    for status in (0, 1, 7, 130, 255):
        assert sessions.run("claude", "exit", str(status)).returncode == status
    assert list((sessions.folder / "tmp").iterdir()) == []


def test_boundary_is_given_the_policy_and_a_port_of_its_own(recorded: Sessions) -> None:
    running = [recorded.start("claude", "wait", "-") for _ in range(5)]
    ports = set()
    for given in recorded.given:
        config, port, end, *_ = given
        assert (config, end) == (f"--config={recorded.config}", "--")
        ports.add(port)
        assert re.fullmatch(r"--proxy-port=2\d{4}", port)
    assert len(ports) == len(running)


def test_a_port_that_is_taken_is_not_tried(recorded: Sessions) -> None:
    """Of the ports that it draws from, all but one listen; by the kernel's own table."""
    wrapper = recorded.first / "claude"
    text = wrapper.read_text()
    table = recorded.folder / "tcp"
    rows = [
        f" {n:3}: 00000000:{20000 + n:04X} 00000000:0000 0A 00000000:0" for n in range(4) if n != 2
    ]
    table.write_text("\n".join(rows) + "\n")
    first, last = SESSION_PORTS
    assert f"port=$(({first} + RANDOM % {last - first + 1}))" in text
    assert "/proc/net/tcp /proc/net/tcp6" in text
    text = text.replace("RANDOM % 10000", "RANDOM % 4")
    wrapper.write_text(text.replace("/proc/net/tcp /proc/net/tcp6", str(table)))
    for _ in range(8):
        assert recorded.run("claude", "exit", "0").returncode == 0
    assert {given[1] for given in recorded.given} == {"--proxy-port=20002"}


def test_a_port_that_another_session_took_is_left_to_it(recorded: Sessions) -> None:
    taken = "Error: failed to start landjail manager: listen tcp :1: bind: address already in use\n"
    (recorded.folder / "says").write_text(taken * 2)
    done = recorded.run("claude", "exit", "7")
    assert (done.returncode, done.stderr, recorded.calls) == (7, "", 1)
    assert len(recorded.given) == 3
    (recorded.folder / "says").write_text(taken * 9)
    done = recorded.run("claude", "exit", "7")
    assert (done.returncode, len(recorded.given), recorded.calls) == (126, 8, 1)
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("name", ["HUP", "INT", "QUIT", "TERM", "USR1", "USR2"])
def test_signals_pass(sessions: Sessions, name: str) -> None:
    process = sessions.start("claude", "wait", "1")
    process.send_signal(getattr(signal, f"SIG{name}"))
    output, errors = process.communicate(timeout=30)
    assert (output, errors) == (f"{name}\n", "")
    assert process.returncode == (43 if name == "TERM" else 42)


def test_a_signal_to_the_whole_group(sessions: Sessions) -> None:
    process = sessions.start("claude", "wait", "1", start_new_session=True)
    os.killpg(process.pid, signal.SIGTERM)
    output, errors = process.communicate(timeout=30)
    assert set(output.split()) == {"TERM"}
    assert (errors, process.returncode) == ("", 43)


def test_the_interrupt_key_reaches_claude_code_once(sessions: Sessions) -> None:
    child, terminal = pty.fork()
    if child == 0:  # pragma: no cover  becomes the session's leader
        os.chdir(sessions.home)
        os.execvpe("claude", ["claude", "wait", "2"], sessions.variables)
    shown = b""

    def read(text: bytes) -> None:
        nonlocal shown
        while text not in shown:
            shown += os.read(terminal, 1000)

    read(b"ready")
    os.write(terminal, b"\x03")
    read(b"INT")
    time.sleep(0.5)
    os.write(terminal, b"\x03")
    with suppress(OSError):  # how a terminal says that nobody has it any more
        while data := os.read(terminal, 1000):
            shown += data
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 42
    assert shown.count(b"INT") == 2, "one for each key"


def test_one_process_alone_is_called_claude_beside_claude_code(recorded: Sessions) -> None:
    """By its name the workspace's watch tells who runs outside of the jail."""
    process = recorded.start("claude", "wait", "-", start_new_session=True)
    claude = (recorded.folder / "tmp").glob("*/pid")
    inside = next(claude).read_text().strip()

    def called_claude() -> set[str]:
        names = subprocess.run(
            ["ps", "-o", "pid=,comm=", "-s", str(process.pid)],
            capture_output=True, text=True, check=True,
        ).stdout.split()  # fmt: skip
        return {pid for pid, name in zip(names[::2], names[1::2], strict=True) if name == "claude"}

    # A shell's child has its name until it is another program.
    until(lambda: called_claude() == {str(process.pid), inside})


def test_ended_before_claude_code_is_there(recorded: Sessions) -> None:
    boundary = recorded.programs / "boundary"
    write_program(boundary, f'#!/bin/bash\ntouch "{recorded.folder}/up"\nexec sleep 30\n')
    process = subprocess.Popen(
        ["claude"], env=recorded.variables, stderr=subprocess.PIPE, text=True
    )
    until((recorded.folder / "up").exists)
    process.terminate()
    assert process.communicate(timeout=20)[1] == ""
    assert process.returncode == 128 + signal.SIGTERM
    assert recorded.calls == 0


def test_claude_code_ends_with_its_boundary(sessions: Sessions) -> None:
    process = sessions.start("claude", "wait", "-")
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    (boundary,) = [
        int(each)
        for each in children
        if b"--proxy-port" in Path(f"/proc/{each}/cmdline").read_bytes()
    ]
    os.kill(boundary, signal.SIGKILL)
    output, errors = process.communicate(timeout=30)
    assert errors == "claude: ended: its Boundary is gone\n"
    assert (output, process.returncode) == ("TERM\n", 43)


def test_its_end_is_seen_at_once(sessions: Sessions) -> None:
    started = time.monotonic()
    assert sessions.run("claude", "streams").returncode == 0
    assert time.monotonic() - started < 4
    boundary = f"--config={sessions.config}"
    until(lambda: boundary not in subprocess.getoutput("ps -eo args"), seconds=4)


@pytest.mark.parametrize(
    ("change", "status", "said"),
    [
        (lambda s: (s.programs / "boundary").unlink(), 126, "Boundary is not installed yet"),
        (lambda s: s.claude.unlink(), 127, "Claude Code is not installed yet"),
        (lambda s: s.config.unlink(), 126, "cannot be read"),
        (lambda s: s.config.write_text("allowlist: ['']\n"), 126, "is not the policy of this"),
        (lambda s: shutil.rmtree(s.folder / "tmp"), 126, "there is no room in"),
    ],
)
def test_it_starts_nothing_unjailed(
    recorded: Sessions, change: object, status: int, said: str
) -> None:
    assert callable(change)
    change(recorded)
    # A Boundary of this machine's is none of the workspace's.
    path = f"{recorded.first}:{recorded.programs}:{recorded.folder}/system"
    (recorded.folder / "system").mkdir()
    for tool in ("head", "tr", "grep", "sha256sum", "mktemp", "bash", "tail"):
        (recorded.folder / "system" / tool).symlink_to(shutil.which(tool) or "")
    done = recorded.run("claude", "exit", "0", variables={"PATH": path})
    assert (done.returncode, done.stdout, recorded.calls) == (status, "", 0)
    assert done.stderr.startswith("claude: not started: ")
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


def test_boundarys_own_reason_is_told_in_one_line(recorded: Sessions) -> None:
    reason = "Error: missing kernel Landlock support: ABI 3, need 4"
    (recorded.folder / "says").write_text(f"{reason}\n")
    done = recorded.run("claude", "exit", "0")
    assert done.stderr == f"claude: not started: Boundary does not start: {reason}\n"
    assert (done.returncode, recorded.calls) == (126, 0)


def test_other_managed_settings_than_the_templates_start_nothing(recorded: Sessions) -> None:
    settings = recorded.folder / MANAGED_SETTINGS.name
    script = put_script(recorded.config.read_bytes(), b"{}\n")
    subprocess.run(["bash", "-c", script], env=recorded.variables, check=True)
    wrapper = recorded.first / "claude"
    text = wrapper.read_text()
    assert text.count(f"={MANAGED_SETTINGS}\n") == 1
    wrapper.write_text(text.replace(str(MANAGED_SETTINGS), str(settings)))
    for content in (None, "", '{"env": {}}'):
        if content is not None:
            settings.write_text(content)
        done = recorded.run("claude", "exit", "0")
        assert (done.returncode, recorded.calls) == (126, 0)
        assert done.stderr.endswith(
            "are not the settings of this workspace; restart the workspace\n"
        )
        assert done.stderr.count("\n") == 1
    settings.write_text("{}\n")
    assert recorded.run("claude", "exit", "7").returncode == 7


@pytest.mark.skipif(not REAL, reason="no real Boundary: LOCAL_WORKSPACE_BOUNDARY names none")
def test_the_real_ones_reason(tmp_path: Path) -> None:
    sessions = Sessions(tmp_path, REAL)
    sessions.config.write_text("allowlist: [bogus=1]\njail_type: landjail\n")
    sessions.put()
    done = sessions.run("claude", "exit", "0")
    assert done.returncode == 126
    assert re.fullmatch(r"claude: not started: Boundary does not start: .*bogus.*\n", done.stderr)


def test_the_program_is_found_elsewhere_and_never_itself(recorded: Sessions) -> None:
    wrapper = recorded.first / "claude"
    others = [recorded.folder / f"other-{n}" for n in range(5)]
    for other in others:
        other.mkdir()
    (others[0] / "claude").symlink_to(wrapper)
    (others[1] / "claude").hardlink_to(wrapper)
    shutil.copy(wrapper, others[2] / "claude")
    (others[3] / "claude").mkdir()
    (others[4] / "claude").write_text("not executable")
    path = ":".join(str(each) for each in [*others, recorded.first])
    with_tools = {"PATH": f"{path}::relative:{recorded.programs}:/usr/bin:/bin"}
    for each in (wrapper, others[0] / "claude", others[2] / "claude"):
        done = recorded.run(str(each), "exit", "7", variables=with_tools)
        assert (done.returncode, done.stderr) == (7, "")
    recorded.claude.unlink()
    done = recorded.run("claude", variables=with_tools)
    assert done.returncode == 127


def test_an_update_is_what_runs_next(recorded: Sessions) -> None:
    versions = recorded.home / ".local" / "share" / "claude" / "versions"
    for version in ("2.1.0", "2.2.0"):
        write_program(versions / version, f"#!/bin/sh\necho {version}\n")
        # As Claude Code's own updater puts a version into its place.
        recorded.claude.unlink()
        recorded.claude.symlink_to(versions / version)
        assert recorded.run("claude").stdout == f"{version}\n"
    assert len(recorded.given) == 2


def test_nothing_around_widens_the_policy(recorded: Sessions) -> None:
    around = {
        "BOUNDARY_ALLOW": "domain=*",
        "BOUNDARY_CONFIG": "/tmp/of-my-own.yaml",
        "BOUNDARY_JAIL_TYPE": "none",
        "BOUNDARY_PPROF": "true",
        "CODER_AGENT_BOUNDARY_LOG_PROXY_SOCKET_PATH": "/tmp/none",
        "CHILD": "true",
        "DISABLE_AUDIT_LOGS": "true",
        "PROXY_PORT": "8087",
        "KEPT": "yes",
    }
    assert recorded.run("claude", "exit", "7", variables=around).returncode == 7
    given = recorded.given_variables
    # With nsjail it runs programs by PATH after the session, too.
    assert given["PATH"] == "/usr/bin:/bin:/usr/sbin:/sbin"
    path = recorded.run("claude", "variable", "PATH").stdout
    assert path == f"{recorded.variables['PATH']}\n"
    assert given["BOUNDARY_CONFIG"] == str(recorded.config)
    assert given["KEPT"] == "yes"
    audit = "CODER_AGENT_BOUNDARY_LOG_PROXY_SOCKET_PATH"
    assert given[audit] == str(recorded.audit)
    assert not (around.keys() - {"BOUNDARY_CONFIG", "KEPT", audit}) & given.keys()


def test_nothing_starts_where_nothing_would_be_audited(recorded: Sessions) -> None:
    recorded.audit.unlink()
    done = recorded.run("claude", "exit", "0")
    why = f"{recorded.audit} is not there, so nothing would be audited; restart the workspace"
    assert (done.returncode, done.stderr) == (126, f"claude: not started: {why}\n")
    assert (recorded.given, recorded.calls) == ([], 0)


def test_a_name_for_a_jail_is_none(recorded: Sessions) -> None:
    """What anybody can write or ask for makes it start nothing outside of Boundary."""
    written = {"CHILD": "true", "HTTPS_PROXY": "http://localhost:8087", "http_proxy": "x"}
    command = ["setpriv", "--no-new-privs", "claude", "exit", "7"]
    assert recorded.run(*command, variables=written).returncode == 7
    assert len(recorded.given) == recorded.calls == 1


def test_without_an_environment_it_is_still_the_jail(recorded: Sessions) -> None:
    wrapper = str(recorded.first / "claude")
    path = f"PATH={recorded.variables['PATH']}"
    assert recorded.run("env", "-i", path, wrapper, "exit", "7").returncode == 7
    assert len(recorded.given) == 1


@pytest.mark.skipif(not REAL, reason="no real Boundary: LOCAL_WORKSPACE_BOUNDARY names none")
class TestInARealJail:
    @pytest.fixture
    def real(self, tmp_path: Path) -> Iterator[Sessions]:
        made = Sessions(tmp_path, REAL)
        try:
            assert made.put().returncode == 0
            yield made
        finally:
            made.end()

    def test_claude_code_is_in_it(self, real: Sessions) -> None:
        assert "NoNewPrivs:\t1" in real.run("claude", "privileges").stdout
        assert "Permission denied" in real.run("claude", "connect", "9").stdout
        proxy = real.run("claude", "variable", "HTTPS_PROXY").stdout
        assert re.fullmatch(r"http://localhost:2\d{4}\n", proxy)

    def test_boundary_stays_until_its_audit_lines_are_sent(self, real: Sessions) -> None:
        process = subprocess.Popen(
            ["claude", "ask"], env=real.variables, stdout=subprocess.PIPE, text=True
        )
        started = time.monotonic()
        assert process.wait(timeout=20) == 0
        assert time.monotonic() - started < 4, "the exit status is there at once"
        output, _ = process.communicate(timeout=20)
        assert output.strip() == "HTTP/1.1 403 Forbidden"
        assert time.monotonic() - started > 5

    def test_one_that_it_starts_itself_is_in_the_same(self, real: Sessions) -> None:
        done = real.run("claude", "nested", "nested", "exit", "9")
        assert (done.returncode, done.stderr, real.calls) == (9, "", 3)

    def test_the_modules_own_boundary_starts_it_once(self, real: Sessions) -> None:
        """The module starts `boundary -- claude`, which finds this file."""
        module = ["boundary", "--proxy-port=19123", "--", "claude", "variable", "HTTPS_PROXY"]
        done = real.run(*module)
        assert done.stdout == "http://localhost:19123\n"
        assert real.calls == 1
