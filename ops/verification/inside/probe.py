"""Tries sockets as they are, without a proxy: `probe.py SECONDS KIND=TARGET...`, a line for each.

Runs inside a workspace with its own python3, so with nothing but the standard library. A line is
`KIND TARGET OUTCOME`. Of the outcomes `denied` is the kernel's refusal (EACCES, EPERM), which
Landlock gives; what a network policy drops shows as `timeout` or `silent`.
"""

import errno
import os
import secrets
import socket
import struct
import sys
import time
from typing import Any

# What a socket raises before Python 3.10, too.
_TIMEOUT = (TimeoutError, socket.timeout)
_DENIED = (errno.EACCES, errno.EPERM)
_UNREACHABLE = (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)


def main() -> None:
    """Try each, and tell."""
    seconds = float(sys.argv[1])
    # Of the C library, which would ask a silent name server for a minute, search domains and all.
    os.environ.setdefault("RES_OPTIONS", "timeout:2 attempts:2")
    for each in sys.argv[2:]:
        kind, _, target = each.partition("=")
        try:
            outcome = _KINDS[kind](target, seconds)
        except OSError as error:
            outcome = _told(error)
        print(kind, target, outcome, flush=True)  # noqa: T201  what it is for


def _told(error: OSError) -> str:
    if isinstance(error, socket.gaierror):
        return "unresolved"
    if isinstance(error, _TIMEOUT):
        return "timeout"
    if error.errno in _DENIED:
        return "denied"
    if error.errno in _UNREACHABLE:
        return "unreachable"
    if error.errno == errno.ECONNREFUSED:
        return "refused"
    return errno.errorcode.get(error.errno or 0, type(error).__name__)


def _address(target: str, kind: int) -> tuple[Any, ...]:
    host, _, port = target.rpartition(":")
    # RFC 6761, 6.3; not every resolver knows.
    host = "127.0.0.1" if host.endswith(".localhost") else host.strip("[]")
    return socket.getaddrinfo(host, int(port), type=kind)[0]


def _tcp(target: str, seconds: float) -> str:
    family, kind, _, _, address = _address(target, socket.SOCK_STREAM)
    with socket.socket(family, kind) as client:
        client.settimeout(seconds)
        client.connect(address)
    return "connected"


def _bind(target: str, seconds: float) -> str:
    with socket.socket() as server:
        server.settimeout(seconds)
        server.bind(("", int(target or 0)))
    return "bound"


def _name(target: str, seconds: float) -> str:
    socket.getaddrinfo(target, None)
    return "resolved"


def _asked(target: str, seconds: float, question: bytes) -> str:
    family, kind, _, _, address = _address(target, socket.SOCK_DGRAM)
    with socket.socket(family, kind) as client:
        client.settimeout(seconds)
        client.connect(address)
        client.send(question)
        try:
            client.recv(4096)
        except _TIMEOUT:
            return "silent"
    return "answered"


def _dns(target: str, seconds: float) -> str:
    # RFC 1035: the name servers of the root, which every resolver knows.
    header = struct.pack("!HHHHHH", secrets.randbits(16), 0x0100, 1, 0, 0, 0)
    return _asked(target, seconds, header + b"\0" + struct.pack("!HH", 2, 1))


def _quic(target: str, seconds: float) -> str:
    # RFC 9000, 6 and 15: an Initial of a version that nobody speaks is answered with those that
    # the server does.
    ids = b"\x08" + secrets.token_bytes(8) + b"\x08" + secrets.token_bytes(8)
    return _asked(target, seconds, (b"\xc0\x1a\x2a\x3a\x4a" + ids).ljust(1200, b"\0"))


def _listen(target: str, seconds: float) -> str:
    """Take connections and answer datagrams at HOST:PORT, for another pod, until the time is up."""
    host, _, port = target.rpartition(":")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    address, deadline = (host.strip("[]"), int(port)), time.monotonic() + seconds
    server, datagrams = socket.socket(family), socket.socket(family, socket.SOCK_DGRAM)
    with server, datagrams:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind(address)
        server.listen()
        datagrams.bind(address)
        for each in (server, datagrams):
            each.settimeout(0.1)
        taken = 0
        while time.monotonic() < deadline:
            try:
                server.accept()[0].close()
                taken += 1
            except _TIMEOUT:
                pass
            try:
                datagrams.sendto(b"here", datagrams.recvfrom(2048)[1])
                taken += 1
            except _TIMEOUT:
                pass
    return str(taken)


_KINDS = {
    "tcp": _tcp,
    "bind": _bind,
    "name": _name,
    "dns": _dns,
    "quic": _quic,
    "udp": lambda target, seconds: _asked(target, seconds, b"anyone"),
    "listen": _listen,
}

if __name__ == "__main__":
    main()
