"""Ports of 127.0.0.1 for the processes of the local stack."""

import socket
import time
from collections.abc import Iterable
from typing import Final

_POLL_SECONDS: Final = 0.05
_PATIENCE_SECONDS: Final = 1.0


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
    """Return ports on which nobody listens."""
    probes = [socket.socket(socket.AF_INET, socket.SOCK_STREAM) for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]
    finally:
        for probe in probes:
            probe.close()


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
