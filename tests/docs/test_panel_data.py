"""What the pictures show is what the panels' own queries return over the generated data."""

import json
from datetime import timedelta

import pytest

from components.dashboards.catalogue import CATALOGUE
from docs import panel_data
from docs.panel_data import END, START, Data
from tests.components.dashboards import (
    coder_figures,
    gateway_figures,
    grafana,
    metric_figures,
    prometheus,
    series,
    series_deployment,
    workspace_figures,
)

DASHBOARDS = [json.loads(spec.json(panel_data.CONTEXT)) for spec in CATALOGUE.values()]
PANELS = {
    (dashboard["uid"], panel["title"]): panel
    for dashboard in DASHBOARDS
    for panel in dashboard["panels"]
    if panel["type"] != "row"
}
FIGURES = {
    **metric_figures.EXPECTED,
    **gateway_figures.EXPECTED,
    **coder_figures.EXPECTED,
    **workspace_figures.EXPECTED,
}


@pytest.fixture(scope="module")
def shown() -> dict[panel_data.Key, Data]:
    return panel_data.panel_data(DASHBOARDS)


def of_type(kind: str, source: str) -> list[panel_data.Key]:
    return [
        key
        for key, panel in PANELS.items()
        if panel["type"] == kind and panel["targets"][0]["datasource"]["type"] == source
    ]


@pytest.mark.parametrize("key", PANELS, ids=" / ".join)
def test_every_panel_has_something_to_show(shown, key):
    data = shown[key]
    match PANELS[key]["type"]:
        case "logs":
            assert data.lines
        case "timeseries":
            assert data.series
            interval = grafana.seconds(PANELS[key].get("interval") or "0s")
            points = panel_data.RANGE.total_seconds() / max(interval, panel_data.INTERVAL) + 1
            assert {len(values) for values in data.series.values()} == {points}
            assert any(value for values in data.series.values() for value in values)
        case _:
            assert data.rows


def _repeated(title: str, each: series_deployment.Series) -> bool:
    """Whether a panel shows a series: those of one preset alone, if it is made for each."""
    return "$preset" not in title or each.labels.get("preset_name") in {
        None,
        panel_data.REPEATED["preset"],
    }


def test_single_numbers_are_the_figures_of_the_samples(shown):
    numbers = of_type("stat", "prometheus")
    numbers = [key for key in numbers if key[0] not in panel_data.CHOSEN]
    assert len(numbers) > 50
    everything = series.everything()
    for uid, title in numbers:
        (dashboard,) = [d for d in DASHBOARDS if d["uid"] == uid]
        view = grafana.View(
            series_deployment.START,
            series_deployment.END,
            panel_data.INTERVAL,
            series_deployment.STEP,
            panel_data.variables_of(PANELS[uid, title], panel_data.variables(dashboard)),
        )
        shown_of = [each for each in everything if _repeated(title, each)]
        expected = FIGURES[uid, title, "A"](metric_figures.Figures(shown_of, view))
        if PANELS[uid, title]["fieldConfig"]["defaults"]["unit"] == "dateTimeFromNow":
            later = (END - series_deployment.END).total_seconds() * 1000
            expected = {k: v + later for k, v in expected.items()}
        (row,) = shown[uid, title].rows
        assert row["value"] == pytest.approx(expected[prometheus.key()]), (uid, title)


def test_a_moment_among_the_values_is_as_long_ago_as_it_was(shown):
    (row,) = shown["ai-gateway", "Last successful reload"].rows
    ago = timedelta(seconds=END.timestamp() - row["value"] / 1000)
    assert ago == (series_deployment.END - series_deployment.EPOCH) - timedelta(seconds=6_000)


def test_one_target_may_give_many_series_and_many_targets_one_each(shown):
    cpu = shown["coderd", "CPU"].series
    assert list(cpu) == [*series.REPLICAS, "Requested", "Limit"]
    assert set(cpu["Limit"]) == {3.0}


def test_what_several_targets_say_of_a_pod_is_one_row(shown):
    rows = shown["workspaces", "Pods against their limits"].rows
    assert {row["pod"] for row in rows} == {agent.pod for agent in series.AGENTS}
    for row in rows:
        assert {f"Value #{letter}" for letter in "ABCDE"} < set(row)
        assert row["Value #E"] == row["Value #C"] / row["Value #D"]


@pytest.mark.parametrize("key", of_type("logs", "loki"), ids=" / ".join)
def test_log_lines_are_those_of_the_range_and_the_newest_come_first(shown, key):
    times = [time for time, _ in shown[key].lines]
    assert times == sorted(times, reverse=True)
    assert START < times[-1] <= times[0] <= END
    assert len(times) <= PANELS[key]["targets"][0]["maxLines"]


def test_the_dashboard_of_one_workspace_shows_one(shown):
    uid = "workspace-detail"
    chosen = panel_data.CHOSEN[uid]
    agents = shown[uid, "Agents"].rows
    assert {agent["workspace_name"] for agent in agents} == set(chosen["workspace_name"])
    assert set(shown[uid, "Memory"].series) == {*chosen["pod"], "Requested", "Limit"}
    ids = {
        f"coder-{row['workspace_id']}" for row in shown[uid, "Pods of the chosen workspaces"].rows
    }
    assert set(chosen["pod"]) <= ids


def dashboard(**target: object) -> dict:
    """Return a dashboard with one panel of one query."""
    source = {"type": "prometheus", "uid": "prometheus"}
    asked = {"datasource": source, "refId": "A", "range": True, **target}
    panel = {
        "type": "timeseries",
        "title": "Panel",
        "fieldConfig": {"defaults": {"unit": "short"}},
        "targets": [asked],
    }
    return {"uid": "one", "templating": {"list": []}, "panels": [panel]}


def test_what_is_not_there_is_a_gap():
    only_then = f"vector(1) and (vector(time()) > {series_deployment.START.timestamp() + 3600})"
    made = panel_data.panel_data([dashboard(expr=only_then, legendFormat="late")])
    assert made["one", "Panel"].series == {"late": [None] * 7 + [1.0] * 12}


def test_no_number_is_a_gap_too():
    made = panel_data.panel_data([dashboard(expr="vector(0) / 0", legendFormat="none")])
    assert made["one", "Panel"].series == {"none": [None] * 19}


def test_a_query_that_returns_nothing_shows_nothing():
    made = panel_data.panel_data([dashboard(expr="up == 7", legendFormat="x")])
    assert made["one", "Panel"] == Data(series={})


def test_series_that_a_legend_does_not_tell_apart_are_refused():
    with pytest.raises(ValueError, match="Panel: two series are named 'up'"):
        panel_data.panel_data([dashboard(expr="up", legendFormat="up")])


@pytest.mark.parametrize("expression", ["sum(", "up{pod=~`$unknown`}"])
def test_a_query_that_cannot_be_evaluated_is_no_empty_panel(expression):
    with pytest.raises(ValueError, match=r"parse error|no variable unknown"):
        panel_data.panel_data([dashboard(expr=expression, legendFormat="x")])
