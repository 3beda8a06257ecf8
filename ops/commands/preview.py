"""`python -m ops preview`: what an update would change, as one report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def preview(
    stacks: Annotated[list[str], typer.Argument(metavar="STACK...", help="Names of stacks.")],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Plain data for machines.")] = False,
    out: Annotated[Path | None, typer.Option("--out", help="Write the report there.")] = None,
    refresh: Annotated[
        bool, typer.Option("--refresh", help="Show what someone else changed, too.")
    ] = False,
    save_plan: Annotated[
        Path | None,
        typer.Option("--save-plan", metavar="FILE", help="Save the plan for `up --plan FILE`."),
    ] = None,
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="Exit with 2 when something would change.")
    ] = False,
) -> None:
    """Report what `up` would change in each STACK; nothing is applied."""
    from ops import preview as previews

    previews.preview(
        stacks, as_json=as_json, out=out, refresh=refresh, save_plan=save_plan, exit_code=exit_code
    )
