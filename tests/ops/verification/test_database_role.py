"""What Grafana's role may do in a real PostgreSQL: too much and too little is told."""

import json
import os
import re
import secrets
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from components.grafana_role import role_sql
from ops.verification import database_role
from ops.verification.model import Failed
from tests.components.dashboards import postgres
from tests.ops.verification.fake_grafana import FakeGrafana, Row

SCHEMA = Path(__file__).parents[2] / "components" / "dashboards" / "coder_schema.sql"


@pytest.fixture
def fake() -> FakeGrafana:
    return FakeGrafana()


class Reader:
    """One session of psql, as Grafana keeps a connection: 200 of them are most of the time."""

    def __init__(self, server: postgres.Server, user: str, password: str) -> None:
        self._psql = subprocess.Popen(
            [
                *(str(server.binaries / "psql"), "--no-psqlrc", "--quiet", "--tuples-only"),
                *("--no-align", f"--host={server.directory}", f"--username={user}"),
                f"--dbname={postgres.DATABASE}",
            ],
            env={"PGPASSWORD": password, "PATH": os.defpath},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
        )

    def ask(self, sql: str) -> str:
        """Return what a statement gives, or the error with which it is refused."""
        assert self._psql.stdin
        assert self._psql.stdout
        end = secrets.token_hex(16)
        self._psql.stdin.write(f"{sql}\n;\n\\echo {end}\n")
        self._psql.stdin.flush()
        lines = []
        for line in self._psql.stdout:
            if line == f"{end}\n":
                return "".join(lines).strip()
            lines.append(line)
        raise AssertionError(f"psql ended: {lines}")

    def close(self) -> None:
        """End it."""
        self._psql.communicate()


class Database:
    """Coder's tables, read through Grafana's data source as its role."""

    def __init__(self, server: postgres.Server) -> None:
        self.server = server
        self.password = secrets.token_hex(16)
        server.psql(SCHEMA.read_text(encoding="utf-8"))
        server.psql(
            "CREATE TABLE IF NOT EXISTS api_keys (hashed_secret bytea);"
            "ALTER TABLE users ADD COLUMN IF NOT EXISTS hashed_password bytea;"
        )
        self.make_role()
        self.reader = Reader(server, "grafana_ro", self.password)

    def make_role(self, before: str = "") -> None:
        """Run the role's script, and others' statements before it."""
        self.server.psql(
            f"{before};\n{role_sql()}", environment={"AIGOV_DB_PASSWORD": self.password}
        )

    def __call__(self, query: dict[str, Any]) -> list[Row] | str:
        said = self.reader.ask(f"SELECT coalesce(json_agg(t), '[]') FROM ({query['rawSql']}) t")
        return f"db query error: {said}" if said.startswith("ERROR") else list(json.loads(said))


@pytest.fixture(scope="module")
def running() -> Iterator[Database]:
    with postgres.running() as server:
        running = Database(server)
        yield running
        running.reader.close()


@pytest.fixture
def database(running: Database, fake: FakeGrafana) -> Database:
    fake.ask = running
    return running


def role(fake: FakeGrafana) -> str:
    return database_role.role(fake.grafana, "aibridge-postgres")


def test_the_role_as_it_is_made(database: Database, fake: FakeGrafana) -> None:
    told = role(fake)
    assert re.fullmatch(
        r"grafana_ro reads \d+ tables, writes none, and is refused keys of sessions and passwords",
        told,
    )
    assert {query["datasource"]["uid"] for query in fake.queries} == {"aibridge-postgres"}


