"""PromQL from the metrics of the model; metrics and labels outside it are refused.

An `Expression` knows the labels its result carries, so grouping by a label that an inner
aggregation has already dropped fails here and not as an empty panel.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Set
from dataclasses import dataclass
from typing import Literal

from components.dashboards.metrics import Metric, MetricKind

Duration = str
"""A PromQL duration such as `5m`, or Grafana's `$__rate_interval`, `$__range`, `$__interval`."""

Aggregation = Literal["sum", "count", "max", "min", "avg"]
_OPERATORS = ("=~", "!~", "!=", "=")


class QueryError(ValueError):
    """A query that names what does not exist, or uses it as what it is not."""


@dataclass(frozen=True)
class Expression:
    """PromQL text and the labels of its result."""

    text: str
    labels: frozenset[str]

    def __str__(self) -> str:
        return self.text

    def __gt__(self, other: float | Expression) -> Expression:
        right = _operand(other) if isinstance(other, Expression) else str(other)
        return Expression(f"{_operand(self)} > {right}", self.labels)

    def equals(self, value: float) -> Expression:
        """Keep the series whose value is `value`."""
        return Expression(f"{_operand(self)} == {value}", self.labels)

    def __truediv__(self, other: Expression | float) -> Expression:
        if not isinstance(other, Expression):
            return Expression(f"{_operand(self)} / {other}", self.labels)
        return Expression(f"{_operand(self)} / {_operand(other)}", self.labels & other.labels)

    def __add__(self, other: Expression) -> Expression:
        return Expression(f"{_operand(self)} + {_operand(other)}", self.labels & other.labels)

    def __sub__(self, other: Expression) -> Expression:
        return Expression(f"{_operand(self)} - {_operand(other)}", self.labels & other.labels)

    def __mul__(self, factor: float) -> Expression:
        return Expression(f"{_operand(self)} * {factor}", self.labels)

    def or_zero(self) -> Expression:
        """Show 0 where there is no series; for a result without labels."""
        return Expression(f"{_operand(self)} or vector(0)", frozenset())


def _operand(expression: Expression) -> str:
    # Parentheses only where a binary operator stands outside of any brackets.
    depth = 0
    quoted = False
    for before, char in zip(" " + expression.text, expression.text, strict=False):
        if char == '"' and before != "\\":
            quoted = not quoted
        if quoted:
            continue
        depth += (char in "([{") - (char in ")]}")
        if depth == 0 and char == " ":
            return f"({expression.text})"
    return expression.text


def chosen(variable: str) -> str:
    """Return the matcher for the values that a reader chose of a dashboard's variable."""
    return f"=~${{{variable}:regex}}"


def _quote(value: str) -> str:
    if "${" in value:
        # Grafana puts its value in as it is, where a quote would end a quoted string.
        return f"`{value}`"
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def select(metric: Metric, suffix: str = "", **matchers: str) -> Expression:
    """Select the series of `metric`.

    Args:
        metric: A metric of the model.
        suffix: For a histogram `_bucket`, `_sum` or `_count`; else empty.
        matchers: Value by label. A value may start with `=`, `!=`, `=~` or `!~`; without one it
            is compared for equality.

    Raises:
        QueryError: The metric has no such label or had another name, or the suffix does not fit
            its type.
    """
    if metric.former:
        raise QueryError(f"{metric.name} was {metric.former}: read it by_any_name()")
    histogram = metric.kind is MetricKind.HISTOGRAM
    if histogram != (suffix in {"_bucket", "_sum", "_count"}) or (suffix and not histogram):
        raise QueryError(f"{metric.name} is a {metric.kind}: the suffix {suffix!r} does not fit")
    labels = metric.labels | ({"le"} if suffix == "_bucket" else frozenset())
    _require(matchers, labels, metric.name)
    parts = []
    for label, value in matchers.items():
        operator = next((op for op in _OPERATORS if value.startswith(op)), "")
        parts.append(f"{label}{operator or '='}{_quote(value.removeprefix(operator))}")
    selector = "{" + ", ".join(parts) + "}" if parts else ""
    return Expression(f"{metric.name}{suffix}{selector}", labels)


def by_any_name(metric: Metric, expression: Callable[[Metric], Expression]) -> Expression:
    """Return an expression of a metric that earlier releases export under another name.

    Where a process exports both, alike, the newer name's series are taken and the others left.

    Args:
        metric: A metric of the model.
        expression: Returns what is asked of it under one name, such as its rate.
    """
    return either(*(expression(named) for named in metric.names))


