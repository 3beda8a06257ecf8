"""What the commands share: the terminal, and errors as one clear message."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Final

import typer
from rich.console import Console, Group, RenderableType
from rich.table import Table

from components.errors import OperatorError
from ops import secrets_key

# What is shown was said by others: `:key:` in a URL is a path and no picture of a key.
console = Console(highlight=False, emoji=False)
errors = Console(stderr=True, highlight=False, emoji=False)

_LOCK: Final = re.compile(r"the stack is currently locked by|: created by \S+ \(pid \d+\) at ")

_WIDE: Final = 100_000
"""More columns than a URL and its reasons have characters."""

INTERRUPTED: Final = 130
"""Exit status of a command that was interrupted, as shells have it."""

StackName = Annotated[str, typer.Argument(metavar="STACK", help="Name of the stack.")]


_COLORS: Final = re.compile(r"\x1b\[[0-9;]*m")
# What the engine says of a step every few seconds while it lasts.
_GOING_ON: Final = re.compile(r"(?<=ing) \(\d+s\)")
_begun: set[str] = set()


def progress(line: str) -> None:
    """Show one line of what is being started or built."""
    errors.print(line, style="dim", markup=False, soft_wrap=True)


def echo(text: str) -> None:
    """Pass the engine's own output on.

    But not its hint to a command that is not one of these, nor that a step still goes on.
    """
    if "run `pulumi stack rm" in text:
        return
    step, going_on = _GOING_ON.subn("", _COLORS.sub("", text))
    if going_on:
        if step in _begun:
            return
        _begun.add(step)
    sys.stdout.write(text if text.endswith("\n") else text + "\n")
    sys.stdout.flush()


def echo_error(text: str) -> None:
    """Pass the engine's own messages on, but those of a lock or a key, told as errors."""
    if _LOCK.search(text) or secrets_key.is_told(text):
        return
    sys.stderr.write(text if text.endswith("\n") else text + "\n")
    sys.stderr.flush()


def show(found: RenderableType) -> None:
    """Print tables: wrapped at a terminal's width, elsewhere one line for what is one, to search.

    COLUMNS, which says how wide a terminal is, holds for a pipe too.
    """
    if sys.stdout.isatty() or "COLUMNS" in os.environ:
        console.print(found)
        return
    for part in found.renderables if isinstance(found, Group) else (found,):
        if isinstance(part, Table):
            part.expand = False
    wide = Console(width=_WIDE, highlight=False, emoji=False)
    with wide.capture() as captured:
        wide.print(found)
    # Cells are filled up to the width of their column.
    sys.stdout.writelines(f"{line.rstrip()}\n" for line in captured.get().splitlines())


def fail(message: str) -> None:
    """Show one error; brackets in it are text, not markup."""
    errors.print("error:", style="red", end=" ")
    errors.print(message, markup=False, soft_wrap=True)


@contextmanager
def reported() -> Iterator[None]:
    """Turn what can go wrong into one clear message and exit status 1, or 130 for an interrupt."""
    try:
        yield
    except Exception as error:
        message = explained(error)
        if message is None:
            raise
        fail(message)
        raise typer.Exit(1) from None
    except KeyboardInterrupt as interrupt:
        errors.print(interrupted(interrupt), markup=False, soft_wrap=True)
        raise typer.Exit(INTERRUPTED) from None


def interrupted(interrupt: KeyboardInterrupt) -> str:
    """Return what holds after an interrupt, and the next command."""
    again = f"`{shlex.join(['python', '-m', 'ops', *sys.argv[1:]])}`"
    if "ops.interrupts" not in sys.modules:
        return f"interrupted; to go on, run {again} again"
    from ops.interrupts import CommandInterrupted  # noqa: PLC0415  loads the engine's SDK

    if not isinstance(interrupt, CommandInterrupted):
        return f"interrupted; to go on, run {again} again"
    if interrupt.killed:
        return (
            "interrupted: the engine was killed, and what was done until then stays; run "
            f"`python -m ops cancel {interrupt.stack}`, then {again} again"
        )
    if not interrupt.changed:
        return f"interrupted: nothing was applied, and the stack is free; run {again} again"
    return (
        f"interrupted: what was done until then stays, and stack {interrupt.stack} is free; run "
        f"{again} again to go on from there"
    )


def explained(error: Exception) -> str | None:
    """Return the message of what can go wrong, None for a mistake in the code."""
    if isinstance(error, OperatorError):
        return str(error)
    if "pulumi.automation" in sys.modules:
        # Loading the engine's SDK takes longer than all else: only who has, can raise its errors.
        from ops import diagnostics  # noqa: PLC0415

        return diagnostics.explained(error)
    return None


class NobodyToAskError(OperatorError):
    """A command has a question and nobody answers; nothing was applied."""

    def __init__(self) -> None:
        super().__init__(
            "nothing was applied: nobody answers on standard input; give --yes to go ahead "
            "without being asked"
        )


def can_ask() -> None:
    """Raise NobodyToAskError where there is nobody to ask for sure: before the work."""
    with contextlib.suppress(OSError, ValueError):
        # A device that is no terminal is /dev/null; what is in a pipe is not known yet.
        if stat.S_ISCHR(os.fstat(sys.stdin.fileno()).st_mode) and not sys.stdin.isatty():
            raise NobodyToAskError


def agreed(question: str) -> bool:
    """Ask, and say what a no means; raises NobodyToAskError without an answer."""
    try:
        answer = typer.confirm(question)
    except typer.Abort:
        typer.echo()
        raise NobodyToAskError from None
    if not answer:
        errors.print("nothing was applied", markup=False)
    return answer


def color() -> str:
    """Return whether the engine colours what it says, in its own words."""
    return "always" if sys.stdout.isatty() else "never"
