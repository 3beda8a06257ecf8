"""A copy of the checkout with a stack of its own, and the commands that are run in it."""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from ops.project import PROJECT

# The program and its commands need neither.
_LEFT_OUT = ("docs/", "tests/", "bench/", "stacks/", ".github/", ".ci/")
_HEARTBEAT_SECONDS = 10.0
_INTERRUPT_SECONDS = 60.0
_SHOWN = 12


class CommandFailedError(Exception):
    """A command ended otherwise than it should; the message has its last lines and its log."""


@dataclass(frozen=True)
class Said:
    """What a command said."""

    status: int
    out: str
    log: Path


class Project:
    """The copy at `folder`, with its state beside it.

    Args:
        folder: of this run; made when it is not there.
        name: of the stack.
        engine: the engine's command line.
        environment: what every command gets, besides what is found here.
        progress: told about every ten seconds that a command still runs.
        secrets: the secrets provider of the stack; a passphrase of its own if empty.

    Attributes:
        command: what runs ops.
    """

    def __init__(
        self,
        folder: Path,
        name: str,
        engine: Path,
        environment: Mapping[str, str],
        progress: Callable[[str], None],
        secrets: str = "",
    ) -> None:
        self.folder = folder.absolute()
        self.root = self.folder / "project"
        # They stay when the run is gone.
        self.logs = self.folder.with_name(f"{name}.logs")
        self.name = name
        self.environment = dict(environment)
        self._engine = engine
        self._progress = progress
        self._secrets = secrets
        self._count = 0
        self.command: tuple[str, ...] = (sys.executable, "-m", "ops")

    @property
    def file(self) -> Path:
        """The stack's settings."""
        return self.root / "stacks" / f"Pulumi.{self.name}.yaml"

    def variables(self) -> dict[str, str]:
        """Return the whole environment of a command."""
        return {
            **os.environ,
            **self.environment,
            "PATH": f"{self._engine.parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
            "PULUMI_BACKEND_URL": f"file://{self.folder / 'state'}?metadata=skip",
            "PULUMI_CONFIG_PASSPHRASE_FILE": str(self.folder / "passphrase"),
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            "GIT_AUTHOR_NAME": "conformance",
            "GIT_AUTHOR_EMAIL": "conformance@example.com",
            "GIT_COMMITTER_NAME": "conformance",
            "GIT_COMMITTER_EMAIL": "conformance@example.com",
        }

    def lay_out(self, checkout: Path, settings: Mapping[str, Any]) -> None:
        """Copy the program, write the settings, and make the stack; the first commit."""
        (self.folder / "state").mkdir(parents=True)
        shutil.rmtree(self.logs, ignore_errors=True)
        self.logs.mkdir()
        passphrase = self.folder / "passphrase"
        passphrase.touch(mode=0o600)
        passphrase.write_text(secrets.token_hex(32))
        listed = subprocess.run(
            ["git", "ls-files", "-co", "--exclude-standard", "-z"],
            cwd=checkout,
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for name in filter(None, listed.split("\0")):
            source = checkout / name
            if not name.startswith(_LEFT_OUT) and source.is_file():
                (self.root / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source, self.root / name)
        # Pulumi.yaml names the virtual environment by this path.
        (self.root / ".venv").symlink_to(sys.prefix)
        self.git("init", "-q", "-b", "main")
        (self.root / ".git" / "info" / "exclude").write_text(".venv\n")
        self.file.parent.mkdir()
        self.write(settings)
        kept = ("--secrets-provider", self._secrets) if self._secrets else ()
        self.pulumi("stack", "init", self.name, *kept)

    def write(self, changes: Mapping[str, Any]) -> None:
        """Put settings, by their top-level key, over those that are there, and commit them."""
        document: dict[str, Any] = {}
        if self.file.exists():
            document = yaml.safe_load(self.file.read_text(encoding="utf-8")) or {}
        config = document.setdefault("config", {})
        config.update({f"{PROJECT}:{key}": value for key, value in changes.items()})
        self.file.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")

    def commit(self, message: str) -> None:
        """Commit the checkout as it is."""
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", message)

    def git(self, *arguments: str) -> Said:
        """Run git; raises CommandFailedError."""
        return self.run(["git", *arguments])

    def pulumi(self, *arguments: str, status: int = 0) -> Said:
        """Run the engine's command line; raises CommandFailedError."""
        return self.run([str(self._engine), *arguments, "--non-interactive"], status)

    def ops(self, *arguments: str, status: int | None = 0) -> Said:
        """Run a command of ops; raises CommandFailedError for another exit status."""
        return self.run([*self.command, *arguments], status, ("python", "ops", *arguments))

    def preview(self, *, status: int, refresh: bool = True) -> dict[str, Any]:
        """Return a preview's report of this stack, as plain data.

        Args:
            status: the exit status that is right: 0 for no change, 2 for one.
            refresh: whether what is there is read first.

        Raises CommandFailedError, with what would change.
        """
        file = self.logs / "preview.json"
        file.unlink(missing_ok=True)
        more = ("--refresh",) if refresh else ()
        words = ("preview", self.name, "--json", "--out", str(file), "--exit-code", *more)
        said = self.ops(*words, status=None)
        try:
            (report,) = json.loads(file.read_text(encoding="utf-8"))["stacks"]
        except (OSError, ValueError):
            raise _failed(said, "preview gave no report") from None
        if said.status != status:
            steps = [f"{each['op']} {each['urn'].rpartition('::')[2]}" for each in report["steps"]]
            what = report["failure"] or ", ".join(steps[:_SHOWN]) or "no change"
            raise CommandFailedError(f"preview shows: {what}; its log is {said.log}")
        return dict(report)

    def run(
        self, command: Sequence[str], status: int | None = 0, words: Sequence[str] = ()
    ) -> Said:
        """Run a command in the copy, its output in a log of its own.

        Args:
            command: program and arguments.
            status: the exit status that is right; any if None.
            words: by which its log and a failure call it; its own if empty.

        Raises CommandFailedError. A command that is cut off is interrupted first, so that the
        engine can put its state in order.
        """
        self._count += 1
        words = words or [Path(command[0]).name, *command[1:]]
        slug = re.sub(r"[^a-z0-9]+", "-", " ".join(words[:4]).lower()).strip("-")
        log = self.logs / f"{self._count:02}-{slug}.log"
        with log.open("w+", encoding="utf-8") as out:
            process = subprocess.Popen(
                command,
                cwd=self.root,
                env=self.variables(),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                # A terminal's interrupt is for this process, which hands it on.
                start_new_session=True,
            )
            try:
                self._wait(process, " ".join(words[:3]))
            except BaseException:
                _interrupt(process)
                raise
        said = Said(process.returncode, log.read_text(encoding="utf-8", errors="replace"), log)
        if status is not None and said.status != status:
            raise _failed(said, f"{' '.join(words[:3])} ended with status {said.status}")
        return said

    def _wait(self, process: subprocess.Popen[Any], what: str) -> None:
        started = time.monotonic()
        while True:
            try:
                process.wait(_HEARTBEAT_SECONDS)
                return
            except subprocess.TimeoutExpired:
                self._progress(f"    {what}: {time.monotonic() - started:.0f} s")


def _interrupt(process: subprocess.Popen[Any]) -> None:
    for number, patience in ((signal.SIGINT, _INTERRUPT_SECONDS), (signal.SIGKILL, 5.0)):
        try:
            os.killpg(process.pid, number)
            process.wait(patience)
        except (ProcessLookupError, subprocess.TimeoutExpired):
            continue


def _failed(said: Said, what: str) -> CommandFailedError:
    lines = [line for line in said.out.splitlines() if line.strip()][-_SHOWN:]
    return CommandFailedError("\n".join([f"{what}; its log is {said.log}", *lines]))
