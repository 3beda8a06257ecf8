"""`python -m ops touched`."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from ops import project, stacks, terminal
from ops import touched as changes


def touched(
    base: Annotated[
        str | None, typer.Argument(metavar="BASE", help="Commit or branch to compare with.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Every stack, whatever changed.")] = False,
    deployed: Annotated[
        bool,
        typer.Option(
            "--deployed", help="Without what is no deployment: local, and examples (example.com)."
        ),
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="One line, as a matrix takes it.")
    ] = False,
    pushed: Annotated[
        bool,
        typer.Option(
            "--pushed", help="BASE is what a push replaced; every stack where no branch has it."
        ),
    ] = False,
) -> None:
    """List the stacks that the change since BASE touches, uncommitted files included."""
    with terminal.reported():
        if (base is None) is not every:
            raise changes.ChangeError("name a BASE such as main, or give --all, and not both")
        names = stacks.names(project.ROOT)
        changes.check_names(names)
        paths = changes.changed(project.ROOT, base, pushed=pushed) if base is not None else None
        if paths is not None:
            for stack in changes.removed(paths, names):
                terminal.progress(
                    f"the settings of stack {stack} are removed; what it deployed stays until "
                    f"`ops destroy {stack}` is run from an earlier commit"
                )
            names = changes.touched(paths, names)
        if deployed:
            names = [name for name in names if _deployed(name)]
        for line in [json.dumps(names)] if as_json else names:
            terminal.echo(line)


def _deployed(stack: str) -> bool:
    if stack == project.LOCAL:
        return False
    if stacks.is_example(stack, project.ROOT):
        terminal.progress(
            f"stack {stack} is an example: its coder.accessUrl is an address that is nobody's"
        )
        return False
    return True
