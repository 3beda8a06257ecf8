"""Errors whose message is all that an operator is shown."""

from collections.abc import Iterable


class OperatorError(Exception):
    """What was asked for cannot be done; the message says why and what to do, and has no secret."""


class ArgsError(OperatorError, ValueError):
    """The arguments of a component are wrong; raised before any resource is registered.

    Args:
        subject: what the arguments are for, such as `template firewalled`.
        problems: every problem found, each with the value and what is right; never a secret.
    """

    def __init__(self, subject: str, problems: Iterable[str]) -> None:
        self.subject = subject
        self.problems = tuple(problems)
        super().__init__(f"{subject}: " + "; ".join(self.problems))


def refuse(subject: str, problems: Iterable[str]) -> None:
    """Raise ArgsError if there is any problem.

    Raises:
        ArgsError: `problems` is not empty.
    """
    found = tuple(problems)
    if found:
        raise ArgsError(subject, found)
