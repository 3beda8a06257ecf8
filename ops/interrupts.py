"""What an interrupt does: the engine is asked to end once, waited for, and leaves no lock.

host.py loads this file in the process of another checkout: it imports nothing of the project.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from pulumi import automation
from pulumi.automation.errors import create_command_error
from semver import VersionInfo

# What changes something when the engine is told to, and what locks the stack meanwhile.
_CHANGING = frozenset({"up", "destroy", "refresh", "import"})
_LOCKING = _CHANGING | {"preview"}
_SILENT_LINES = 2
_PATIENCE = 5.0  # seconds that a process which was asked twice has to end
_PROCESSES = Path("/proc")  # of Linux; elsewhere `ps` tells, which a slim image has not


class CommandInterrupted(KeyboardInterrupt):
    """A command was asked to end, and what it ran has ended.

    Attributes:
        changed: whether the engine had begun to change anything.
        killed: whether the engine was ended without putting its lock away.
        stack: name of the stack, once known.
    """

    def __init__(self, *, changed: bool, killed: bool = False) -> None:
        super().__init__()
        self.changed = changed
        self.killed = killed
        self.stack = ""


class RunningChild:
    """A process that interrupts are passed on to, from when it listens.

    An engine that has locked its stack and does not listen yet would die and leave the lock: it
    listens from its second line on (pulumi 3.259, pkg/backend/diy/backend.go, apply).
    """

    def __init__(self, process: subprocess.Popen[str], lines: int) -> None:
        self.process = process
        self.killed = False
        """Whether an engine of its own was ended without putting its lock away."""
        self._lines = lines  # that it has to say yet
        self._asked = False

    def ask(self) -> None:
        """Interrupt it, once it listens; the second time at once."""
        if self._lines <= 0 or self._asked:
            self.process.send_signal(signal.SIGINT)
        self._asked = True

    def heard(self, line: str) -> None:
        """Take note of a line that it said."""
        if self._lines > 0 and line:
            self._lines -= 1
            if self._lines == 0 and self._asked:
                self.process.send_signal(signal.SIGINT)


class Interrupts:
    """Passes an interrupt on to what runs, once for each time that this process gets it.

    What runs stands in a process group of its own: a terminal tells the whole group of a Ctrl-C,
    and an engine that hears of one twice, from there and from here, drops what it is doing.
    """

    def __init__(self) -> None:
        self._running: list[RunningChild] = []
        self._waiting = 0
        self._asked = 0
        self._changed = False

    @contextlib.contextmanager
    def handled(self) -> Iterator[None]:
        """Handle signals that ask to end for as long as this lasts, but those that are ignored."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        before = {number: signal.getsignal(number) for number in numbers}
        before = {number: how for number, how in before.items() if how is not signal.SIG_IGN}
        for number in before:
            signal.signal(number, self._ask)
        try:
            yield
        finally:
            for number, how in before.items():
                signal.signal(number, how)

    @contextlib.contextmanager
    def running(
        self, start: Callable[[], subprocess.Popen[str]], *, changing: bool, locking: bool = False
    ) -> Iterator[RunningChild]:
        """Start a process and pass interrupts on to it until this ends, which waits for nothing.

        Args:
            start: starts it, in a process group of its own.
            changing: whether it changes what is deployed or the state.
            locking: whether it is an engine that locks the stack.

        Raises CommandInterrupted at the end when there was one.
        """
        # From here on a signal raises nothing: the process would be lost.
        self._waiting += 1
        try:
            child = RunningChild(start(), _SILENT_LINES if locking else 0)
            self._running.append(child)
            if self._asked:
                child.ask()
            self._changed = self._changed or changing
            try:
                yield child
            finally:
                self._running.remove(child)
        finally:
            self._waiting -= 1
            asked, self._asked = self._asked, 0
        if asked:
            killed = locking and (child.process.returncode or 0) < 0
            raise self.interrupted(killed=killed or child.killed)

    def interrupted(self, *, killed: bool = False) -> CommandInterrupted:
        """Return what to raise for an interrupt."""
        return CommandInterrupted(changed=self._changed, killed=killed)

    def _ask(self, *_: object) -> None:
        if not self._waiting:
            raise self.interrupted()
        self._asked += 1
        for child in tuple(self._running):
            child.ask()
            if self._asked > 1:
                timer = threading.Timer(_PATIENCE, _kill, [child.process])
                timer.daemon = True
                timer.start()
        if self._asked == 1:
            said = "ending: what has begun is being finished; once more to end it at once\n"
            os.write(2, said.encode())


