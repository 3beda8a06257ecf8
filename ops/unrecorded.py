"""What an update did that was killed, and that stands in no record.

A backend of files writes an update into its history when it ends, so one that is killed has no
entry there, while what it deployed stands in the state: the next one would find nothing to do, and
no record would name what the killed one opened. It is found by comparing the state with the one
that the last recorded update left, which a folder keeps beside the record. Of a bucket that copy
is not to be had through the engine; there, what was changed since is known by its time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from pulumi import automation

from ops import backend, changes, deployed, history, kept_files, namespace_changes, network
from ops.assessment import StackPreview
from ops.markdown import code, some
from ops.state import Resource, StackState

_HOSTED: Final = frozenset({"http", "https"})
_PROVIDERS: Final = "pulumi:providers:"


@dataclass(frozen=True)
class Unrecorded:
    """What the updates did that stand in no record.

    Attributes:
        changed: by what was done, names of resources.
        found: what it means, as a review has it; None where what was before is not to be had.
    """

    changed: Mapping[str, tuple[str, ...]]
    found: StackPreview | None = None

    @property
    def line(self) -> str:
        """Return it in one line, for a record."""
        done = "; ".join(f"{word} {some(names, str)}" for word, names in self.changed.items())
        if self.found is None:
            return f"{done}; what that opens is not known: what was before is not to be had here"
        reach = f"what agents reach: {history.policy_line(self.found.reaches)}"
        warnings = history.warning_line(self.found.warnings)
        return "; ".join(filter(None, (reach, warnings and f"warnings: {warnings}", done)))


def lines(found: Unrecorded | None, stack: str) -> tuple[str, ...]:
    """Return what a preview in between says of it, a line of Markdown each."""
    if found is None:
        return ()
    told = [
        "- ⚠️ the history has no entry of an update since the last one there, which did not finish; "
        f"the next {code(f'python -m ops up {stack}')} records what it did"
    ]
    if found.found is None:
        told.append("- ⚠️ what that opens is not known: what was before is not to be had here")
    else:
        told.append(f"- what agents reach: {code(history.policy_line(found.found.reaches))}")
        told += [f"- ⚠️ {each}" for each in found.found.warnings]
    told += [f"- {word} {some(names, code)}" for word, names in found.changed.items()]
    return tuple(told)


def line(stack: automation.Stack, held: StackState | None = None) -> str:
    """Return what the next record of `stack` has of it, in one line; empty if there is nothing."""
    found = of(stack, StackState(stack) if held is None else held)
    return "" if found is None else found.line


def named(message: str, found: Unrecorded) -> str:
    """Return the message of a record with what is found."""
    record = history.parse(message)
    return message if record is None else replace(record, unrecorded=found.line).message()


def of(stack: automation.Stack, held: StackState, made: Iterable[str] = ()) -> Unrecorded | None:
    """Return what no record of `stack` names; None if there is nothing.

    Args:
        stack: the stack.
        held: its state.
        made: URNs of what a killed update made, and the engine has just learned of.

    Raises automation.CommandError.
    """
    place, folder = _backend(stack)
    if urlsplit(place).scheme in _HOSTED:
        # It records an update as it begins.
        return None
    if folder is not None:
        latest = kept_files.latest(folder, stack.name)
        before = None if latest is None else _resources(latest)
        if latest is None or before is not None:
            return compared(stack.name, before or {}, held.resources)
    recorded = stack.info()
    if recorded is None:
        return compared(stack.name, {}, held.resources)
    return since(recorded, held.resources, made)


def in_preview(stack: automation.Stack) -> Unrecorded | None:
    """Return the same for a preview, which reads no state where it is as the record left it.

    A stack without any record says nothing: all that it has was made elsewhere, or is shown.
    """
    place, folder = _backend(stack)
    if urlsplit(place).scheme in _HOSTED:
        return None
    if folder is None:
        recorded = stack.info()
        return since(recorded, StackState(stack).resources) if recorded else None
    latest = kept_files.latest(folder, stack.name)
    if latest is None or kept_files.same(latest, kept_files.state(folder, stack.name)):
        return None
    return of(stack, StackState(stack))


def compared(
    name: str, before: Mapping[str, Resource], now: Mapping[str, Resource]
) -> Unrecorded | None:
    """Return what differs of two states' resources, by URN; None if nothing does."""
    metadata = list(_steps(before, now))
    steps = [each for each in changes.steps(metadata) if each.changes or each.op != "update"]
    done: dict[str, list[str]] = {}
    for each in steps:
        done.setdefault(f"{each.op}d", []).append(each.name)
    old, new = deployed.of_resources(before), deployed.of_resources(now)
    found = StackPreview(
        name,
        steps=tuple(steps),
        policies=changes.every(metadata, network.KINDS),
        places=namespace_changes.Places(old.namespaces, new.namespaces),
        **deployed.of_parts(old, new),
        **deployed.of_both(old, new),
    )
    if not done and history.policy_line(found.reaches) == history.UNCHANGED:
        return None
    return Unrecorded({word: tuple(sorted(names)) for word, names in done.items()}, found)


def since(
    recorded: automation.UpdateSummary,
    now: Mapping[str, Resource],
    made: Iterable[str] = (),
) -> Unrecorded | None:
    """Return what was changed after the latest recorded update had ended; None if nothing was."""
    moment = recorded.end_time or recorded.start_time
    # A history counts seconds, and the Automation API's times are UTC that do not say so.
    ended = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() + 1
    there = set(made)
    names = sorted(
        urn.rpartition("::")[2]
        for urn, each in now.items()
        if each.get("custom") and not each["type"].startswith(_PROVIDERS)
        if urn in there or _time(each.get("modified")) > ended
    )
    return Unrecorded({"changed": tuple(names)}) if names else None


def _time(text: str | None) -> float:
    return datetime.fromisoformat(text).timestamp() if text else 0


def _steps(before: Mapping[str, Resource], now: Mapping[str, Resource]) -> Iterator[dict[str, Any]]:
    for urn in dict.fromkeys((*before, *now)):
        old, new = before.get(urn), now.get(urn)
        each = new or old or {}
        if not each.get("custom") or each["type"].startswith(_PROVIDERS):
            continue
        op = "update" if old and new else "create" if new else "delete"
        yield {"op": op, "urn": urn, "type": each["type"], "old": old, "new": new}


def _backend(stack: automation.Stack) -> tuple[str, Path | None]:
    """Return a stack's backend, and the folder of one that is files."""
    url = backend.chosen(stack.workspace.env_vars) or stack.workspace.who_am_i().url or ""
    return url, backend.folder(url, Path(stack.workspace.work_dir))


def _resources(file: Path) -> dict[str, Resource] | None:
    """Return the resources of a checkpoint by URN; None if it cannot be read."""
    found = kept_files.checkpoint(file)
    if found is None:
        return None
    return {each["urn"]: each for each in found.get("resources") or () if not each.get("delete")}
