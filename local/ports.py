"""Ports of 127.0.0.1 for the processes of the local stack."""

import socket
import time
from collections.abc import Iterable
from itertools import islice
from random import SystemRandom
from typing import Final

_POLL_SECONDS: Final = 0.05
_PATIENCE_SECONDS: Final = 1.0
_RANGE: Final = range(10240, 20000)


def all_free(ports: Iterable[int]) -> bool:
    """Whether nobody listens on the ports, or soon nobody will."""
    # A process that was killed a moment ago may hold its port a little longer.
    deadline = time.monotonic() + _PATIENCE_SECONDS
    waiting = [port for port in ports if not _is_free(port)]
    while waiting and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)
        waiting = [port for port in waiting if not _is_free(port)]
    return not waiting


def free_ports(count: int) -> list[int]:
    """Return ports on which nobody listens; whoever asks at the same time gets others.

    They are below those from which systems take one for a connection that goes out, which would
    be gone again before a process that starts meanwhile listens there.
    """
    ports = SystemRandom().sample(_RANGE, len(_RANGE))
    return list(islice(filter(_is_free, ports), count))


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
