"""How the role's Job gives psql the owner's connection, held to what libpq reads in that text."""

import ctypes
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from components.grafana_role import CONNECT, role_sql
from tests.components.dashboards import postgres

SCHEMA = Path(__file__).parent / "dashboards" / "coder_schema.sql"
SHELLS = [name for name in ("dash", "bash", "busybox") if shutil.which(name)]
SEEN = """#!/usr/bin/env python3
import json, os, sys
print(json.dumps({
    "arguments": sys.argv[1:],
    "file": open(os.environ["PGSERVICEFILE"]).read(),
    "password": os.environ.get("PGPASSWORD"),
    "environment": dict(os.environ),
}))
"""
STRINGS = [
    "postgresql://coder:s3cret-pw@db.example.com:5432/coder?sslmode=require",
    "postgres://coder:s3cret-pw@db.example.com/coder",
    "postgres://coder:s3cret-pw@db/coder\n",
    "postgresql://",
    "postgresql:///coder",
    "postgresql://db",
    "postgresql://coder@db?sslmode=verify-full&sslrootcert=%2Fetc%2Fca%20x.pem",
    "postgresql://c%40der:s3cret-pw%20%25%2F%3A%40%C3%A9'%22%24(id)`id`\\@[2001:db8::1]:5433/co%2Fder",
    "postgresql://coder:s3cret-pw:with@a:1,b,[::1]:3/coder?target_session_attrs=read-write",
    "postgresql://a,b/coder",
    "postgresql://%2Fvar%2Frun/coder?user=other&password=s3cret-pw%26%3D",
    "postgresql://one:two@db/x?user=other&user=third&password=s3cret-pw",
    "postgresql://db/coder?ssl=true&options=-c%20statement_timeout%3D5min&connect_timeout=10",
    "postgresql://db?sslpassword=s3cret-pw",
    "host=db user=coder password=s3cret-pw dbname=coder sslmode=require",
    r"host = 'db'  password='s3cret-pw \' \\ $(id) \"' dbname=a\ b\\c   options='-c a=b'",
    "password='' user=coder\thost=db\nport=5433",
    "user=one user=two password=s3cret-pw\\",
    "host=db password=s3cret-pw%41",
]


class _Option(ctypes.Structure):
    _fields_ = [
        *((name, ctypes.c_char_p) for name in ("key", "variable", "compiled", "value")),
        *((name, ctypes.c_char_p) for name in ("label", "shown")),
        ("size", ctypes.c_int),
    ]


@pytest.fixture(scope="module")
def libpq() -> ctypes.CDLL:
    (path,) = (postgres._wheel() / "pginstall" / "lib").glob("libpq.so.5")
    library = ctypes.CDLL(str(path))
    library.PQconninfoParse.restype = ctypes.POINTER(_Option)
    library.PQconninfoParse.argtypes = [ctypes.c_char_p, ctypes.c_void_p]
    return library


def read(libpq: ctypes.CDLL, text: str) -> dict[str, str] | None:
    """Return what libpq reads in a connection string, None where it refuses it."""
    if not (options := libpq.PQconninfoParse(text.encode(), None)):
        return None
    found = {}
    for option in options:  # pragma: no branch  a null key ends them
        if not option.key:
            break
        if option.value is not None:
            found[option.key.decode()] = option.value.decode()
    return found


