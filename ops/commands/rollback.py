"""`python -m ops rollback`."""

from __future__ import annotations

from typing import Annotated

import typer

from ops.terminal import StackName


def rollback(
    stack: StackName,
    to: Annotated[
        int | None, typer.Option("--to", metavar="N", help="Update to go back to.", min=1)
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    template: Annotated[
        str | None, typer.Option("--template", help="Go back for this template alone.")
    ] = None,
) -> None:
    """Deploy again what an earlier update of STACK deployed; shows what changes, and asks."""
    from ops import rollback as earlier

    earlier.rollback(stack, to, yes, template)