def once(metric: Metric, **matchers: str) -> Expression:
    """Return a metric that every replica of coderd reports alike, each series one time.

    Raises:
        QueryError: The replicas report different numbers, or a label is none of the metric's.
    """
    if not metric.shared:
        raise QueryError(f"each replica reports its own {metric.name}: sum it")
    return aggregate("max", select(metric, **matchers), *sorted(metric.own_labels))


def added(
    metric: Metric,
    *by: str,
    suffix: str = "",
    over: Duration = "$__interval",
    memory: Duration = "",
    **matchers: str,
) -> Expression:
    """Return what counters grew by over a duration, the first count of a new series included.

    `increase` needs two samples and so misses the 1 with which, say, a workspace's first build
    begins its series. A series that was absent at the start counts in full, be it new or be it
    that nothing was scraped then. The ends of the duration alone are compared: one that is absent
    at the end counts nothing, and one that was reset what it is above the start, or all that it
    is where it is below. So it suits durations of a few scrapes; `events` and `losses.lost` are for
    long ones.

    Args:
        metric: A counter, or with a suffix a histogram.
        by: Labels to keep.
        suffix: As of `select`.
        over: Of a time series, the distance of its points, so that each counts its own part.
        memory: How long a series that went away is still known, so that it is not new, and not
            counted in full, when it comes back; for alerts.
        matchers: As of `select`.

    Raises:
        QueryError: A gauge, or a label that is none of the metric's.
    """
    if metric.kind is MetricKind.GAUGE:
        raise QueryError(f"{metric.name} is a gauge: it counts nothing")

    def of(named: Metric) -> Expression:
        return _grown(named, suffix, over, memory, matchers)

    return aggregate("sum", by_any_name(metric, of), *by)


def _grown(
    metric: Metric, suffix: str, over: Duration, memory: Duration, matchers: Mapping[str, str]
) -> Expression:
    now = select(metric, suffix, **matchers)
    then = f"last_over_time({now}[{memory}] offset {over})" if memory else f"{now} offset {over}"
    before = Expression(then, now.labels)
    if metric.shared:
        own = sorted(metric.own_labels)
        now, before = aggregate("max", now, *own), aggregate("max", before, *own)
    return Expression(f"{now} - {before} >= 0 or {now}", now.labels)


def events(
    metric: Metric, *by: str, suffix: str = "", over: Duration = "$__range", **matchers: str
) -> Expression:
    """Return how many events were counted over a long duration, by pods that are gone by now too.

    A series is born with its first event, in which `increase` sees no increase: it counts from its
    first sample on. For durations of many scrapes; `added` is for the interval of a panel.

    Args:
        metric: A counter, or with a suffix a histogram, of which each pod exports its own part.
        by: Labels to keep.
        suffix: As of `select`.
        over: The duration.
        matchers: As of `select`.

    Raises:
        QueryError: A gauge, a metric that all replicas report alike, or an unknown label.
    """
    if metric.kind is MetricKind.GAUGE:
        raise QueryError(f"{metric.name} is a gauge: it counts nothing")
    if metric.shared:
        raise QueryError(f"every replica reports the same {metric.name}: use added()")

    def of(named: Metric) -> Expression:
        series = select(named, suffix, **matchers)
        grown = increase(series, over)
        born = f"(min_over_time({series}[{over}]) unless {series} offset {over})"
        return Expression(f"{grown} + {born} or {grown} or {born}", series.labels)

    return aggregate("sum", by_any_name(metric, of), *by)


def label_values(metric: Metric, label: str, **matchers: str) -> str:
    """Return the query of a variable that offers the values of a label.

    Raises:
        QueryError: The metric has no such label.
    """
    series = select(metric, **matchers)
    _require([label], series.labels, metric.name)
    return f"label_values({series}, {label})"


def rate(series: Expression, over: Duration = "$__rate_interval") -> Expression:
    """Return the increase a second of a counter."""
    return Expression(f"rate({series}[{over}])", series.labels)


def increase(series: Expression, over: Duration = "$__range") -> Expression:
    """Return the increase of a counter over a duration."""
    return Expression(f"increase({series}[{over}])", series.labels)


def max_over_time(series: Expression, over: Duration = "$__range") -> Expression:
    """Return the highest value of each series over a duration."""
    return Expression(f"max_over_time({series}[{over}])", series.labels)


def peak(expression: Expression, over: Duration = "$__range") -> Expression:
    """Return the highest value that an expression had over a duration, at the panel's interval."""
    text = f"max_over_time({_operand(expression)}[{over}:$__interval])"
    return Expression(text, expression.labels)


def total_over_time(
    expression: Expression, step: Duration, over: Duration = "$__range"
) -> Expression:
    """Return the sum of an expression's values over a duration, one each `step`.

    For gauges that tell what came in since the last of them, as those of agents' traffic do.
    """
    text = f"sum_over_time({_operand(expression)}[{over}:{step}])"
    return Expression(text, expression.labels)


