"""One background process of the local stack, known by its pid file and its command line."""

import os
import shlex
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from components.errors import OperatorError

_LOG_LINES_IN_ERROR = 5
_POLL_SECONDS = 0.02


class DaemonError(OperatorError):
    """A background process could not be started or ended; the message says which and why."""


def python_environment() -> dict[str, str]:
    """Return the environment of a process that runs a module of this checkout."""
    path = os.environ.get("PYTHONPATH")
    root = str(Path(__file__).resolve().parent.parent)
    return {**os.environ, "PYTHONPATH": f"{root}{os.pathsep}{path}" if path else root}


class Daemon:
    """A process that outlives the command which started it.

    The pid file alone proves nothing, since the system reuses numbers. A process counts as ours
    only if its command line also holds `marker`, a path inside the state directory which no
    other program is started with.

    Args:
        name: what the process is called in messages and files.
        state_dir: directory for NAME.pid and NAME.log; must exist when the process starts.
        marker: text on the command line by which the process is known.
    """

    def __init__(self, name: str, state_dir: Path, marker: str) -> None:
        self.name = name
        self.marker = marker
        self.log = state_dir / f"{name}.log"
        self._pid_file = state_dir / f"{name}.pid"
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The number of the running process, None if there is none that is ours."""
        self._reap()
        try:
            pid = int(self._pid_file.read_text())
        except (FileNotFoundError, ValueError):
            return None
        return pid if pid > 1 and self.marker in _command_line(pid) else None

    def start(self, command: Sequence[str], *, env: Mapping[str, str] | None = None) -> None:
        """Start the process in a session of its own; its output goes to the log.

        Raises:
            DaemonError: the program cannot be executed.
        """
        # The shell writes the pid before the program exists, so that no moment is left in which
        # a killed caller leaves a process behind that nobody knows of.
        wrapped = ["/bin/sh", "-c", 'echo $$ > "$0" && exec "$@"', str(self._pid_file), *command]
        try:
            with self.log.open("ab") as log:
                self._child = subprocess.Popen(
                    wrapped,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    env=None if env is None else dict(env),
                    start_new_session=True,
                )
        except OSError as error:
            raise DaemonError(f"cannot start {self.name}: {error.strerror}") from None

    def exited(self) -> bool:
        """Whether the process started by this object has ended."""
        return self._child is not None and self._child.poll() is not None

    def failure(self) -> str:
        """The end of the log in one line, to be shown when the process ended by itself."""
        try:
            lines = self.log.read_text(errors="replace").splitlines()
        except FileNotFoundError:
            lines = []
        tail = " | ".join(line.strip() for line in lines[-_LOG_LINES_IN_ERROR:] if line.strip())
        return f"{self.name} ended by itself ({shlex.quote(str(self.log))}): {tail or 'no output'}"

    def stop(self, *, grace: float = 5.0) -> bool:
        """End the process and wait until it is gone.

        Args:
            grace: seconds between SIGTERM and SIGKILL.

        Returns:
            Whether there was a process to end.

        Raises:
            DaemonError: the process belongs to another user or does not end.
        """
        pid = self.pid
        if pid is None:
            self._pid_file.unlink(missing_ok=True)
            return False
        self._end(pid, signal.SIGTERM)
        if not self._gone(pid, grace):
            self._end(pid, signal.SIGKILL)
            if not self._gone(pid, 10.0):
                raise DaemonError(f"{self.name} (process {pid}) does not end")
        self._pid_file.unlink(missing_ok=True)
        return True

    def _end(self, pid: int, number: signal.Signals) -> None:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return
        except PermissionError:
            raise DaemonError(
                f"{self.name} (process {pid}) belongs to another user and cannot be ended"
            ) from None

    def _gone(self, pid: int, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while True:
            # Without a command line but still there, it is closing its files and ports.
            if not _exists(pid):
                self._reap()
                return True
            if time.monotonic() > deadline:
                return False
            time.sleep(_POLL_SECONDS)

    def _reap(self) -> None:
        if self._child is not None:
            self._child.poll()


def end_below(folder: Path) -> None:
    """End what was started from a file in a folder: an engine that is killed leaves its plugins."""
    for pid in _pids():
        if _command_line(pid).startswith(f"{folder}{os.sep}"):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def _pids() -> list[int]:
    if Path("/proc/self").exists():
        return [int(each.name) for each in Path("/proc").iterdir() if each.name.isdecimal()]
    listed = subprocess.run(["ps", "-axo", "pid="], capture_output=True, check=False)
    return [int(each) for each in listed.stdout.split()]


def _exists(pid: int) -> bool:
    """Whether the process is there; one that only waits for its parent to take note is not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    try:
        fields = (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return not Path("/proc/self").exists()
    # proc_pid_stat(5): state, and the number of threads 17 fields on. Threads may still hold
    # ports while the first of them has ended.
    return fields[0] not in ("Z", "X") or int(fields[17]) > 1


def _command_line(pid: int) -> str:
    """The command line of a process, empty if there is none or it has ended and waits for reaping.

    /proc where there is one (Linux), else ps (macOS).
    """
    proc = Path("/proc") / str(pid) / "cmdline"
    try:
        return proc.read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        if Path("/proc/self").exists():
            return ""
    found = subprocess.run(
        ["ps", "-ww", "-o", "command=", "-p", str(pid)],
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    return found.stdout
