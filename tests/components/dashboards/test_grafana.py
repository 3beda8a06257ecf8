"""Grafana's variables and macros, against what its documentation shows."""

from datetime import UTC, datetime

import pytest

from tests.components.dashboards import grafana

VIEW = grafana.View(
    datetime(2017, 4, 21, 5, 1, 17, tzinfo=UTC),
    datetime(2017, 4, 21, 5, 6, 17, 500000, tzinfo=UTC),
    interval=300,
    variables={"host": "a.b/c", "quoted": "it's", "many": ["x", "y.z"], "all": [".*"]},
)


@pytest.mark.parametrize(
    ("query", "expanded"),
    [
        (
            "$__timeFilter(t.created)",
            "t.created BETWEEN '2017-04-21T05:01:17Z' AND '2017-04-21T05:06:17.5Z'",
        ),
        ("$__timeGroup(a, '5m')", "floor(extract(epoch from a)/300)*300"),
        ("$__timeGroup(a, $__interval)", "floor(extract(epoch from a)/300)*300"),
        ("$__timeGroupAlias(a,1h)", 'floor(extract(epoch from a)/3600)*3600 AS "time"'),
        ("$__timeFrom() $__interval_ms", "'2017-04-21T05:01:17Z' 300000"),
        ("name IN ($many)", "name IN ('x','y.z')"),
    ],
)
def test_sql(query, expanded):
    assert grafana.postgres(query, VIEW) == expanded


@pytest.mark.parametrize(
    ("query", "expanded"),
    [
        ("a[$__rate_interval]", "a[315s]"),
        ("a[$__range] offset ${__range_s}s", "a[300s] offset 300s"),
        ("=~`.*${host:regex}.*`", "=~`.*a\\.b\\/c.*`"),
        ('=~"$many"', '=~"(x|y\\\\.z)"'),
        ('=~"$all"', '=~".*"'),
        ("=~`${all:regex}`", "=~`.*`"),
        ("=~`${many:regex}`", "=~`(x|y\\.z)`"),
        ("[[many:pipe]]", "x|y.z"),
    ],
)
def test_metrics_and_logs(query, expanded):
    assert grafana.loki(query, VIEW) == expanded
    assert grafana.prometheus(query, VIEW) == expanded


@pytest.mark.parametrize("query", ["$nobody", "${nobody:regex}", "[[nobody]]"])
def test_a_variable_that_is_not_one_is_refused(query):
    for expand in (grafana.loki, grafana.prometheus, grafana.postgres):
        with pytest.raises(grafana.GrafanaError, match="no variable nobody"):
            expand(query, VIEW)


def test_a_macro_that_is_not_one_is_refused():
    with pytest.raises(grafana.GrafanaError, match=r"unknown macro \$__timeFilters\(a\)"):
        grafana.postgres("$__timeFilters(a)", VIEW)
