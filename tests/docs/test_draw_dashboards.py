"""The pictures in docs/ are those of the dashboards."""

import re
from xml.etree import ElementTree

import pytest

from components.dashboards.catalogue import CATALOGUE
from docs import draw_dashboards
from docs.panel_data import END, Data


@pytest.fixture(scope="module")
def pictures():
    return draw_dashboards.pictures()


@pytest.mark.parametrize("uid", CATALOGUE)
def test_the_committed_picture_is_what_the_dashboard_looks_like(pictures, uid):
    committed = (draw_dashboards.DIRECTORY / f"{uid}.svg").read_text(encoding="utf-8")
    assert committed == pictures[uid], "run python -m docs.draw_dashboards"


@pytest.mark.parametrize("uid", CATALOGUE)
def test_a_picture_is_well_formed_and_shows_every_title(pictures, uid):
    svg = ElementTree.fromstring(pictures[uid])
    shown = {element.text for element in svg.iter("{http://www.w3.org/2000/svg}text")}
    assert CATALOGUE[uid].title in shown
    assert len(shown) > 20


@pytest.mark.parametrize("uid", CATALOGUE)
def test_no_picture_shows_what_is_no_number_or_an_empty_panel(pictures, uid):
    svg = pictures[uid]
    assert "nan" not in svg.lower()
    assert "No data" not in svg


def drawn(kind: str, data: Data, **defaults: object) -> str:
    """Return the picture of a dashboard with one panel."""
    panel = {
        "type": kind,
        "title": "Panel",
        "gridPos": {"x": 0, "y": 0, "w": 12, "h": 8},
        "fieldConfig": {"defaults": {"unit": "short", **defaults}, "overrides": []},
    }
    dashboard = {"uid": "one", "title": "One", "templating": {"list": []}, "panels": [panel]}
    return draw_dashboards.draw(dashboard, {"Panel": data})


@pytest.mark.parametrize("kind", ["timeseries", "table", "bargauge", "piechart", "logs"])
def test_a_panel_without_data_says_so(kind):
    assert ">No data<" in drawn(kind, Data())


def test_a_number_that_is_not_there_is_what_the_panel_says_then():
    assert ">never<" in drawn("stat", Data(rows=[]), noValue="never")
    assert ">No data<" in drawn("stat", Data(rows=[]))


def test_a_line_stops_where_its_values_do():
    whole = drawn("timeseries", Data(series={"a": [1.0, 1.0, 1.0, 1.0]}))
    parted = drawn("timeseries", Data(series={"a": [1.0, 1.0, None, 1.0]}))
    paths = [re.findall(r'<path d="([^"]+)" stroke="#73bf69"', svg) for svg in (whole, parted)]
    assert [path.count("M") for (path,) in paths] == [1, 2]


def test_a_number_has_the_color_of_the_threshold_it_reached():
    steps = [{"value": None, "color": "green"}, {"value": 5, "color": "red"}]
    for value, color in ((4.0, "green"), (5.0, "red")):
        svg = drawn("stat", Data(rows=[{"name": "", "value": value}]), thresholds={"steps": steps})
        assert f'fill="{draw_dashboards.COLORS[color]}"' in svg


def test_thresholds_within_the_axis_are_lines_over_time():
    steps = [{"value": None, "color": "green"}, *({"value": v, "color": "red"} for v in (5, 50))]
    svg = drawn(
        "timeseries",
        Data(series={"a": [1.0, 9.0]}),
        thresholds={"steps": steps},
        custom={"thresholdsStyle": {"mode": "line"}},
    )
    assert svg.count(f'stroke="{draw_dashboards.COLORS["red"]}"') == 1


@pytest.mark.parametrize(
    ("value", "unit", "decimals", "text"),
    [
        (1059.0, "short", None, "1.06 K"),
        (1059.0, "none", None, "1059"),
        (1058.6, "locale", 0, "1,059"),
        (1.006, "short", 0, "1"),
        (0.5556, "percentunit", 0, "56%"),
        (0.5556, "percentunit", None, "55.6%"),
        (3 * 2**30, "bytes", None, "3 GiB"),
        (0.0412, "s", None, "41.2 ms"),
        (90.0, "s", None, "1.5 min"),
        (0.0, "currencyUSD", None, "$0.00"),
        (0.25, "currencyUSD", None, "$0.2500"),
        ((END.timestamp() - 5 * 60) * 1000, "dateTimeFromNow", None, "5 minutes ago"),
        ((END.timestamp() - 60 * 60) * 1000, "dateTimeFromNow", None, "1 hour ago"),
        (None, "short", None, ""),
    ],
)
def test_values_are_shown_as_grafana_does(value, unit, decimals, text):
    assert draw_dashboards.shown_as(value, unit, decimals) == text


@pytest.mark.parametrize(
    ("highest", "unit", "labels"),
    [
        (41.0, "short", ["0", "25", "50"]),
        (0.3, "short", ["0", "0.1", "0.2", "0.3"]),
        (3.7 * 2**30, "bytes", ["0 B", "1 GiB", "2 GiB", "3 GiB", "4 GiB"]),
        (150.0, "s", ["0 s", "1 min", "2 min", "3 min"]),
    ],
)
def test_an_axis_has_round_labels(highest, unit, labels):
    svg = drawn("timeseries", Data(series={"a": [highest, 0.0]}), unit=unit)
    shown = re.findall(r'text-anchor="end">([^<]+)</text>', svg)
    assert [text for text in shown if not text.startswith("20")] == labels
