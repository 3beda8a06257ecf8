"""Grafana as the stack set it up: what is missing, broken, or open too wide is told."""

import copy
import json
import re
import subprocess
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import pytest

from components.alerts.component import AlertsArgs
from components.alerts.thresholds import Thresholds
from components.dashboards.catalogue import CATALOGUE
from ops import stacks
from ops.verification import observability
from ops.verification.clients.prometheus import Prometheus
from ops.verification.declared import panels
from ops.verification.model import Failed, NotChecked
from ops.verification.observability import Sources
from program import plan
from tests.ops.verification.fake_grafana import FakeGrafana, Row, rules, service
from toolchain import tools

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


def look(fake: FakeGrafana, *uids: str) -> str:
    declared = {
        uid: [{"title": BOARDS[uid]["title"], "panels": []}, BOARDS[uid]] for uid in uids or BOARDS
    }
    return observability.dashboards(fake.grafana, declared, "Firewalled")


def test_every_query_of_every_dashboard_is_run(fake: FakeGrafana) -> None:
    told = look(fake)
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
        look(fake)


def test_a_query_that_fails_is_told_with_its_panel(fake: FakeGrafana) -> None:
    uid = next(iter(BOARDS))
    first: list[str] = []

    def ask(query: dict[str, Any]) -> list[Row] | str:
        first.append(query["refId"])
        return "parse error" if query["refId"] == first[0] else []

    fake.ask = ask
    with pytest.raises(Failed, match=f"^{uid}, .+: parse error"):
        look(fake, uid)


def changed(uid: str, query: str = "", **panel: Any) -> dict[str, Any]:
    board = copy.deepcopy(BOARDS[uid])
    of_queries = [each for each in board["panels"] if each.get("targets")]
    of_queries[0].update(panel)
    if query:
        of_queries[0]["targets"][0]["expr"] = query
    return board


def hidden(uid: str) -> dict[str, Any]:
    board = copy.deepcopy(BOARDS[uid])
    for panel in panels(board["panels"]):
        for target in panel.get("targets") or ():
            target["hide"] = True
    return board


def chosen(uid: str, name: str, **changes: Any) -> dict[str, Any]:
    board = copy.deepcopy(BOARDS[uid])
    (variable,) = [each for each in board["templating"]["list"] if each["name"] == name]
    variable.update(changes)
    return board


NOBODY = {"text": "nobody", "value": "nobody"}
EMPTY = [{"id": "filterByValue", "options": {"type": "include", "match": "all"}}]


@pytest.mark.parametrize(
    ("board", "told"),
    [
        (hidden("agent-firewall"), r"\d+ of \d+ panels are not as declared"),
        (changed("agent-firewall", transformations=EMPTY), "1 of .* panels are not as declared"),
        (changed("agent-firewall", timeFrom="1s"), "1 of .* panels are not as declared"),
        (changed("agent-firewall", type="text"), "1 of .* panels are not as declared"),
        (chosen("agent-firewall", "owner", current=NOBODY), "what a reader finds chosen .*: owner"),
        (chosen("agent-firewall", "owner", current={}, query="nobody"), "what a .*: owner"),
        (
            {**BOARDS["agent-firewall"], "time": {"from": "now-1s", "to": "now"}},
            "what a reader finds chosen .*: the time range",
        ),
    ],
)
def test_a_dashboard_that_shows_nothing_to_a_first_look_fails(
    fake: FakeGrafana, board: dict[str, Any], told: str
) -> None:
    fake.boards["agent-firewall"] = board
    with pytest.raises(Failed, match=f"^not the stack's: agent-firewall: {told}"):
        look(fake)


def test_the_same_choice_in_another_spelling_is_the_same(fake: FakeGrafana) -> None:
    first, *_ = BOARDS["workspace-detail"]["templating"]["list"]
    assert first["current"]["value"] == ["$__all"]
    every = {"value": "$__all"}
    fake.boards["workspace-detail"] = chosen("workspace-detail", first["name"], current=every)
    look(fake)


def test_no_query_at_all_is_no_pass(fake: FakeGrafana) -> None:
    fake.boards = {"x": {"title": "X", "panels": [{"title": "text"}]}}
    with pytest.raises(Failed, match="no panel of them asks anything"):
        observability.dashboards(fake.grafana, {"x": [fake.boards["x"]]}, "Firewalled")


@pytest.mark.parametrize(
    ("board", "told"),
    [
        ({"title": "Somebody's", "panels": [{"title": "Theirs"}]}, r"\d+ of \d+ panels are not as"),
        ({**BOARDS["agent-firewall"], "panels": BOARDS["agent-firewall"]["panels"][1:]}, "1 of "),
        (changed("agent-firewall", "vector(0)"), "1 of .*, 1 are others: "),
        (changed("agent-firewall", datasource={"uid": "another"}, targets=[]), "1 of "),
    ],
    ids=["another", "a panel less", "another query", "no query"],
)
def test_a_dashboard_of_another_under_the_uid_fails(
    fake: FakeGrafana, board: dict[str, Any], told: str
) -> None:
    fake.boards["agent-firewall"] = board
    with pytest.raises(Failed, match=f"^not the stack's: agent-firewall: {told}") as failed:
        look(fake)
    assert "Grafana keeps one dashboard of a uid" in failed.value.next_step


