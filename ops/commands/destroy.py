"""`python -m ops destroy`."""

from __future__ import annotations

from typing import Annotated

import typer

from ops.terminal import StackName


def destroy(
    stack: StackName,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Remove what STACK made; Coder, Grafana and GitLab stay as they were."""
    from ops import up as updates

    updates.destroy(stack, yes)
