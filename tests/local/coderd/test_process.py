"""The process of the stand-in for coderd, and who may ask it."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from local.coderd import LocalCoderd, LocalCoderdError
from tests.local.coderd.making import LOGINS, template
from toolchain import tools


def test_state_token_and_address_survive_kill_and_restart(tmp_path: Path, name: str) -> None:
    coderd = LocalCoderd(tmp_path / "state", LOGINS)
    assert not coderd.running
    steps: list[str] = []
    coderd.start(steps.append)
    try:
        assert coderd.running
        assert steps
        before = coderd.url, coderd.token
        with coderd.client() as client:
            client.base_url = f"{coderd.url}/api/v2/"
            made = template(client, name)
        pid = int((coderd.directory / "coderd.pid").read_text())
        os.kill(pid, signal.SIGKILL)
        LocalCoderd(tmp_path / "state", LOGINS).start()
        assert (coderd.url, coderd.token) == before
        with coderd.client() as client:
            assert client.get(f"/api/v2/templates/{made['id']}").json() == made
            assert len(client.get("/api/v2/users").json()["users"]) == 2
        assert int((coderd.directory / "coderd.pid").read_text()) != pid
    finally:
        coderd.stop()
    assert not coderd.running
    coderd.stop()


def test_a_started_one_is_left_alone(coderd: LocalCoderd) -> None:
    before = (coderd.directory / "coderd.pid").read_text()
    coderd.start()
    assert (coderd.directory / "coderd.pid").read_text() == before


def test_never_started_is_said(tmp_path: Path) -> None:
    for read in ("url", "token"):
        with pytest.raises(LocalCoderdError, match="was never started"):
            getattr(LocalCoderd(tmp_path), read)


def test_a_broken_state_is_one_clear_error(tmp_path: Path) -> None:
    coderd = LocalCoderd(tmp_path)
    coderd.directory.mkdir()
    (coderd.directory / "coderd.db").write_text("no database, but long enough to be read" * 40)
    with pytest.raises(LocalCoderdError, match=r"coderd\.db cannot be read .*remove it") as error:
        coderd.start()
    assert "Traceback" not in str(error.value)
    assert not coderd.running


def test_without_a_token_nothing_is_served(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "local.coderd", "--state-dir", str(tmp_path), "--port", "1"]
    done = subprocess.run(command, cwd=tools.ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == f"{tmp_path}/session-token: No such file or directory\n"


def test_only_the_user_reads_the_token(coderd: LocalCoderd) -> None:
    assert (coderd.directory / "session-token").stat().st_mode & 0o077 == 0
    assert coderd.directory.stat().st_mode & 0o077 == 0
    assert coderd.token.encode() not in (coderd.directory / "coderd.db").read_bytes()
