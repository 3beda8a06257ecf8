"""What the AI Gateway's panels must show of the generated series, computed without PromQL.

One replica exports every metric under two names, one under the older, a gateway of its own under
the newer: each is a part of the whole, and counts once.
"""

import math
from collections.abc import Callable, Sequence

from components.dashboards.metrics import Metric, Metrics
from tests.components.dashboards.metric_figures import Figures, Key
from tests.components.dashboards.prebuild_figures import grouped, now
from tests.components.dashboards.prometheus import Vector, key
from tests.components.dashboards.series import PROVIDERS
from tests.components.dashboards.workspace_figures import ended

Figure = Callable[[Figures], Vector]
_BREAKER = ("provider", "endpoint", "model")


def _one(value: float) -> Vector:
    return {key(): float(value)}


def _now(metric: Metric, *by: str, combine: Callable = sum) -> Figure:
    """Combine what each process says at the end."""

    def seen(f: Figures) -> Vector:
        values = [(e.labels, v) for e in f.of(metric) if (v := e.seen(f.view.end)) is not None]
        return grouped(values, by, combine)

    return seen


def _total(metric: Metric) -> Figure:
    """Return how many events there were in the range, 0 where there was none."""
    return lambda f: ended(f, metric) or _one(0)


def _quantile(q: float) -> Figure:
    """Estimate a quantile of the interceptions' time by provider, as from buckets."""

    def of(f: Figures) -> Vector:
        seconds = int(f.view.builtin["__rate_interval"].rstrip("s"))
        found: Vector = {}
        for provider in ("anthropic", "bedrock-us-gov-west-1"):
            counts: dict[float, float] = {}
            for each in f.of(Metrics.INTERCEPTION_DURATION, "_bucket", provider=provider):
                bound = float(each.labels["le"])
                counts[bound] = counts.get(bound, 0.0) + f.increase(each, seconds)
            found[key(provider=provider)] = _from_buckets(q, counts)
        return found

    return of


def _from_buckets(q: float, counts: dict[float, float]) -> float:
    bounds: Sequence[float] = sorted(counts)
    rank = q * counts[math.inf]
    upper = next(bound for bound in bounds if counts[bound] >= rank)
    lower = max((bound for bound in bounds if bound < upper), default=0.0)
    below = counts.get(lower, 0.0)
    return lower + (upper - lower) * (rank - below) / (counts[upper] - below)


def _of(title: str, *figures: Figure) -> dict[Key, Figure]:
    return {("ai-gateway", title, chr(65 + n)): figure for n, figure in enumerate(figures)}


def _not_closed(f: Figures) -> Vector:
    worst = _now(Metrics.BREAKER_STATE, *_BREAKER, combine=max)(f)
    return _one(sum(state > 0 for state in worst.values()))


EXPECTED: dict[Key, Figure] = {
    **_of("Configured providers", lambda _: _one(len(PROVIDERS))),
    # The first replica's last reload failed, however long ago the others' was.
    **_of("Provider reload status", lambda _: _one(0)),
    **_of("Last successful reload", lambda _: _one(6_000 * 1000)),
    **_of(
        "Provider inventory",
        lambda _: {key(provider_name=n, provider_type=t, status=s): 1.0 for n, t, s in PROVIDERS},
    ),
    **_of("In flight", _now(Metrics.INTERCEPTIONS_INFLIGHT)),
    **_of("Breakers not closed", _not_closed),
    **_of("Rejected by breakers", _total(Metrics.BREAKER_REJECTS)),
    **_of("Blocked by budgets", _total(Metrics.BUDGET_BLOCKED_REQUESTS)),
    **_of("People over budget", lambda f: now(f, Metrics.BUDGET_BLOCKED_USERS)),
    **_of("Responses without a price", _total(Metrics.UNPRICED_USAGE)),
    **_of("Interceptions by status", lambda f: f.rates(Metrics.INTERCEPTIONS, "status")),
    **_of("Interception time", _quantile(0.5), _quantile(0.95)),
    **_of("Token rate", lambda f: f.rates(Metrics.TOKENS, "type")),
    **_of(
        "Tool rate",
        lambda f: f.rates(Metrics.INJECTED_TOOLS),
        lambda f: f.rates(Metrics.CLIENT_TOOLS),
    ),
    **_of("Circuit breakers", _now(Metrics.BREAKER_STATE, *_BREAKER, combine=max)),
    **_of(
        "Circuit breaker trips and rejects",
        lambda f: f.added_by_process(Metrics.BREAKER_TRIPS, f.view.interval, "provider"),
        lambda f: f.added_by_process(Metrics.BREAKER_REJECTS, f.view.interval, "provider"),
    ),
    **_of(
        "Blocked requests by group",
        lambda f: f.added_by_process(Metrics.BUDGET_BLOCKED_REQUESTS, f.view.interval, "group_id"),
    ),
    **_of(
        "Models without a price",
        lambda f: ended(f, Metrics.UNPRICED_USAGE, "provider", "provider_type", "model"),
    ),
}
