"""What each panel of a dashboard shows over the generated data, for its picture.

Every query is the panel's own, its variables expanded as Grafana does. Prometheus' engine evaluates
PromQL over the generated series, tests/logql evaluates LogQL over the generated log lines; the
figures of SQL are those that the tests hold PostgreSQL to.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from fractions import Fraction
from itertools import groupby
from operator import itemgetter
from typing import Any

from components.dashboards.context import DashboardContext
from tests.components.dashboards import (
    figures,
    generated,
    generated_requests,
    grafana,
    log_lines,
    loki,
    prometheus,
    series,
    series_deployment,
    sql_figures,
)

Key = tuple[str, str]
"""A dashboard's uid and a panel's title."""
Labels = Mapping[str, str]
Row = Mapping[str, object]
Panel = Mapping[str, Any]

RANGE = series_deployment.END - series_deployment.START
END = generated_requests.END
START = END - RANGE
"""The range of every picture; the series are shown as if they ended at END."""
INTERVAL = 600
"""Seconds between two points, where a panel has no longer interval of its own."""

_REVIEWED = next(agent for agent in series.AGENTS if agent.workspace_name == "review-7")
_DEPLOYMENT = generated.until(generated.deployment(), END)
CHOSEN: Mapping[str, Mapping[str, grafana.Value]] = {
    # A dashboard about one workspace shows one.
    "workspace-detail": {
        "template_name": [_REVIEWED.template_name],
        "workspace_name": [_REVIEWED.workspace_name],
        "pod": [_REVIEWED.pod],
    },
    "ai-gateway": {"interception": generated.long_prompt(_DEPLOYMENT)},
    "agent-firewall": {"session": generated.busy_session(_DEPLOYMENT, START)},
}
"""What a reader has chosen, by dashboard and variable; elsewhere nothing."""
REPEATED: Mapping[str, str] = {"preset": "small"}
"""The value of which a picture shows the row, where Grafana makes one for each."""

_FIRST, _SECOND = generated_requests.TEMPLATES
CONTEXT = DashboardContext(
    firewall_records=True,
    names={
        _FIRST: "firewalled",
        generated_requests.TEMPLATES[_FIRST][-1]: "firewalled: v2",
        _SECOND: "firewalled-go",
        generated_requests.TEMPLATES[_SECOND][-1]: "firewalled-go: v9",
    },
)
"""The stack of the pictures; it knows its templates' newest versions, and no earlier one."""

_LEGEND = re.compile(r"\{\{\s*(\w+)\s*\}\}")


@dataclass(frozen=True)
class Data:
    """What one panel shows; the part that fits its type is filled.

    Attributes:
        series: Values at even steps over the range, by name; None where there is none.
        rows: Rows of a table, values by field; of bars, slices and single numbers, a name and a
            number each.
        lines: Log lines and their times, newest first.
    """

    series: Mapping[str, Sequence[float | None]] | None = None
    rows: Sequence[Row] | None = None
    lines: Sequence[tuple[datetime, str]] | None = None


@dataclass(frozen=True)
class _Frame:
    """One series that a target of a panel returned; a single point for an instant query."""

    target: Mapping[str, Any]
    labels: Labels
    points: Mapping[int, float]

    @property
    def name(self) -> str:
        """Its name in a legend."""
        legend = self.target.get("legendFormat") or ""
        return _LEGEND.sub(lambda found: self.labels.get(found[1], ""), legend)

    @property
    def value(self) -> float:
        """Its last value."""
        return list(self.points.values())[-1]


def variables(dashboard: Mapping[str, Any]) -> dict[str, grafana.Value]:
    """Return the values of a dashboard's variables that its picture is drawn for."""
    return {**grafana.first_values(dashboard), **CHOSEN.get(dashboard["uid"], {})}


def variables_of(panel: Panel, chosen: Mapping[str, grafana.Value]) -> dict[str, grafana.Value]:
    """Return the values of variables for one panel, which names in its title what is repeated."""
    repeated = {name: [one] for name, one in REPEATED.items() if f"${name}" in panel["title"]}
    return {**chosen, **repeated}


def panel_data(dashboards: Sequence[Mapping[str, Any]]) -> dict[Key, Data]:
    """Return what every panel of the dashboards shows, by dashboard and title.

    Raises:
        ValueError: A query cannot be expanded, read or evaluated.
    """
    found: dict[Key, Data] = {}
    prometheus_panels: list[tuple[Key, Panel, grafana.View]] = []
    loki_panels: list[tuple[Key, Panel, grafana.View]] = []
    for dashboard in dashboards:
        chosen = variables(dashboard)
        for panel in dashboard["panels"]:
            if panel["type"] == "row":
                continue
            key = dashboard["uid"], panel["title"]
            interval = max(INTERVAL, int(grafana.seconds(panel.get("interval") or "0s")))
            view = grafana.View(
                START, END, interval, series_deployment.STEP, variables_of(panel, chosen)
            )
            source = panel["targets"][0]["datasource"]["type"]
            if source == "prometheus":
                of_series = replace(view, start=series_deployment.START, end=series_deployment.END)
                prometheus_panels.append((key, panel, of_series))
            elif source == "loki":
                loki_panels.append((key, panel, view))
            else:
                found[key] = _sql(key, panel, view)
    return {**found, **dict(_promql(prometheus_panels)), **dict(_logql(loki_panels))}


