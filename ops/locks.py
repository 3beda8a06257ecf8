"""What holds a stack: the locks that updates put into a backend of files, or left there.

The engine's `cancel` removes them and says the same when there was none (pulumi 3.259,
pkg/backend/diy/backend.go). Pulumi Cloud refuses a cancel of nothing by itself.
"""

from __future__ import annotations

import json
from pathlib import Path

from pulumi import automation

from components.errors import OperatorError
from ops import backend, diagnostics, project


class HeldError(OperatorError):
    """An update holds the stack, or was killed and left its lock; the way on is named."""


def held(stack: automation.Stack) -> bool | None:
    """Return whether an update holds a stack; None where the backend keeps no files to look at.

    Raises automation.CommandError when the engine cannot tell its backend.
    """
    found = _files(stack)
    return None if found is None else bool(found)


def check(stack: automation.Stack) -> None:
    """Raise HeldError where an update holds a stack, as far as the backend keeps files to look at.

    An update that is running looks like one that was killed: it has operations pending.
    """
    if found := _files(stack):
        raise HeldError(diagnostics.locked(_holder(found[0]), stack.name))


def _files(stack: automation.Stack) -> list[Path] | None:
    url = stack.workspace.who_am_i().url or ""
    files = backend.folder(url, Path(stack.workspace.work_dir))
    if files is None:
        return None
    locks = files / "locks"
    # Where they stand in a backend with projects, and in one of before.
    folders = locks / "organization" / project.PROJECT / stack.name, locks / stack.name
    return [file for folder in folders for file in folder.glob("*.json")]


def _holder(file: Path) -> str:
    """Return who holds a stack in the engine's words; "" where its lock does not tell."""
    try:
        lock = json.loads(file.read_bytes())
        return "created by {username}@{hostname} (pid {pid}) at {timestamp}".format(**lock)
    except (OSError, ValueError, LookupError, TypeError):
        return ""
