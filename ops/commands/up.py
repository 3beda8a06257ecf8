"""`python -m ops up`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ops.terminal import StackName


def up(
    stack: StackName,
    plan: Annotated[
        Path | None,
        typer.Option("--plan", help="Apply exactly this plan, saved by preview --save-plan."),
    ] = None,
) -> None:
    """Bring STACK up: preview, apply, and say what there is now."""
    from ops import up as updates

    updates.up(stack, plan)
