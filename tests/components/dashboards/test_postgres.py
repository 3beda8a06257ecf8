"""The server that SQL is proven on starts whatever else the session runs, and ends with it."""

import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent import futures
from pathlib import Path

import grpc
import pytest

from tests.components.dashboards import postgres

ROOT = Path(__file__).resolve().parents[3]
HOLD = """
import time
from tests.components.dashboards import postgres

with postgres.running() as server:
    print(server.directory, flush=True)
    time.sleep(60)
"""


@pytest.fixture
def grpc_threads() -> Iterator[None]:
    server = grpc.server(futures.ThreadPoolExecutor(2))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        grpc.channel_ready_future(channel).result(10)
        yield
    server.stop(None).wait()


@pytest.mark.usefixtures("grpc_threads")
def test_a_command_starts_beside_the_threads_of_grpc() -> None:
    account = pwd.getpwnam("nobody") if os.geteuid() == 0 else None
    command = [*postgres.launcher(account), "/bin/sh", "-c", "id -un"]
    name = pwd.getpwuid(os.geteuid()).pw_name if account is None else "nobody"
    for _ in range(40):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout.strip()) == (0, name)


def test_the_server_of_a_killed_session_ends() -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    told = holder.stdout.readline().strip()
    assert told, "the session did not begin"
    directory = Path(told)
    # What is removed below is a session's own folder, and never the one that this runs in.
    assert directory.parent == Path(tempfile.gettempdir())
    try:
        server = (directory / "data" / "postmaster.pid").read_text().split()[0]
        assert runs(server)
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        deadline = time.monotonic() + 10
        while runs(server) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not runs(server)
    finally:
        holder.kill()
        shutil.rmtree(directory)


def runs(process: str) -> bool:
    try:
        state = Path("/proc", process, "stat").read_text()
    except FileNotFoundError:
        return False
    # One that has ended stays until somebody asks how.
    return ") Z " not in state
