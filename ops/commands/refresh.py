"""`python -m ops refresh`."""

from __future__ import annotations

from ops.terminal import StackName


def refresh(stack: StackName) -> None:
    """Read back what STACK made and show what someone else changed; the state learns it.

    What an update left half-done is finished first, without applying anything.
    """
    from ops import up as updates

    updates.refresh(stack)
