"""What a verification says: checks, what came of them, and what was asked and answered."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

SIGNING_KEY: Final = "EVIDENCE_KEY"
"""The variable with the key that signs evidence when none is named."""


class Outcome(StrEnum):
    """What came of a check."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_CHECKED = "not checked"
    KNOWN_FAULT = "known fault"


class CheckGroup(StrEnum):
    """What a check is about."""

    PREFLIGHT = "preflight"
    PATH = "path"
    JAIL = "jail"
    AGENTS = "agents"
    AUDIT = "audit"
    MCP = "mcp"


@dataclass(frozen=True)
class Check:
    """One thing that can be proven.

    Attributes:
        id: what it is called in evidence and on the command line, such as `jail.denied`.
        title: what is true when it passes.
        controls: the controls of NIST SP 800-53 Rev. 5 that it supports.
    """

    id: str
    title: str
    controls: tuple[str, ...] = ()

    @property
    def group(self) -> CheckGroup:
        """The group that it belongs to: the first part of its id."""
        return CheckGroup(self.id.partition(".")[0])


@dataclass(frozen=True)
class Exchange:
    """Something that was asked, and the answer; both without secrets."""

    request: str
    answer: str


@dataclass(frozen=True)
class Result:
    """What came of a check on one subject.

    Attributes:
        check: id of the check.
        subject: the template, MCP server or workspace that it was made on; empty for the stack.
        outcome: what came of it.
        detail: what was seen, or why it was not checked; never a secret.
        next_step: what to do when it did not pass.
        seconds: how long it took.
        exchanges: what was asked and answered for it.
        stood_in: whether it was not made because what it asks is a stand-in on this machine.
        at: when it was made, as of `stamp`; empty where that is not known.
    """

    check: str
    subject: str
    outcome: Outcome
    detail: str
    next_step: str = ""
    seconds: float = 0.0
    exchanges: tuple[Exchange, ...] = ()
    stood_in: bool = False
    at: str = ""

    @property
    def key(self) -> tuple[str, str]:
        """What no two results of a run share."""
        return self.check, self.subject


def stamp(moment: datetime | None = None) -> str:
    """Return a time, or that of now, as evidence has it: RFC 3339 in UTC, to the second."""
    found = (moment or datetime.now(UTC)).astimezone(UTC)
    return found.isoformat(timespec="seconds").replace("+00:00", "Z")


class Failed(Exception):
    """A check was made and failed.

    Args:
        detail: what was seen.
        next_step: what to do about it.
    """

    outcome: Final = Outcome.FAILED

    def __init__(self, detail: str, next_step: str) -> None:
        super().__init__(detail)
        self.next_step = next_step


class NotChecked(Exception):
    """A check cannot be made here.

    Args:
        detail: why.
        next_step: what makes it possible.
    """

    outcome: Final = Outcome.NOT_CHECKED

    def __init__(self, detail: str, next_step: str) -> None:
        super().__init__(detail)
        self.next_step = next_step


class KnownFault(Exception):
    """A check was made, and a real part has a fault that nobody here can mend.

    Args:
        detail: what was seen.
        next_step: what narrows it.
    """

    outcome: Final = Outcome.KNOWN_FAULT

    def __init__(self, detail: str, next_step: str) -> None:
        super().__init__(detail)
        self.next_step = next_step


class Interrupted(Exception):
    """The run is to end; what was made is cleared up and nothing else is begun."""


_EXCHANGES: ContextVar[list[Exchange] | None] = ContextVar("exchanges", default=None)


@contextmanager
def journal() -> Iterator[list[Exchange]]:
    """Collect what is asked and answered within, in this thread."""
    kept: list[Exchange] = []
    token = _EXCHANGES.set(kept)
    try:
        yield kept
    finally:
        _EXCHANGES.reset(token)


def note(request: str, answer: str) -> None:
    """Keep an exchange for the check that is being made, if one is."""
    kept = _EXCHANGES.get()
    if kept is not None:
        kept.append(Exchange(request, answer))
