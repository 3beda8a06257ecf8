"""Whatever grafana_ro had before, the script leaves it what the dashboards read, no more."""

import pytest

from components.dashboards.tables import GRANTED_TABLES
from components.grafana_role import role_sql
from tests.components.dashboards.postgres import QueryFailed, Server

ROLE = "had_more"
PASSWORD = {"AIGOV_DB_PASSWORD": "q"}
WRITE = "SET default_transaction_read_only = off; "


@pytest.fixture(scope="module")
def before(server: Server) -> Server:
    """The role as somebody made it, and the script run over it."""
    server.psql(
        f"CREATE ROLE {ROLE} LOGIN CREATEROLE CREATEDB BYPASSRLS REPLICATION;"
        f"ALTER ROLE {ROLE} IN DATABASE coder SET default_transaction_read_only = off;"
        f"ALTER ROLE {ROLE} SET search_path = elsewhere;"
        "CREATE SCHEMA elsewhere; CREATE TABLE elsewhere.t (a int, b int);"
        "CREATE SEQUENCE elsewhere.s; CREATE ROLE handed;"
        "CREATE FUNCTION elsewhere.f() RETURNS int LANGUAGE sql AS 'SELECT 1';"
        "REVOKE ALL ON FUNCTION elsewhere.f() FROM PUBLIC;"
        f"GRANT USAGE, CREATE ON SCHEMA elsewhere TO {ROLE};"
        f"GRANT SELECT ON elsewhere.t TO {ROLE} WITH GRANT OPTION;"
        f"GRANT UPDATE (b) ON elsewhere.t TO {ROLE};"
        f"GRANT ALL ON SEQUENCE elsewhere.s TO {ROLE};"
        f"GRANT EXECUTE ON FUNCTION elsewhere.f() TO {ROLE};"
        f"GRANT CREATE ON SCHEMA public TO {ROLE}; GRANT CREATE ON DATABASE coder TO {ROLE};"
        f"GRANT UPDATE (name), INSERT (name) ON templates TO {ROLE};"
        f"GRANT SELECT ON pg_authid TO {ROLE};"
        f"ALTER DEFAULT PRIVILEGES IN SCHEMA elsewhere GRANT ALL ON TABLES TO {ROLE};"
        f"ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO {ROLE};"
        f"SET ROLE {ROLE}; GRANT SELECT ON elsewhere.t TO handed; RESET ROLE;"
        f"ALTER ROLE {ROLE} SUPERUSER;"
    )
    server.psql(role_sql(ROLE), environment=PASSWORD)
    server.psql("CREATE TABLE elsewhere.later (a int); CREATE TABLE public.later (a int);")
    return server


def test_it_has_no_attribute_but_that_it_logs_in(before: Server) -> None:
    (held,) = before.rows(
        "SELECT rolcanlogin, rolsuper, rolcreaterole, rolcreatedb, rolbypassrls, rolreplication "
        f"FROM pg_roles WHERE rolname = '{ROLE}'",
        user="owner",
        password=before.password,
    )
    assert list(held.values()) == ["t", "f", "f", "f", "f", "f"]


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM elsewhere.t",
        "SELECT elsewhere.f()",
        "SELECT last_value FROM elsewhere.s",
        "SELECT * FROM elsewhere.later",
        "SELECT * FROM public.later",
        "SELECT rolpassword FROM pg_authid",
        WRITE + "UPDATE elsewhere.t SET b = 1",
        WRITE + "UPDATE templates SET name = 'x'",
        WRITE + "CREATE TABLE elsewhere.mine (a int)",
        WRITE + "CREATE TABLE public.mine (a int)",
        WRITE + "CREATE SCHEMA mine",
        WRITE + "CREATE ROLE mine",
    ],
)
def test_what_it_could_do_is_refused(before: Server, statement: str) -> None:
    with pytest.raises(QueryFailed, match="permission denied"):
        before.psql(statement, user=ROLE, password="q")


def test_its_transactions_only_read_and_its_tables_are_there(before: Server) -> None:
    with pytest.raises(QueryFailed, match="read-only transaction"):
        before.psql("CREATE TEMP TABLE t (a int)", user=ROLE, password="q")
    for table in GRANTED_TABLES:
        columns = ", ".join(name for name, _ in table.columns())
        before.psql(f"SELECT {columns} FROM {table.NAME} LIMIT 1", user=ROLE, password="q")