def _times(view: grafana.View) -> range:
    return range(int(view.start.timestamp()), int(view.end.timestamp()) + 1, view.interval)


# SQL -----------------------------------------------------------------------------------------


def _sql(key: Key, panel: Panel, view: grafana.View) -> Data:
    rows = sql_figures.EXPECTED[key](figures.Figures(_DEPLOYMENT, view))
    if panel["type"] != "timeseries":
        return Data(rows=rows)
    lines: dict[str, dict[int, float]] = {}
    for row in rows:
        labels = [value for value in row.values() if isinstance(value, str)]
        for name, value in list(row.items())[1:]:
            if isinstance(value, int | Fraction):
                line = lines.setdefault(labels[0] if labels else name, {})
                line[int(str(row["time"]))] = float(value)
    return Data(series={n: [v.get(t, 0.0) for t in _times(view)] for n, v in sorted(lines.items())})


# PromQL --------------------------------------------------------------------------------------


def _promql(panels: Sequence[tuple[Key, Panel, grafana.View]]) -> Iterator[tuple[Key, Data]]:
    asked = [
        prometheus.Query(
            grafana.prometheus(target["expr"], view),
            start=int(view.start.timestamp()),
            end=int(view.end.timestamp()),
            step=view.interval if target["range"] else 0,
        )
        for _, panel, view in panels
        for target in panel["targets"]
    ]
    answers = iter(prometheus.evaluate(series.everything(), asked))
    for key, panel, view in panels:
        # Moments that are values go the same way as the times of the samples.
        later = (
            (START - series_deployment.START).total_seconds() * 1000
            if panel["fieldConfig"]["defaults"].get("unit") == "dateTimeFromNow"
            else 0.0
        )
        frames = [
            _Frame(target, answer.labels, {at: v + later for at, v in answer.points.items()})
            for target in panel["targets"]
            for answer in next(answers)
        ]
        yield key, _shown(panel, frames, view)


# LogQL ---------------------------------------------------------------------------------------


def _logql(panels: Sequence[tuple[Key, Panel, grafana.View]]) -> Iterator[tuple[Key, Data]]:
    asked = [
        loki.Query(grafana.loki(target["expr"], view), loki.ALWAYS)
        if "maxLines" in target
        else loki.Query(
            grafana.loki(target["expr"], view),
            int(view.end.timestamp()),
            int(view.start.timestamp()),
            view.interval if target["queryType"] == "range" else 0,
        )
        for _, panel, view in panels
        for target in panel["targets"]
    ]
    stored = [entry for entry in log_lines.entries() if entry.time <= END]
    answers = iter(loki.evaluate(asked, stored))
    for key, panel, view in panels:
        (target,) = panel["targets"]
        answer = next(answers)
        if "maxLines" in target:
            recent = [entry for entry in answer.lines if entry.time > START]
            found = recent[: -target["maxLines"] - 1 : -1]
            if panel["type"] == "logs":
                yield key, Data(lines=[(entry.time, entry.line) for entry in found])
            else:
                yield key, Data(rows=[{"Time": e.time, **e.labels} for e in found])
            continue
        # Loki leaves the order of equals open; a picture is the same every time.
        alike = groupby(answer.series.items(), key=lambda each: each[1])
        series_of = (each for _, equals in alike for each in sorted(equals, key=itemgetter(0)))
        frames = [_Frame(target, dict(labels), points) for labels, points in series_of]
        yield key, _shown(panel, frames, view)


# As Grafana brings series into the form of a panel -------------------------------------------


def _shown(panel: Panel, frames: Sequence[_Frame], view: grafana.View) -> Data:
    match panel["type"]:
        case "timeseries":
            return _over_time(panel, frames, view)
        case "table":
            return Data(rows=_table(panel, frames))
        case _:
            return Data(rows=[{"name": frame.name, "value": frame.value} for frame in frames])


def _over_time(panel: Panel, frames: Sequence[_Frame], view: grafana.View) -> Data:
    lines: dict[str, Sequence[float | None]] = {}
    for frame in frames:
        if frame.name in lines:
            raise ValueError(f"{panel['title']}: two series are named {frame.name!r}")
        values = [frame.points.get(time) for time in _times(view)]
        lines[frame.name] = [None if v is None or math.isnan(v) else v for v in values]
    return Data(series=lines)


def _table(panel: Panel, frames: Sequence[_Frame]) -> list[Row]:
    """Join the rows of all targets that have the same labels, as the merge transformation does."""
    several = len(panel["targets"]) > 1
    rows: dict[tuple[tuple[str, str], ...], dict[str, object]] = {}
    for frame in frames:
        name = frame.name or (f"Value #{frame.target['refId']}" if several else "Value")
        row = rows.setdefault(tuple(sorted(frame.labels.items())), dict(frame.labels))
        row[name] = frame.value
    return list(rows.values())
