"""What Grafana's role may do in Coder's database, asked as that role."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from components.dashboards.tables import GRANTED_TABLES
from components.observability.grafana_defaults import ROLE, ROLE_SCRIPT
from components.role_revokes import ATTRIBUTES
from ops.verification.clients.grafana import Frame, Grafana, QueryResult
from ops.verification.model import Failed

_SHOWN: Final = 3
_POINTS: Final = {"intervalMs": 60_000, "maxDataPoints": 100}
_AGAIN: Final = "run the SQL of ConfigMap {} again"
_PERMISSION: Final = "permission denied"
_REFUSED: Final = {
    "keys of sessions": "SELECT hashed_secret FROM api_keys LIMIT 1",
    "passwords": "SELECT hashed_password FROM users LIMIT 1",
}

# Everybody may look into the catalogues, and pg_settings lets everybody write to it.
_ELSEWHERE: Final = "n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'"
_USED: Final = f"{_ELSEWHERE} AND has_schema_privilege(n.oid, 'USAGE')"
_TABLES: Final = "c.relkind IN ('r', 'p', 'v', 'm', 'f')"

_ROLE: Final = f"""
SELECT r.rolname AS name, concat_ws(', ',
    {", ".join(f"CASE WHEN r.{column} THEN '{name}' END" for name, column in ATTRIBUTES.items())}
  ) AS more,
  (SELECT string_agg(pg_get_userbyid(m.roleid)::text, ', ') FROM pg_auth_members m
    WHERE m.member = r.oid) AS memberships
FROM pg_roles r WHERE r.rolname = current_user
"""  # noqa: S608 (no input)
_COLUMNS: Final = """
SELECT c.relname AS relation, a.attname AS name
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE n.nspname = 'public' AND c.relname IN ({tables})
"""
_READABLE: Final = f"""
SELECT CASE n.nspname WHEN 'public' THEN '' ELSE n.nspname || '.' END || c.relname AS relation,
  a.attname AS name,
  EXISTS (SELECT FROM aclexplode(c.relacl || a.attacl) g
    WHERE g.grantee = current_user::regrole AND g.privilege_type = 'SELECT') AS own
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE {_USED} AND {_TABLES} AND has_column_privilege(c.oid, a.attnum, 'SELECT')
"""  # noqa: S608 (no input)
_MORE: Final = f"""
WITH me AS (SELECT current_user::regrole::oid AS role,
    (SELECT oid FROM pg_database WHERE datname = current_database()) AS database),
held AS (SELECT s.* FROM pg_shdepend s, me
  WHERE s.refclassid = 'pg_authid'::regclass AND s.refobjid = me.role),
found AS (
  SELECT 'pg_class'::regclass AS class, c.oid AS object, CASE n.nspname WHEN 'public' THEN ''
      ELSE n.nspname || '.' END || c.relname || ' is written to' AS what,
      ARRAY['SELECT'] AS harmless, c.relacl || (SELECT array_agg(i) FROM pg_attribute a,
        LATERAL unnest(a.attacl) AS i WHERE a.attrelid = c.oid) AS acl
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE {_USED} AND {_TABLES}
      AND (has_table_privilege(c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER')
        OR has_any_column_privilege(c.oid, 'INSERT, UPDATE, REFERENCES'))
  UNION ALL
  SELECT 'pg_class'::regclass, c.oid, 'sequence ' || n.nspname || '.' || c.relname || ' is used',
      ARRAY[]::text[], c.relacl
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE {_USED} AND CASE WHEN c.relkind = 'S'
      THEN has_sequence_privilege(c.oid, 'USAGE, SELECT, UPDATE') ELSE false END
  UNION ALL
  SELECT 'pg_namespace'::regclass, n.oid, 'schema ' || n.nspname || ' is written to',
      ARRAY['USAGE'], n.nspacl
    FROM pg_namespace n WHERE {_ELSEWHERE} AND has_schema_privilege(n.oid, 'CREATE')
  UNION ALL
  SELECT 'pg_database'::regclass, d.oid, 'schemas are made', ARRAY['CONNECT', 'TEMPORARY'], d.datacl
    FROM pg_database d
    WHERE d.datname = current_database() AND has_database_privilege(d.oid, 'CREATE')
  UNION ALL
  SELECT 'pg_proc'::regclass, p.oid,
      'function ' || n.nspname || '.' || p.proname || ' runs with the rights of its owner',
      ARRAY[]::text[], p.proacl
    FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
    WHERE {_USED} AND p.prosecdef AND has_function_privilege(p.oid, 'EXECUTE')
      AND p.prorettype NOT IN ('trigger'::regtype, 'event_trigger'::regtype)
      AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass
        AND d.objid = p.oid AND d.deptype = 'e')
)
SELECT what, EXISTS (SELECT FROM me, LATERAL aclexplode(acl) g
    WHERE g.grantee = me.role AND g.privilege_type <> ALL (harmless)) AS own, false AS owner
  FROM found
UNION
-- What it was given of anything else, which may be of use to it later.
SELECT 'it was given rights on ' || o.type || ' ' || o.identity, true, false
  FROM held, me, LATERAL pg_identify_object(held.classid, held.objid, 0) AS o
  WHERE held.deptype = 'a' AND held.dbid IN (0, me.database)
    AND NOT (held.classid = 'pg_database'::regclass AND held.objid = me.database)
    AND NOT (held.classid = 'pg_class'::regclass
      AND (SELECT relnamespace FROM pg_class WHERE oid = held.objid) = 'public'::regnamespace)
    AND NOT (held.classid = 'pg_namespace'::regclass AND held.objid = 'public'::regnamespace)
    AND NOT EXISTS (SELECT FROM found WHERE class = held.classid AND object = held.objid)