def test_what_it_handed_on_is_taken_back_with_it(before: Server) -> None:
    held = before.psql(
        "SELECT count(*) FROM information_schema.table_privileges WHERE grantee = 'handed'"
    )
    assert held.split() == ["count", "0"]


def test_it_is_left_no_grant_of_any_kind(server: Server) -> None:
    server.psql(
        "CREATE ROLE of_all; CREATE SCHEMA kinds; CREATE TYPE kinds.e AS ENUM ('a');"
        "CREATE DOMAIN kinds.d AS int; CREATE FOREIGN DATA WRAPPER w; CREATE SERVER s "
        "FOREIGN DATA WRAPPER w; CREATE FOREIGN TABLE kinds.ft (a int) SERVER s;"
        "CREATE PROCEDURE kinds.p(a int) LANGUAGE sql AS ''; CREATE VIEW kinds.v AS SELECT 1 AS a;"
        "CREATE MATERIALIZED VIEW kinds.m AS SELECT 1 AS a; CREATE DATABASE beside;"
        'CREATE TABLE kinds."Mixed "" case" (a int); SELECT lo_create(4711);'
        "CREATE AGGREGATE kinds.g(int) (sfunc = int4pl, stype = int);"
        "GRANT USAGE ON TYPE kinds.e, kinds.d TO of_all; GRANT USAGE ON FOREIGN SERVER s TO of_all;"
        "GRANT USAGE ON FOREIGN DATA WRAPPER w TO of_all; GRANT USAGE ON LANGUAGE sql TO of_all;"
        "GRANT EXECUTE ON ALL ROUTINES IN SCHEMA kinds TO of_all; GRANT CREATE ON TABLESPACE "
        "pg_default TO of_all; GRANT SET ON PARAMETER log_min_duration_statement TO of_all;"
        "GRANT ALL ON ALL TABLES IN SCHEMA kinds TO of_all; GRANT ALL ON DATABASE beside TO of_all;"
        "GRANT SELECT ON LARGE OBJECT 4711 TO of_all;"
        + "".join(
            f"ALTER DEFAULT PRIVILEGES GRANT ALL ON {kind} TO of_all;"
            for kind in ("TABLES", "SEQUENCES", "ROUTINES", "TYPES", "SCHEMAS")
        )
    )
    server.psql(role_sql("of_all"), environment=PASSWORD)
    left = server.psql(
        "SELECT DISTINCT o.type FROM pg_shdepend s, LATERAL pg_identify_object(classid, objid, 0)"
        " AS o WHERE refobjid = 'of_all'::regrole AND deptype = 'a' ORDER BY 1"
    )
    assert left.split() == ["type", "database", "schema", "table"]
    ours = server.psql("SELECT has_database_privilege('of_all', 'beside', 'CREATE') AS held")
    assert ours.split() == ["held", "f"]


def test_what_takes_a_superuser_is_left_and_does_not_stop_the_tables_owner(server: Server) -> None:
    server.psql(
        "CREATE ROLE managed LOGIN CREATEROLE CREATEDB PASSWORD 'p';"
        "CREATE SCHEMA managed AUTHORIZATION managed; CREATE ROLE managed_ro CREATEDB BYPASSRLS;"
        "GRANT managed_ro TO managed WITH ADMIN OPTION;"
        "CREATE SCHEMA others; CREATE TABLE others.t (a int);"
        "GRANT USAGE ON SCHEMA others TO managed, managed_ro;"
        "GRANT SELECT ON others.t TO managed_ro; GRANT USAGE ON SCHEMA public TO managed;"
        "GRANT SELECT ON ALL TABLES IN SCHEMA public TO managed;"
    )
    tables = "".join(
        f"CREATE TABLE managed.{t.NAME} (LIKE public.{t.NAME} INCLUDING ALL);"
        for t in GRANTED_TABLES
    )
    server.psql(tables, user="managed", password="p")
    server.psql(
        role_sql("managed_ro", schema="managed"),
        user="managed",
        password="p",
        environment=PASSWORD,
    )
    server.psql("SELECT id, username FROM managed.users", user="managed_ro", password="q")
    (held,) = server.rows(
        "SELECT rolcreatedb, rolbypassrls FROM pg_roles WHERE rolname = 'managed_ro'",
        user="managed",
        password="p",
    )
    assert held == {"rolcreatedb": "f", "rolbypassrls": "t"}
