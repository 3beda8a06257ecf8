"""Grafana as the stack set it up: what is missing, broken, or open too wide is told."""

import json
import re
from typing import Any

import pytest

from components.alerts.component import AlertsArgs
from components.dashboards.catalogue import CATALOGUE
from ops import stacks
from ops.verification import observability
from ops.verification.clients.prometheus import Prometheus
from ops.verification.model import Failed, NotChecked
from ops.verification.observability import Sources
from program import plan
from tests.ops.verification.fake_grafana import FakeGrafana, Row, rules, service

UIDS = Sources("prometheus", "loki", "aibridge-postgres")
HEALTHY = (200, {"status": "OK", "message": "Data source is working"})
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


def test_alerts_that_nobody_can_be_asked_for() -> None:
    with pytest.raises(NotChecked, match="Prometheus cannot be asked"):
        observability.alerts(ARGS, None, evaluator(*OF_GRAFANA))
    with pytest.raises(NotChecked, match="the stack has no alerts"):
        observability.alerts(AlertsArgs(alerts=()), None, None)
