"""What a template may be told and is told where nobody says; no Pulumi, as settings ask too."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

PortShareLevel = Literal["owner", "authenticated", "organization", "public"]
Role = Literal["admin", "use"]
Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]

NAMESPACE: Final = "coder-workspaces"
"""Of the workspaces."""
IMAGE: Final = "codercom/enterprise-base:ubuntu-noble-20260601"
"""Of a workspace."""
ICON: Final = "/icon/claude.svg"
"""As coderd serves it."""
GIT_CREDENTIALS: Final = True
"""An agent can clone what its owner can, until somebody says otherwise."""

SESSION_PORTS: Final = (20000, 29999)
"""First and last port at which the template's `claude` starts Boundary: claude_in_jail.sh."""

FEWEST_WEEKS: Final = 1
MOST_WEEKS: Final = 16
"""Between two required stops (coderd/schedule, MaxTemplateAutostopRequirementWeeks)."""


@dataclass(frozen=True)
class SizeChoice:
    """The sizes that an owner can choose from.

    Args:
        options: whole numbers above zero, in the order in which they are offered.
        default: the one chosen at first.
    """

    options: tuple[int, ...]
    default: int


@dataclass(frozen=True)
class Sizes:
    """The sizes of a workspace: cores, GB of memory, GB of home disk."""

    cpu: SizeChoice = SizeChoice((2, 4, 8), 4)
    memory: SizeChoice = SizeChoice((4, 8, 16), 8)
    disk_size: SizeChoice = SizeChoice((10, 20, 50), 20)

    def options(self) -> dict[str, tuple[int, ...]]:
        """Return what an owner can choose from, by the template's parameter."""
        return {name: choice.options for name, choice in vars(self).items()}


def default_problem(options: Sequence[int], default: int) -> str:
    """Return why what is chosen at first cannot be, empty if it can."""
    if default in options:
        return ""
    return f"must be one of the options {', '.join(map(str, options))}"


def dormancy_problem(dormant_after: object, delete_after: object) -> str:
    """Return why workspaces would never be deleted, empty if they would or are not to be.

    Args:
        dormant_after: how long a workspace is unused before it is dormant; none or 0 is never.
        delete_after: how long it is dormant before it is deleted; likewise.
    """
    if delete_after and not dormant_after:
        return "no workspace becomes dormant without it"
    return ""


def size_problems(sizes: Sizes) -> Iterator[str]:
    """Yield what is wrong with the sizes that an owner can choose."""
    for what, choice in vars(sizes).items():
        if not choice.options or any(option < 1 for option in choice.options):
            yield f"{what} options {choice.options} are not whole numbers above zero"
        if len(set(choice.options)) < len(choice.options):
            yield f"{what} options {choice.options} name a size twice"
        if problem := default_problem(choice.options, choice.default):
            yield f"{what} default {choice.default} {problem}"
