"""What holds for every dashboard of the catalogue: layout, words, links, stable bytes."""

import itertools
import json
from dataclasses import replace
from typing import Any

import pytest

from components.dashboards.catalogue import CATALOGUE
from components.dashboards.context import DashboardContext
from components.dashboards.layout import Section, build_dashboard, panel_id, render
from components.dashboards.links import leads_to
from components.dashboards.metrics import Metrics
from components.dashboards.panels import stat_panel
from components.dashboards.promql import select
from components.dashboards.queries import promql

CONTEXT = DashboardContext()


@pytest.fixture(params=CATALOGUE)
def dashboard(request: pytest.FixtureRequest) -> dict[str, Any]:
    return json.loads(CATALOGUE[request.param].json(CONTEXT))


def test_no_panel_lies_over_another_or_outside_the_grid(dashboard):
    taken: dict[tuple[int, int], str] = {}
    for panel in dashboard["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24, panel["title"]
        columns = range(place["x"], place["x"] + place["w"])
        rows = range(place["y"], place["y"] + place["h"])
        for cell in itertools.product(columns, rows):
            assert cell not in taken, (panel["title"], taken.get(cell))
            taken[cell] = panel["title"]


def test_every_panel_has_words_for_its_reader(dashboard):
    for panel in dashboard["panels"]:
        assert panel["title"]
        if panel["type"] != "row":
            assert len(panel["description"]) > 40, panel["title"]
            assert panel["description"].endswith("."), panel["title"]


def test_a_title_names_the_variable_that_its_row_is_repeated_for(dashboard):
    variables = {v["name"] for v in dashboard["templating"]["list"]}
    repeat = None
    for panel in dashboard["panels"]:
        if panel["type"] == "row":
            repeat = panel.get("repeat")
            assert repeat is None or repeat in variables
        assert ("$" in panel["title"]) == (repeat is not None), panel["title"]
        assert repeat is None or f"${repeat}" in panel["title"]


def test_every_number_has_a_unit(dashboard):
    for panel in dashboard["panels"]:
        if panel["type"] in {"stat", "timeseries", "bargauge", "piechart"}:
            assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]


def test_ids_are_unique_and_dashboards_link_to_each_other(dashboard):
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(ids) == len(set(ids))
    # From its title alone, so that no other panel moves it.
    rows = {"row": "row "}
    made = [panel_id(rows.get(p["type"], "") + p["title"]) for p in dashboard["panels"]]
    assert ids == made
    (link,) = dashboard["links"]
    assert link["type"] == "dashboards"
    assert link["tags"] == dashboard["tags"]


def links(dashboard: dict[str, Any]) -> list[str]:
    found = []
    for panel in dashboard["panels"]:
        found += [link["url"] for link in panel.get("links") or []]
        for override in panel.get("fieldConfig", {}).get("overrides", []):
            for prop in override["properties"]:
                if prop["id"] == "links":
                    found += [link["url"] for link in prop["value"]]
    return found


def test_links_lead_to_dashboards_and_variables_there_are(dashboard):
    own = {v["name"] for v in dashboard["templating"]["list"]}
    for url in links(dashboard):
        uid, _, query = url.removeprefix("/d/").partition("?")
        target = json.loads(CATALOGUE[uid].json(CONTEXT))
        known = {v["name"] for v in target["templating"]["list"]}
        kept = {name for name in own | known if f"${{{name}:queryparam}}" in query}
        named = {
            part.partition("=")[0].removeprefix("var-")
            for part in query.split("&")
            if part.startswith("var-")
        }
        assert named <= known, url
        assert kept <= known & own, url


@pytest.mark.parametrize("uid", CATALOGUE)
def test_no_link_leads_to_a_dashboard_that_the_stack_does_not_get(uid):
    alone = json.loads(CATALOGUE[uid].json(replace(CONTEXT, dashboards=(uid,))))
    assert {leads_to(url) for url in links(alone)} <= {uid}
    assert CATALOGUE[uid].json(CONTEXT) == CATALOGUE[uid].json(
        replace(CONTEXT, dashboards=tuple(CATALOGUE))
    )


def test_dashboards_lead_from_what_they_show_to_what_says_more():
    leads = {
        uid: {leads_to(url) for url in links(json.loads(spec.json(CONTEXT)))}
        for uid, spec in CATALOGUE.items()
    }
    assert "workspace-detail" in leads["agent-firewall"] & leads["workspaces"]
    assert {"coderd", "provisionerd", "workspaces"} <= leads["coder-status"]


def test_a_number_links_to_the_dashboard_that_says_more(dashboard):
    for panel in dashboard["panels"]:
        for link in panel.get("links") or []:
            uid, _, query = link["url"].removeprefix("/d/").partition("?")
            assert uid in CATALOGUE, panel["title"]
            assert uid != dashboard["uid"], panel["title"]
            assert query == "${__url_time_range}"


@pytest.mark.parametrize("uid", CATALOGUE)
def test_the_same_input_gives_the_same_bytes(uid):
    assert CATALOGUE[uid].json(CONTEXT) == CATALOGUE[uid].json(DashboardContext())


def small(*titles: str, description: str = "What it is.") -> str:
    up = promql(select(Metrics.UP))
    panels = [stat_panel(t, description if t == titles[-1] else "What it is.", up) for t in titles]
    return render(
        build_dashboard(
            uid="small",
            title="Small",
            description="",
            context=CONTEXT,
            sections=[Section("Row", panels)],
        )
    )


def test_a_change_of_one_panel_shows_as_that_panel_alone():
    before = json.loads(small("a", "b"))
    after = json.loads(small("a", "b", description="Something else."))
    changed = [
        new["title"]
        for old, new in zip(before["panels"], after["panels"], strict=True)
        if old != new
    ]
    assert changed == ["b"]
    assert {k: v for k, v in before.items() if k != "panels"} == {
        k: v for k, v in after.items() if k != "panels"
    }


def test_one_more_panel_leaves_the_others_their_ids():
    before = {p["title"]: p["id"] for p in json.loads(small("a", "b"))["panels"]}
    after = {p["title"]: p["id"] for p in json.loads(small("a", "new", "b"))["panels"]}
    assert before.items() <= after.items()


def test_two_panels_of_one_title_are_refused():
    with pytest.raises(ValueError, match="share the title 'a'"):
        small("a", "a")


def test_a_panel_wider_than_its_row_has_left_is_refused():
    up = promql(select(Metrics.UP))
    panels = [
        stat_panel("a", "What it is.", up, width=16),
        stat_panel("b", "What it is.", up, width=12),
    ]
    with pytest.raises(ValueError, match="'b' needs 12 columns, 8 are left"):
        build_dashboard(
            uid="wide",
            title="Wide",
            description="",
            context=CONTEXT,
            sections=[Section("Row", panels)],
        )
