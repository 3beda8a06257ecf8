"""Alerts on Loki: Grafana's file, and what its rules say of generated audit lines."""

import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import pytest

from components.alerts import grafana as provisioned
from components.alerts.component import AlertsArgs
from components.alerts.thresholds import Thresholds
from components.dashboards.context import DashboardContext
from components.dashboards.metrics import Metrics
from tests.components.dashboards import (
    generated_requests,
    loki,
    series,
    series_deployment,
)
from tests.components.dashboards import logql as grammar
from tests.components.dashboards.generated_requests import END, Request
from tests.components.dashboards.grafana import View
from tests.components.dashboards.loki import Entry
from tests.components.dashboards.metric_figures import Figures
from tests.components.dashboards.prometheus import Case, Check, Vector, judge

CODERD = {"namespace": "coder", "app": "coder", "container": "coder"}
TEMPLATE, NEW_TEMPLATE = "11111111-aaaa-4000-8000-000000000001", "33333333-cccc"
_REFERENCE = re.compile(r"\$(\w+)")
_LABEL = re.compile(r"\{\{ \$labels\.(\w+) \}\}")


def rules(args: AlertsArgs) -> dict[str, dict[str, Any]]:
    return {r["title"]: r for group in args.grafana_rules()["groups"] for r in group["rules"]}


def answer(args: AlertsArgs, name: str, lines: Sequence[Entry]) -> loki.Vector:
    """Return what Loki answers to the query of an alert."""
    (query,) = [
        step["model"]["expr"]
        for step in rules(args)[name]["data"]
        if step["model"].get("queryType") == "instant"
    ]
    assert "$" not in query, "Grafana expands no variable in an alert"
    grammar.check([query])
    (found,) = loki.vectors([query], lines, END)
    return found


def evaluate(rule: Mapping[str, Any], results: Mapping[str, Vector]) -> list[dict[str, str]]:
    """Return the labels of what a rule's condition holds for.

    Only what the rules use: `reduce` to the last, and `math` over results of equal labels, for
    which see pkg/expr of Grafana.
    """
    known = dict(results)
    for step in rule["data"]:
        model = step["model"]
        match model.get("type"):
            case None:
                assert step["refId"] in results
            case "reduce":
                assert model["reducer"] == "last"
                known[step["refId"]] = known[model["expression"]]
            case "math":
                known[step["refId"]] = _math(model["expression"], known)
            case other:
                raise NotImplementedError(other)
    return [dict(labels) for labels, value in known[rule["condition"]].items() if value]


def _math(expression: str, known: Mapping[str, Vector]) -> Vector:
    names = _REFERENCE.findall(expression)
    shared = set.intersection(*(set(known[name]) for name in names))
    code = _REFERENCE.sub(r"\1", expression).replace("&&", " and ")
    assert re.fullmatch(r"[\w\s.<>=]+", code), code
    return {
        labels: float(eval(code, {name: known[name][labels] for name in names}))
        for labels in shared
    }


def request(minutes_ago: float, decision: str, version: str, template: str = TEMPLATE) -> Request:
    time = END - timedelta(minutes=minutes_ago)
    return Request(
        time,
        decision,
        "GET",
        "https://a.example/b",
        "a.example",
        "/b",
        "ada",
        "dev",
        template,
        version,
    )


def requests(
    denied: int, allowed: int, version: str, *, hours_ago: float = 0, template: str = TEMPLATE
) -> list[Request]:
    """Return requests spread over ten minutes."""
    decisions = ["deny"] * denied + ["allow"] * allowed
    return [
        request(hours_ago * 60 + 10 * n / len(decisions), decision, version, template)
        for n, decision in enumerate(decisions)
    ]


def entries(made: Sequence[Request]) -> list[Entry]:
    lines = [Entry(r.time, CODERD, r.line) for r in made]
    # What a careless query would count, all the time.
    for minute in range(0, 60 * 30, 7):
        time = END - timedelta(minutes=minute)
        named = generated_requests.log_line("GET", path="/x?boundary_request", decision="deny")
        lines.append(Entry(time, CODERD, named))
        lines.append(Entry(time, CODERD, "boundary_request decision=deny not JSON {"))
        lines.append(
            Entry(time, {"namespace": "coder-workspaces"}, request(minute, "deny", "v2").line)
        )
    return sorted(lines, key=lambda entry: entry.time)


