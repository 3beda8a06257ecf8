"""Grafana as the stack set it up: what is missing, broken, or open too wide is told."""

import json
import re
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from components.alerts.component import AlertsArgs
from components.dashboards.catalogue import CATALOGUE
from components.grafana_role import role_sql
from ops import stacks
from ops.verification import observability
from ops.verification.clients.prometheus import Prometheus
from ops.verification.model import Failed, NotChecked
from ops.verification.observability import Sources
from program import plan
from tests.components.dashboards import postgres
from tests.ops.verification.fake_grafana import FakeGrafana, Row, rules, service

UIDS = Sources("prometheus", "loki", "aibridge-postgres")
HEALTHY = (200, {"status": "OK", "message": "Data source is working"})
SCHEMA = Path(__file__).parents[2] / "components" / "dashboards" / "coder_schema.sql"
BOARDS: dict[str, dict[str, Any]] = {
    uid: json.loads(text) for uid, text in plan.dashboards(stacks.settings("dev")).render().items()
}
# What Grafana's backend fills in by itself.
BACKENDS = re.compile(r"\$\{?__(auto|interval|rate_interval|range|from|to|time|unixEpoch)\w*")


@pytest.fixture
def fake() -> FakeGrafana:
    made = FakeGrafana()
    made.health = {uid: HEALTHY for _, uid in UIDS.items()}
    made.boards = dict(BOARDS)
    return made


# Data sources


def test_data_sources_that_work(fake: FakeGrafana) -> None:
    told = observability.sources(fake.grafana, UIDS)
    assert told == "prometheus, loki, aibridge-postgres are healthy"


def test_data_sources_that_do_not(fake: FakeGrafana) -> None:
    fake.health.pop("loki")
    fake.health["prometheus"] = (400, {"status": "ERROR", "message": "connection refused"})
    with pytest.raises(Failed) as told:
        observability.sources(fake.grafana, UIDS)
    assert "prometheus (Prometheus): connection refused" in str(told.value)
    assert "there is no data source loki (Loki)" in str(told.value)


# Dashboards


def test_every_query_of_every_dashboard_is_run(fake: FakeGrafana) -> None:
    told = observability.dashboards(fake.grafana, list(BOARDS))
    assert told == f"{len(BOARDS)} dashboards, {len(fake.queries)} queries answered"
    sent = json.dumps(list(BOARDS.values()))
    assert len(fake.queries) == sent.count('"refId"') - sent.count('"hide": true')
    assert max(fake.batches) <= 20
    for query in fake.queries:
        text = query.get("expr") or query["rawSql"]
        assert "$" not in BACKENDS.sub("", text), text
    # A format of the frontend's, without which the database is asked for no SQL.
    (chosen,) = [q for q in fake.queries if "q.prompt AS" in q.get("rawSql", "")]
    assert "i.id::text = ''\n" in chosen["rawSql"]


def test_a_dashboard_that_is_not_there(fake: FakeGrafana) -> None:
    uid = next(iter(BOARDS))
    fake.boards.pop(uid)
    with pytest.raises(Failed, match=re.escape(f"not in Grafana: {uid} ({CATALOGUE[uid].title})")):
        observability.dashboards(fake.grafana, list(BOARDS))


def test_a_query_that_fails_is_told_with_its_panel(fake: FakeGrafana) -> None:
    uid = next(iter(BOARDS))
    first: list[str] = []

    def ask(query: dict[str, Any]) -> list[Row] | str:
        first.append(query["refId"])
        return "parse error" if query["refId"] == first[0] else []

    fake.ask = ask
    with pytest.raises(Failed, match=f"^{uid}, .+: parse error"):
        observability.dashboards(fake.grafana, [uid])


# The database role


