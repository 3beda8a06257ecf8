"""`python -m tests.conformance run NAME`: the main walk on whatever real parts are there."""

from __future__ import annotations

import signal
import sys
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from tests.conformance.run import Run, RunOptions, RunRefusedError
from tests.conformance.walk import FAILURES, StepOutcome
from toolchain import tools

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, no_args_is_help=True)
console = Console(highlight=False)
Name = Annotated[
    str,
    typer.Argument(
        metavar="NAME", help="Of the stack and namespace; templates and servers begin with it."
    ),
]


def told(line: str) -> None:
    """Show one line of progress."""
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


def _terminated(*_: Any) -> None:
    raise KeyboardInterrupt


@app.command()
def run(
    name: Name,
    organization: Annotated[str | None, typer.Option(help="Of Coder; else the default.")] = None,
    external_auth: Annotated[
        str | None, typer.Option(help="Id of a login that coderd knows; else its first.")
    ] = None,
    context: Annotated[
        str | None, typer.Option(help="Of the kubeconfig; else the current one.")
    ] = None,
    watched: Annotated[
        bool, typer.Option("--watched", help="A Grafana or Prometheus may load what is made.")
    ] = False,
    prices: Annotated[
        bool, typer.Option("--prices", help="Walk a price, which Coder cannot remove again.")
    ] = False,
) -> None:
    """Walk over the deployment that CODER_URL, CODER_SESSION_TOKEN and KUBECONFIG name."""
    signal.signal(signal.SIGTERM, _terminated)
    this = Run(RunOptions(name, organization, external_auth, context, watched, prices), told)
    try:
        every, results, left = this.go()
    except (RunRefusedError, tools.ToolError) as error:
        told(f"refused: {error}")
        raise typer.Exit(2) from None
    except KeyboardInterrupt:
        told("interrupted")
        raise typer.Exit(130) from None
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("part", "", "what"):
        table.add_column(title, overflow="fold")
    for part in every:
        table.add_row(part.name, "real" if part.real else "stood in", part.detail)
    table.add_section()
    for result in results:
        table.add_row(result.name, result.outcome, result.detail.replace("[", r"\["))
    for line in left:
        table.add_row("left behind", StepOutcome.FAILED, line.replace("[", r"\["))
    console.print(table)
    if left:
        console.print(f"clean up with: {this.clean_up}", markup=False)
    if left or any(result.outcome in FAILURES for result in results):
        raise typer.Exit(1)


@app.command()
def clean(name: Name) -> None:
    """Remove what a run that could not end left behind."""
    this = Run(RunOptions(name), told)
    try:
        left = this.clean()
    except (RunRefusedError, tools.ToolError) as error:
        told(f"refused: {error}")
        raise typer.Exit(2) from None
    for line in left:
        told(f"left behind: {line}")
    if left:
        raise typer.Exit(1)
    told(f"nothing of {name} is left")


if __name__ == "__main__":
    app()
