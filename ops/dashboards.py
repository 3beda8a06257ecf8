"""`python -m ops dashboards STACK --open-dir DIR`: the dashboards as files, to import by hand.

Reads the stack's settings file alone: no engine, no cluster, no secret is needed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from components import arguments
from components.dashboards import DashboardsArgs
from components.grafana_role import role_sql
from ops import stacks

ROLE_FILE = "grafana_ro.sql"


def write(args: DashboardsArgs, directory: Path) -> list[Path]:
    """Write each dashboard and the SQL of Grafana's database role; return the files.

    Raises:
        OSError: The directory cannot be made or written to.
    """
    files = {f"{uid}.json": text for uid, text in args.render().items()}
    files[ROLE_FILE] = role_sql()
    directory.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (directory / name).write_text(text, encoding="utf-8")
    return [directory / name for name in files]


def dashboards(
    stack: Annotated[str, typer.Argument(help="Name of the stack.")],
    open_dir: Annotated[
        Path, typer.Option("--open-dir", help="Directory to write to; made if missing.")
    ],
) -> None:
    """Write the stack's dashboards as JSON files, and the SQL of Grafana's database role."""
    try:
        files = write(arguments.dashboards(stacks.settings(stack)), open_dir)
    except ValueError as error:
        # SettingsError and ArgsError are ValueErrors; their messages stand on their own.
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from None
    except OSError as error:
        typer.echo(f"error: cannot write to {open_dir}: {error.strerror}", err=True)
        raise typer.Exit(1) from None
    for file in files:
        typer.echo(file)
    typer.echo(
        "Import each .json in Grafana under Dashboards, New, Import. "
        f"{ROLE_FILE} is for the owner of Coder's database."
    )
