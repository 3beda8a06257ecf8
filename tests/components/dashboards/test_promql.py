"""The PromQL builder names only metrics and labels there are."""

import pytest

from components.dashboards import promql
from components.dashboards.model import Metrics
from components.dashboards.promql import QueryError, aggregate, select


def test_matchers_keep_their_operator_and_quote_their_value():
    expression = select(Metrics.UP, job="=~loki.*", namespace='a"b\\c', pod="!=x")
    assert str(expression) == 'up{job=~"loki.*", namespace="a\\"b\\\\c", pod!="x"}'


def test_a_label_the_metric_lacks_is_refused():
    with pytest.raises(QueryError, match=r"coderd_agents_up has no label agent; it has .*user"):
        select(Metrics.AGENTS_UP, agent="main")


def test_a_label_an_aggregation_dropped_is_refused():
    inner = aggregate("sum", select(Metrics.BATCHES_FORWARDED), "username")
    with pytest.raises(QueryError, match="has no label workspace_name"):
        aggregate("count", inner, "workspace_name")
    with pytest.raises(QueryError, match="has no label workspace_name"):
        promql.without(inner, select(Metrics.AGENTS_UP), "workspace_name")


@pytest.mark.parametrize(
    ("metric", "suffix"),
    [(Metrics.DB_TX_DURATION, ""), (Metrics.UP, "_bucket"), (Metrics.DB_TX_DURATION, "_total")],
)
def test_a_histogram_is_read_by_its_parts_and_nothing_else_is(metric, suffix):
    with pytest.raises(QueryError, match="suffix"):
        select(metric, suffix)


def test_operands_are_bracketed_where_precedence_would_differ():
    up = select(Metrics.UP)
    assert str((up - up) / up) == "(up - up) / up"
    assert str(aggregate("sum", up) / aggregate("sum", up)) == "sum(up) / sum(up)"
    assert str(select(Metrics.UP, job="a b") * 100) == 'up{job="a b"} * 100'


def test_a_histogram_quantile_keeps_le():
    text = str(promql.histogram_quantile(0.9, Metrics.DB_TX_DURATION, "tx_id"))
    assert text == (
        "histogram_quantile(0.9, sum by (le, tx_id) "
        "(rate(coderd_db_tx_duration_seconds_bucket[$__rate_interval])))"
    )
