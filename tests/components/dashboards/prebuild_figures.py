"""What the prebuilds' dashboard must show of the generated series, computed without PromQL."""

import math
from collections.abc import Callable, Iterable, Sequence

from components.dashboards.metrics import Metric, Metrics
from tests.components.dashboards.metric_figures import Figures, Key
from tests.components.dashboards.prometheus import Vector, key
from tests.components.dashboards.series_deployment import Labels, Series

Where = Callable[[Labels], bool]
Panels = dict[Key, Callable[[Figures], Vector]]

PREBUILDS = "cej6jysyme22oa"
PRESET = ("organization_name", "template_name", "preset_name")
HOUR = 3600


def everything(_: Labels) -> bool:
    return True


def label(name: str, *values: str) -> Where:
    return lambda labels: labels[name] in values


def both(*conditions: Where) -> Where:
    return lambda labels: all(condition(labels) for condition in conditions)


def not_(condition: Where) -> Where:
    return lambda labels: not condition(labels)


def grouped(
    values: Iterable[tuple[Labels, float]], by: Sequence[str], combine: Callable = sum
) -> Vector:
    """Combine values by labels; `combine` gets the values of one group."""
    groups: dict[tuple, list[float]] = {}
    for labels, value in values:
        groups.setdefault(key(**{name: labels[name] for name in by}), []).append(value)
    return {group: float(combine(found)) for group, found in groups.items()}


def replicas(f: Figures, metric: Metric, where: Where) -> dict[tuple, list[Series]]:
    """Return the series of a metric that tell the same, by the metric's own labels."""
    found: dict[tuple, list[Series]] = {}
    for each in f.of(metric):
        if where(each.labels):
            own = {name: each.labels[name] for name in metric.own_labels}
            found.setdefault(key(**own), []).append(each)
    return found


def now(
    f: Figures, metric: Metric, *by: str, where: Where = everything, combine: Callable = sum
) -> Vector:
    """Combine what a shared metric says at the end, each thing it counts taken once."""
    values = []
    for own, alike in replicas(f, metric, where).items():
        seen = [v for each in alike if (v := each.seen(f.view.end)) is not None]
        if seen:
            values.append((dict(own), max(seen)))
    return grouped(values, by, combine)


def one(vector: Vector) -> float:
    return vector.get(key(), 0.0)


def sums(f: Figures, metric: Metric, seconds: int) -> Vector:
    """Return how much a counter in the database grew."""
    return f.added(metric, seconds)


def missing(f: Figures) -> Vector:
    desired = now(f, Metrics.PREBUILDS_DESIRED, *PRESET)
    eligible = now(f, Metrics.PREBUILDS_ELIGIBLE, *PRESET)
    return {key(): sum(max(desired[preset] - eligible[preset], 0) for preset in desired)}


def share(f: Figures) -> Vector:
    claimed = one(sums(f, Metrics.PREBUILDS_CLAIMED, f.view.seconds))
    regular = one(sums(f, Metrics.WORKSPACE_CREATIONS, f.view.seconds))
    return {key(): claimed / (claimed + regular)}


def quantile(f: Figures, q: float, metric: Metric, **match: str) -> Vector:
    """Estimate a quantile of the last hour's observations, as Prometheus does from buckets."""
    counts: dict[float, float] = {}
    for each in f.of(metric, "_bucket", **match):
        last, before = each.samples[-1], each.samples[-1 - HOUR // 60]
        assert last is not None
        assert before is not None
        grown = last if before > last else last - before
        bound = float(each.labels["le"])
        counts[bound] = counts.get(bound, 0.0) + grown
    bounds = sorted(counts)
    rank = q * counts[math.inf]
    upper = next(bound for bound in bounds if counts[bound] >= rank)
    if upper == math.inf:
        return {key(): bounds[-2]}
    lower = max((bound for bound in bounds if bound < upper), default=0.0)
    below = counts.get(lower, 0.0)
    return {key(): lower + (upper - lower) * (rank - below) / (counts[upper] - below)}


def prebuilds() -> Panels:
    def of(title: str, *figures: Callable[[Figures], Vector]) -> Panels:
        return {(PREBUILDS, title, chr(65 + n)): figure for n, figure in enumerate(figures)}

    def level(metric: Metric) -> Callable[[Figures], Vector]:
        return lambda f: now(f, metric)

    def preset(metric: Metric) -> Callable[[Figures], Vector]:
        return lambda f: now(f, metric, *PRESET)

    def in_range(metric: Metric) -> Callable[[Figures], Vector]:
        return lambda f: sums(f, metric, f.view.seconds)

    def at_once(metric: Metric) -> Callable[[Figures], Vector]:
        return lambda f: sums(f, metric, f.view.interval)

    def times(q: float) -> list[Callable[[Figures], Vector]]:
        creation = Metrics.WORKSPACE_CREATION_DURATION
        return [
            lambda f: quantile(f, q, creation, type="regular"),
            lambda f: quantile(f, q, creation, type="prebuild"),
            lambda f: quantile(f, q, Metrics.PREBUILD_CLAIM_DURATION),
        ]

    levels = (Metrics.PREBUILDS_DESIRED, Metrics.PREBUILDS_RUNNING, Metrics.PREBUILDS_ELIGIBLE)
    counts = (Metrics.PREBUILDS_CREATED, Metrics.PREBUILDS_CLAIMED, Metrics.PREBUILDS_FAILED)
    origins = (Metrics.PREBUILDS_CLAIMED, Metrics.WORKSPACE_CREATIONS)
    return {
        **of("Desired", level(Metrics.PREBUILDS_DESIRED)),
        **of("Running", level(Metrics.PREBUILDS_RUNNING)),
        **of("Eligible", level(Metrics.PREBUILDS_ELIGIBLE)),
        **of("Missing", missing),
        **of("Failed builds", in_range(Metrics.PREBUILDS_FAILED)),
        **of("Share from the pool", share),
        **of("Pool capacity", *map(level, levels)),
        **of("Pool operations", *map(at_once, counts)),
        **of("Presets", *map(preset, (*levels, *counts, Metrics.WORKSPACE_CREATIONS))),
        **of("$preset: created in all", level(Metrics.PREBUILDS_CREATED)),
        **of("$preset: claimed in all", level(Metrics.PREBUILDS_CLAIMED)),
        **of("$preset: failed in all", level(Metrics.PREBUILDS_FAILED)),
        **of("$preset: regular in all", level(Metrics.WORKSPACE_CREATIONS)),
        **of("$preset: capacity", *map(level, levels)),
        **of("$preset: operations", *map(at_once, counts)),
        **of("Prebuilt and regular workspaces", *map(in_range, origins)),
        **of("Workspaces created", *map(at_once, origins)),
        **of("Median build time", *times(0.5)),
        **of("Build time, 95th percentile", *times(0.95)),
    }
