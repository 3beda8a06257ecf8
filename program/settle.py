"""Waits for all that a program declared, in time that grows with it and no faster."""

from __future__ import annotations

import asyncio

from pulumi.runtime import stack
from pulumi.runtime.settings import SETTINGS


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
