"""Keeps what this machine asks itself away from a proxy."""

from __future__ import annotations

import os
from collections.abc import MutableMapping
from typing import Final

HOSTS: Final = ("localhost", "127.0.0.1", "::1")


def without_proxy(environment: MutableMapping[str, str] = os.environ) -> None:
    """Add loopback to what an environment exempts from its proxies.

    The engine, its plugins and the program speak gRPC over loopback, and gRPC's C library takes
    even that to a proxy, unlike Go. It reads no_grpc_proxy before no_proxy, Go NO_PROXY before
    no_proxy, Python the other way round: so one that is not set gets what the other has.
    """
    lower, upper = (environment.get(name, "").strip() for name in ("no_proxy", "NO_PROXY"))
    environment["no_proxy"] = _with_loopback(lower or upper)
    environment["NO_PROXY"] = _with_loopback(upper or lower)
    if grpc := environment.get("no_grpc_proxy", "").strip():
        environment["no_grpc_proxy"] = _with_loopback(grpc)


def _with_loopback(exempt: str) -> str:
    hosts = [host.strip() for host in exempt.split(",") if host.strip()]
    if "*" in hosts:
        return exempt
    return ",".join([*hosts, *(host for host in HOSTS if host not in hosts)])
