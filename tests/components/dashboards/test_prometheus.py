"""Every PromQL query of every dashboard runs in a real Prometheus and tells the truth."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from components.dashboards.catalogue import CATALOGUE
from components.dashboards.context import DashboardContext
from components.dashboards.metrics import Metrics
from tests.components.dashboards import (
    coder_figures,
    evaluator,
    gateway_figures,
    grafana,
    metric_figures,
    prebuild_figures,
    prometheus,
    series,
    series_deployment,
    workspace_figures,
)
from tests.components.dashboards.metric_figures import Figures, Key
from tests.components.dashboards.prometheus import (
    Answer,
    Case,
    Check,
    PromtoolError,
    Query,
    judge,
    key,
)

EXPECTED = {
    **metric_figures.EXPECTED,
    **gateway_figures.EXPECTED,
    **coder_figures.EXPECTED,
    **workspace_figures.EXPECTED,
}
AT = int(series_deployment.END.timestamp())
DASHBOARDS: dict[str, dict[str, Any]] = {
    uid: json.loads(spec.json(DashboardContext())) for uid, spec in CATALOGUE.items()
}
_LABEL_VALUES = re.compile(r"label_values\((?P<selector>.+),\s*(?P<label>\w+)\)")


def queries(uid: str) -> Iterator[tuple[Key, str]]:
    for panel in DASHBOARDS[uid]["panels"]:
        for target in panel.get("targets", []):
            if target["datasource"]["type"] == "prometheus":
                yield (uid, panel["title"], target["refId"]), target["expr"]


def view(uid: str, **chosen: grafana.Value) -> grafana.View:
    return grafana.View(
        series_deployment.START,
        series_deployment.END,
        interval=300,
        scrape_interval=series_deployment.STEP,
        variables={**grafana.first_values(DASHBOARDS[uid]), **chosen},
    )


QUERIES = {key: query for uid in DASHBOARDS for key, query in queries(uid)}
UIDS = [uid for uid in DASHBOARDS if any(key[0] == uid for key in QUERIES)]


def shows_numbers(query: str) -> list[Check]:
    """Check that a query has a result, and no NaN in it."""
    return [Check(f"count({query}) - count(({query}) > -Inf)", AT, {key(): 0.0})]


def test_every_query_has_figures_to_be_held_against():
    assert set(QUERIES) == set(EXPECTED)


@pytest.mark.parametrize("uid", UIDS)
def test_every_query_shows_what_the_series_hold(uid):
    shown = view(uid)
    figures = Figures(series.everything(), shown)
    checks = []
    for target, text in QUERIES.items():
        if target[0] != uid:
            continue
        query = grafana.prometheus(text, shown)
        checks += shows_numbers(query)
        checks.append(Check(query, AT, EXPECTED[target](figures)))
    assert checks
    judge(Case(series.everything(), checks))


@pytest.mark.parametrize(
    ("uid", "choice"),
    [
        (prebuild_figures.PREBUILDS, {"template": ["firewalled"]}),
        (prebuild_figures.PREBUILDS, {"preset": ["small"], "template": ["claude-code"]}),
        ("workspaces", {"template_name": ["claude-code"]}),
        ("workspaces", {"workspace_name": ["dev", "idle"]}),
        ("workspace-detail", {"workspace_name": ["dev"], "template_name": ["firewalled"]}),
        ("workspace-detail", {"pod": [series.AGENTS[1].pod]}),
    ],
    ids=repr,
)
def test_what_is_chosen_is_what_is_shown(uid, choice):
    labels = {"template": "template_name", "preset": "preset_name"}

    def kept(each: series.Series) -> bool:
        # Every series of coderd has a pod too: coderd's own.
        named = {
            labels.get(name, name): values
            for name, values in choice.items()
            if name != "pod" or each.labels["job"] == "kubelet"
        }
        return all(each.labels.get(n, values[0]) in values for n, values in named.items())

    shown = view(uid, **choice)
    figures = Figures(filter(kept, series.everything()), shown)
    checks = [
        Check(grafana.prometheus(text, shown), AT, EXPECTED[target](figures))
        for target, text in QUERIES.items()
        if target[0] == uid
    ]
    judge(Case(series.everything(), checks))


@pytest.mark.parametrize("uid", UIDS)
def test_every_query_is_promql_whatever_is_chosen(uid):
    names = grafana.first_values(DASHBOARDS[uid])
    texts = [text for target, text in QUERIES.items() if target[0] == uid]
    groups = []
    for value in ("plain", "a.b-c+d", 'quo"te', "it's \\"):
        chosen = view(uid, **{n: [value] if isinstance(v, list) else v for n, v in names.items()})
        rules = [
            {"record": f"query:{len(groups)}:{number}", "expr": grafana.prometheus(text, chosen)}
            for number, text in enumerate(texts)
        ]
        groups.append({"name": f"{uid} of {value}", "rules": rules})
    judge(rules={"groups": groups})


def test_every_variable_from_prometheus_has_values():
    checks = []
    variables = [
        (uid, variable)
        for uid in UIDS
        for variable in DASHBOARDS[uid].get("templating", {}).get("list", [])
    ]
    for uid, variable in variables:
        if variable["type"] == "query" and variable["datasource"]["type"] == "prometheus":
            asked = variable["query"]
            asked = asked if isinstance(asked, str) else asked["query"]
            found = _LABEL_VALUES.fullmatch(grafana.prometheus(asked, view(uid)))
            assert found, asked
            label, selector = found["label"], found["selector"]
            # vector(1) stands for the series that lack the label.
            values = f"group by ({label}) ({selector}) unless on ({label}) vector(1)"
            checks.append(Check(f"count({values}) > bool 0", AT, {key(): 1.0}))
    judge(Case(series.everything(), checks))


@pytest.mark.parametrize(
    "checks",
    [
        pytest.param([Check("sum(rate(x[5m])", AT, {})], id="no PromQL"),
        pytest.param([Check("count(up)", AT, {key(): 99.0})], id="another figure"),
        pytest.param([Check("up", AT, {})], id="more than expected"),
        pytest.param(shows_numbers("no_such_metric"), id="nothing to show"),
        pytest.param(shows_numbers('up{job="coder"} / 0 * 0'), id="no number"),
    ],
)
def test_what_is_wrong_is_found(checks):
    with pytest.raises(PromtoolError):
        judge(Case(series.everything(), checks))


def test_a_query_is_evaluated_at_each_step_of_its_range():
    gone = series.Series("up", {"pod": "a"}, (1.0, None, 0.0, *[None] * 6))
    there = series.Series("up", {"pod": "b"}, (None, 3.0, 4.0, *[5.0] * 6))
    asked = [
        Query("up", start=0, end=480, step=120),
        Query("sum(up)", end=120),
        Query("up > 100", end=120),
    ]
    over_time, at_once, nothing = prometheus.evaluate([gone, there], asked)
    # Prometheus sees the newest sample of five minutes.
    assert {answer.labels["pod"]: answer.points for answer in over_time} == {
        "a": {0: 1.0, 120: 0.0, 240: 0.0, 360: 0.0},
        "b": {120: 4.0, 240: 5.0, 360: 5.0, 480: 5.0},
    }
    assert at_once == [Answer({}, {120: 4.0})]
    assert nothing == []


def test_both_of_prometheus_engines_say_the_same():
    uid = "provisionerd"
    texts = [
        grafana.prometheus(text, view(uid)) for target, text in QUERIES.items() if target[0] == uid
    ]
    answers = prometheus.evaluate(series.everything(), [Query(text, end=AT) for text in texts])
    checks = [
        Check(text, AT, {key(**answer.labels): answer.points[AT] for answer in found})
        for text, found in zip(texts, answers, strict=True)
    ]
    judge(Case(series.everything(), checks))


def test_a_query_that_is_no_promql_is_refused():
    with pytest.raises(evaluator.QueryError, match="parse error"):
        prometheus.evaluate([], [Query("sum(", end=0)])


def test_a_rule_that_is_no_promql_is_found():
    with pytest.raises(PromtoolError, match="parse error"):
        judge(rules={"groups": [{"name": "g", "rules": [{"record": "a", "expr": "sum("}]}]})


@pytest.mark.parametrize("metric", list(Metrics.all()), ids=lambda m: m.name)
def test_every_metric_of_the_model_has_series_with_its_labels(metric):
    assert all(
        [s for s in series.everything() if s.name.startswith(named.name)] for named in metric.names
    )
    of = [s for s in series.everything() for named in metric.names if s.name.startswith(named.name)]
    for each in of:
        assert metric.own_labels <= set(each.labels) <= metric.labels | {"le"}
        assert len(each.samples) == series.COUNT
