"""A stand-in for coderd's REST API, for the stack `local`.

It has the paths, bodies, answers and refusals of Coder 2.37 for what a stack needs: templates and
their versions, access lists, groups, users, external logins, workspaces, MCP servers and the audit
log. Terraform is parsed and checked, never run, and no workspace exists anywhere but in its state.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from components.errors import OperatorError
from local.daemon import Daemon, DaemonError, python_environment
from local.ports import all_free, free_ports

if TYPE_CHECKING:
    import httpx

TOKEN_FILE = "session-token"  # noqa: S105 (the name of a file)
EXTERNAL_AUTH: Mapping[str, Sequence[str]] = {"gitlab": ("admin", "developer")}
"""External logins of a deployment by id, and the users who have logged in, unless others are
given."""

_START_SECONDS = 30.0
_POLL_SECONDS = 0.02


class LocalCoderdError(OperatorError):
    """The stand-in could not be started or ended."""


class LocalCoderd:
    """The stand-in as a background process with all its state under one directory.

    Args:
        state_dir: directory of the local stack; this part lives in `coderd/` below it.
        external_auth: the configured external logins by id, and the names of the users who have
            logged in to each; users are made as needed. Holds from the next start on.
        licensed: whether the deployment has a licence. Holds from the next start on.
        workspace_url: the URL by which workspaces know it; its own if empty.
    """

    def __init__(
        self,
        state_dir: Path,
        external_auth: Mapping[str, Sequence[str]] = EXTERNAL_AUTH,
        *,
        licensed: bool = True,
        workspace_url: str = "",
    ) -> None:
        self._workspace_url = workspace_url
        self.directory = state_dir.resolve() / "coderd"
        self._external_auth = external_auth
        self._licensed = licensed
        self._daemon = Daemon(
            "coderd", self.directory, f"local.coderd --state-dir {self.directory} "
        )

    @property
    def url(self) -> str:
        """The access URL.

        Raises:
            LocalCoderdError: the stand-in was never started.
        """
        try:
            return f"http://127.0.0.1:{int((self.directory / 'port').read_text())}"
        except (FileNotFoundError, ValueError):
            raise LocalCoderdError("the local coderd was never started") from None

    @property
    def token(self) -> str:
        """The administrator's session token.

        Raises:
            LocalCoderdError: the stand-in was never started.
        """
        try:
            return (self.directory / TOKEN_FILE).read_text().strip()
        except FileNotFoundError:
            raise LocalCoderdError("the local coderd was never started") from None

    @property
    def running(self) -> bool:
        """Whether the process is there and answers to its token."""
        return self._daemon.pid is not None and self._answers()

    def start(self, progress: Callable[[str], None] = lambda _: None) -> None:
        """Bring the process up; one that runs with the same options is left alone.

        State, token and, where it is still free, the port are those of the last run.

        Args:
            progress: told in a few words what is being done.

        Raises:
            LocalCoderdError: the process does not start or does not answer.
        """
        with self._lock():
            if self.running and self._same_options():
                return
            progress("starting the stand-in for coderd")
            try:
                self._daemon.stop()
                self._options_file.write_text(json.dumps(self._options()))
                self._write_token()
                self._daemon.start(self._command(self._choose_port()), env=python_environment())
                self._await_ready()
            except DaemonError as error:
                raise LocalCoderdError(str(error)) from None

    def stop(self) -> None:
        """End the process and wait for it; what it stored stays on disk.

        Raises:
            LocalCoderdError: the process does not end.
        """
        if not self.directory.is_dir():
            return
        with self._lock():
            try:
                self._daemon.stop()
            except DaemonError as error:
                raise LocalCoderdError(str(error)) from None

    def client(self) -> httpx.Client:
        """An HTTP client with the address and the administrator's token, to be closed by the
        caller.

        Raises:
            LocalCoderdError: the stand-in was never started.
        """
        # Not at the top: the process itself, which is started often, asks nobody.
        import httpx

        return httpx.Client(
            base_url=self.url,
            headers={"Coder-Session-Token": self.token},
            timeout=10.0,
            trust_env=False,
            verify=False,  # noqa: S501  plain HTTP on loopback: no authorities to read
        )

    @property
    def _options_file(self) -> Path:
        return self.directory / "options.json"

    def _options(self) -> list[str]:
        logins = [f"{id}={','.join(names)}" for id, names in sorted(self._external_auth.items())]
        options = [part for login in logins for part in ("--external-auth", login)]
        if self._workspace_url:
            options += ["--workspace-url", self._workspace_url]
        return options if self._licensed else [*options, "--unlicensed"]

    def _same_options(self) -> bool:
        try:
            return bool(json.loads(self._options_file.read_text()) == self._options())
        except (FileNotFoundError, ValueError):
            return False

    def _command(self, port: int) -> list[str]:
        return [
            sys.executable,
            "-m",
            "local.coderd",
            "--state-dir",
            str(self.directory),
            "--port",
            str(port),
            *self._options(),
        ]

    def _await_ready(self) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while not self._answers():
            if self._daemon.exited():
                raise LocalCoderdError(self._daemon.failure())
            if time.monotonic() > deadline:
                raise LocalCoderdError(
                    f"the local coderd does not answer after {_START_SECONDS:.0f} s; "
                    f"its log is {self._daemon.log}"
                )
            time.sleep(_POLL_SECONDS)

    def _answers(self) -> bool:
        import httpx

        try:
            with self.client() as client:
                return client.get("/api/v2/users/me").status_code == httpx.codes.OK
        except (httpx.HTTPError, LocalCoderdError):
            return False

    def _write_token(self) -> None:
        path = self.directory / TOKEN_FILE
        if not path.is_file():
            _write_private(path, f"{secrets.token_urlsafe(10)}-{secrets.token_urlsafe(22)}\n")

    def _choose_port(self) -> int:
        path = self.directory / "port"
        try:
            port = int(path.read_text())
        except (FileNotFoundError, ValueError):
            port = 0
        if not port or not all_free([port]):
            (port,) = free_ports(1)
            _write_private(path, str(port))
        return port

    @contextmanager
    def _lock(self) -> Iterator[None]:
        """Keep two commands from starting or ending the same process at once."""
        self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.directory.chmod(0o700)
        with (self.directory / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def parse_login(text: str) -> tuple[str, list[str]]:
    """An external login on the command line: `ID` or `ID=USER,USER`."""
    id, _, names = text.partition("=")
    return id, [name for name in names.split(",") if name]


def _write_private(path: Path, text: str) -> None:
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    scratch.touch(mode=0o600)
    scratch.write_text(text)
    scratch.replace(path)
