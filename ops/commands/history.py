"""`python -m ops history`."""

from __future__ import annotations

from typing import Annotated

import typer


def history(
    stack: Annotated[str, typer.Argument(metavar="STACK", help="Name of the stack.")],
    as_json: Annotated[bool, typer.Option("--json", help="Plain data for machines.")] = False,
) -> None:
    """List what was deployed to STACK: when, by whom, from which commit, and what it changed."""
    from ops import history as records

    records.history(stack, as_json)