UNION
SELECT 'it owns ' || o.type || ' ' || o.identity, false, true
  FROM held, me, LATERAL pg_identify_object(held.classid, held.objid, 0) AS o
  WHERE held.deptype = 'o' AND held.dbid IN (0, me.database)
UNION
SELECT 'it has something in database ' || d.datname, false, true
  FROM held, me, pg_database d
  WHERE d.oid = held.dbid AND held.dbid NOT IN (0, me.database)
ORDER BY 1
"""  # noqa: S608 (no input)


def role(grafana: Grafana, postgres: str, expected: str = ROLE, script: str = ROLE_SCRIPT) -> str:
    """Ask the database, as Grafana's role, what it lets the role do.

    Args:
        grafana: whom to ask.
        postgres: uid of the data source.
        expected: the role's name.
        script: name of the ConfigMap that has its SQL.
    """
    ask = _Database(grafana, postgres)
    again = _AGAIN.format(script)
    (name,), (more,), (memberships,) = (
        ask.rows(_ROLE).column(column) for column in ("name", "more", "memberships")
    )
    if name != expected:
        raise Failed(
            f"the data source asks as {name}, not as {expected}", "see its user in Grafana"
        )
    if more:
        statement = f"ALTER ROLE {name} " + " ".join(f"NO{each}" for each in more.split(", "))
        raise Failed(
            f"{name} has rights on the server: {more}", f"run `{statement}` as a superuser"
        )
    if memberships:
        raise Failed(
            f"{name} has the rights of another role: {memberships}",
            f"{again}; if it warns, run `REVOKE {memberships} FROM {name}` as a superuser",
        )
    wrong = _Wrong(again)
    beyond = ask.rows(_MORE)
    for what, own, owner in zip(
        beyond.column("what"), beyond.column("own"), beyond.column("owner"), strict=True
    ):
        wrong.add(str(what), own=bool(own), owner=bool(owner))
    read = _reads(ask, wrong)
    for what, sql in _REFUSED.items():
        error = ask.error(sql)
        if _PERMISSION not in error:
            wrong.add(f"{what} are not refused: {error or 'they are read'}", own=None)
    wrong.refuse()
    return f"{name} reads {read} tables, writes none, and is refused {' and '.join(_REFUSED)}"


def _reads(ask: _Database, wrong: _Wrong) -> int:
    granted = {table.NAME: {column for column, _ in table.columns()} for table in GRANTED_TABLES}
    whole = {table.NAME for table in GRANTED_TABLES if not table.COLUMN_GRANT}
    names = ", ".join(f"'{table}'" for table in granted)
    there = _by_table(ask.rows(_COLUMNS.format(tables=names)))
    for absent in {table.NAME for table in GRANTED_TABLES if table.OPTIONAL} - there.keys():
        del granted[absent]
    frame = ask.rows(_READABLE)
    readable = _by_table(frame)
    own = {
        (relation, column)
        for relation, column, granted_to_it in zip(
            *(frame.column(name) for name in ("relation", "name", "own")), strict=True
        )
        if granted_to_it
    }
    for table, columns in sorted(readable.items()):
        allowed = there.get(table, set()) if table in whole else granted.get(table, set())
        if extra := columns - allowed:
            wrong.add(
                f"{table} is read: {_some(extra)}", own=any((table, each) in own for each in extra)
            )
    for table, columns in granted.items():
        if lacking := (columns & there.get(table, columns)) - readable.get(table, set()):
            wrong.add(f"{table} is not read: {_some(lacking)}", own=True)
    return len(granted)


class _Wrong:
    """What is wrong with the role, and what sets it right."""

    def __init__(self, again: str) -> None:
        self._again = again
        self._found: list[str] = []
        self._next: list[str] = []

    def add(self, what: str, *, own: bool | None, owner: bool = False) -> None:
        """Keep one thing.

        Args:
            what: it.
            own: whether the role has it by a grant, and not as everybody has; None: whichever.
            owner: whether it has it as what it owns.
        """
        self._found.append(what)
        if owner:
            step = "give what it owns to another (`REASSIGN OWNED BY`, in that database)"
        elif own is False:
            step = "every role may do what is named and not granted to it: revoke it from PUBLIC"
        else:
            step = f"{self._again}; what it warns of takes who granted it, or a superuser"
        if own is not None and step not in self._next:
            self._next.append(step)

    def refuse(self) -> None:
        """Raise Failed if there is any."""
        if self._found:
            raise Failed("; ".join(self._found), "; ".join(self._next) or self._again)


class _Database:
    def __init__(self, grafana: Grafana, uid: str) -> None:
        self._grafana = grafana
        self._uid = uid

    def rows(self, sql: str) -> Frame:
        """Return the table of a query; raises Failed."""
        result = self._asked(sql)
        if result.error:
            raise Failed(f"the database: {result.error}", "see audit.sources")
        return result.frames[0] if result.frames else Frame(schema={})

    def error(self, sql: str) -> str:
        """Return why a query is refused, empty if it is not."""
        return self._asked(sql).error

    def _asked(self, sql: str) -> QueryResult:
        query: dict[str, Any] = {
            "refId": "A",
            "datasource": {"uid": self._uid, "type": "grafana-postgresql-datasource"},
            "format": "table",
            "rawSql": sql,
            "rawQuery": True,
            **_POINTS,
        }
        return self._grafana.query([query])["A"]


def _by_table(frame: Frame) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for table, column in zip(frame.column("relation"), frame.column("name"), strict=True):
        found.setdefault(str(table), set()).add(str(column))
    return found


def _some(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)[:_SHOWN])
