"""Templates that go although people have workspaces of them; coderd removes none of these."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from ops.changes import Step
from ops.markdown import code
from ops.tokens import TEMPLATE

_NAMED: Final = 10
WARNING: Final = "a template that goes has workspaces: nothing is applied"


@dataclass(frozen=True)
class Used:
    """A template that people have workspaces of.

    Attributes:
        template: its name.
        workspaces: owner and name of each, as OWNER/NAME.
    """

    template: str
    workspaces: tuple[str, ...]

    def __str__(self) -> str:
        more = f" and {count - _NAMED} more" if (count := len(self.workspaces)) > _NAMED else ""
        listed = ", ".join(self.workspaces[:_NAMED]) + more
        return f"template {self.template} has {count} workspace{'s' * (count > 1)}: {listed}"


def removed(steps: Iterable[Step]) -> frozenset[str]:
    """Return the names of the templates that steps remove, also to make them anew."""
    return frozenset(
        str(step.old.get("name"))
        for step in steps
        if step.type == TEMPLATE and step.op in {"delete", "replace"}
    )


def listed(used: Iterable[Used]) -> str:
    """Return templates with their workspaces, a line each."""
    return "\n".join(f"  {each}" for each in used)


def refusal(used: Iterable[Used], command: str) -> str:
    """Return why templates stay, and how to go on by a command."""
    return (
        "coderd removes no template that has workspaces, and one under another name is another "
        f"template; nothing was applied\n{listed(used)}\nHave their owners delete them, or use "
        f"`coder delete OWNER/WORKSPACE`; then run `{command}` again. Or keep the template in the "
        "settings: with a deprecationMessage nobody makes another workspace of it"
    )


def lines(used: Iterable[Used]) -> list[str]:
    """Return what the report says of them, beneath its heading."""
    return [
        f"> ⚠️ **A template that goes has workspaces**: {code(str(each))}. Nothing is applied "
        "until they are deleted"
        for each in used
    ]
