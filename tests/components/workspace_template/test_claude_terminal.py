"""What stands outside of the jail while a session is inside, by the kernel's own Landlock.

That is `claude`, which waits for the session, and `claude-terminal`, which keeps one for whoever
comes back to it.
"""

import os
import pty
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from components.workspace_template.source import SOURCE
from local.workspace import landlock
from tests.components.workspace_template.sessions import (
    Sessions,
    confining,
    until,
    write_program,
)

pytestmark = pytest.mark.usefixtures("alone")
CONFINED = pytest.mark.skipif(
    landlock.abi() < landlock.NETWORK_ABI or not shutil.which("tmux"),
    reason="no Landlock for the network, or no tmux",
)
# Claude Code, led astray: it asks tmux to start something for it, and says whether it is jailed.
LED_ASTRAY = """\
#!/bin/bash
tell() {{ grep NoNewPrivs /proc/self/status > "{folder}/$1"; }}
if [[ $1 ]]; then tell "$1"; exit; fi
tell claude
tmux new-window -d "{program} by-server"
until [[ -e "{folder}/by-server" ]]; do sleep 0.05; done
until [[ $(tmux list-clients) ]]; do sleep 0.05; done
tmux detach-client -E "{program} by-client"
until [[ -e "{folder}/by-client" ]]; do sleep 0.05; done
until [[ -e "{folder}/again" ]]; do sleep 0.05; done
echo back again
until [[ -e "{folder}/end" ]]; do sleep 0.05; done
"""

# Another that is: it writes wherever it may, and ends.
PLANTS = """\
#!/bin/bash
if [[ $1 == told ]]; then
  /usr/bin/grep NoNewPrivs /proc/self/status >> "{folder}/ran"
  exit
fi
for name in rm sleep cat grep tail; do
  printf '#!/bin/sh\\n/bin/bash {program} told\\nexec /usr/bin/%s "$@"\\n' "$name" > "{first}/$name"
  /bin/chmod 755 "{first}/$name"
done
size=$(/usr/bin/wc -c < "{first}/claude")
for ((n = 0; n < size; n += 40)); do
  echo '/bin/bash {program} told; exit 0'
done > "{first}/claude"
echo ready
read -r
exit 7
"""


class Terminal:
    """A terminal with `claude-terminal` in it."""

    def __init__(self, sessions: Sessions) -> None:
        self.shown = b""
        self.pid, self._terminal = pty.fork()
        if self.pid == 0:  # pragma: no cover  becomes the session's leader
            os.chdir(sessions.home)
            variables = sessions.variables | {"TERM": "xterm", "TMUX_TMPDIR": str(sessions.agent)}
            os.execvpe("claude-terminal", ["claude-terminal"], variables)
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        with suppress(OSError):  # how a terminal says that nobody has it any more
            while data := os.read(self._terminal, 1000):
                self.shown += data

    def wait(self) -> int:
        """The exit status of what ran in it."""
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


@pytest.fixture
def sessions(tmp_path: Path) -> Iterator[Sessions]:
    made = Sessions(tmp_path, confining(tmp_path))
    try:
        assert made.put().returncode == 0
        yield made
    finally:
        subprocess.run(
            ["tmux", "-L", "claude-code", "kill-server"],
            env={**os.environ, "TMUX_TMPDIR": str(made.agent)}, check=False, capture_output=True,
        )  # fmt: skip
        made.end()


def seen_by_the_watch(sessions: Sessions) -> list[str]:
    """What the template's script tells of each Claude Code of this workspace."""
    state = (SOURCE / "jail_state.sh").read_text()
    told = sessions.run("sh", "-c", f"{state}\njail_state").stdout
    rows = [line.split("\t") for line in told.splitlines()]
    home = os.fsencode(f"HOME={sessions.home}")
    return [
        what
        for kind, pid, what, *_ in rows
        if kind == "claude" and home in Path(f"/proc/{pid}/environ").read_bytes()
    ]


@CONFINED
def test_whatever_tmux_starts_is_jailed_and_the_session_stays(sessions: Sessions) -> None:
    folder = sessions.folder
    write_program(sessions.claude, LED_ASTRAY.format(folder=folder, program=sessions.claude))
    first = Terminal(sessions)
    until((folder / "by-client").exists)
    # The command took the place of the client; the session is there for the next.
    assert first.wait() == 0
    second = Terminal(sessions)
    (folder / "again").touch()
    until(lambda: b"back again" in second.shown)
    assert set(seen_by_the_watch(sessions)) == {"jailed"}
    (folder / "end").touch()
    assert second.wait() == 0
    for name in ("claude", "by-server", "by-client"):
        assert (folder / name).read_text() == "NoNewPrivs:\t1\n", name


@pytest.mark.parametrize("tmux", ["none", "too old"])
def test_without_a_tmux_for_the_jail_claude_code_has_the_terminal(
    tmp_path: Path, tmux: str
) -> None:
    made = Sessions(tmp_path)
    path = made.variables["PATH"]
    try:
        assert made.put().returncode == 0
        if tmux == "too old":
            write_program(made.programs / "tmux", "#!/bin/bash\nexit 1\n")
        else:
            for each in Path("/usr/bin").iterdir():
                if each.name != "tmux":
                    (made.programs / each.name).symlink_to(each)
            path = f"{made.first}:{made.programs}"
        done = made.run("claude-terminal", "exit", "7", variables={"PATH": path})
        assert (done.returncode, done.stderr, made.calls) == (7, "", 1)
    finally:
        made.end()


@CONFINED
def test_nothing_that_a_session_leaves_behind_is_run_by_what_waits_for_it(
    sessions: Sessions,
) -> None:
    places = {"folder": sessions.folder, "first": sessions.first, "program": sessions.claude}
    write_program(sessions.claude, PLANTS.format(**places))
    process = sessions.start("claude", stdin=subprocess.PIPE)
    said, errors = process.communicate("\n", timeout=30)
    assert (process.returncode, said, errors) == (7, "", "")
    assert "told" in (sessions.first / "rm").read_text()
    assert "told" in (sessions.first / "claude").read_text()
    ran = sessions.folder / "ran"
    # In the jail it may run what it likes.
    assert "NoNewPrivs:\t0" not in (ran.read_text() if ran.exists() else "")
