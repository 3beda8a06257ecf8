"""What each PromQL panel must show over the generated series, computed in Python from the samples.

Keys are dashboard, panel title and the target's letter.
"""

import copy
import itertools
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Self

from components.dashboards.metrics import Metric, Metrics
from tests.components.dashboards.grafana import View
from tests.components.dashboards.prometheus import Vector, key
from tests.components.dashboards.series_deployment import AGENTS, STEP, Series

Key = tuple[str, str, str]

_WORKSPACE = ("username", "workspace_name")


class Figures:
    """The samples, and how a reader of the panel's title would count them."""

    def __init__(self, everything: Iterable[Series], view: View) -> None:
        self.view = view
        self._series: dict[str, list[Series]] = {}
        for each in everything:
            self._series.setdefault(each.name, []).append(each)

    def seen_from(self, moment: datetime) -> Self:
        """Return the same samples as of another end of the range."""
        earlier = copy.copy(self)
        earlier.view = replace(self.view, end=moment)
        return earlier

    def of(self, metric: Metric, suffix: str = "", **labels: str) -> list[Series]:
        """Return the series of a metric that carry the labels, once if it has two names."""
        found: dict[tuple, Series] = {}
        for named in metric.names:
            for each in self._series[named.name + suffix]:
                if labels.items() <= dict(each.labels).items():
                    found.setdefault(tuple(sorted(each.labels.items())), each)
        return list(found.values())

    def increase(self, each: Series, seconds: int) -> float:
        """Return the growth over the seconds before the end, as Prometheus extrapolates it."""
        points = each.window(seconds, self.view.end)
        if len(points) < 2:
            return 0.0
        grown = sum(
            value if value < before else value - before
            for (_, before), (_, value) in itertools.pairwise(points)
        )
        covered = points[-1][0] - points[0][0]
        end = self.view.end.timestamp()
        # To the bounds of the range, or half an interval where they are further than the next
        # sample would be.
        before = points[0][0] - (end - seconds)
        before = before if before < 1.1 * STEP else STEP / 2
        after = end - points[-1][0]
        after = after if after < 1.1 * STEP else STEP / 2
        if grown > 0:
            # A counter is not extrapolated to below zero.
            before = min(before, covered * points[0][1] / grown)
        return grown * ((before + covered + after) / covered)

    def increases(self, metric: Metric, seconds: int, *by: str) -> Vector:
        """Return the growth of a metric by labels; without what had fewer than two samples."""
        result: Vector = {}
        for each in self.of(metric):
            if len(each.window(seconds, self.view.end)) > 1:
                group = key(**{label: each.labels[label] for label in by})
                result[group] = result.get(group, 0.0) + self.increase(each, seconds)
        return result

    def rates(self, metric: Metric, *by: str) -> Vector:
        """Return the growth a second over Grafana's rate interval."""
        seconds = int(self.view.builtin["__rate_interval"].rstrip("s"))
        return {k: v / seconds for k, v in self.increases(metric, seconds, *by).items()}

    def added(self, metric: Metric, seconds: int, *by: str) -> Vector:
        """Return by how much counters grew, those that were not there before in full."""
        # The pieces of one counter, which moves from one replica of coderd to the other.
        counters: dict[tuple[str, ...], list[Series]] = {}
        for each in self.of(metric):
            name = tuple(each.labels[label] for label in sorted(metric.own_labels))
            counters.setdefault(name, []).append(each)
        return self._grown(counters.values(), seconds, *by)

    def added_by_process(self, metric: Metric, seconds: int, *by: str) -> Vector:
        """Return the same of a metric of which each process counts its own part."""
        return self._grown([[each] for each in self.of(metric)], seconds, *by)

    def _grown(self, counters: Iterable[list[Series]], seconds: int, *by: str) -> Vector:
        result: Vector = {}
        for pieces in counters:
            now = max((v for p in pieces if (v := p.seen(self.view.end)) is not None), default=None)
            then = self.view.end - timedelta(seconds=seconds)
            before = max((v for p in pieces if (v := p.seen(then)) is not None), default=None)
            if now is not None:
                group = key(**{label: pieces[0].labels[label] for label in by})
                grown = now if before is None or before > now else now - before
                result[group] = result.get(group, 0.0) + grown
        return result


def _one(value: float) -> Vector:
    return {key(): float(value)}


def _unprotected(_: Figures) -> Vector:
    return {
        key(username=a.username, workspace_name=a.workspace_name): 1.0
        for a in AGENTS
        if not a.forwards
    }


EXPECTED: dict[Key, Callable[[Figures], Vector]] = {
    ("agent-firewall", "Batches forwarded", "A"): lambda f: f.increases(
        Metrics.BATCHES_FORWARDED, f.view.seconds
    ),
    # Of an agent that went to the other replica, the first replica's series has ended.
    ("agent-firewall", "Batches forwarded in all", "A"): lambda f: _one(
        sum(each.seen(f.view.end) or 0.0 for each in f.of(Metrics.BATCHES_FORWARDED))
    ),
    ("agent-firewall", "Batches dropped", "A"): lambda f: f.added(
        Metrics.BATCHES_DROPPED, f.view.seconds
    ),
    ("agent-firewall", "Logs dropped", "A"): lambda f: f.added(
        Metrics.LOGS_DROPPED, f.view.seconds
    ),
    ("agent-firewall", "Active firewall agents", "A"): lambda _: _one(
        sum(agent.forwards for agent in AGENTS)
    ),
    ("agent-firewall", "Agents without a firewall", "A"): lambda f: _one(len(_unprotected(f))),
    ("agent-firewall", "Forwarded batches by workspace", "A"): lambda f: f.rates(
        Metrics.BATCHES_FORWARDED, *_WORKSPACE
    ),
    ("agent-firewall", "Dropped batches and logs", "A"): lambda f: f.added(
        Metrics.BATCHES_DROPPED, f.view.interval, "reason"
    ),
    ("agent-firewall", "Dropped batches and logs", "B"): lambda f: f.added(
        Metrics.LOGS_DROPPED, f.view.interval, "reason"
    ),
    ("agent-firewall", "Firewall agents", "A"): lambda f: f.increases(
        Metrics.BATCHES_FORWARDED, f.view.seconds, *_WORKSPACE, "agent_name"
    ),
    ("agent-firewall", "Workspaces without a firewall", "A"): _unprotected,
}