class Database:
    """Coder's tables, read through Grafana's data source as its role."""

    def __init__(self, server: postgres.Server) -> None:
        self.server = server
        self.user = "grafana_ro"
        self.password = secrets.token_hex(16)
        server.psql(SCHEMA.read_text(encoding="utf-8"))
        server.psql(
            "CREATE TABLE IF NOT EXISTS api_keys (hashed_secret bytea);"
            "ALTER TABLE users ADD COLUMN IF NOT EXISTS hashed_password bytea;"
        )
        self.make_role()

    def make_role(self) -> None:
        self.server.psql(role_sql(), environment={"AIGOV_DB_PASSWORD": self.password})

    def __call__(self, query: dict[str, Any]) -> list[Row] | str:
        sql = f"SELECT coalesce(json_agg(t), '[]') AS all FROM ({query['rawSql']}) t"
        try:
            (row,) = self.server.rows(sql, user=self.user, password=self.password)
        except postgres.QueryFailed as error:
            return f"db query error: {error}"
        return list(json.loads(row["all"]))


@pytest.fixture(scope="module")
def running() -> Iterator[Database]:
    with postgres.running() as server:
        yield Database(server)


@pytest.fixture
def database(running: Database, fake: FakeGrafana) -> Iterator[Database]:
    fake.ask = running
    yield running
    running.user = "grafana_ro"


def role(fake: FakeGrafana) -> str:
    return observability.role(fake.grafana, "aibridge-postgres")


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
            "grafana_ro has rights on the server",
        ),
        (
            "GRANT pg_read_all_data TO grafana_ro",
            "REVOKE pg_read_all_data FROM grafana_ro",
            "grafana_ro has the rights of another role",
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
        database.server.psql(back or ";")
        database.make_role()
    role(fake)


def test_a_data_source_that_asks_as_another(database: Database, fake: FakeGrafana) -> None:
    database.user = postgres.SUPERUSER
    password, database.password = database.password, database.server.password
    try:
        with pytest.raises(Failed, match="asks as owner, not as grafana_ro"):
            role(fake)
    finally:
        database.password = password


# Alerts

ARGS = AlertsArgs(confined_templates=("firewalled",))
OF_GRAFANA = [r["title"] for g in ARGS.grafana_rules()["groups"] for r in g["rules"]]
OF_PROMETHEUS = [
    rule["alert"] for group in (ARGS.prometheus_rules() or {})["groups"] for rule in group["rules"]
]


def evaluator(*names: str, **errors: str) -> Prometheus:
    return Prometheus(service(rules(*names, **errors)))


def test_alerts_that_are_loaded() -> None:
    assert OF_GRAFANA
    assert OF_PROMETHEUS
    both = evaluator(*OF_PROMETHEUS, "Another"), evaluator(*OF_GRAFANA)
    told = observability.alerts(ARGS, *both)
    assert told == f"loaded: {len(OF_PROMETHEUS)} by Prometheus, {len(OF_GRAFANA)} by Grafana"


def test_alerts_that_are_not() -> None:
    rest = OF_GRAFANA[1:]
    with pytest.raises(Failed, match=f"Grafana has not loaded {OF_GRAFANA[0]}"):
        observability.alerts(ARGS, evaluator(*OF_PROMETHEUS), evaluator(*rest))
    with pytest.raises(Failed, match=f"Prometheus has not loaded {OF_PROMETHEUS[0]}"):
        observability.alerts(ARGS, evaluator(*OF_PROMETHEUS[1:]), evaluator(*OF_GRAFANA))
    broken = evaluator(*OF_GRAFANA, **{OF_GRAFANA[0]: "no such column"})
    with pytest.raises(Failed, match=f"Grafana: {OF_GRAFANA[0]}: no such column"):
        observability.alerts(ARGS, evaluator(*OF_PROMETHEUS), broken)


def test_another_stacks_alerts_of_the_same_names_are_not_this_ones() -> None:
    theirs = Prometheus(service(rules(*OF_GRAFANA, group="dev-coder")))
    with pytest.raises(Failed, match="Grafana has not loaded"):
        observability.alerts(ARGS, evaluator(*OF_PROMETHEUS), theirs)


def test_alerts_that_nobody_can_be_asked_for() -> None:
    with pytest.raises(NotChecked, match="Prometheus cannot be asked"):
        observability.alerts(ARGS, None, evaluator(*OF_GRAFANA))
    with pytest.raises(NotChecked, match="the stack has no alerts"):
        observability.alerts(AlertsArgs(alerts=()), None, None)
