"""A real Loki over lines in memory: its parser and its query engine, by tools/loki."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.components.dashboards.evaluator import Query, ask, points

Labels = tuple[tuple[str, str], ...]
Vector = dict[Labels, float]

_EPOCH = datetime.fromtimestamp(0, UTC)
ALWAYS = 2**33
"""The end of a query for the lines of all times."""


@dataclass(frozen=True)
class Entry:
    """One line of a stream; of a query for lines, the labels are those it made too."""

    time: datetime
    labels: Mapping[str, str]
    line: str


Points = Mapping[int, float]
"""Values by time, in seconds from the epoch."""


@dataclass(frozen=True)
class Answer:
    """What a query returned: lines in their order, or points by labels."""

    lines: Sequence[Entry]
    series: Mapping[Labels, Points]


def evaluate(queries: Sequence[Query], entries: Iterable[Entry]) -> list[Answer]:
    """Return what each query returns over the entries.

    Raises:
        QueryError: A query is no LogQL, or Loki cannot evaluate it.
    """
    streams: dict[Labels, list[Entry]] = {}
    for entry in sorted(entries, key=lambda entry: entry.time):
        streams.setdefault(tuple(sorted(entry.labels.items())), []).append(entry)
    data = {
        "streams": [
            {
                "labels": "{" + ", ".join(f"{k}={json.dumps(v)}" for k, v in labels) + "}",
                "entries": [{"time": _nanoseconds(e.time), "line": e.line} for e in written],
            }
            for labels, written in streams.items()
        ]
    }
    return [_answer(found) for found in ask("loki", data, queries)]


def vectors(queries: Sequence[str], entries: Iterable[Entry], at: datetime) -> list[Vector]:
    """Return what queries for numbers return at one time; raises as `evaluate`."""
    end = int(at.timestamp())
    found = evaluate([Query(query, end) for query in queries], entries)
    return [{labels: values[end] for labels, values in each.series.items()} for each in found]


def lines(queries: Sequence[str], entries: Iterable[Entry]) -> list[Sequence[Entry]]:
    """Return what queries for lines return, of all times; raises as `evaluate`."""
    return [each.lines for each in evaluate([Query(query, ALWAYS) for query in queries], entries)]


def _answer(found: Mapping[str, Any]) -> Answer:
    written = (
        Entry(_EPOCH + timedelta(microseconds=time // 1000), stream["stream"], line)
        for stream in found.get("streams") or ()
        for time, line in stream["lines"]
    )
    series = {
        tuple(sorted(each["metric"].items())): points(each) for each in found.get("series") or ()
    }
    return Answer(sorted(written, key=lambda entry: (entry.time, entry.line)), series)


def _nanoseconds(time: datetime) -> int:
    return (time - _EPOCH) // timedelta(microseconds=1) * 1000
