"""Commands of ops in processes that have loaded it: forked from one that did, once for a walk.

On real parts a walk runs each as an operator does. On stand-ins it would pass a fourth of its time
in Python's start.
"""

from __future__ import annotations

import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

# What the commands of a walk load, some of it once they know that they need it.
_LOADED: Final = (
    *("ops.cli", "ops.preview", "ops.up", "ops.adopt", "ops.rollback", "ops.removal"),
    *("program.declare", "program.look", "program.objects", "components.coder.deployment"),
    *("components.coder.package", "pulumi_kubernetes.apps.v1"),
    *("grpc._channel", "grpc._server", "httpcore"),
)
_MOST_BYTES: Final = 1 << 20


@contextmanager
def serving(root: Path) -> Iterator[tuple[str, ...]]:
    """Serve commands of the checkout at `root`; yields what stands for `python -m ops` there."""
    # The path of a socket is short.
    with TemporaryDirectory(prefix="ops-") as folder, socket.socket(socket.AF_UNIX) as listening:
        path = f"{folder}/ready"
        listening.bind(path)
        listening.listen()
        process = subprocess.Popen(
            [sys.executable, "-P", __file__, "serve", str(listening.fileno())],
            cwd=root,
            env={**os.environ, "PYTHONPATH": str(root)},
            # It ends with who has the other end.
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            pass_fds=[listening.fileno()],
            start_new_session=True,
        )
        try:
            # Without packages, for which it would look.
            yield sys.executable, "-I", "-S", __file__, "ask", path
        finally:
            process.communicate()


def _ask(path: str, arguments: Sequence[str]) -> int:
    """Have a command run with this process's outputs and environment; return its status."""
    with socket.socket(socket.AF_UNIX) as server:
        server.connect(path)
        asked = json.dumps({"arguments": arguments, "variables": dict(os.environ)})
        socket.send_fds(server, [b"\0"], [1, 2])
        server.sendall(asked.encode() + b"\n")
        return int(server.makefile().readline())


def _serve(listening: socket.socket) -> None:
    from ops import startup

    startup.prepare()
    for module in _LOADED:
        __import__(module)
    watched = [listening.fileno(), sys.stdin.fileno()]
    while select.select(watched, [], [])[0] == [listening.fileno()]:
        asking, _ = listening.accept()
        _, outputs, _, _ = socket.recv_fds(asking, 1, 2)
        asked = json.loads(asking.makefile().readline(_MOST_BYTES))
        child = os.fork()
        if not child:
            listening.close()
            asking.close()
            _become(asked["arguments"], asked["variables"], outputs)
            return
        for output in outputs:
            os.close(output)
        status = _status(child, asking)
        with asking, suppress(OSError):
            asking.sendall(f"{status}\n".encode())


def _become(arguments: list[str], variables: dict[str, str], outputs: Sequence[int]) -> None:
    """Be `python -m ops` with these arguments."""
    os.setsid()
    for place, file in enumerate((os.open(os.devnull, os.O_RDONLY), *outputs)):
        os.dup2(file, place)
        os.close(file)
    os.environ.clear()
    os.environ.update(variables)
    sys.argv = ["ops", *arguments]
    runpy.run_module("ops", run_name="__main__", alter_sys=True)


def _status(child: int, asking: socket.socket) -> int:
    """Wait for a command, which is interrupted when nobody waits for it any more."""
    ended = os.pidfd_open(child)
    watched: list[int] = [ended, asking.fileno()]
    ready, _, _ = select.select(watched, [], [])
    if ended not in ready:
        # It makes a group of its own first of all, and may have ended since.
        while os.getpgid(child) != child and not select.select([ended], [], [], 0.01)[0]:
            pass
        with suppress(ProcessLookupError):
            os.killpg(child, signal.SIGINT)
    _, status = os.waitpid(child, 0)
    os.close(ended)
    return os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        _serve(socket.socket(fileno=int(sys.argv[2])))
    else:
        sys.exit(_ask(sys.argv[2], sys.argv[3:]))
