"""Grafana as the stack set it up: data sources, dashboards, the database role, and the alerts."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from components.alerts.component import AlertsArgs
from components.dashboards.catalogue import CATALOGUE
from components.dashboards.tables import GRANTED_TABLES
from components.grafana_role import SCRIPT
from components.observability.grafana_defaults import ROLE
from ops.verification.clients.errors import NotFoundError
from ops.verification.clients.grafana import Frame, Grafana, QueryResult
from ops.verification.clients.prometheus import LoadedRule, Prometheus
from ops.verification.model import Failed, NotChecked

_BATCH: Final = 20
_SHOWN: Final = 3
_POINTS: Final = {"intervalMs": 60_000, "maxDataPoints": 100}
# Grafana's own, which its backend fills in; a dashboard's variables are its frontend's to fill in.
_VARIABLE: Final = re.compile(r"\$\{(\w+)(?::(\w+))?\}|\$([A-Za-z]\w*)")

_READABLE: Final = """
SELECT c.relname AS relation, a.attname AS name
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
  AND has_column_privilege(c.oid, a.attnum, 'SELECT')
"""
_WRITABLE: Final = """
SELECT c.relname AS relation
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
  AND has_table_privilege(c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE')
"""
_COLUMNS: Final = """
SELECT c.relname AS relation, a.attname AS name
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE n.nspname = 'public' AND c.relname IN ({tables})
"""
_ROLE: Final = """
SELECT r.rolname AS name,
  r.rolsuper OR r.rolcreaterole OR r.rolcreatedb OR r.rolbypassrls OR r.rolreplication AS more,
  (SELECT count(*) FROM pg_auth_members m WHERE m.member = r.oid) AS memberships
FROM pg_roles r WHERE r.rolname = current_user
"""
_REFUSED: Final = {
    "keys of sessions": "SELECT hashed_secret FROM api_keys LIMIT 1",
    "passwords": "SELECT hashed_password FROM users LIMIT 1",
}
_PERMISSION: Final = "permission denied"


@dataclass(frozen=True)
class Sources:
    """Uids of the data sources by what they are called in messages."""

    prometheus: str
    loki: str
    postgres: str

    def items(self) -> Iterator[tuple[str, str]]:
        """Yield name and uid of each."""
        yield from (("Prometheus", self.prometheus), ("Loki", self.loki))
        yield "Coder's database", self.postgres


def sources(grafana: Grafana, uids: Sources) -> str:
    """Ask every data source whether it works."""
    wrong = []
    for name, uid in uids.items():
        try:
            health = grafana.health(uid)
        except NotFoundError:
            wrong.append(f"there is no data source {uid} ({name})")
            continue
        if health.status.upper() != "OK":
            wrong.append(f"{uid} ({name}): {health.message or health.status}")
    if wrong:
        raise Failed("; ".join(wrong), "see the data source in Grafana, Connections")
    return f"{', '.join(uid for _, uid in uids.items())} are healthy"


def dashboards(grafana: Grafana, uids: Sequence[str], prefix: str = "") -> str:
    """Look for every dashboard, and run its queries as a reader's first look does.

    Args:
        grafana: whom to ask.
        uids: of the dashboards.
        prefix: what these begin with in Grafana.
    """
    missing: list[str] = []
    errors: list[str] = []
    count = 0
    for uid in uids:
        dashboard = grafana.dashboard(f"{prefix}{uid}")
        if dashboard is None:
            missing.append(f"{prefix}{uid} ({CATALOGUE[uid].title})")
            continue
        queries = list(_queries(dashboard))
        count += len(queries)
        for source in sorted({_source(query) for query, _ in queries}):
            of_source = [pair for pair in queries if _source(pair[0]) == source]
            for part in _batches(of_source):
                errors += _asked(grafana, uid, part)
    if missing:
        raise Failed(f"not in Grafana: {', '.join(missing)}", "see the log of Grafana's sidecar")
    if errors:
        more = f" and {len(errors) - _SHOWN} more" if len(errors) > _SHOWN else ""
        raise Failed(f"{'; '.join(errors[:_SHOWN])}{more}", "open the panel in Grafana")
    return f"{len(uids)} dashboards, {count} queries answered"


def role(grafana: Grafana, postgres: str, expected: str = ROLE, script: str = SCRIPT) -> str:
    """Ask the database, as Grafana's role, what it lets the role do."""
    ask = _Database(grafana, postgres)
    (name,), (more,), (memberships,) = (
        ask.rows(_ROLE).column(column) for column in ("name", "more", "memberships")
    )
    if name != expected:
        raise Failed(
            f"the data source asks as {name}, not as {expected}", "see its user in Grafana"
        )
    if more or memberships:
        what = "rights on the server" if more else "the rights of another role"
        raise Failed(f"{name} has {what}", f"run the SQL of ConfigMap {script}")
    granted = {table.NAME: {column for column, _ in table.columns()} for table in GRANTED_TABLES}
    whole = {table.NAME for table in GRANTED_TABLES if not table.COLUMN_GRANT}
    names = ", ".join(f"'{table}'" for table in granted)
    there = _by_table(ask.rows(_COLUMNS.format(tables=names)))
    for absent in {table.NAME for table in GRANTED_TABLES if table.OPTIONAL} - there.keys():
        del granted[absent]
    readable = _by_table(ask.rows(_READABLE))
    wrong = [
        f"{table} is written to" for table in sorted(set(ask.rows(_WRITABLE).column("relation")))
    ]
    for table, columns in sorted(readable.items()):
        allowed = there.get(table, set()) if table in whole else granted.get(table, set())
        if extra := columns - allowed:
            wrong.append(f"{table} is read: {', '.join(sorted(extra)[:_SHOWN])}")
    for table, columns in granted.items():
        if lacking := (columns & there.get(table, columns)) - readable.get(table, set()):
            wrong.append(f"{table} is not read: {', '.join(sorted(lacking)[:_SHOWN])}")
    for what, sql in _REFUSED.items():
        error = ask.error(sql)
        if _PERMISSION not in error:
            wrong.append(f"{what} are not refused: {error or 'they are read'}")
    if wrong:
        raise Failed("; ".join(wrong), f"run the SQL of ConfigMap {script} again")
    return (
        f"{name} reads {len(granted)} tables, writes none, and is refused {' and '.join(_REFUSED)}"
    )


def alerts(args: AlertsArgs, prometheus: Prometheus | None, grafana: Prometheus | None) -> str:
    """Look whether every alert is loaded by who evaluates it, and works.

    Args:
        args: the stack's alerts.
        prometheus: the rules of Prometheus, None if it cannot be asked.
        grafana: the rules of Grafana, None if it cannot be asked.
    """
    of_prometheus = args.prometheus_rules()
    wanted = {
        "Prometheus": (
            [rule["alert"] for group in of_prometheus["groups"] for rule in group["rules"]]
            if of_prometheus
            else []
        ),
        "Grafana": [
            rule["title"]
            for group in args.grafana_rules().get("groups", ())
            for rule in group["rules"]
        ],
    }
    asked = {"Prometheus": prometheus, "Grafana": grafana}
    told = []
    for evaluator, names in wanted.items():
        if not names:
            continue
        client = asked[evaluator]
        if client is None:
            raise NotChecked(f"{evaluator} cannot be asked", "see docs/verify.md, addresses")
        loaded = {rule.name: rule for rule in client.rules(args.group)}
        _loaded(evaluator, names, loaded)
        told.append(f"{len(names)} by {evaluator}")
    if not told:
        raise NotChecked("the stack has no alerts", "name some in alerts.rules")
    return f"loaded: {', '.join(told)}"


def _loaded(evaluator: str, names: Sequence[str], loaded: Mapping[str, LoadedRule]) -> None:
    missing = [name for name in names if name not in loaded]
    if missing:
        raise Failed(
            f"{evaluator} has not loaded {', '.join(missing)}",
            "see alerts.ruleLabels and Prometheus' ruleSelector, or Grafana's sidecar",
        )
    broken = [f"{n}: {loaded[n].last_error}" for n in names if loaded[n].health in ("err", "error")]
    if broken:
        raise Failed(f"{evaluator}: {'; '.join(broken)}", "read the rule's error there")


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
        query = {
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


def _queries(dashboard: Mapping[str, Any]) -> Iterator[tuple[dict[str, Any], str]]:
    """Yield every query of a dashboard that has a data source, with its panel's title."""
    variables = _first_values(dashboard)
    number = itertools.count()
    for panel in _panels(dashboard.get("panels") or ()):
        for target in panel.get("targets") or ():
            source = target.get("datasource") or panel.get("datasource")
            if not isinstance(source, dict) or target.get("hide"):
                continue
            query = {**target, "datasource": source, "refId": f"Q{next(number)}", **_POINTS}
            for key in ("expr", "rawSql"):
                if key in query:
                    query[key] = _filled(str(query[key]), variables)
            yield query, str(panel.get("title") or "")


def _panels(panels: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    for panel in panels:
        yield panel
        yield from _panels(panel.get("panels") or ())


def _first_values(dashboard: Mapping[str, Any]) -> dict[str, str]:
    """Return what a reader who has chosen nothing has chosen."""
    values = {}
    for variable in (dashboard.get("templating") or {}).get("list") or ():
        chosen = (variable.get("current") or {}).get("value", variable.get("query", ""))
        first = chosen[0] if isinstance(chosen, list) and chosen else chosen
        every = variable.get("allValue") or ".*"
        values[str(variable["name"])] = every if first == "$__all" else str(first or "")
    return values


def _filled(text: str, variables: Mapping[str, str]) -> str:
    def value(found: re.Match[str]) -> str:
        name = found[1] or found[3]
        if name in variables and found[2] == "sqlstring":
            return "'" + variables[name].replace("'", "''") + "'"
        return variables.get(name, found[0])

    return _VARIABLE.sub(value, text)


def _source(query: Mapping[str, Any]) -> str:
    return str(query["datasource"].get("uid", ""))


def _batches(
    queries: Sequence[tuple[dict[str, Any], str]],
) -> Iterator[Sequence[tuple[dict[str, Any], str]]]:
    for start in range(0, len(queries), _BATCH):
        yield queries[start : start + _BATCH]


def _asked(
    grafana: Grafana, uid: str, queries: Sequence[tuple[dict[str, Any], str]]
) -> Iterator[str]:
    results = grafana.query([query for query, _ in queries])
    for query, title in queries:
        result = results.get(query["refId"])
        if result is None:
            yield f"{uid}, {title}: no result"
        elif result.error:
            yield f"{uid}, {title}: {result.error}"
