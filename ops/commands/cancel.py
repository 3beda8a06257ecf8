"""`python -m ops cancel`."""

from __future__ import annotations

from ops.terminal import StackName


def cancel(stack: StackName) -> None:
    """Release STACK from an update that was killed; the next up goes on from its state."""
    from ops import up as updates

    updates.cancel(stack)
