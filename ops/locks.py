"""What holds a stack: the locks that updates put into a backend of files, or left there.

The engine's `cancel` removes them and says the same when there was none (pulumi 3.259,
pkg/backend/diy/backend.go). Pulumi Cloud refuses a cancel of nothing by itself.
"""

from __future__ import annotations

from pathlib import Path

from pulumi import automation

from ops import backend, project


def held(stack: automation.Stack) -> bool | None:
    """Return whether an update holds a stack; None where the backend keeps no files to look at.

    Raises automation.CommandError when the engine cannot tell its backend.
    """
    url = stack.workspace.who_am_i().url or ""
    files = backend.folder(url, Path(stack.workspace.work_dir))
    if files is None:
        return None
    locks = files / "locks"
    # Where they stand in a backend with projects, and in one of before.
    folders = locks / "organization" / project.PROJECT / stack.name, locks / stack.name
    return any(any(folder.glob("*.json")) for folder in folders)