def test_a_dashboard_in_another_folder_fails(fake: FakeGrafana) -> None:
    fake.folder = "Firewalled"
    look(fake)
    fake.folder = "General"
    with pytest.raises(Failed, match="agent-firewall: in folder General, not Firewalled"):
        look(fake, "agent-firewall")


# Alerts

ARGS = AlertsArgs(
    confined_templates=("firewalled", "strict"),
    network_policies=("one", "another"),
    labels={"team": "audit"},
    thresholds=Thresholds(loss_minutes=90, dropped_batches=2.0, dropped_logs=1e6),
)


@cache
def spelt(expression: str) -> str:
    """Return PromQL as Prometheus itself writes it: 60m as 1h, and white space as it likes."""
    command = [str(tools.build("promtool")), "--experimental", "promql", "format", expression]
    return subprocess.run(command, check=True, capture_output=True, encoding="utf-8").stdout


def of_prometheus() -> list[dict[str, Any]]:
    """Return the stack's rules as Prometheus tells of them."""
    groups = (ARGS.prometheus_rules() or {})["groups"]
    return [
        {
            "name": rule["alert"],
            "query": spelt(rule["expr"]),
            "labels": {**rule["labels"], "prometheus": "of the operator"},
            "duration": 60 * int(rule.get("for", "0m")[:-1]),
        }
        for group in groups
        for rule in group["rules"]
    ]


def of_grafana() -> list[dict[str, Any]]:
    """Return the stack's rules as Grafana tells of them: `ruleToQuery` of its alerting API."""
    made = []
    for group in ARGS.grafana_rules()["groups"]:
        for rule in group["rules"]:
            texts = [step["model"]["expr"] for step in rule["data"] if "expr" in step["model"]]
            query = " | ".join(texts) or json.dumps(rule["data"])
            made.append({"name": rule["title"], "query": query, "labels": rule["labels"]})
            made[-1]["duration"] = 60 * int(rule["for"][:-1])
    return made


def evaluator(loaded: Sequence[Mapping[str, Any]], **errors: str) -> Prometheus:
    return Prometheus(service(rules(*loaded, **errors)))


def test_alerts_that_are_loaded() -> None:
    ours, theirs = of_prometheus(), of_grafana()
    assert ours
    assert theirs
    # Another stack's of the same name, which fails, is not this one's.
    more = [*ours, {"name": "Another"}, {**ours[0], "query": "up"}]
    told = observability.alerts(ARGS, evaluator(more), evaluator(theirs))
    assert told == f"loaded: {len(ours)} by Prometheus, {len(theirs)} by Grafana"


def test_alerts_that_are_not() -> None:
    ours, theirs = of_prometheus(), of_grafana()
    with pytest.raises(Failed, match=f"Grafana has not loaded {theirs[0]['name']}"):
        observability.alerts(ARGS, evaluator(ours), evaluator(theirs[1:]))
    with pytest.raises(Failed, match=f"Prometheus has not loaded {ours[0]['name']}"):
        observability.alerts(ARGS, evaluator(ours[1:]), evaluator(theirs))
    broken = evaluator(theirs, **{theirs[0]["name"]: "no such column"})
    with pytest.raises(Failed, match=f"Grafana: {theirs[0]['name']}: no such column"):
        observability.alerts(ARGS, evaluator(ours), broken)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"query": "vector(0)"}, "another query"),
        ({"query": "[not JSON"}, "another query"),
        ({"labels": {"severity": "none", "team": "audit"}}, "another label severity"),
        ({"labels": {"severity": "critical"}}, "another label team"),
        ({"duration": 86400}, "it holds for 86400 s, not "),
        ({"isPaused": True}, "it is paused"),
    ],
)
@pytest.mark.parametrize("number", [0, 1])
def test_an_alert_of_the_name_that_is_another_fails(
    number: int, change: dict[str, Any], told: str
) -> None:
    both = [of_prometheus(), of_grafana()]
    for index in range(len(both[number])):
        changed = [list(each) for each in both]
        changed[number][index] = {**both[number][index], **change}
        name = both[number][index]["name"]
        with pytest.raises(Failed, match=f"than the stack's: {name}: ({told}|another label sev)"):
            observability.alerts(ARGS, *map(evaluator, changed))


def test_another_stacks_alerts_of_the_same_names_are_not_this_ones() -> None:
    theirs = Prometheus(service(rules(*of_grafana(), group="dev-coder")))
    with pytest.raises(Failed, match="Grafana has not loaded"):
        observability.alerts(ARGS, evaluator(of_prometheus()), theirs)


def test_alerts_of_every_group_of_the_stack_are_looked_for() -> None:
    groups = {group["name"] for group in ARGS.grafana_rules()["groups"]}
    assert len(groups) > 1
    for group in groups:
        assert len(Prometheus(service(rules(*of_grafana(), group=group))).rules(groups)) > 1


def test_alerts_that_nobody_can_be_asked_for() -> None:
    with pytest.raises(NotChecked, match="Prometheus cannot be asked"):
        observability.alerts(ARGS, None, evaluator(of_grafana()))
    with pytest.raises(NotChecked, match="the stack has no alerts"):
        observability.alerts(AlertsArgs(alerts=()), None, None)
