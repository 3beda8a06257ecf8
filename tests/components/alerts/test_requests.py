"""The alert on requests that go elsewhere than Boundary judges, over audit lines."""

from dataclasses import replace
from datetime import timedelta

import pytest

from components.alerts.component import AlertsArgs
from tests.components.alerts.test_grafana import answer, entries, evaluate, request, rules
from tests.components.dashboards.generated_requests import END, UNADDRESSED, URLS, Request

NAME = "BoundaryHostUnknown"
FIRING = {"owner": "ada", "workspace_name": "dev"}


def asked(url: str, decision: str = "allow", minutes_ago: float = 5) -> Request:
    usual = request(minutes_ago, decision, "v1")
    return replace(usual, url=url, time=END - timedelta(minutes=minutes_ago))


def firing(*made: Request) -> list[dict[str, str]]:
    args = AlertsArgs()
    return evaluate(rules(args)[NAME], {"query_A": answer(args, NAME, entries(made))})


@pytest.mark.parametrize("url", [url for url, _, decision in UNADDRESSED if decision == "allow"])
def test_one_allowed_request_to_a_host_that_nobody_knows_fires(url):
    assert firing(asked(url), asked("https://pypi.org/simple/")) == [FIRING]


def test_no_ordinary_request_fires():
    told = [url for url, *_ in URLS] + ["https://pypi.org:/x", "https://x:@github.com/", "/simple/"]
    assert firing(*(asked(url, minutes_ago=1 + n / 100) for n, url in enumerate(told))) == []


def test_what_was_denied_or_is_long_ago_fires_no_more():
    url = UNADDRESSED[0][0]
    assert firing(asked(url, "deny"), asked(url, minutes_ago=16)) == []


def test_every_workspace_is_named():
    other = replace(asked(UNADDRESSED[0][0]), owner="zoë.k+1", workspace="review-7")
    assert sorted(each["owner"] for each in firing(asked(UNADDRESSED[1][0]), other)) == [
        "ada",
        "zoë.k+1",
    ]
