"""The section of the AI Gateway's dashboard on requests as Prometheus counts them.

It shows what the database does not hold: requests that wait, fail, are rejected while a provider is
down, or are blocked by a budget. The gateway's metrics have two prefixes, an older and a newer one.
"""

from __future__ import annotations

from components.dashboards.layout import Section
from components.dashboards.metrics import Metric, Metrics
from components.dashboards.panel import Color, Panel, Threshold, Unit
from components.dashboards.panels import stat_panel, table_panel, timeseries_panel
from components.dashboards.promql import (
    Expression,
    added,
    aggregate,
    by_any_name,
    events,
    histogram_quantile,
    is_positive,
    once,
    rate,
    rounded,
    select,
)
from components.dashboards.queries import promql

_STATUS_COLORS = {"completed": Color.GREEN, "failed": Color.RED}
_BREAKERS = {
    "0": ("closed", Color.GREEN),
    "0.5": ("half-open", Color.ORANGE),
    "1": ("open", Color.RED),
}


def requests() -> Section:
    """Return the section on requests in flight, failures, circuit breakers and budgets."""
    return Section(
        "Requests, circuit breakers and budgets",
        [*_now(), *_traffic(), *_breakers(), *_budgets()],
    )


def _rate(metric: Metric, *by: str) -> Expression:
    return aggregate("sum", by_any_name(metric, lambda named: rate(select(named))), *by)


def _now() -> list[Panel]:
    inflight = by_any_name(Metrics.INTERCEPTIONS_INFLIGHT, select)
    state = by_any_name(Metrics.BREAKER_STATE, select)
    breaker = aggregate("max", state, "provider", "endpoint", "model")
    # A counter of rejections is born with the first.
    rejected = rounded(events(Metrics.BREAKER_REJECTS))
    lost = [Threshold(1, Color.ORANGE)]
    return [
        stat_panel(
            "In flight",
            "Interceptions that wait for their provider now. High and not falling: the provider is "
            "slow, see Interception time.",
            promql(aggregate("sum", inflight), instant=True),
            no_value="no data",
        ),
        stat_panel(
            "Breakers not closed",
            "Endpoints that the gateway spares as too many of their answers failed; clients are "
            "refused at once. See which below, then the provider's own status page.",
            promql(aggregate("sum", is_positive(breaker)), instant=True),
            base=Color.GREEN,
            thresholds=[Threshold(1, Color.RED)],
            no_value="no data",
        ),
        stat_panel(
            "Rejected by breakers",
            "Requests of the range that were refused while a circuit breaker was open.",
            promql(rejected.or_zero(), instant=True),
            base=Color.GREEN,
            thresholds=lost,
        ),
        stat_panel(
            "Blocked by budgets",
            "Requests of the range that were refused as somebody's budget was spent. Work stands "
            "still: raise it, or ask what spent it under Top users.",
            promql(rounded(events(Metrics.BUDGET_BLOCKED_REQUESTS)).or_zero(), instant=True),
            base=Color.GREEN,
            thresholds=lost,
        ),
        stat_panel(
            "People over budget",
            "Users whose budget is spent now; each is counted in the group that gives the budget.",
            promql(
                aggregate("sum", once(Metrics.BUDGET_BLOCKED_USERS)).or_zero(),
                instant=True,
            ),
            base=Color.GREEN,
            thresholds=lost,
        ),
        stat_panel(
            "Responses without a price",
            "Responses of the range that no price was known for: they cost 0 here and in budgets. "
            "Any: give the models below a price.",
            promql(rounded(events(Metrics.UNPRICED_USAGE)).or_zero(), instant=True),
            base=Color.GREEN,
            thresholds=lost,
        ),
    ]


def _traffic() -> list[Panel]:
    return [
        timeseries_panel(
            "Interceptions by status",
            "Interceptions a second by how they ended. Failed rises: the provider refuses, or its "
            "key is spent; read the gateway log.",
            promql(_rate(Metrics.INTERCEPTIONS, "status"), "{{status}}"),
            unit=Unit.PER_SECOND,
            stacked=True,
            colors=_STATUS_COLORS,
        ),
        timeseries_panel(
            "Interception time",
            "Median and 95th percentile by provider, the provider's own time included. One that "
            "rises alone: that provider; all of them: coderd or the way out.",
            promql(
                histogram_quantile(0.5, Metrics.INTERCEPTION_DURATION, "provider"),
                "{{provider}}: median",
            ),
            promql(
                histogram_quantile(0.95, Metrics.INTERCEPTION_DURATION, "provider"),
                "{{provider}}: p95",
            ),
            unit=Unit.SECONDS,
        ),
        timeseries_panel(
            "Token rate",
            "Tokens a second by kind, in the provider's own words, as the gateway counts them. "
            "Far from Tokens over time above: the database lacks responses.",
            promql(_rate(Metrics.TOKENS, "type"), "{{type}}"),
            stacked=True,
        ),
        timeseries_panel(
            "Tool rate",
            "Tools a second that the gateway injected and ran, and those it left to the client. "
            "Injected at none while agents work: its MCP servers are not reached.",
            promql(_rate(Metrics.INJECTED_TOOLS), "injected"),
            promql(_rate(Metrics.CLIENT_TOOLS), "client"),
            unit=Unit.PER_SECOND,
            stacked=True,
        ),
    ]


def _breakers() -> list[Panel]:
    labels = ("provider", "endpoint", "model")
    return [
        table_panel(
            "Circuit breakers",
            "The worst state of each among all replicas. open: refused at once; half-open: single "
            "requests try whether the provider is back.",
            promql(
                aggregate("max", by_any_name(Metrics.BREAKER_STATE, select), *labels), instant=True
            ),
            columns={
                "provider": "Provider",
                "endpoint": "Endpoint",
                "model": "Model",
                "Value": "State",
            },
            mappings={"State": _BREAKERS},
            width=12,
            height=8,
        ),
        timeseries_panel(
            "Circuit breaker trips and rejects",
            "How often breakers opened, and requests refused meanwhile, in each interval. Again "
            "and again: the provider limits the rate; spread the load or ask for more.",
            promql(added(Metrics.BREAKER_TRIPS, "provider"), "{{provider}}: trips"),
            promql(added(Metrics.BREAKER_REJECTS, "provider"), "{{provider}}: rejects"),
            bars=True,
            interval="5m",
        ),
    ]


def _budgets() -> list[Panel]:
    unpriced = events(Metrics.UNPRICED_USAGE, "provider", "provider_type", "model")
    return [
        timeseries_panel(
            "Blocked requests by group",
            "Requests refused in each interval as a budget was spent, by the id of the group that "
            "gives it.",
            promql(added(Metrics.BUDGET_BLOCKED_REQUESTS, "group_id"), "{{group_id}}"),
            bars=True,
            stacked=True,
            interval="5m",
        ),
        table_panel(
            "Models without a price",
            "What was used in the range and has no price. Its cost is 0 on this dashboard and in "
            "budgets; docs/dashboards.md of the project says how to give it one.",
            promql(rounded(unpriced), instant=True),
            columns={
                "provider": "Provider",
                "provider_type": "Type",
                "model": "Model",
                "Value": "Responses",
            },
            width=12,
            height=8,
        ),
    ]