def aggregate(operation: Aggregation, inner: Expression, *by: str) -> Expression:
    """Aggregate over all labels but `by`.

    Raises:
        QueryError: `inner` carries no such label.
    """
    _require(by, inner.labels, inner.text)
    group = f" by ({', '.join(by)}) " if by else ""
    return Expression(f"{operation}{group}({inner})", frozenset(by))


def quantile_over(quantile: float, inner: Expression, *by: str) -> Expression:
    """Return a quantile across series, as of one gauge over many pods."""
    _require(by, inner.labels, inner.text)
    group = f" by ({', '.join(by)}) " if by else ""
    return Expression(f"quantile{group}({quantile}, {inner})", frozenset(by))


def histogram_quantile(
    quantile: float, metric: Metric, *by: str, over: Duration = "$__rate_interval", **match: str
) -> Expression:
    """Estimate a quantile of a histogram's observations over a duration."""
    buckets = by_any_name(metric, lambda named: rate(select(named, "_bucket", **match), over))
    return quantile_of(quantile, aggregate("sum", buckets, "le", *by))


def quantile_of_few(
    quantile: float, metric: Metric, *by: str, over: Duration = "1h", **match: str
) -> Expression:
    """Estimate a quantile of a histogram that sees few observations, each of which counts."""
    return quantile_of(quantile, added(metric, "le", *by, suffix="_bucket", over=over, **match))


def quantile_of(quantile: float, buckets: Expression) -> Expression:
    """Estimate a quantile from what each bucket counted, by its label `le`.

    Raises:
        QueryError: There is no label `le`.
    """
    _require(["le"], buckets.labels, buckets.text)
    text = f"histogram_quantile({quantile}, {buckets})"
    return Expression(text, buckets.labels - {"le"})


def rounded(inner: Expression) -> Expression:
    """Return whole numbers: what `increase` estimates of events between two samples is none."""
    return Expression(f"round({inner})", inner.labels)


def topk(count: int, inner: Expression) -> Expression:
    """Return the `count` highest series."""
    return Expression(f"topk({count}, {inner})", inner.labels)


def where(left: Expression, right: Expression, *on: str) -> Expression:
    """Return the series of `left` for which `right` has one with the same labels `on`.

    Raises:
        QueryError: Either side carries no such label.
    """
    return _matched(left, "and", right, on)


def without(left: Expression, right: Expression, *on: str) -> Expression:
    """Return the series of `left` for which `right` has none with the same labels `on`.

    Raises:
        QueryError: Either side carries no such label.
    """
    return _matched(left, "unless", right, on)


def _matched(left: Expression, operator: str, right: Expression, on: tuple[str, ...]) -> Expression:
    _require(on, left.labels, left.text)
    _require(on, right.labels, right.text)
    text = f"{_operand(left)} {operator} on ({', '.join(on)}) {_operand(right)}"
    return Expression(text, left.labels)


def absent(metric: Metric, **labels: str) -> Expression:
    """Return 1, with `labels`, while no series has them.

    Args:
        metric: A metric of the model.
        labels: Value by label, compared for equality.

    Raises:
        QueryError: The metric has no such label.
    """
    return Expression(missing(select(metric, **labels)).text, frozenset(labels))


def missing(series: Expression) -> Expression:
    """Return 1, without a label, while there is no such series."""
    return Expression(f"absent({series})", frozenset())


def either(first: Expression, *others: Expression) -> Expression:
    """Return the series of several expressions; of equal ones, the first's.

    Raises:
        QueryError: They do not carry the same labels.
    """
    for other in others:
        _require(first.labels, other.labels, other.text)
    if not others:
        return first
    return Expression(" or ".join(map(_operand, (first, *others))), first.labels)


def at_least(left: Expression, right: Expression) -> Expression:
    """Return 1 where `left` is at least `right`, else 0."""
    return Expression(f"{_operand(left)} >= bool {_operand(right)}", left.labels & right.labels)


def is_positive(expression: Expression) -> Expression:
    """Return 1 above zero, else 0."""
    return Expression(f"{_operand(expression)} > bool 0", expression.labels)


def age(timestamp: Expression) -> Expression:
    """Return the seconds since a gauge that holds a Unix time."""
    return Expression(f"time() - {_operand(timestamp)}", timestamp.labels)


def _require(names: Iterable[str], labels: Set[str], where: str) -> None:
    unknown = sorted(set(names) - labels)
    if unknown:
        raise QueryError(
            f"{where} has no label {', '.join(unknown)}; it has {', '.join(sorted(labels))}"
        )
