"""Commands that are forked from one process: each is as if it had been started."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.conformance import ready

OPS = """
import os, pathlib, sys, time
print(sys.argv[1:], os.environ["SAID"], pathlib.Path.cwd().name)
print("wrong", file=sys.stderr)
if sys.argv[1] == "wait":
    try:
        pathlib.Path("begun").touch()
        time.sleep(60)
    except KeyboardInterrupt:
        pathlib.Path("interrupted").touch()
sys.exit(3)
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A checkout with an ops of its own."""
    for module in ("ops", "ops.startup", *ready._LOADED):
        file = tmp_path / "root" / f"{module.replace('.', '/')}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    (tmp_path / "root" / "ops.py").unlink()
    (tmp_path / "root" / "ops" / "startup.py").write_text("def prepare(): pass\n")
    (tmp_path / "root" / "ops" / "__main__.py").write_text(OPS)
    return tmp_path / "root"


def until_there(file: Path) -> None:
    deadline = time.monotonic() + 60
    while not file.exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_command_has_its_own_arguments_outputs_and_variables(root: Path) -> None:
    with ready.serving(root) as command:
        for said in ("one", "two"):
            done = subprocess.run(
                [*command, "up", said],
                env={**os.environ, "SAID": said},
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 3
            assert done.stdout == f"['up', '{said}'] {said} root\n"
            assert done.stderr == "wrong\n"


def test_a_command_whose_caller_is_interrupted_is_interrupted(root: Path) -> None:
    with ready.serving(root) as command:
        calling = subprocess.Popen(
            [*command, "wait"],
            env={**os.environ, "SAID": ""},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        until_there(root / "begun")
        calling.send_signal(signal.SIGINT)
        calling.wait()
        until_there(root / "interrupted")
