"""What a backend of files keeps of a stack, read where it is.

The engine's `stack export` and `stack history` tell the same, and to start the engine takes longer
than all of the reading, in each command several times. It is asked of every other backend, and
where the files are not as it writes them now (pulumi 3.259, pkg/backend/diy).
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from pulumi import automation

from ops import backend, project

_VERSION: Final = 3  # of a checkpoint; a later one may name features that a reader has to know


def known(name: str, work_dir: Path, variables: Mapping[str, str] | None = None) -> bool:
    """Whether the files have a stack; False where the engine has to be asked.

    Args:
        name: the stack's.
        work_dir: where the engine runs.
        variables: what it is given besides this process' own.
    """
    return _state(name, work_dir, variables or {}) is not None


def deployment(stack: automation.Stack) -> dict[str, Any] | None:
    """Return what `stack export` tells, secrets encrypted; None where the engine has to be asked.

    The engine writes a file anew beside the old one and puts it in its place.
    """
    file = _of(stack)
    try:
        document = json.loads(file.read_bytes()) if file else {}
        if document.keys() == {"version", "checkpoint"} and document["version"] == _VERSION:
            return {"version": _VERSION, "deployment": document["checkpoint"].get("latest")}
    except (OSError, ValueError, AttributeError):
        pass
    return None


def history(
    stack: automation.Stack, page_size: int | None, page: int | None
) -> list[automation.UpdateSummary] | None:
    """Return what `stack history` lists; None where the engine has to be asked.

    Args:
        stack: the stack.
        page_size: updates on a page; all if None.
        page: which, from 1, the latest updates first.

    The settings of an update, which the engine lists as well, are left out.
    """
    there = _of(stack)
    if there is None:
        return None
    place = there.parents[2] / "history" / project.PROJECT / stack.name
    try:
        # One that is packed cannot be read here.
        files = sorted(place.glob("*.history.json*"), reverse=True)
        if page_size is not None:
            begin = ((page or 1) - 1) * page_size
            files = files[begin : begin + page_size]
        return [_summary(json.loads(file.read_bytes())) for file in files]
    except (OSError, ValueError, LookupError, TypeError):
        return None


def latest(folder: Path, name: str) -> Path | None:
    """Return where a folder keeps the state that the last recorded update left; None if none is.

    Args:
        folder: the backend's (backend.folder).
        name: the stack's.
    """
    # Where it stands in a backend with projects, and in one of before.
    kept = [
        file
        for place in (folder / "history" / project.PROJECT / name, folder / "history" / name)
        for file in place.glob("*.checkpoint.json*")
        if file.suffix in {".json", ".gz"}
    ]
    return max(kept, key=lambda file: file.name, default=None)


def checkpoint(file: Path) -> dict[str, Any] | None:
    """Return the deployment that a file holds, packed or not; None if it cannot be read."""
    try:
        content = file.read_bytes()
        text = gzip.decompress(content) if file.suffix == ".gz" else content
        return dict((json.loads(text)["checkpoint"] or {}).get("latest") or {})
    except (OSError, ValueError, LookupError, TypeError, EOFError):
        return None


def same(kept: Path, state: Path) -> bool:
    """Whether a state is as a record has it; False, too, if one of them cannot be read."""
    try:
        # What an update keeps is a copy of the state as it leaves it.
        if kept.read_bytes() == state.read_bytes():
            return True
    except OSError:
        return False
    before, now = checkpoint(kept), checkpoint(state)
    # A backend of before, or one that packs: the engine reads it.
    return None not in (before, now) and before == now


def state(folder: Path, name: str) -> Path:
    """Return where a folder has a stack's state, in a backend with projects."""
    return folder / "stacks" / project.PROJECT / f"{name}.json"


def _summary(kept: Mapping[str, Any]) -> automation.UpdateSummary:
    return automation.UpdateSummary(
        kind=kept["kind"],
        start_time=_time(kept["startTime"]),
        message=kept["message"],
        environment=kept["environment"],
        config={},
        result=kept["result"],
        end_time=_time(kept["endTime"]),
        version=kept["version"],
        resource_changes=kept.get("resourceChanges"),
    )


def _time(seconds: int) -> datetime:
    """Return a time as the Automation API has it: UTC, and not said so."""
    return datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None)


def _of(stack: automation.Stack) -> Path | None:
    workspace = stack.workspace
    return _state(stack.name, Path(workspace.work_dir), workspace.env_vars)


def _state(name: str, work_dir: Path, variables: Mapping[str, str]) -> Path | None:
    """Return where a stack's state is, in a backend of files with projects."""
    # Without the variable, only the engine can tell where it is logged in.
    folder = backend.folder(backend.chosen(variables), work_dir)
    if folder is None:
        return None
    file = state(folder, name)
    try:
        # Of several the engine takes the one that was written last.
        packed = any(file.with_name(f"{file.name}.{end}").exists() for end in ("gz", "zst"))
        return file if file.is_file() and not packed else None
    except (OSError, ValueError):
        # It says what is wrong with the place.
        return None
