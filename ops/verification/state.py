"""What a run that was cut off needs to be resumed: its passed checks, and what it made.

A file below build/, which git ignores, for this user alone, and without secrets.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from ops.verification.model import Exchange, Outcome, Result, stamp

FOLDER: Final = Path("build", "verify")
FORMAT: Final = 1
RESUMABLE: Final = timedelta(hours=24)
"""How old a run may be that is resumed: what passed longer ago proves little."""


class StateError(Exception):
    """A run cannot be resumed; the message says why."""


@dataclass(frozen=True)
class Leftover:
    """A workspace that a run made.

    Attributes:
        owner: user name of its owner.
        name: its name, and that of its Task if it has one.
        task: whether it is a Task's.
    """

    owner: str
    name: str
    task: bool = False

    def __str__(self) -> str:
        return f"{self.owner}/{self.name}"


class RunState:
    """The state of one stack's run.

    Args:
        root: the checkout.
        stack: name of the stack.
        basis: what the run's results depend on, as text; a run on another basis is not resumed.

    Attributes:
        began: when the run began, and not when it was resumed.
        resumed: when it was resumed the last time; None for one that was not.
    """

    def __init__(self, root: Path, stack: str, basis: str) -> None:
        self.path = root / FOLDER / f"{stack}.json"
        self._basis = basis
        self._lock = threading.Lock()
        self._passed: dict[tuple[str, str], Result] = {}
        self._results: dict[tuple[str, str], Result] = {}
        self._leftovers: dict[str, Leftover] = {}
        self.began = datetime.now(UTC)
        self.resumed: datetime | None = None
        document = self._read()
        for each in document.get("workspaces", ()):
            leftover = Leftover(**each)
            self._leftovers[str(leftover)] = leftover

    @property
    def leftovers(self) -> list[Leftover]:
        """Workspaces that a run made and did not delete."""
        with self._lock:
            return list(self._leftovers.values())

    def resume(self) -> int:
        """Take over what passed in the run that was cut off; returns how many checks that are.

        Raises:
            StateError: there is no such run, it is too old, or it was on another basis.
        """
        document = self._read()
        if not document:
            raise StateError("there is no run to resume: run it without --resume")
        began = datetime.fromisoformat(document["began"])
        if datetime.now(UTC) - began > RESUMABLE:
            raise StateError(f"the run of {began:%Y-%m-%d %H:%M} UTC is too old: run it anew")
        if document["basis"] != self._basis:
            raise StateError("the settings have changed since that run: run it anew")
        self.began, self.resumed = began, datetime.now(UTC)
        for each in document["results"]:
            exchanges = tuple(Exchange(**exchange) for exchange in each.pop("exchanges"))
            each["outcome"] = Outcome(each["outcome"])
            # Of one that no time is kept of, it is no earlier than this.
            each["at"] = each.get("at") or stamp(began)
            result = Result(**each, exchanges=exchanges)
            if result.outcome is Outcome.PASSED:
                self._passed[result.key] = result
        return len(self._passed)

    def passed(self, check: str, subject: str) -> Result | None:
        """Return what came of a check in the run that is resumed, if it passed."""
        return self._passed.get((check, subject))

    def forget(self, keys: Iterable[tuple[str, str]]) -> None:
        """Make checks again although they passed."""
        for key in keys:
            self._passed.pop(key, None)

    def add(self, result: Result) -> None:
        """Keep a result."""
        with self._lock:
            self._results[result.key] = result
            self._write()

    def making(self, workspace: Leftover) -> None:
        """Keep that a workspace is about to be made: a killed run leaves none unknown."""
        with self._lock:
            self._leftovers[str(workspace)] = workspace
            self._write()

    def gone(self, workspace: Leftover) -> None:
        """Keep that a workspace is gone."""
        with self._lock:
            self._leftovers.pop(str(workspace), None)
            self._write()

    def close(self, *, complete: bool) -> None:
        """End the run: a complete one that left nothing needs no state any more."""
        with self._lock:
            if complete and not self._leftovers:
                self.path.unlink(missing_ok=True)
            elif complete:
                self._results.clear()
                self._write()

    def _read(self) -> dict[str, Any]:
        try:
            document = json.loads(self.path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        known = isinstance(document, dict) and document.get("format") == FORMAT
        return document if known else {}

    def _write(self) -> None:
        document = {
            "format": FORMAT,
            "basis": self._basis,
            "began": self.began.isoformat(),
            "results": [asdict(result) for result in self._results.values()],
            "workspaces": [asdict(each) for each in self._leftovers.values()],
        }
        self.path.parent.mkdir(parents=True, exist_ok=True)
        scratch = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        scratch.touch(mode=0o600)
        scratch.write_text(json.dumps(document, indent=1), encoding="utf-8")
        scratch.replace(self.path)
