"""Connections that a server or what stands before it closed, as it may at any time."""

from __future__ import annotations

from collections.abc import Callable

import httpx

_CLOSED = (httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError)


def reading(ask: Callable[[], httpx.Response]) -> httpx.Response:
    """Return the answer to a request that changes nothing, asked once more where none came.

    A connection that was kept may be closed just when it is used again: load balancers end idle
    ones. Go's clients ask once more by themselves, httpx does not.

    Args:
        ask: sends the request; a second call takes another connection.

    Raises:
        httpx.HTTPError: what ask raised, at the second time for a connection that was closed.
    """
    try:
        return ask()
    except _CLOSED:
        return ask()