class Job:
    """The script with the folders and the psql of a test in place of the pod's."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.connection, self.programs = folder / "connection", folder / "bin"
        self.connection.mkdir()
        self.programs.mkdir()
        self.script = CONNECT.replace("/connection/", f"{self.connection}/").replace(
            "/sql/", f"{folder}/"
        )

    def psql(self, text: str) -> None:
        (self.programs / "psql").write_text(text)
        (self.programs / "psql").chmod(0o755)

    def run(self, shell: str, url: str, **variables: str) -> "subprocess.CompletedProcess[str]":
        shells = ["busybox", "sh"] if shell == "busybox" else [shell]
        path = f"{self.programs}:{os.environ['PATH']}"
        return subprocess.run(
            [*shells, "-c", self.script],
            env={"PATH": path, "LANG": "C.UTF-8", "DATABASE_URL": url, **variables},
            capture_output=True, encoding="utf-8", check=False, timeout=60,
        )  # fmt: skip


@pytest.fixture
def job(tmp_path: Path) -> Job:
    return Job(tmp_path)


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("url", STRINGS)
def test_psql_connects_as_libpq_reads_the_string(
    job: Job, libpq: ctypes.CDLL, shell: str, url: str
) -> None:
    job.psql(SEEN)
    done = job.run(shell, url)
    assert done.stderr == ""
    seen = json.loads(done.stdout)
    title, *lines = seen["file"].splitlines()
    assert title == "[role]"
    told: dict[str, str] = {}
    for line in lines:
        key, _, value = line.partition("=")
        told.setdefault(key, value)
    if seen["password"] is not None:
        told["password"] = seen["password"]
    # The newline that a Secret made by hand ends with is of no database's name.
    assert told == read(libpq, url.strip())
    assert seen["arguments"] == ["--no-psqlrc", "--quiet", f"--file={job.folder}/grafana_ro.sql"]
    assert "DATABASE_URL" not in seen["environment"]
    assert (job.connection / "service").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(
    "url",
    [
        "postgresql://coder:s3cret-pw%zz@db/coder",
        "postgresql://coder:s3cret-pw%00@db/coder",
        "postgresql://coder:s3cret-pw@[::1]x/coder",
        "postgresql://coder:s3cret-pw@db/coder?sslmode",
        "host=db password='s3cret-pw",
        "host=db s3cret-pw password",
    ],
)
def test_what_libpq_refuses_is_refused_and_not_shown(
    job: Job, libpq: ctypes.CDLL, shell: str, url: str
) -> None:
    assert read(libpq, url) is None
    job.psql(SEEN)
    done = job.run(shell, url)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr == "error: the connection URL is none that libpq takes\n"


def test_kubernetes_leaves_the_script_as_it_is() -> None:
    # It puts variables in place of $(NAME) in a command, and one dollar in place of two.
    assert "$$" not in CONNECT
    assert re.findall(r"\$\(\s*[-._a-zA-Z0-9]+\s*\)", CONNECT) == []


@pytest.fixture(scope="module")
def server() -> Iterator[postgres.Server]:
    with postgres.running() as server:
        server.psql(SCHEMA.read_text(encoding="utf-8"))
        yield server


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("form", ["uri", "keywords"])
def test_a_real_psql_runs_the_script_by_it(
    job: Job, server: postgres.Server, shell: str, form: str
) -> None:
    password = "s3cret %&' pw"
    server.psql(
        'DROP ROLE IF EXISTS "the owner"; CREATE ROLE "the owner" SUPERUSER LOGIN PASSWORD '
        "'s3cret %&'' pw'"
    )
    socket = str(server.directory)
    url = {
        "uri": "postgresql://the%20owner:s3cret%20%25%26%27%20pw@"
        f"{socket.replace('/', '%2F')}/coder",
        "keywords": rf"host={socket} user='the owner' dbname=coder password='s3cret %&\' pw'",
    }[form]
    (job.folder / "grafana_ro.sql").write_text(
        f"{role_sql()}SELECT current_user;\n\\! tr '\\0' ' ' < /proc/$PPID/cmdline\n"
    )
    job.psql(f'#!/bin/sh\nexec {server.binaries}/psql "$@"\n')
    of_role = "role's ` $HOME \\ \" password"
    done = job.run(shell, url, AIGOV_DB_PASSWORD=of_role)
    assert done.stderr == ""
    server.psql("SELECT id, username FROM users", user="grafana_ro", password=of_role)
    assert "the owner" in done.stdout
    assert "--no-psqlrc" in done.stdout
    for secret in ("s3cret", password, of_role, socket):
        assert secret not in done.stdout.partition("--no-psqlrc")[2]
