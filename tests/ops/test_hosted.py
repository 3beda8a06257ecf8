"""A program of another checkout, in a process of its own."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ops import interrupts
from ops.hosted import HostError, hosted

ECHO = """#!/usr/bin/env python3
import json, os, sys
answers = os.fdopen(int(sys.argv[-1]), "w")
first = json.loads(sys.stdin.readline())
for count, line in enumerate(sys.stdin):
    asked = json.loads(line)
    step = {"stack": first["stack"], "pid": os.getpid(), **asked}
    answer = {"steps": [step], "outputs": [], "errors": [["urn::a", "no"]]}
    answers.write(json.dumps(answer) + "\\n")
    answers.flush()
    if count == 1:
        print("out of answers", file=sys.stderr)
        sys.exit(3)
"""


@pytest.fixture
def session(tmp_path: Path) -> Any:
    command = SimpleNamespace(version="3.259.0", command=str(tmp_path / "bin" / "pulumi"))
    workspace = SimpleNamespace(pulumi_command=command, env_vars={"A": "b"})
    return SimpleNamespace(stack=SimpleNamespace(workspace=workspace), work_dir=tmp_path)


def python(tmp_path: Path, text: str) -> Path:
    """Return a program that stands where a Python would."""
    path = tmp_path / "python"
    path.write_text(text)
    path.chmod(0o755)
    return path


def test_one_process_answers_until_it_ends(tmp_path: Path, session: Any) -> None:
    with hosted(python(tmp_path, ECHO), tmp_path, session, "dev") as host:
        first = host.run("preview", target=["urn::a"], plan=tmp_path / "plan")
        second = host.run("up", message="m")
        with pytest.raises(HostError, match="ended with status 3: out of answers"):
            host.run("up")
    (previewed,), (applied,) = first.steps, second.steps
    assert previewed["pid"] == applied["pid"]
    assert (previewed["stack"], previewed["target"]) == ("dev", ["urn::a"])
    assert previewed["plan"] == str(tmp_path / "plan")
    assert (applied["operation"], applied["message"], applied["plan"]) == ("up", "m", None)
    assert "no" in first.error


def test_a_process_that_cannot_start_the_program_says_why(tmp_path: Path, session: Any) -> None:
    text = "#!/bin/sh\necho 'No module named pulumi' >&2\nexit 1\n"
    with (
        hosted(python(tmp_path, text), tmp_path, session, "dev") as host,
        pytest.raises(HostError, match="ended with status 1: No module named pulumi"),
    ):
        host.run("preview")


def test_it_learns_nothing_by_its_arguments(tmp_path: Path, session: Any) -> None:
    text = f'#!/bin/sh\necho "$@" > {tmp_path / "seen"}\nhead -1 > {tmp_path / "first"}\n'
    with (
        hosted(python(tmp_path, text), tmp_path, session, "dev") as host,
        pytest.raises(HostError, match="it said nothing"),
    ):
        host.run("preview")
    assert "b" not in (tmp_path / "seen").read_text().split()
    first = json.loads((tmp_path / "first").read_text())
    assert first["variables"] == {"A": "b"}
    assert first["pulumi"] == str(tmp_path)


# As host.py: its own interrupt ends the engine, then it says so.
INTERRUPTED = """#!/usr/bin/env python3
import json, os, signal, sys, time
answers = os.fdopen(int(sys.argv[-1]), "w")
asked = []
signal.signal(signal.SIGINT, lambda *_: asked.append(1))
sys.stdin.readline(), sys.stdin.readline()
os.kill(os.getppid(), signal.SIGTERM)
while not asked:
    time.sleep(0.05)
answers.write(json.dumps({"interrupted": True, "killed": True}) + "\\n")
"""


def test_an_interrupt_is_passed_on_and_waited_for(tmp_path: Path, session: Any) -> None:
    with (
        interrupts.INTERRUPTS.handled(),
        pytest.raises(interrupts.CommandInterrupted) as raised,
        hosted(python(tmp_path, INTERRUPTED), tmp_path, session, "dev") as host,
    ):
        host.run("up")
    assert raised.value.changed
    assert raised.value.killed
