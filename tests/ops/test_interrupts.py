"""What an interrupt does to a command that runs the engine, here a script in its place."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import pytest

from ops import interrupts
from ops.project import ROOT

# As the engine: a second interrupt ends it at once, and a lock lies there while it runs.
ENGINE = """\
#!{python} -IS
import os, signal, sys, time
from pathlib import Path
folder = Path(r"{folder}")
lock = folder / "lock"
if lock.exists():
    sys.exit("error: locked")
lock.write_text(str(os.getpid()))
time.sleep({deaf})
asked = 0
def ask(*_):
    global asked
    asked += 1
    with (folder / "asked").open("a") as file:
        file.write("x")
signal.signal(signal.SIGINT, ask)
print("Updating (dev):", flush=True)
print("", flush=True)
print(" +  resource creating", flush=True)
(folder / "ready").touch()
while not asked:
    time.sleep(0.05)
for _ in range({steps}):
    if asked > 1 and not {stubborn}:
        break
    time.sleep(0.1)
lock.unlink()
print("error: update canceled")
sys.exit(255)
"""
COMMAND = """\
import time
from ops import interrupts, terminal
def command():
    with terminal.reported(), interrupts.INTERRUPTS.handled():
        {what}
typer.run(command)
"""
RUN = (
    "interrupts.EngineCommand({folder!r}, '3.259.0').run([{operation!r}], '.', {{}}, print, print)"
)
WAIT = "print('waiting', flush=True), time.sleep(60)"
# To load the Automation API is most of what a command here takes: it is loaded once, and every
# command is a process of its own from then on. One that hangs is ended by its alarm, sooner than an
# engine of 300 steps ends by itself.
STARTER = """\
import gc, json, os, signal, sys
import typer
from ops import interrupts, terminal
gc.freeze()
for line in sys.stdin:
    program, said = json.loads(line)
    pid = os.fork()
    if pid:
        print(pid, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
        continue
    signal.alarm(25)
    os.setsid()
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for number in (1, 2):
        os.dup2(os.open(said, os.O_WRONLY), number)
    sys.argv[1:] = []
    exec(program)
    break
"""


@dataclass
class Command:
    """A command that runs, the leader of a session of its own.

    Attributes:
        pid: its number.
        said: what it writes, both streams.
        starter: says its exit status when it has ended.
    """

    pid: int
    said: IO[str]
    starter: IO[str]

    def ended(self) -> tuple[int, str]:
        """Wait for its end; return the exit status, and what it said."""
        with self.said:
            rest = self.said.read()
        return int(self.starter.readline()), rest


Launch = Callable[[str], Command]
Start = Callable[..., Command]


@pytest.fixture(scope="module")
def starter() -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", STARTER],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    yield process
    process.communicate(timeout=60)


@pytest.fixture
def launch(starter: subprocess.Popen[str], tmp_path: Path) -> Launch:
    """Start a command that runs an expression."""

    def launch(what: str) -> Command:
        assert starter.stdin
        assert starter.stdout
        said = tmp_path / "said"
        os.mkfifo(said)
        starter.stdin.write(json.dumps([COMMAND.format(what=what), str(said)]) + "\n")
        starter.stdin.flush()
        return Command(int(starter.stdout.readline()), said.open(), starter.stdout)

    return launch


@pytest.fixture
def start(launch: Launch, tmp_path: Path) -> Start:
    def start(
        operation: str = "up", *, deaf: float = 0, steps: int = 3, stubborn: bool = False
    ) -> Command:
        run = RUN.format(folder=str(tmp_path), operation=operation)
        if stubborn:
            # One that will not end need not be given long.
            run = f"interrupts._PATIENCE = 0.5; {run}"
        binary = tmp_path / "bin" / "pulumi"
        binary.parent.mkdir(exist_ok=True)
        binary.write_text(
            ENGINE.format(
                python=sys.executable, folder=tmp_path, deaf=deaf, steps=steps, stubborn=stubborn
            )
        )
        binary.chmod(0o755)
        return launch(run)

    return start


def wait_for(path: Path) -> None:
    until = time.monotonic() + 15
    while not path.exists():
        assert time.monotonic() < until, path
        time.sleep(0.02)


def to_group(command: Command, number: int = signal.SIGINT) -> None:
    os.killpg(command.pid, number)


def to_python(command: Command, number: int = signal.SIGINT) -> None:
    os.kill(command.pid, number)


@pytest.mark.parametrize("tell", [to_group, to_python])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_engine_hears_of_an_interrupt_once_and_is_waited_for(
    start: Start,
    tmp_path: Path,
    tell: Callable[[Command, int], None],
    number: signal.Signals,
) -> None:
    command = start()
    wait_for(tmp_path / "ready")
    tell(command, number)
    status, said = command.ended()
    assert status == 130
    assert (tmp_path / "asked").read_text() == "x"
    assert not (tmp_path / "lock").exists()
    assert "Traceback" not in said
    assert "Exception" not in said
    assert said.splitlines()[-1].startswith("interrupted: what was done until then stays, and")


def test_after_a_preview_nothing_was_applied(start: Start, tmp_path: Path) -> None:
    command = start("preview")
    wait_for(tmp_path / "ready")
    to_group(command)
    status, said = command.ended()
    assert status == 130
    assert "interrupted: nothing was applied, and the stack is free; run `python -m ops" in said


def test_an_engine_that_does_not_listen_yet_is_asked_once_it_does(
    start: Start, tmp_path: Path
) -> None:
    command = start(deaf=1)
    wait_for(tmp_path / "lock")
    to_group(command)
    status, said = command.ended()
    assert status == 130
    assert (tmp_path / "asked").read_text() == "x"
    assert not (tmp_path / "lock").exists()
    assert "is free" in said


def test_the_second_interrupt_ends_it_at_once(start: Start, tmp_path: Path) -> None:
    command = start(steps=300)
    wait_for(tmp_path / "ready")
    to_group(command)
    wait_for(tmp_path / "asked")
    to_group(command)
    status, _ = command.ended()
    assert status == 130
    assert (tmp_path / "asked").read_text() == "xx"


def test_an_engine_that_does_not_end_is_killed_and_the_lock_is_named(
    start: Start, tmp_path: Path
) -> None:
    command = start(steps=300, stubborn=True)
    wait_for(tmp_path / "ready")
    to_group(command)
    wait_for(tmp_path / "asked")
    to_group(command)
    status, said = command.ended()
    assert status == 130
    assert "the engine was killed, and what was done until then stays; run `python -m ops" in said
    assert "cancel" in said
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "lock").read_text()), 0)


def test_an_interrupt_while_nothing_runs_ends_the_command(launch: Launch) -> None:
    command = launch(WAIT)
    assert command.said.readline() == "waiting\n"
    to_python(command, signal.SIGTERM)
    status, said = command.ended()
    assert status == 130
    assert said.startswith("interrupted: nothing was applied")


@pytest.mark.parametrize("processes", ["/proc", "/nowhere"])
def test_an_engine_is_killed_where_there_is_no_ps(
    processes: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = subprocess.Popen(
        ["/bin/sh", "-c", "sleep 60 & echo $!; wait"], stdout=subprocess.PIPE, text=True
    )
    assert engine.stdout
    plugin = int(engine.stdout.readline())
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(interrupts, "_PROCESSES", Path(processes))
    interrupts._kill(engine)
    assert engine.wait(5) == -signal.SIGKILL
    if processes == "/proc":
        # It has the other end of the pipe, too.
        assert engine.stdout.read() == ""
    else:
        os.kill(plugin, signal.SIGKILL)
    engine.stdout.close()


@pytest.mark.skipif(not shutil.which("ps"), reason="there is no ps")
def test_where_there_is_no_proc_ps_tells_what_an_engine_started(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    own = os.getpid(), os.getppid()
    assert own in interrupts._parents()
    monkeypatch.setattr(interrupts, "_PROCESSES", Path("/nowhere"))
    assert own in interrupts._parents()
