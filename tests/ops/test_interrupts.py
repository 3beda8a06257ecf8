"""What an interrupt does to a command that runs the engine, here a script in its place."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ops.project import ROOT

# As the engine: a second interrupt ends it at once, and a lock lies there while it runs.
ENGINE = """\
#!{python}
import os, signal, sys, time
from pathlib import Path
if sys.argv[1:] == ["version"]:
    print("v3.259.0")
    sys.exit()
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
import sys, time, typer
from ops import interrupts, terminal
arguments, sys.argv[1:] = sys.argv[1:], []
def command():
    with terminal.reported(), interrupts.INTERRUPTS.handled():
        {what}
typer.run(command)
"""
RUN = "interrupts.EngineCommand(root=arguments[1]).run(arguments[:1], '.', {}, print, print)"
WAIT = "print('waiting', flush=True), time.sleep(60)"

Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start(tmp_path: Path) -> Start:
    def start(
        operation: str = "up", *, deaf: float = 0, steps: int = 3, stubborn: bool = False
    ) -> subprocess.Popen[str]:
        # One that will not end need not be given long.
        run = f"interrupts._PATIENCE = 0.5; {RUN}" if stubborn else RUN
        binary = tmp_path / "bin" / "pulumi"
        binary.parent.mkdir(exist_ok=True)
        binary.write_text(
            ENGINE.format(
                python=sys.executable, folder=tmp_path, deaf=deaf, steps=steps, stubborn=stubborn
            )
        )
        binary.chmod(0o755)
        return subprocess.Popen(
            [sys.executable, "-c", COMMAND.format(what=run), operation, str(tmp_path)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    return start


def wait_for(path: Path) -> None:
    until = time.monotonic() + 15
    while not path.exists():
        assert time.monotonic() < until, path
        time.sleep(0.02)


def to_group(process: subprocess.Popen[str], number: int = signal.SIGINT) -> None:
    os.killpg(process.pid, number)


def to_python(process: subprocess.Popen[str], number: int = signal.SIGINT) -> None:
    os.kill(process.pid, number)


@pytest.mark.parametrize("tell", [to_group, to_python])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_engine_hears_of_an_interrupt_once_and_is_waited_for(
    start: Start,
    tmp_path: Path,
    tell: Callable[[subprocess.Popen[str], int], None],
    number: signal.Signals,
) -> None:
    process = start()
    wait_for(tmp_path / "ready")
    tell(process, number)
    said, _ = process.communicate(timeout=30)
    assert process.returncode == 130
    assert (tmp_path / "asked").read_text() == "x"
    assert not (tmp_path / "lock").exists()
    assert "Traceback" not in said
    assert "Exception" not in said
    assert said.splitlines()[-1].startswith("interrupted: what was done until then stays, and")


def test_after_a_preview_nothing_was_applied(start: Start, tmp_path: Path) -> None:
    process = start("preview")
    wait_for(tmp_path / "ready")
    to_group(process)
    said, _ = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "interrupted: nothing was applied, and the stack is free; run `python -m ops" in said


def test_an_engine_that_does_not_listen_yet_is_asked_once_it_does(
    start: Start, tmp_path: Path
) -> None:
    process = start(deaf=1)
    wait_for(tmp_path / "lock")
    to_group(process)
    said, _ = process.communicate(timeout=30)
    assert process.returncode == 130
    assert (tmp_path / "asked").read_text() == "x"
    assert not (tmp_path / "lock").exists()
    assert "is free" in said


def test_the_second_interrupt_ends_it_at_once(start: Start, tmp_path: Path) -> None:
    process = start(steps=300)
    wait_for(tmp_path / "ready")
    to_group(process)
    wait_for(tmp_path / "asked")
    to_group(process)
    process.communicate(timeout=10)
    assert process.returncode == 130
    assert (tmp_path / "asked").read_text() == "xx"


def test_an_engine_that_does_not_end_is_killed_and_the_lock_is_named(
    start: Start, tmp_path: Path
) -> None:
    process = start(steps=300, stubborn=True)
    wait_for(tmp_path / "ready")
    to_group(process)
    wait_for(tmp_path / "asked")
    to_group(process)
    said, _ = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "the engine was killed, and what was done until then stays; run `python -m ops" in said
    assert "cancel" in said
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "lock").read_text()), 0)


def test_an_interrupt_while_nothing_runs_ends_the_command() -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", COMMAND.format(what=WAIT)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout
    assert process.stdout.readline() == "waiting\n"
    process.send_signal(signal.SIGTERM)
    said, _ = process.communicate(timeout=30)
    assert process.returncode == 130
    assert said.startswith("interrupted: nothing was applied")
