"""A real Loki over lines in memory: its parser and its query engine, by tools/loki."""

import json
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from local import tools

Labels = tuple[tuple[str, str], ...]
Vector = dict[Labels, float]

_EPOCH = datetime.fromtimestamp(0, UTC)
_ALWAYS = 2**33
"""Seconds from the epoch that no line reaches."""


class QueryError(ValueError):
    """What Loki refused to evaluate, in its own words."""


@dataclass(frozen=True)
class Entry:
    """One line of a stream; of a query for lines, the labels are those it made too."""

    time: datetime
    labels: Mapping[str, str]
    line: str


@dataclass(frozen=True)
class Query:
    """A query for lines of all times, or for numbers at some.

    Attributes:
        expression: LogQL with its variables expanded.
        end: The last time, or the only one, in seconds from the epoch.
        start: The first time.
        step: Seconds between two times; 0 for `end` alone.
    """

    expression: str
    end: int = _ALWAYS
    start: int = 0
    step: int = 0


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
    request = {
        "streams": [
            {
                "labels": "{" + ", ".join(f"{k}={json.dumps(v)}" for k, v in labels) + "}",
                "entries": [{"time": _nanoseconds(e.time), "line": e.line} for e in written],
            }
            for labels, written in streams.items()
        ],
        "queries": [asdict(query) for query in queries],
    }
    done = subprocess.run(
        [str(tools.build("loki"))],
        input=json.dumps(request),
        check=False,
        capture_output=True,
        encoding="utf-8",
        timeout=120,
    )
    if done.returncode:
        raise QueryError(done.stderr)
    return [_answer(found) for found in json.loads(done.stdout)]


def vectors(queries: Sequence[str], entries: Iterable[Entry], at: datetime) -> list[Vector]:
    """Return what queries for numbers return at one time; raises as `evaluate`."""
    end = int(at.timestamp())
    found = evaluate([Query(query, end) for query in queries], entries)
    return [{labels: points[end] for labels, points in each.series.items()} for each in found]


def lines(queries: Sequence[str], entries: Iterable[Entry]) -> list[Sequence[Entry]]:
    """Return what queries for lines return, of all times; raises as `evaluate`."""
    return [each.lines for each in evaluate([Query(query) for query in queries], entries)]


def _answer(found: Mapping[str, Any]) -> Answer:
    written = (
        Entry(_EPOCH + timedelta(microseconds=time // 1000), stream["stream"], line)
        for stream in found.get("streams") or ()
        for time, line in stream["lines"]
    )
    series = {}
    for each in found.get("series") or ():
        points = each["values"] if "values" in each else [each["value"]]
        labels = tuple(sorted(each["metric"].items()))
        series[labels] = {int(time): float(value) for time, value in points}
    return Answer(sorted(written, key=lambda entry: (entry.time, entry.line)), series)


def _nanoseconds(time: datetime) -> int:
    return (time - _EPOCH) // timedelta(microseconds=1) * 1000
