"""The template's `claude` with the programs that the template itself puts there, run for real."""

import hashlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.components.workspace_template.sessions import (
    BOUNDARY,
    CLAUDE,
    Sessions,
    put_script,
    write_program,
)
from tests.components.workspace_template.test_module_5 import app_command


@pytest.fixture
def sessions(tmp_path: Path) -> Iterator[Sessions]:
    made = Sessions(tmp_path)
    try:
        yield made
    finally:
        made.end()


def put(sessions: Sessions, *, own: str = "", installed: bool = True) -> None:
    script = put_script(sessions.config.read_bytes(), installed=installed, own=own)
    done = subprocess.run(
        ["bash", "-s"], input=script, env=sessions.variables, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def record(sessions: Sessions, boundary: Path) -> None:
    """What install_programs.sh writes of a Boundary."""
    digest = hashlib.sha256(boundary.read_bytes()).hexdigest()
    (sessions.first / ".boundary").write_text(f"{digest}  {boundary}\n")


def test_nothing_starts_before_boundary_is_there_whatever_is_on_path(sessions: Sessions) -> None:
    put(sessions)
    done = sessions.run("claude", "exit", "0")
    assert done.returncode == 126
    (line,) = done.stderr.splitlines()
    assert line.startswith("claude: not started: Boundary is not installed yet")
    assert sessions.calls == 0


def test_nothing_that_is_around_says_which_boundary_it_is(sessions: Sessions) -> None:
    """Variables of the names that the script uses, while its record is not there."""
    fake = sessions.folder / "fake"
    write_program(fake, '#!/bin/bash\nwhile [[ $1 != -- ]]; do shift; done\n"${@:2}"\n')
    put(sessions)
    around = {
        "record": "",
        "boundary": str(fake),
        "recorded": hashlib.sha256(fake.read_bytes()).hexdigest(),
        "own": str(fake),
        "sha256": "",
    }
    done = sessions.run("claude", "exit", "0", variables=around)
    assert (done.returncode, sessions.calls) == (126, 0)
    assert "Boundary is not installed yet" in done.stderr


def test_the_boundary_that_was_put_there_is_the_only_one(sessions: Sessions) -> None:
    own = sessions.folder / "the image's" / "boundary"
    write_program(own, BOUNDARY.format(folder=sessions.folder))
    # Another one comes first on PATH.
    write_program(sessions.programs / "boundary", "#!/bin/bash\nexit 3\n")
    put(sessions)
    record(sessions, own)
    assert sessions.run("claude", "exit", "7").returncode == 7
    assert len(sessions.given) == 1
    own.write_text(f"{own.read_text()}# changed\n")
    done = sessions.run("claude", "exit", "7")
    assert (done.returncode, done.stderr) == (
        126,
        f"claude: not started: {own} is not the Boundary of this workspace; restart the "
        "workspace\n",
    )
    own.unlink()
    assert sessions.run("claude", "exit", "7").returncode == 126
    assert sessions.calls == 1


def test_the_claude_of_the_stacks_own_is_the_only_one(sessions: Sessions) -> None:
    own = sessions.home / "programs" / "claude"
    write_program(own, CLAUDE.format(folder=sessions.folder) + "echo own\n")
    put(sessions, own="$HOME/programs/claude", installed=False)
    assert sessions.run("claude", "streams", input="", stdin=None).stdout == "own\n"
    own.unlink()
    done = sessions.run("claude", "exit", "0")
    assert done.returncode == 127
    assert "Claude Code is not installed yet" in done.stderr


def test_a_module_that_is_told_where_claude_is_finds_the_jailed_one(sessions: Sessions) -> None:
    put(sessions, installed=False)
    jailed = sessions.home / ".local/share/firewalled-coder/jailed"
    assert [each.name for each in jailed.iterdir()] == ["claude"]
    path = f"{jailed}:{os.environ['PATH']}"
    done = sessions.run(str(jailed / "claude"), "exit", "9", variables={"PATH": path})
    assert done.returncode == 126, "Boundary is on the PATH of the others"
    path = f"{jailed}:{sessions.variables['PATH']}"
    assert sessions.run("claude", "exit", "9", variables={"PATH": path}).returncode == 9
    assert len(sessions.given) == 1


@pytest.mark.parametrize("program", ["claude", "claude-terminal"])
@pytest.mark.parametrize("tmux", [True, False])
@pytest.mark.parametrize("prompt", ["", 'it\'s "$HOME" `id`\n-x'])
def test_the_app_of_module_5(sessions: Sessions, tmux: bool, prompt: str, program: str) -> None:
    """The command is the HCL's; test_module_5.py holds the plan to it.

    With a firewall, where it starts claude-terminal, it starts no tmux: whoever is in the jail may
    ask that one's server for a process outside of it.
    """
    write_program(sessions.programs / program, '#!/bin/bash\nprintf "%s\\0" "$PWD" "$@"\n')
    if tmux:
        text = '#!/bin/bash\nprintf "%s\\0" "$@"\n'
        write_program(sessions.programs / "tmux", text)
    for name in ("sh", "base64"):
        (sessions.programs / name).symlink_to(f"/usr/bin/{name}")
    # None of this machine's.
    alone = {"PATH": str(sessions.programs)}
    said = sessions.run(
        "/bin/sh", "-c", app_command(prompt, program), variables=alone
    ).stdout.split("\0")[:-1]
    given = ["--", prompt] if prompt else []
    if tmux and program == "claude":
        path = str(sessions.programs / program)
        assert said == ["new-session", "-A", "-s", "claude-code", path, *given]
    else:
        assert said == [str(sessions.home), *given]
