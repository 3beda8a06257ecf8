"""The program of another checkout, run in a process of its own: the side that asks.

What answers is host.py, which runs in that process.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

from components.errors import OperatorError
from ops import diagnostics, engine, interrupts

HOST = Path(__file__).with_name("host.py")


class HostError(OperatorError):
    """The program cannot be run at all; the message is the last thing its process said."""


@dataclass(frozen=True)
class HostAnswer:
    """What running the program said: steps, outputs by URN, an error or ''."""

    steps: Sequence[Mapping[str, Any]]
    outputs: Sequence[tuple[str, Mapping[str, Any]]]
    error: str


class Host:
    """A process that runs one checkout's program; `hosted` makes one."""

    def __init__(
        self,
        process: subprocess.Popen[str],
        first: Mapping[str, Any],
        answers: IO[str],
        said: IO[str],
    ) -> None:
        self._process = process
        self._requests = cast("IO[str]", process.stdin)
        self._unsent = [first]
        self._answers = answers
        self._said = said

    def run(
        self,
        operation: str,
        *,
        target: Sequence[str] = (),
        message: str = "",
        plan: Path | None = None,
    ) -> HostAnswer:
        """Run `preview` or `up`.

        Args:
            operation: which of both.
            target: URNs to keep to; everything if empty.
            message: of the update.
            plan: where a preview saves its plan, and what an update keeps to.

        Raises HostError when the program cannot be run at all, and interrupts.CommandInterrupted.
        """
        request = {
            "operation": operation,
            "target": list(target),
            "message": message,
            "plan": str(plan) if plan else None,
        }
        lines, self._unsent = [*self._unsent, request], []
        with interrupts.INTERRUPTS.running(
            lambda: self._process, changing=operation == "up"
        ) as child:
            try:
                self._requests.write("".join(json.dumps(each) + "\n" for each in lines))
                self._requests.flush()
                answer = self._answers.readline()
            except BrokenPipeError:
                answer = ""
            child.killed = not answer or json.loads(answer).get("killed", False)
        if not answer:
            status = self._process.wait()
            self._said.seek(0)
            said = self._said.read().strip().splitlines()
            raise HostError(
                f"ended with status {status}: {said[-1] if said else 'it said nothing'}"
            )
        found = json.loads(answer)
        if "interrupted" in found:
            raise interrupts.INTERRUPTS.interrupted(killed=found["killed"])
        return HostAnswer(found["steps"], found["outputs"], diagnostics.failure(found["errors"]))


@contextmanager
def hosted(python: Path, root: Path, session: engine.Session, name: str) -> Iterator[Host]:
    """Start a process for the program of a checkout; it ends with the context.

    Args:
        python: has the packages of that checkout.
        root: the checkout.
        session: the stack, and where its project is.
        name: of the stack.

    Raises OSError when there is no such Python.
    """
    workspace = session.stack.workspace
    first = {
        "stack": name,
        "root": str(root),
        "work_dir": str(session.work_dir),
        "pulumi": engine.root_of(Path(workspace.pulumi_command.command)),
        "release": str(workspace.pulumi_command.version or ""),
        "variables": dict(workspace.env_vars),
    }
    ours, theirs = os.pipe()
    with (
        os.fdopen(ours, encoding="utf-8") as answers,
        # A file and no pipe: nobody reads it until the end.
        tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as said,
    ):
        try:
            process = subprocess.Popen(
                # -P: the folder of host.py is not a place to import from.
                [str(python), "-P", str(HOST), str(theirs)],
                cwd=root,
                env={**os.environ, "PYTHONPATH": str(root), "PYTHONDONTWRITEBYTECODE": "1"},
                stdin=subprocess.PIPE,
                stderr=said,
                pass_fds=[theirs],
                # Interrupts reach it through here alone.
                process_group=0,
                encoding="utf-8",
                errors="replace",
            )
        finally:
            os.close(theirs)
        try:
            yield Host(process, first, answers, said)
        finally:
            # It ends with what it reads; an update on its way is waited for.
            process.communicate()
