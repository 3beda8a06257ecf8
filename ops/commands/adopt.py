"""`python -m ops adopt`."""

from __future__ import annotations

from ops.terminal import StackName


def adopt(stack: StackName) -> None:
    """Take over the templates, servers, ConfigMaps and Secrets that STACK would create."""
    from ops import adopt as adoption

    adoption.adopt(stack)