# Denials -------------------------------------------------------------------------------------

SPIKE = "BoundaryDenySpike"
USUAL = requests(10, 90, "v1", hours_ago=5)
ALWAYS = requests(40, 60, "v1", hours_ago=5)
CHANGED = {"template_id": TEMPLATE, "template_version_id": "v2"}


@pytest.mark.parametrize(
    ("made", "firing"),
    [
        pytest.param(USUAL + requests(15, 15, "v2"), [CHANGED], id="a new version"),
        pytest.param(
            USUAL + requests(15, 15, "v1"),
            [{**CHANGED, "template_version_id": "v1"}],
            id="a dependency moved",
        ),
        pytest.param(
            USUAL + requests(15, 15, "v2") + requests(3, 40, "v1"),
            [CHANGED],
            id="one version of two",
        ),
        pytest.param(
            requests(15, 15, "v1", template=NEW_TEMPLATE),
            [{"template_id": NEW_TEMPLATE, "template_version_id": "v1"}],
            id="a new template",
        ),
        pytest.param(
            requests(40, 60, "v9", hours_ago=5, template=NEW_TEMPLATE)
            + USUAL
            + requests(15, 15, "v2"),
            [CHANGED],
            id="another template is always denied",
        ),
        pytest.param(USUAL + requests(8, 22, "v2"), [], id="a share below the threshold"),
        pytest.param(USUAL + requests(15, 4, "v2"), [], id="too few requests"),
        pytest.param(ALWAYS + requests(15, 15, "v2"), [], id="always denied so much"),
        pytest.param(USUAL + requests(15, 15, "v2", hours_ago=1), [], id="over an hour ago"),
        pytest.param(USUAL, [], id="quiet"),
        pytest.param([], [], id="no request at all"),
    ],
)
def test_denials_fire_for_the_version_that_is_denied_more_than_before(made, firing):
    args = AlertsArgs()
    found = answer(args, SPIKE, entries(made))
    assert evaluate(rules(args)[SPIKE], {"query_A": found}) == firing


def test_the_value_of_a_spike_is_the_share():
    found = answer(AlertsArgs(), SPIKE, entries(USUAL + requests(15, 10, "v2")))
    assert list(found.values()) == pytest.approx([15 / 25])


def test_thresholds_move_the_spike():
    args = AlertsArgs(
        thresholds=Thresholds(
            deny_share=0.6, deny_requests=5, deny_growth=1.5, deny_baseline_hours=2
        )
    )
    lines = entries(ALWAYS + requests(4, 1, "v2"))
    # The baseline no longer reaches what was denied five hours ago.
    assert answer(args, SPIKE, lines) == {tuple(CHANGED.items()): 0.8}
    assert answer(AlertsArgs(), SPIKE, lines) == {}


# Silence -------------------------------------------------------------------------------------

SILENT = "BoundaryAuditSilent"


@pytest.mark.parametrize(
    ("made", "batches", "fires"),
    [
        pytest.param([request(20, "allow", "v1")], 7.0, True, id="batches and no line"),
        pytest.param([request(5, "allow", "v1")], 7.0, False, id="one allowed request"),
        pytest.param([request(5, "deny", "v1")], 7.0, False, id="one denied request"),
        pytest.param([], 0.0, False, id="nobody works"),
        pytest.param([request(5, "deny", "v1")], 0.0, False, id="lines and no metrics"),
    ],
)
def test_silence_is_batches_without_a_line(made, batches, fires):
    args = AlertsArgs()
    lines = answer(args, SILENT, entries(made))
    firing = evaluate(rules(args)[SILENT], {"query_A": lines, "query_B": {(): batches}})
    assert firing == ([{}] if fires else [])