def _kill(process: subprocess.Popen[str]) -> None:
    """Kill a process and all below it: an engine's plugins outlive one that is killed."""
    if process.poll() is not None:
        return
    ending = [process.pid]
    # Before any of them ends, which would leave those below it to another.
    pairs = _parents()
    for parent in ending:
        ending += [pid for pid, above in pairs if above == parent]
    for pid in ending:
        with contextlib.suppress(OSError):
            os.kill(pid, signal.SIGKILL)


def _parents() -> list[tuple[int, int]]:
    """Return the number of every process with its parent's, as far as the machine tells."""
    pairs = []
    if (_PROCESSES / "self").exists():
        for each in _PROCESSES.glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                # proc_pid_stat(5): the name may hold anything, parentheses too.
                fields = each.read_bytes().rpartition(b")")[2].split()
                pairs.append((int(each.parent.name), int(fields[1])))
        return pairs
    with contextlib.suppress(OSError, ValueError):
        listed = subprocess.run(
            ["ps", "-A", "-o", "pid=", "-o", "ppid="], stdout=subprocess.PIPE, check=False
        ).stdout
        pairs = [(int(pid), int(above)) for pid, above in map(bytes.split, listed.splitlines())]
    return pairs


INTERRUPTS = Interrupts()
"""Those of this process."""


class EngineCommand(automation.PulumiCommand):
    """The engine's command line, which an interrupt lets end in good order.

    Args:
        root: has it in bin/; the one on PATH if None.
        release: which it is; asked for if empty, which takes as long as a command does.
    """

    def __init__(self, root: str | None = None, release: str = "") -> None:
        if not release:
            super().__init__(root=root)
            return
        self.command = str(Path(root, "bin", "pulumi")) if root else "pulumi"
        self.version = VersionInfo.parse(release)

    def run(
        self,
        args: list[str],
        cwd: str,
        additional_env: Mapping[str, str],
        on_output: Callable[[str], Any] | None = None,
        on_error: Callable[[str], Any] | None = None,
    ) -> automation.CommandResult:
        """Run a command; arguments and errors as in the Automation API, and CommandInterrupted.

        A listener's error is raised when the command has ended.

        What it leaves among temporary files goes with it: pulumi-kubernetes copies a kubeconfig,
        credentials and all, that it is handed (writeKubeconfigToFile in provider/pkg/provider).
        """
        environment = {**os.environ, **additional_env, "PULUMI_AUTOMATION_API": "true"}
        if (binary := Path(self.command)).is_absolute():
            # Plugins beside the engine before others.
            paths = (str(binary.parent), environment.get("PATH", os.defpath))
            environment["PATH"] = os.pathsep.join(paths)
        said: tuple[list[str], list[str]] = ([], [])
        unheard: list[Exception] = []
        with (
            tempfile.TemporaryDirectory(
                prefix="firewalled-coder-", ignore_cleanup_errors=True
            ) as temporary,
            INTERRUPTS.running(
                lambda: subprocess.Popen(
                    [self.command, "--non-interactive", *args],
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    cwd=cwd,
                    env={**environment, "TMPDIR": temporary},
                    encoding="utf-8",
                    errors="replace",  # a plugin prints what it likes, which is passed on
                    process_group=0,
                ),
                changing=args[0] in _CHANGING and "--preview-only" not in args,
                locking=args[0] in _LOCKING,
            ) as child,
        ):
            process = child.process
            readers = [
                threading.Thread(target=_read, args=(*each, unheard))
                for each in (
                    (process.stdout, (child.heard, on_output), said[0]),
                    (process.stderr, (on_error,), said[1]),
                )
            ]
            for reader in readers:
                reader.start()
            for reader in readers:
                reader.join()
            process.wait()
        result = automation.CommandResult(
            stdout="\n".join(said[0]), stderr="\n".join(said[1]), code=process.returncode
        )
        if result.code != 0:
            raise create_command_error(result)
        if unheard:
            raise unheard[0]
        return result


def _read(
    stream: IO[str],
    listeners: Sequence[Callable[[str], Any] | None],
    lines: list[str],
    unheard: list[Exception],
) -> None:
    """Read to the end: an engine that nobody reads is ended by its next word, in mid-update.

    A listener that fails at what it hears is told no more; its error is kept in `unheard`.
    """
    hearing = [listener for listener in listeners if listener]
    with stream:
        for line in stream:
            text = line.rstrip()
            for listener in tuple(hearing):
                try:
                    listener(text)
                except Exception as error:  # noqa: BLE001  whatever it is, the engine needs a reader
                    hearing.remove(listener)
                    unheard.append(error)
            lines.append(text)
