"""`python -m ops`: the commands."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from importlib import import_module
from typing import Any, Final

import typer
from typer.core import TyperGroup

NAMES: Final = (
    "preview",
    "up",
    "refresh",
    "destroy",
    "cancel",
    "explain",
    "dashboards",
    "history",
    "rollback",
    "firewall",
    "adopt",
    "verify",
    "mcp-probe",
    "touched",
    "comment",
)
"""The commands, in the order of the help; each is a function in a module of ops/commands."""


class Commands(MutableMapping[str, Any]):
    """The commands by name, each loaded when it is asked for: so one of them starts quickly."""

    def __init__(self) -> None:
        self._commands: dict[str, Any] = dict.fromkeys(NAMES)

    def __getitem__(self, name: str) -> Any:
        if self._commands[name] is None:
            function = name.replace("-", "_")
            alone = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
            alone.command(name)(getattr(import_module(f"ops.commands.{function}"), function))
            self._commands[name] = typer.main.get_command(alone)
        return self._commands[name]

    def __setitem__(self, name: str, command: Any) -> None:
        self._commands[name] = command

    def __delitem__(self, name: str) -> None:
        del self._commands[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._commands)

    def __len__(self) -> int:
        return len(self._commands)


class _Group(TyperGroup):
    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands = Commands()


app = typer.Typer(
    name="ops",
    cls=_Group,
    help="Operate the stacks of firewalled-coder.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.callback()
def _operate() -> None:
    """Typer takes a group without commands of its own for one only with a callback."""
