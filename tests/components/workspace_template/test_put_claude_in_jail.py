"""What a start of the workspace does so that the jailed `claude` is the first on PATH."""

import os
import shlex
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.components.workspace_template.sessions import (
    SHEBANG,
    Sessions,
    put_script,
    write_program,
)

MARK = "# firewalled-coder: Claude Code starts in its jail"


@pytest.fixture
def sessions(tmp_path: Path) -> Iterator[Sessions]:
    made = Sessions(tmp_path)
    yield made
    made.end()


def first_on_path(sessions: Sessions, *shell: str) -> str:
    # A login shell of Debian's begins with a PATH of the system's own, where Boundary is.
    call = f'command -v claude; PATH="$PATH:{sessions.programs}" claude exit 7; echo $?'
    done = sessions.run(*shell, call)
    found, status = done.stdout.splitlines()[-2:]
    assert status == "7"
    return found


@pytest.mark.parametrize(
    "shell", [("sh", "-c"), ("sh", "-l", "-c"), ("bash", "-c"), ("bash", "-lc"), ("bash", "-ic")]
)
def test_it_is_first_in_every_shell(sessions: Sessions, shell: tuple[str, ...]) -> None:
    free = f'PATH="{sessions.claude.parent}:$PATH"\n'
    # As Ubuntu's own does, and as an installer's hint says.
    (sessions.home / ".profile").write_text(f'[ -n "$BASH" ] && . ~/.bashrc\n{free}')
    (sessions.home / ".bashrc").write_text(free)
    assert sessions.put().returncode == 0
    assert first_on_path(sessions, *shell) == str(sessions.first / "claude")
    assert sessions.calls == len(sessions.given) == 1


def test_without_anything_for_shells_to_read(sessions: Sessions) -> None:
    assert sessions.put().returncode == 0
    for shell in (("bash", "-lc"), ("bash", "-ic")):
        assert first_on_path(sessions, *shell) == str(sessions.first / "claude")


def test_what_people_wrote_stays(sessions: Sessions) -> None:
    home = sessions.home
    kept = home / "dotfiles" / "bashrc"
    kept.parent.mkdir()
    kept.write_text("alias l=ls\nno newline at the end")
    kept.chmod(0o640)
    (home / ".bashrc").symlink_to(kept)
    (home / ".zshrc").write_text("")
    (home / ".bash_profile").write_text("one\n")
    (home / ".config" / "fish").mkdir(parents=True)
    (home / ".config" / "fish" / "config.fish").write_text("set -x A b\n")
    for _ in range(2):
        assert sessions.put().returncode == 0
    assert (home / ".bashrc").is_symlink()
    assert stat.S_IMODE(kept.stat().st_mode) == 0o640
    *before, line = kept.read_text().splitlines()
    assert before == ["alias l=ls", "no newline at the end"]
    assert line.endswith(MARK)
    assert (home / ".zshrc").read_text() == f"{line}\n"
    assert (home / ".bash_profile").read_text() == f"one\n{line}\n"
    assert not (home / ".profile").exists(), "bash does not read it beside .bash_profile"
    fish = (home / ".config" / "fish" / "config.fish").read_text()
    assert fish == f"set -x A b\nfish_add_path --path --move {sessions.first}  {MARK}\n"


def test_a_second_start_changes_nothing_but_what_came_after(sessions: Sessions) -> None:
    (sessions.home / ".profile").write_text("one\n")
    sessions.put()
    bashrc, profile = sessions.home / ".bashrc", sessions.home / ".profile"
    before = bashrc.stat().st_mtime_ns
    with profile.open("a") as file:
        file.write("PATH=/elsewhere:$PATH\n")
    sessions.put()
    assert bashrc.stat().st_mtime_ns == before
    lines = profile.read_text().splitlines()
    assert [line.endswith(MARK) for line in lines] == [False, False, True]


