"""What the engine says is wrong: heard while it runs, so that no run ends without its reason."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

from pulumi import automation

from components.boundary.credentials import masked
from components.errors import OperatorError
from ops import project
from ops.ways_out import with_way_out

_NAMED: Final = 5
_TAIL: Final = 3
# What the engine says of a step that an update plan has not, or has and that did not come.
_STRAY: Final = re.compile(r"resource \S+ violates plan: .*|expected resource operations for .*")
# Said of the run as a whole, or of a step whose error stands beside it.
_LOGGED: Final = re.compile(r"\[ERROR\] (?P<detail>.*): (?P<summary>[^:]+)", re.DOTALL)
_SUMMARY: Final = re.compile(r"(?:preview|update|refresh|destroy) failed|resource \S+ is invalid")

# pulumi-kubernetes, of a cluster: a warning why, and an error that advises to forget the resource.
_UNREACHABLE: Final = "configured Kubernetes cluster is unreachable"
_FORGETTING: Final = "PULUMI_K8S_DELETE_UNREACHABLE"

_T = TypeVar("_T")


class RunError(OperatorError):
    """A run of the engine failed; the message has each of its errors and where it happened."""


def run(operation: Callable[..., _T], **options: Any) -> _T:
    """Run an operation of an Automation API stack.

    Args:
        operation: bound method `up`, `preview`, `refresh` or `destroy`.
        options: passed on; `on_event` hears every event too.

    Raises:
        RunError: it failed.
        automation.ConcurrentUpdateError: another update is running.
    """
    errors: list[tuple[str, str]] = []
    reasons: dict[str, str] = {}
    listener: Callable[[automation.EngineEvent], Any] | None = options.pop("on_event", None)

    def on_event(event: automation.EngineEvent) -> None:
        told = event.diagnostic_event
        if told is not None and told.severity == "error":
            errors.append((told.urn or "", told.message))
        elif told is not None and told.urn and _UNREACHABLE in told.message:
            reasons[told.urn] = told.message
        if listener is not None:
            listener(event)

    try:
        return operation(on_event=on_event, **options)
    except automation.ConcurrentUpdateError:
        raise
    except automation.CommandError as error:
        told = [(urn, _cause(message, reasons.get(urn))) for urn, message in errors]
        raise RunError(said(error, told, _stack(operation))) from None


def _cause(message: str, reason: str | None) -> str:
    """An error of a cluster that cannot be reached, with why; the provider warns of that apart.

    All that the error itself says is how to forget what the state knows of a living cluster.
    """
    return reason if reason and _FORGETTING in message else message


def _stack(operation: Callable[..., object]) -> str:
    owner = getattr(operation, "__self__", None)
    return owner.name if isinstance(owner, automation.Stack) else "STACK"


def explained(error: Exception) -> str | None:
    """Return what an error of the Automation API means, None for a mistake in the code."""
    if isinstance(error, automation.ConcurrentUpdateError):
        return locked(str(error))
    if isinstance(error, automation.CommandError):
        return said(error)
    return None


def locked(text: str, stack: str = "STACK") -> str:
    """Return what a lock that the engine met means, and how to go on."""
    holder = re.search(r"created by (\S+)@(\S+) \(pid (\d+)\) at (\S+)", text)
    who = f" by {holder[1]}@{holder[2]}, process {holder[3]}, since {holder[4]}" if holder else ""
    if holder and holder[2] == socket.gethostname() and not _alive(int(holder[3])):
        return (
            f"the stack is locked{who}; that process is gone, on this host. Nothing was applied. "
            f"Release it with `python -m ops cancel {stack}`, then run the same command again"
        )
    return (
        f"another update of this stack is running{who}; nothing was applied. Wait for it, or, "
        f"when that process is gone, run `python -m ops cancel {stack}`"
    )


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # another user's
    return True


def said(
    error: automation.CommandError,
    errors: Sequence[tuple[str, str]] = (),
    stack: str = "STACK",
) -> str:
    """Return what is wrong when the engine's command line failed, and the way out that is known.

    Args:
        error: how it ended.
        errors: what its events told, (URN, message) each; none of a run that did not begin.
        stack: whose name stands in the commands that lead on.
    """
    text = str(error)
    if stray := _STRAY.search(text):
        return (
            f"the program left the plan and was stopped: {stray[0]}; what was done before that "
            "stays. Preview and review again"
        )
    told = "\n".join(
        dict.fromkeys(re.findall(r"^\s*(?:stdout: |stderr: )?\s*error: (.*)$", text, re.MULTILINE))
    )
    return with_way_out(failure(errors) or masked(told or _last_words(text, stack)), text, stack)


def _last_words(text: str, stack: str) -> str:
    """The end of what the command line said, which tells most when nothing is marked an error."""
    if killed := re.search(r"^ *code: -(\d+)$", text, re.MULTILINE):
        return (
            f"the engine was killed by signal {killed[1]}; what was done stays. Release the stack: "
            f"`python -m ops cancel {stack}`, then run the same command again"
        )
    lines = [line.strip() for line in text.splitlines()]
    words = [line for line in lines if line.removeprefix("stdout:").removeprefix("stderr:").strip()]
    kept = [line for line in words if not re.fullmatch(r"code: \d+", line)][-_TAIL:]
    return (
        f"the engine failed: {' / '.join(kept)}" if kept else "the engine failed and said nothing"
    )


def failure(errors: Sequence[tuple[str, str]]) -> str:
    """Return the engine's errors, (URN, message) each; one that many resources share, once."""
    names: dict[str, list[str]] = {}
    bare = [_bare(message) for _, message in errors]
    for (urn, _), text in zip(errors, bare, strict=True):
        # Pulumi's bridge logs what it then answers, the other way round.
        logged = _LOGGED.fullmatch(text)
        if logged and f"{logged['summary']}: {logged['detail']}" in bare:
            continue
        if not text or (_SUMMARY.fullmatch(text) and names):
            continue
        told = names.setdefault(text, [])
        kind, _, name = urn.removeprefix("urn:pulumi:").rpartition("::")
        if name and not kind.endswith("pulumi:pulumi:Stack") and name not in told:
            told.append(name)
    lines = [f"{_listed(told)}: {text}" if told else text for text, told in names.items()]
    # A provider may quote what it was given, and what is said goes into logs and comments.
    return masked("\n".join(lines))


def _bare(message: str) -> str:
    """A message without its traceback, and without what other messages say already."""
    # The Automation API's server says again what the program said, and the engine that the
    # preview failed.
    text = _without_traceback(message).removeprefix("an unhandled error occurred: ")
    return text.removeprefix("Preview failed: ")


def _without_traceback(message: str) -> str:
    """Return the message, and of a traceback only the last place in this project."""
    text, mark, trace = message.strip().partition("Traceback (most recent call last):")
    if not mark:
        return text
    text = text.strip().removeprefix("python inline source runtime error: ")
    found = re.findall(r'File "([^"]+)", line (\d+)', trace)
    ours = [
        f"{Path(file).relative_to(project.ROOT)}:{line}"
        for file, line in found
        if Path(file).is_relative_to(project.ROOT) and "site-packages" not in file
    ]
    text = text or trace.strip().splitlines()[-1]
    return f"{text} (at {ours[-1]})" if ours else text


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
