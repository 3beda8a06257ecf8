"""What Loki answers over lines in memory: by the evaluator, or by the one that LOKI_URL names."""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from tests import logql
from tests.components.dashboards.evaluator import Query
from tests.logql.remote import RemoteLoki

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
        logql.QueryError: A query is no LogQL, or cannot be evaluated.
    """
    written: dict[Labels, list[Entry]] = {}
    for entry in sorted(entries, key=lambda entry: entry.time):
        written.setdefault(tuple(sorted(entry.labels.items())), []).append(entry)
    streams = [
        logql.Stream(dict(labels), [(_nanoseconds(entry.time), entry.line) for entry in stream])
        for labels, stream in written.items()
    ]
    if url := os.environ.get("LOKI_URL"):
        remote = RemoteLoki(url, streams)
        found = [remote.evaluate(q.expression, q.start, q.end, q.step) for q in queries]
    else:
        # Most panels read the same lines.
        made: dict[Any, Any] = {}
        found = [
            logql.evaluate(q.expression, streams, q.start, q.end, q.step, made=made)
            for q in queries
        ]
    return [_answer(answer) for answer in found]


def vectors(queries: Sequence[str], entries: Iterable[Entry], at: datetime) -> list[Vector]:
    """Return what queries for numbers return at one time; raises as `evaluate`."""
    end = int(at.timestamp())
    found = evaluate([Query(query, end) for query in queries], entries)
    return [{labels: values[end] for labels, values in each.series.items()} for each in found]


def lines(queries: Sequence[str], entries: Iterable[Entry]) -> list[Sequence[Entry]]:
    """Return what queries for lines return, of all times; raises as `evaluate`."""
    return [each.lines for each in evaluate([Query(query, ALWAYS) for query in queries], entries)]


def _answer(found: logql.Answer) -> Answer:
    lines = [
        Entry(
            _EPOCH + timedelta(microseconds=line.nanoseconds // 1000),
            # A label without a value is none.
            {name: value for name, value in line.labels.items() if value},
            line.text,
        )
        for line in found.lines
    ]
    return Answer(lines, found.series or {})


def _nanoseconds(time: datetime) -> int:
    return (time - _EPOCH) // timedelta(microseconds=1) * 1000
