"""The evaluator is held to what Loki 3.7.8's own engine answered (tests/recordings/loki-3.7.8)."""

import gzip
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.logql import QueryError, Stream, evaluate

RECORDING = Path(__file__).parents[1] / "recordings" / "loki-3.7.8" / "answers.jsonl.gz"


def recorded() -> tuple[list[Stream], list[dict[str, Any]]]:
    streams, answers = [], []
    with gzip.open(RECORDING, "rt", encoding="utf-8") as lines:
        for line in lines:
            record = json.loads(line)
            if "stream" in record:
                entries = [(time, text) for time, text in record["entries"]]
                streams.append(Stream(record["labels"], entries))
            else:
                answers.append(record)
    return streams, answers


STREAMS, ANSWERS = recorded()


# Most of them are asked for by many queries, of which many read the same lines.
MADE: dict[tuple[int, ...], dict[Any, Any]] = {}


def ask(record: Mapping[str, Any]):
    streams = [STREAMS[number] for number in record["streams"]]
    made = MADE.setdefault(tuple(record["streams"]), {})
    times = record["start"], record["end"], record["step"]
    return evaluate(record["expression"], streams, *times, made=made)


def test_there_is_something_of_every_kind():
    kinds = [next(k for k in ("series", "lines", "refused") if k in each) for each in ANSWERS]
    assert {kind: kinds.count(kind) > 20 for kind in kinds} == dict.fromkeys(kinds, True)
    assert set(kinds) == {"series", "lines", "refused"}


@pytest.mark.parametrize("record", [each for each in ANSWERS if "series" in each])
def test_numbers(record):
    theirs = {
        tuple(sorted(labels.items())): {int(time): float(value) for time, value in points}
        for labels, points in record["series"]
    }
    ours = ask(record).series
    assert set(ours) == set(theirs)
    for labels, points in theirs.items():
        assert ours[labels] == pytest.approx(points, nan_ok=True), labels
    if not record["step"]:
        # Among equals Loki's own order is not always the same.
        assert in_order(record, ours) == in_order(record, theirs)


def in_order(record, series) -> list[Any]:
    values = [value for points in series.values() for value in points.values()]
    if "sort" in record["expression"] or any(map(math.isnan, values)):
        return [str(value) for value in values]
    return list(series)


@pytest.mark.parametrize("record", [each for each in ANSWERS if "lines" in each])
def test_lines(record):
    theirs = [(time, text, labels) for time, text, labels in record["lines"]]
    ours = [
        (line.nanoseconds, line.text, {k: v for k, v in line.labels.items() if v})
        for line in ask(record).lines
    ]
    assert by_line(ours) == by_line(theirs)


def by_line(lines):
    return sorted(lines, key=lambda line: (*line[:2], sorted(line[2].items())))


@pytest.mark.parametrize(
    "record",
    [each for each in ANSWERS if "refused" in each],
    ids=lambda record: record["expression"][:80],
)
def test_refusals(record):
    with pytest.raises(QueryError):
        ask(record)


@pytest.mark.parametrize(
    "query",
    [
        "{a=`b`} | logfmt",
        "{a=`b`} | json",
        "{a=`b`} | json c=`d[0]`",
        "{a=`b`} | line_format `{{ lower .c }}`",
        "quantile_over_time(0.9, {a=`b`} | unwrap c [5m])",
        "stddev(rate({a=`b`}[5m]))",
        "rate({a=`b`}[5m]) / on(c) group_left() rate({a=`b`}[5m])",
        "label_replace(rate({a=`b`}[5m]), `c`, `$1`, `d`, `.*`)",
    ],
)
def test_what_is_not_evaluated_is_refused_and_not_guessed(query):
    with pytest.raises(QueryError):
        evaluate(query, [Stream({"a": "b"}, [(10**9, "{}")])], 0, 60, 0)
