"""The pictures in docs/ are those of the dashboards."""

from xml.etree import ElementTree

import pytest

from components.dashboards import CATALOGUE
from docs import draw_dashboards


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
