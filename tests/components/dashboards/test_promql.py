"""The PromQL builder names only metrics and labels there are."""

import pytest

from components.dashboards import promql
from components.dashboards.metrics import Metrics
from components.dashboards.promql import QueryError, aggregate, select
from tests.components.dashboards.prometheus import Case, Check, judge, key
from tests.components.dashboards.series_deployment import COUNT, END, Series


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
        promql.where(inner, select(Metrics.AGENTS_UP), "workspace_name")
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


def test_what_every_replica_reports_alike_is_taken_once():
    text = str(promql.once(Metrics.AGENTS_UP, workspace_name="dev"))
    assert text == (
        "max by (template_name, template_version, username, workspace_name) "
        '(coderd_agents_up{workspace_name="dev"})'
    )
    with pytest.raises(QueryError, match="each replica reports its own up: sum it"):
        promql.once(Metrics.UP)


def test_a_metric_of_two_names_is_read_by_either_and_never_added_up():
    metric = Metrics.INTERCEPTIONS_INFLIGHT
    new, former = (
        "coder_ai_gateway_interceptions_inflight",
        "coder_aibridged_interceptions_inflight",
    )
    assert [named.name for named in metric.names] == [new, former]
    either = promql.by_any_name(metric, lambda named: select(named, model="m"))
    assert str(aggregate("sum", either)) == f'sum({new}{{model="m"}} or {former}{{model="m"}})'
    with pytest.raises(QueryError, match=f"{new} was {former}: read it by_any_name"):
        select(metric)
    alone = Metrics.BUDGET_BLOCKED_REQUESTS
    assert alone.names == (alone,)
    assert promql.by_any_name(alone, select) == select(alone)


def test_a_new_series_counts_from_its_first_sample():
    assert str(promql.added(Metrics.WORKSPACE_BUILDS, "status", status="failed")) == (
        "sum by (status) ("
        'coderd_workspace_builds_total{status="failed"} - '
        'coderd_workspace_builds_total{status="failed"} offset $__interval >= 0 or '
        'coderd_workspace_builds_total{status="failed"})'
    )
    shared = str(promql.added(Metrics.PREBUILDS_FAILED, over="1h"))
    highest = "max by (organization_name, preset_name, template_name) "
    name = "coderd_prebuilt_workspaces_failed_total"
    assert shared == (
        f"sum({highest}({name}) - {highest}({name} offset 1h) >= 0 or {highest}({name}))"
    )
    with pytest.raises(QueryError, match="is a gauge: it counts nothing"):
        promql.added(Metrics.AGENTS_UP)


def test_a_quantile_of_few_observations_sees_the_first():
    text = str(promql.quantile_of_few(0.5, Metrics.PREBUILD_CLAIM_DURATION, over="2h"))
    bucket = "coderd_prebuilt_workspace_claim_duration_seconds_bucket"
    assert text == (
        f"histogram_quantile(0.5, sum by (le) ({bucket} - {bucket} offset 2h >= 0 or {bucket}))"
    )


def test_a_variable_offers_labels_there_are():
    text = promql.label_values(
        Metrics.PREBUILDS_DESIRED, "preset_name", template_name=promql.chosen("t")
    )
    series = "coderd_prebuilt_workspaces_desired{template_name=~`${t:regex}`}"
    assert text == f"label_values({series}, preset_name)"
    with pytest.raises(QueryError, match="has no label preset"):
        promql.label_values(Metrics.PREBUILDS_DESIRED, "preset")


def test_arithmetic_keeps_the_labels_both_sides_have():
    up = aggregate("sum", select(Metrics.UP), "job", "pod")
    other = aggregate("sum", select(Metrics.UP), "job")
    assert str((up + other) / 60) == "((sum by (job, pod) (up)) + (sum by (job) (up))) / 60"
    assert (up + other).labels == {"job"}


def test_a_histogram_quantile_keeps_le():
    text = str(promql.histogram_quantile(0.9, Metrics.DB_TX_DURATION, "tx_id"))
    assert text == (
        "histogram_quantile(0.9, sum by (le, tx_id) "
        "(rate(coderd_db_tx_duration_seconds_bucket[$__rate_interval])))"
    )


def test_a_peak_is_taken_over_what_the_expression_was():
    up = select(Metrics.UP)
    assert str(promql.peak(up - up)) == "max_over_time((up - up)[$__range:$__interval])"


def test_comparisons():
    up = select(Metrics.UP)
    assert str(up.equals(0)) == "up == 0"
    assert str(promql.is_positive(up / up).or_zero()) == "((up / up) > bool 0) or vector(0)"


def test_a_series_that_comes_back_is_not_new_while_it_is_remembered():
    text = str(promql.added(Metrics.POD_RESTARTS, over="15m", memory="1d"))
    assert "last_over_time(kube_pod_container_status_restarts_total[1d] offset 15m)" in text


def test_a_series_is_compared_with_a_number_or_with_another_series():
    up = select(Metrics.UP)
    assert str(up > 0) == "up > 0"
    assert str(up > aggregate("sum", up - up)) == "up > sum(up - up)"


def test_events_are_counted_from_the_first_on_and_on_pods_that_are_gone():
    def counter(pod: str, status: str, *steps: tuple[int, float | None]) -> Series:
        """Return a counter that has each value from a sample on."""
        values: list[float | None] = [None] * COUNT
        for index, value in steps:
            values[index:] = [value] * (COUNT - index)
        labels = {"pod": pod, "provisioner": "terraform", "status": status}
        return Series(Metrics.PROVISIONER_JOB_TIMINGS.name + "_count", labels, tuple(values))

    series = [
        counter("a", "success", (0, 7)),  # none in the range
        counter("a", "failed", (120, 1)),  # the first, in the range
        counter("b", "success", (0, 10), (90, 15), (150, None)),  # five, then the pod went
        counter("c", "success", (COUNT - 1, 2)),  # two, of which one sample tells
    ]
    counted = promql.events(Metrics.PROVISIONER_JOB_TIMINGS, "status", suffix="_count", over="3h")
    judge(
        Case(
            series,
            [
                Check(
                    f"round({counted})",
                    int(END.timestamp()),
                    {key(status="success"): 7.0, key(status="failed"): 1.0},
                )
            ],
        )
    )


def test_events_are_of_counters_that_each_pod_has_for_itself():
    with pytest.raises(QueryError, match="is a gauge: it counts nothing"):
        promql.events(Metrics.UP)
    with pytest.raises(QueryError, match=r"same coderd_prebuilt_workspaces_created_total: use add"):
        promql.events(Metrics.PREBUILDS_CREATED)
    with pytest.raises(QueryError, match="has no label workspace_name"):
        promql.events(Metrics.PROVISIONER_JOB_TIMINGS, "workspace_name", suffix="_count")


def test_a_quantile_needs_buckets():
    with pytest.raises(QueryError, match="has no label le"):
        promql.quantile_of(0.5, select(Metrics.UP))
