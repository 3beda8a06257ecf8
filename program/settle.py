"""Waits for what a program declared: until it is on its way to the engine, and until it is done.

A program and its registrations take turns in one thread. What is declared is only sent once the
program waits for something, and one that never does keeps the engine idle until its end.
"""

from __future__ import annotations

import asyncio
from typing import Final

from pulumi.runtime import stack
from pulumi.runtime.settings import SETTINGS

TURNS: Final = 50
"""Turns of the event loop in which what has all its inputs is sent; an object takes 15 at most."""


async def sent() -> None:
    """Let what was declared until now be sent, as far as it waits for nothing."""
    for _ in range(TURNS):
        await asyncio.sleep(0)


async def settled() -> None:
    """Return when every registration and every output is done, or once one of them failed.

    The SDK waits as well, for whatever is left, and tells of failures. But it takes all pending
    outputs in hand again after each that is done, which for a thousand of them is a million times
    (pulumi 3.259, pulumi/runtime/stack.py, wait_for_rpcs).
    """
    await stack.wait_for_rpcs(await_all_outstanding_tasks=False)
    while pending := _pending():
        done, _ = await asyncio.wait(pending, return_when=asyncio.FIRST_EXCEPTION)
        if any(output.cancelled() or output.exception() for output in done):
            return


def _pending() -> set[asyncio.Task[object]]:
    with SETTINGS.lock:
        return set(SETTINGS.outputs)