@pytest.mark.parametrize(
    ("change", "back", "told"),
    [
        (
            "GRANT SELECT ON api_keys TO grafana_ro",
            "REVOKE SELECT ON api_keys FROM grafana_ro",
            "api_keys is read: hashed_secret, id; keys of sessions are not refused: they are read",
        ),
        (
            "GRANT SELECT (hashed_password) ON users TO grafana_ro",
            "REVOKE SELECT (hashed_password) ON users FROM grafana_ro",
            "users is read: hashed_password; passwords are not refused: they are read",
        ),
        (
            "GRANT DELETE ON aibridge_interceptions TO grafana_ro",
            "REVOKE DELETE ON aibridge_interceptions FROM grafana_ro",
            "aibridge_interceptions is written to",
        ),
        (
            "REVOKE SELECT ON aibridge_user_prompts FROM grafana_ro",
            "",
            "aibridge_user_prompts is not read: ",
        ),
        (
            "ALTER ROLE grafana_ro CREATEDB",
            "ALTER ROLE grafana_ro NOCREATEDB",
            "grafana_ro has rights on the server: CREATEDB",
        ),
        (
            "GRANT pg_read_all_data TO grafana_ro",
            "REVOKE pg_read_all_data FROM grafana_ro",
            "grafana_ro has the rights of another role: pg_read_all_data",
        ),
        (
            "GRANT UPDATE (name) ON templates TO grafana_ro",
            "",
            "templates is written to",
        ),
        (
            "GRANT CREATE ON SCHEMA public TO grafana_ro",
            "",
            "schema public is written to",
        ),
        ("GRANT CREATE ON DATABASE coder TO grafana_ro", "", "schemas are made"),
        (
            "CREATE SCHEMA other; CREATE TABLE other.t (a int);"
            "GRANT USAGE ON SCHEMA other TO grafana_ro; GRANT SELECT, INSERT ON other.t TO "
            "grafana_ro",
            "",
            "it was given rights on schema other; other.t is written to; other.t is read: a",
        ),
        (
            "CREATE SCHEMA shut; CREATE TABLE shut.t (a int); GRANT SELECT ON shut.t TO grafana_ro",
            "",
            "it was given rights on table shut.t",
        ),
        (
            "CREATE SEQUENCE counted; GRANT ALL ON SEQUENCE counted TO grafana_ro",
            "",
            "sequence public.counted is used",
        ),
        (
            "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO grafana_ro",
            "",
            "it was given rights on default acl for role owner on tables",
        ),
    ],
)
def test_a_role_that_may_too_much_or_too_little(
    database: Database, fake: FakeGrafana, change: str, back: str, told: str
) -> None:
    database.server.psql(change)
    try:
        with pytest.raises(Failed, match=f"^{re.escape(told)}"):
            role(fake)
    finally:
        database.make_role(back)
    role(fake)


def test_a_data_source_that_asks_as_another(database: Database, fake: FakeGrafana) -> None:
    reader = database.reader
    database.reader = Reader(database.server, postgres.SUPERUSER, database.server.password)
    try:
        with pytest.raises(Failed, match="asks as owner, not as grafana_ro"):
            role(fake)
    finally:
        database.reader.close()
        database.reader = reader


@pytest.mark.parametrize(
    ("change", "back", "told", "way_on"),
    [
        (
            "GRANT CREATE ON SCHEMA public TO PUBLIC",
            "REVOKE CREATE ON SCHEMA public FROM PUBLIC",
            "schema public is written to",
            "every role may do what is named and not granted to it: revoke it from PUBLIC",
        ),
        (
            "CREATE TABLE open (a int); GRANT SELECT ON open TO PUBLIC",
            "DROP TABLE open",
            "open is read: a",
            "every role may do what is named and not granted to it: revoke it from PUBLIC",
        ),
        (
            "CREATE FUNCTION peek() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'",
            "DROP FUNCTION peek",
            "function public.peek runs with the rights of its owner",
            "every role may do what is named and not granted to it: revoke it from PUBLIC",
        ),
        (
            "CREATE TABLE owned (a int); ALTER TABLE owned OWNER TO grafana_ro",
            "DROP TABLE owned",
            "it owns table public.owned; owned is written to; owned is read: a",
            "give what it owns to another (`REASSIGN OWNED BY`, in that database)",
        ),
    ],
)
def test_what_the_script_cannot_take_back_has_another_way_on(
    database: Database, fake: FakeGrafana, change: str, back: str, told: str, way_on: str
) -> None:
    database.server.psql(change)
    try:
        database.make_role()
        with pytest.raises(Failed, match=f"^{re.escape(told)}$") as failed:
            role(fake)
        assert way_on in failed.value.next_step
    finally:
        database.server.psql(back)
    role(fake)