def test_a_link_of_the_modules_gives_way(sessions: Sessions) -> None:
    (sessions.first / "claude").symlink_to(sessions.claude)
    real = sessions.claude.read_text()
    assert sessions.put().returncode == 0
    wrapper = sessions.first / "claude"
    assert not wrapper.is_symlink()
    assert stat.S_IMODE(wrapper.stat().st_mode) == 0o755
    assert sessions.claude.read_text() == real
    left = sorted(each.name for each in sessions.first.iterdir())
    assert left == [".claude.lock", "claude", "claude-terminal"]


def test_two_at_once_leave_one_line(sessions: Sessions) -> None:
    """The agent runs it as a script of its own and before the module's installation."""
    (sessions.home / ".profile").write_text("one\n" * 2000)
    script = put_script(sessions.config.read_bytes())
    running = [subprocess.Popen(["bash", "-c", script], env=sessions.variables) for _ in range(6)]
    assert [each.wait(timeout=60) for each in running] == [0] * 6
    text = (sessions.home / ".profile").read_text()
    assert (text.count("one\n"), text.count(MARK)) == (2000, 1)


def test_an_agent_that_names_no_folder(sessions: Sessions) -> None:
    variables = {**sessions.variables}
    del variables["CODER_SCRIPT_BIN_DIR"]
    script = put_script(sessions.config.read_bytes())
    done = subprocess.run(["bash", "-c", script], env=variables, check=False)
    assert done.returncode == 0
    found = first_on_path(sessions, "bash", "-lc")
    assert found == str(sessions.home / ".local/share/firewalled-coder/bin/claude")


def test_a_policy_elsewhere_is_named_to_the_letter(sessions: Sessions) -> None:
    odd = sessions.folder / "a & | \\ ' $x"
    sessions.config = sessions.config.rename(odd)
    assert sessions.put().returncode == 0
    text = (sessions.first / "claude").read_text()
    (line,) = [each for each in text.splitlines() if each.startswith("config=")]
    assert shlex.split(line) == [f"config={odd}"]
    assert sessions.run("claude", "exit", "7").returncode == 7


def test_a_wrapper_that_cannot_be_written_ends_the_start(sessions: Sessions) -> None:
    sessions.put()
    script = put_script(b"").replace("base64 -d <<", "false <<")
    before = (sessions.first / "claude").read_bytes()
    done = subprocess.run(
        ["bash", "-c", script], env=sessions.variables, check=False, capture_output=True
    )
    assert done.returncode != 0
    assert (sessions.first / "claude").read_bytes() == before


@pytest.fixture
def workspace() -> Iterator[Sessions]:
    """In a folder that the workspace's user reaches, too."""
    with tempfile.TemporaryDirectory() as folder:
        made = Sessions(Path(folder))
        yield made
        made.end()


def test_a_start_runs_nothing_from_where_a_jailed_agent_may_write(workspace: Sessions) -> None:
    """A home outlives its pod, and may stand first on an image's PATH."""
    others = workspace.folder / "of the user"
    for folder in (workspace.home / "bin", others):
        for name in ("base64", "mkdir", "mktemp", "mv", "bash", "flock"):
            text = f'#!/bin/sh\ntouch "{workspace.folder}/ran"\nexec /usr/bin/{name} "$@"\n'
            write_program(folder / name, text)
    script = SHEBANG + put_script(workspace.config.read_bytes())
    path = f"{workspace.home}/bin:relative::{others}:{workspace.variables['PATH']}"
    # Coder's agent starts what the first line names.
    command = [*shlex.split(SHEBANG.removeprefix("#!")), "-c", script]
    if os.geteuid() == 0:
        # Root may write everywhere: as the workspace's user, who owns all but the system's.
        for each in (workspace.folder, *workspace.folder.rglob("*")):
            os.chown(each, 1000, 1000)
        command = ["/usr/bin/setpriv", "--reuid=1000", "--regid=1000", "--clear-groups", *command]
    done = workspace.run(*command, variables={"PATH": path})
    assert (done.returncode, done.stderr) == (0, "")
    assert (workspace.first / "claude").exists()
    assert not (workspace.folder / "ran").exists()
