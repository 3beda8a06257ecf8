"""Commands started without a stream, or with one of another encoding."""

import errno
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from ops import interrupts
from ops.project import ROOT


def run(
    command: str, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[bytes]:
    """Run a command of ops by a shell, which closes streams."""
    return subprocess.run(
        ["/bin/sh", "-c", f"exec {sys.executable} -m ops {command}"],
        cwd=ROOT,
        env={**os.environ, **(environment or {})},
        capture_output=True,
        check=False,
    )


@pytest.mark.parametrize("encoding", ["latin-1", "ascii"])
def test_what_an_encoding_has_not_is_written_all_the_same(encoding: str) -> None:
    environment = {"PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"}
    done = run("preview nosuch", environment)
    assert b"Traceback" not in done.stderr
    assert b"; there are " in done.stdout
    assert (done.returncode, "Preview: ? the" in done.stdout.decode(encoding)) == (1, True)


def test_a_closed_input_is_an_empty_one() -> None:
    with_empty = run("explain local --method GET </dev/null")
    closed = run("explain local --method GET <&-")
    assert b"Traceback" not in closed.stderr
    assert (closed.returncode, closed.stderr) == (with_empty.returncode, with_empty.stderr)


URL = "https://registry.npmjs.org/"


@pytest.fixture(scope="module")
def status() -> int:
    """The status of an explanation that is read."""
    return run(f"explain local {URL}").returncode


@pytest.mark.parametrize("streams", [">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_the_status_is_what_it_is_when_nobody_reads(streams: str, status: int) -> None:
    assert run(f"explain local {URL} {streams}").returncode == status


@pytest.mark.parametrize("streams", [">&-", "<&- >&- 2>&-"])
def test_nobody_has_to_read_what_runs_the_engine(streams: str) -> None:
    done = run(f"preview nosuch {streams}")
    assert b"Traceback" not in done.stderr
    assert done.returncode == 1


@pytest.mark.parametrize(
    "command", ["--help", f"explain local {URL}", f"explain local {URL} --json", "preview nosuch"]
)
def test_an_output_without_room_is_one_error(command: str) -> None:
    done = run(f"{command} >/dev/full")
    assert (done.returncode, done.stderr.decode()) == (
        1,
        "error: cannot write the answer: No space left on device\n",
    )


ENGINE = """#!/bin/sh
test "$1" = version && echo v3.259.0 && exit
i=0; while test $i -lt 20000; do echo "a line of an update"; i=$((i+1)); done
touch "$(dirname "$0")/ended"
"""


def test_an_engine_ends_its_update_when_nobody_can_write_what_it_says(tmp_path: Path) -> None:
    binary = tmp_path / "bin" / "pulumi"
    binary.parent.mkdir()
    binary.write_text(ENGINE)
    binary.chmod(0o755)
    heard: list[str] = []

    def full(text: str) -> None:
        heard.append(text)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    command = interrupts.EngineCommand(root=str(tmp_path))
    with pytest.raises(OSError, match="No space left"):
        command.run(["up"], str(tmp_path), {}, full)
    assert (binary.parent / "ended").exists()
    assert len(heard) == 1


# What a plugin prints, the engine passes on as it is.
FOREIGN = """#!/bin/sh
printf 'caf\\351\\n'; printf 'caf\\351\\n' >&2
i=0; while test $i -lt 2000; do echo "a line of an update"; echo more >&2; i=$((i+1)); done
touch "$(dirname "$0")/ended"
"""


@pytest.fixture
def engine(tmp_path: Path) -> interrupts.EngineCommand:
    binary = tmp_path / "bin" / "pulumi"
    binary.parent.mkdir()
    binary.write_text(FOREIGN)
    binary.chmod(0o755)
    return interrupts.EngineCommand(str(tmp_path), "3.259.0")


def test_an_engine_ends_its_update_whatever_bytes_a_plugin_prints(
    tmp_path: Path, engine: interrupts.EngineCommand
) -> None:
    heard: list[str] = []
    result = engine.run(["up"], str(tmp_path), {}, heard.append, heard.append)
    assert (tmp_path / "bin" / "ended").exists()
    assert result.stdout.startswith("caf\ufffd\na line")
    assert result.stderr.startswith("caf\ufffd\nmore")
    assert heard.count("caf\ufffd") == 2


def test_an_engine_ends_its_update_whatever_a_listener_cannot_do(
    tmp_path: Path, engine: interrupts.EngineCommand
) -> None:
    def narrow(text: str) -> None:
        text.encode("ascii")

    with pytest.raises(UnicodeEncodeError):
        engine.run(["up"], str(tmp_path), {}, narrow)
    assert (tmp_path / "bin" / "ended").exists()
