"""`python -m ops dashboards`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def dashboards(
    stack: Annotated[str, typer.Argument(help="Name of the stack.")],
    open_dir: Annotated[
        Path, typer.Option("--open-dir", help="Directory to write to; made if missing.")
    ],
) -> None:
    """Write the stack's dashboards, its alerts, and the SQL of Grafana's database role."""
    from ops import dashboards as files

    files.dashboards(stack, open_dir)