def test_batches_are_counted_by_prometheus_and_zero_without_any():
    (query,) = [
        step["model"]["expr"]
        for step in rules(AlertsArgs())[SILENT]["data"]
        if step["refId"] == "query_B"
    ]
    everything = series.everything()
    figures = Figures(everything, View(series_deployment.START, series_deployment.END))
    end = int(series_deployment.END.timestamp())
    expected = figures.increases(Metrics.BATCHES_FORWARDED, 15 * 60)
    assert sum(expected.values()) > 0
    judge(Case(everything, [Check(query, end, expected)]), Case([], [Check(query, end, {(): 0.0})]))


# The file ------------------------------------------------------------------------------------

WATCHED = {"confined_templates": ("firewalled",), "network_policies": ("workspaces",)}
EVERYTHING = AlertsArgs(evaluator="grafana", **WATCHED)


def test_every_rule_is_one_that_grafana_accepts():
    seen = set()
    for title, rule in rules(EVERYTHING).items():
        assert re.fullmatch(r"[A-Za-z0-9_-]{1,40}", rule["uid"]), title
        assert rule["uid"] not in seen
        seen.add(rule["uid"])
        steps = [step["refId"] for step in rule["data"]]
        assert len(set(steps)) == len(steps)
        assert rule["condition"] == steps[-1]
        for number, step in enumerate(rule["data"]):
            assert step["model"]["refId"] == step["refId"]
            assert step["model"]["datasource"]["uid"] == step["datasourceUid"]
            assert ("relativeTimeRange" in step) == (step["datasourceUid"] != "__expr__")
            used = step["model"].get("expression", "")
            for name in _REFERENCE.findall(used) or ([used] if used else []):
                assert name in steps[:number], (title, used)


def test_alerts_on_promql_are_the_same_for_grafana():
    of_prometheus = AlertsArgs(**WATCHED).prometheus_rules()
    of_grafana = rules(EVERYTHING)
    for rule in of_prometheus["groups"][0]["rules"]:
        other = of_grafana[rule["alert"]]
        assert other["data"][0]["model"]["expr"] == rule["expr"]
        assert other["for"] == rule.get("for", "0m")
        assert other["labels"] == rule["labels"]
        assert evaluate(other, {"query_A": {(("a", "b"),): 2.0}}) == [{"a": "b"}]
        assert evaluate(other, {"query_A": {}}) == []
        # Grafana's $value is a text, not the number.
        assert not re.search(r"\$value\b", str(other["annotations"]))
        told = {k: v.replace("$values.A.Value", "$value") for k, v in other["annotations"].items()}
        assert rule["annotations"].items() <= told.items()


def test_annotations_name_labels_that_the_alert_has():
    args = AlertsArgs()
    rule = rules(args)[SPIKE]
    (labels,) = evaluate(
        rule,
        {"query_A": answer(args, SPIKE, entries(USUAL + requests(9, 12, "v2")))},
    )
    named = {label for text in rule["annotations"].values() for label in _LABEL.findall(text)}
    assert named == {"template_version_id"} <= set(labels)


def test_what_grafana_is_not_to_have_is_deleted():
    assert "deleteRules" not in EVERYTHING.grafana_rules()
    only = AlertsArgs(alerts=(SILENT,)).grafana_rules()
    deleted = {each["uid"] for each in only["deleteRules"]}
    assert provisioned.uid(SPIKE, AlertsArgs.group) in deleted
    assert provisioned.uid("BoundaryBatchesDropped", AlertsArgs.group) in deleted
    assert provisioned.uid(SILENT, AlertsArgs.group) not in deleted
    none = AlertsArgs(alerts=()).grafana_rules()
    assert "groups" not in none
    assert len(none["deleteRules"]) == len(rules(EVERYTHING))


def test_the_stack_decides_where_the_data_is():
    args = AlertsArgs(
        evaluator="grafana",
        queries=DashboardContext(
            coder_namespace="coder-prod", prometheus_uid="prom-1", loki_uid="loki-1"
        ),
    )
    for rule in rules(args).values():
        for step in rule["data"]:
            assert step["datasourceUid"] in {"prom-1", "loki-1", "__expr__"}
            if step["datasourceUid"] == "loki-1":
                assert "{namespace=`coder-prod`}" in step["model"]["expr"]
