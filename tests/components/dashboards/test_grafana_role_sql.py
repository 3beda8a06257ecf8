"""The role's SQL on a real PostgreSQL: what grafana_ro may read, what it may not, run again."""

import pytest

from components.dashboards.tables import GRANTED_TABLES
from components.grafana_role import role_sql
from tests.components.dashboards import oldest
from tests.components.dashboards.postgres import QueryFailed

ROLE = "grafana_ro"
PRIVILEGES = f"""
SELECT table_name, column_name, privilege_type FROM information_schema.column_privileges
WHERE grantee = '{ROLE}' ORDER BY 1, 2, 3
"""


def test_the_model_names_columns_of_the_types_coder_has(server):
    for table in GRANTED_TABLES:
        listed = server.psql(
            "SELECT column_name, CASE data_type WHEN 'USER-DEFINED' THEN udt_name "
            "ELSE data_type END FROM information_schema.columns "
            f"WHERE table_name = '{table.NAME}'"
        )
        there = dict(line.split(",") for line in listed.splitlines()[1:])
        for name, sql_type in table.columns():
            assert there.get(name) == sql_type, (table.NAME, name)


def test_every_table_of_the_model_may_be_read(server, role_password):
    for table in GRANTED_TABLES:
        columns = ", ".join(name for name, _ in table.columns())
        query = f"SELECT {columns} FROM {table.NAME} LIMIT 1"
        server.rows(query, user=ROLE, password=role_password)


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM api_keys",
        "SELECT hashed_password FROM users",
        "SELECT email FROM users",
        "SELECT * FROM users",
        "SELECT auth_token FROM workspace_agents",
        "SELECT rolpassword FROM pg_authid",
        "SET default_transaction_read_only = off; DELETE FROM aibridge_user_prompts",
        "SET default_transaction_read_only = off; INSERT INTO ai_model_prices VALUES ('a', 'b')",
        "SET default_transaction_read_only = off; CREATE TABLE mine (a int)",
        "SET default_transaction_read_only = off; CREATE ROLE another",
        "SET default_transaction_read_only = off; TRUNCATE boundary_sessions",
    ],
)
def test_all_else_is_refused(server, role_password, statement):
    with pytest.raises(QueryFailed, match="permission denied"):
        server.psql(statement, user=ROLE, password=role_password)


def test_a_write_is_refused_before_any_grant_is_looked_at(server, role_password):
    with pytest.raises(QueryFailed, match="read-only transaction"):
        server.psql("CREATE TEMP TABLE t (a int)", user=ROLE, password=role_password)


def test_a_wrong_password_is_refused(server, role_password):
    with pytest.raises(QueryFailed, match="password authentication failed"):
        server.psql("SELECT 1", user=ROLE, password="wrong")


def test_a_second_run_changes_nothing_but_the_password(server, role_password):
    before = server.psql(PRIVILEGES)
    server.psql(role_sql(), environment={"AIGOV_DB_PASSWORD": "another ' \" $password"})
    assert server.psql(PRIVILEGES) == before
    server.psql("SELECT 1", user=ROLE, password="another ' \" $password")
    server.psql(role_sql(), environment={"AIGOV_DB_PASSWORD": role_password})
    server.psql("SELECT 1", user=ROLE, password=role_password)


def test_what_somebody_granted_beside_is_taken_back(server, role_password):
    before = server.psql(PRIVILEGES)
    server.psql(
        f"GRANT ALL ON api_keys TO {ROLE}; GRANT SELECT ON users TO {ROLE};"
        f"GRANT SELECT (email) ON users TO {ROLE}; GRANT pg_read_all_data TO {ROLE}"
    )
    server.psql("SELECT * FROM api_keys", user=ROLE, password=role_password)
    server.psql(role_sql(), environment={"AIGOV_DB_PASSWORD": role_password})
    assert server.psql(PRIVILEGES) == before
    with pytest.raises(QueryFailed, match="permission denied for table api_keys"):
        server.psql("SELECT * FROM api_keys", user=ROLE, password=role_password)


def test_without_a_password_nothing_is_changed_and_the_reason_is_said(server, role_password):
    with pytest.raises(QueryFailed, match="AIGOV_DB_PASSWORD is not set"):
        server.psql(role_sql())
    server.psql("SELECT 1", user=ROLE, password=role_password)


def test_the_tables_owner_may_run_it_without_being_a_superuser(server, role_password):
    # As in a managed database: may create roles and owns the tables, and no more.
    server.psql(
        "CREATE ROLE plain_owner LOGIN CREATEROLE PASSWORD 'p'; CREATE SCHEMA plain "
        "AUTHORIZATION plain_owner;"
    )
    tables = "".join(
        f"CREATE TABLE plain.{t.NAME} (LIKE public.{t.NAME} INCLUDING ALL);" for t in GRANTED_TABLES
    )
    server.psql("GRANT USAGE ON SCHEMA public TO plain_owner;")
    server.psql("GRANT SELECT ON ALL TABLES IN SCHEMA public TO plain_owner;")
    server.psql(tables, user="plain_owner", password="p")
    script = role_sql("plain_ro", schema="plain")
    for _ in range(2):
        server.psql(
            script, user="plain_owner", password="p", environment={"AIGOV_DB_PASSWORD": "q"}
        )
    server.psql("SELECT id, username FROM plain.users", user="plain_ro", password="q")
    with pytest.raises(QueryFailed, match="permission denied"):
        server.psql("SELECT * FROM public.users", user="plain_ro", password="q")


def test_the_oldest_release_grants_what_it_has_and_an_upgrade_the_rest(server):
    server.psql(oldest.tables("older"))
    script, password = role_sql("older_ro", schema="older"), {"AIGOV_DB_PASSWORD": "q"}
    server.psql(script, environment=password)
    later = []
    for table in GRANTED_TABLES:
        if read := ", ".join(oldest.columns_of(table)):
            query = f"SELECT {read} FROM older.{table.NAME} LIMIT 1"
            server.rows(query, user="older_ro", password="q")
        else:
            later.append(f"older.{table.NAME}")
            server.psql(f"CREATE TABLE {later[-1]} (LIKE public.{table.NAME} INCLUDING ALL)")
    assert {"older.boundary_sessions", "older.ai_model_prices"} < set(later)
    for name in later:
        with pytest.raises(QueryFailed, match="permission denied"):
            server.psql(f"SELECT * FROM {name}", user="older_ro", password="q")
    server.psql(script, environment=password)
    for name in later:
        server.psql(f"SELECT * FROM {name}", user="older_ro", password="q")


def test_the_password_is_in_no_message(server):
    broken = role_sql().replace("GRANT USAGE", "GRANT NOTHING")
    with pytest.raises(QueryFailed) as failed:
        server.psql(broken, environment={"AIGOV_DB_PASSWORD": "do-not-show-me"})
    assert "do-not-show-me" not in str(failed.value)
