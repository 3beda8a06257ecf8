"""Evaluates a query over streams in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from tests.logql import pipeline
from tests.logql.operators import ARITHMETIC, COMPARE
from tests.logql.pipeline import ERROR, Line
from tests.logql.syntax import parse
from tests.logql.tree import (
    Aggregation,
    Binary,
    Grouping,
    Lines,
    Matcher,
    Matching,
    Number,
    NumberFilter,
    Numbers,
    OverRange,
    QueryError,
)

Labels = tuple[tuple[str, str], ...]
Vector = dict[Labels, float]
NANO: Final = 1_000_000_000


@dataclass(frozen=True)
class Stream:
    """Lines of one set of labels, each with when it was written, in nanoseconds, oldest first."""

    labels: Mapping[str, str]
    entries: Sequence[tuple[int, str]]


@dataclass(frozen=True)
class Answer:
    """What a query returned: lines in their order, or values by time in seconds, by labels."""

    lines: Sequence[Line] = ()
    series: Mapping[Labels, Mapping[int, float]] | None = None


def evaluate(
    query: str,
    streams: Iterable[Stream],
    start: int,
    end: int,
    step: int,
    *,
    made: dict[Lines, list[Line]] | None = None,
) -> Answer:
    """Return what a query answers.

    Args:
        query: LogQL with its variables expanded.
        streams: what is asked about.
        start: first time, in seconds from the epoch; of lines, the first that counts.
        end: last time; of lines, the first that does not count any more.
        step: seconds between two times of a query for numbers; 0 for `end` alone.
        made: keeps what the stages made of lines, for other queries of the same streams.

    Raises QueryError.
    """
    tree = parse(query)
    run = _Run(tuple(streams), {} if made is None else made)
    if isinstance(tree, Lines):
        found = run.lines(tree, start * NANO, end * NANO)
        return Answer(lines=sorted(found, key=lambda line: (line.nanoseconds, line.text)))
    series: dict[Labels, dict[int, float]] = {}
    for time in range(start, end + 1, step) if step else (end,):
        for labels, value in run.numbers(tree, time).items():
            series.setdefault(labels, {})[time] = value
    # Loki orders what it returns by labels, unless a query for one time asks for an order.
    if step or not _ordered(tree):
        series = dict(sorted(series.items()))
    return Answer(series=series)


def _ordered(tree: Numbers) -> bool:
    match tree:
        case Aggregation():
            return tree.function in ("sort", "sort_desc") or _ordered(tree.of)
        case Binary():
            return _ordered(tree.left) or _ordered(tree.right)
    return False


class _Run:
    """One query over the same streams at many times: what a line becomes is found out once."""

    def __init__(self, streams: Sequence[Stream], made: dict[Lines, list[Line]]) -> None:
        self._streams = streams
        self._made = made

    def lines(self, query: Lines, start: int, end: int) -> list[Line]:
        """Return the lines of a query from `start` to before `end`, in nanoseconds."""
        if query not in self._made:
            self._made[query] = list(self._all(query))
        return [line for line in self._made[query] if start <= line.nanoseconds < end]

    def _all(self, query: Lines) -> Iterable[Line]:
        for stream in self._streams:
            if not all(m.accepts(stream.labels.get(m.label, "")) for m in query.selector):
                continue
            for nanoseconds, text in stream.entries:
                made = pipeline.run(query.stages, nanoseconds, text, stream.labels)
                if made is not None:
                    yield made

    def numbers(self, tree: Numbers, time: int) -> Vector:
        """Return the values at one time by labels."""
        match tree:
            case Number():
                return {(): tree.value}
            case OverRange():
                return self._over_range(tree, time)
            case Aggregation(function="sum", of=OverRange() as of, grouping=None) if _unread(of):
                # Loki does not even look for labels in the lines then, so none can be wrong.
                return _aggregated(tree, self._over_range(of, time, strict=False))
            case Aggregation():
                return _aggregated(tree, self.numbers(tree.of, time))
            case Binary():
                return self._binary(tree, time)

    def _over_range(self, tree: OverRange, time: int, *, strict: bool = True) -> Vector:
        end = time * NANO - int(tree.offset * NANO)
        # A range is open at its start and closed at its end.
        lines = self.lines(tree.lines, end - int(tree.seconds * NANO) + 1, end + 1)
        samples: dict[Labels, list[tuple[int, float]]] = {}
        for line in lines:
            labels = {name: value for name, value in line.labels.items() if value}
            if strict and ERROR in labels:
                raise QueryError(f"pipeline error: {labels[ERROR]} for series {labels}")
            value = _sample(tree, line)
            labels.pop(tree.unwrap or "", None)
            samples.setdefault(_grouped(labels, tree.grouping), []).append(
                (line.nanoseconds, value)
            )
        function = _RANGES[tree.function]
        return {
            key: function([value for _, value in sorted(found, key=lambda pair: pair[0])], tree)
            for key, found in samples.items()
        }

    def _binary(self, tree: Binary, time: int) -> Vector:
        left, right = self.numbers(tree.left, time), self.numbers(tree.right, time)
        if tree.operator in ("and", "or", "unless"):
            return _set(tree, left, right)
        if isinstance(tree.right, Number) and not tree.right.is_vector:
            pairs = [(key, value, right[()], value) for key, value in left.items()]
        elif isinstance(tree.left, Number) and not tree.left.is_vector:
            pairs = [(key, left[()], value, value) for key, value in right.items()]
        else:
            matched = _matched(tree.matching, left, right)
            pairs = [(key, one, other, one) for key, one, other in matched]
        found: Vector = {}
        for key, one, other, kept in pairs:
            if tree.operator not in COMPARE:
                found[key] = ARITHMETIC[tree.operator](one, other)
            elif tree.as_number:
                found[key] = float(COMPARE[tree.operator](one, other))
            elif COMPARE[tree.operator](one, other):
                found[key] = kept
        return found


def _unread(tree: OverRange) -> bool:
    """Whether no label that a stage makes matters to the count of the lines."""
    return tree.unwrap is None and not any(
        isinstance(stage, Matcher | NumberFilter) for stage in tree.lines.stages
    )


def _sample(tree: OverRange, line: Line) -> float:
    if tree.unwrap is None:
        return float(len(line.text.encode())) if tree.function.startswith("bytes") else 1.0
    text = line.labels.get(tree.unwrap, "")
    try:
        return float(text)
    except ValueError:
        raise QueryError(f"pipeline error: SampleExtractionErr for {tree.unwrap}={text}") from None


_RANGES: Final[Mapping[str, Callable[[Sequence[float], OverRange], float]]] = {
    "count_over_time": lambda values, tree: float(len(values)),
    "rate": lambda values, tree: len(values) / tree.seconds,
    "bytes_over_time": lambda values, tree: sum(values),
    "bytes_rate": lambda values, tree: sum(values) / tree.seconds,
    "sum_over_time": lambda values, tree: sum(values),
    "avg_over_time": lambda values, tree: sum(values) / len(values),
    "min_over_time": lambda values, tree: min(values),
    "max_over_time": lambda values, tree: max(values),
    "first_over_time": lambda values, tree: values[0],
    "last_over_time": lambda values, tree: values[-1],
}
_AGGREGATES: Final[Mapping[str, Callable[[Sequence[float]], float]]] = {
    "sum": sum,
    "avg": lambda values: sum(values) / len(values),
    "min": min,
    "max": max,
    "count": lambda values: float(len(values)),
}


def _grouped(labels: Mapping[str, str], grouping: Grouping | None) -> Labels:
    if grouping is None:
        return tuple(sorted(labels.items()))
    return tuple(
        sorted(
            (name, value)
            for name, value in labels.items()
            if (name in grouping.labels) != grouping.without
        )
    )


def _aggregated(tree: Aggregation, vector: Vector) -> Vector:
    if tree.function in ("sort", "sort_desc"):
        down = -1 if tree.function == "sort_desc" else 1
        return dict(sorted(vector.items(), key=lambda item: (down * item[1], item[0])))
    grouping = tree.grouping or Grouping(without=False, labels=())
    groups: dict[Labels, Vector] = {}
    for labels, value in vector.items():
        groups.setdefault(_grouped(dict(labels), grouping), {})[labels] = value
    if tree.number is None:
        function = _AGGREGATES[tree.function]
        return {key: function(list(members.values())) for key, members in groups.items()}
    sign = -1 if tree.function == "topk" else 1
    return {
        labels: value
        for members in groups.values()
        for labels, value in sorted(members.items(), key=lambda item: (sign * item[1], item[0]))[
            : tree.number
        ]
    }


def _key(matching: Matching, labels: Labels) -> Labels:
    if matching.labels is None:
        return labels
    return _grouped(dict(labels), Grouping(not matching.on, matching.labels))


def _matched(matching: Matching, left: Vector, right: Vector) -> list[tuple[Labels, float, float]]:
    others: dict[Labels, float] = {}
    for labels, value in right.items():
        key = _key(matching, labels)
        if key in others:
            raise QueryError("found duplicate series on the right-hand side")
        others[key] = value
    pairs: list[tuple[Labels, float, float]] = []
    for labels, value in left.items():
        key = _key(matching, labels)
        if key in others:
            if any(key == taken for taken, _, _ in pairs):
                raise QueryError("multiple matches for labels")
            pairs.append((key, value, others[key]))
    return pairs


def _set(tree: Binary, left: Vector, right: Vector) -> Vector:
    if tree.operator == "or":
        here = {_key(tree.matching, labels) for labels in left}
        return {**left, **{k: v for k, v in right.items() if _key(tree.matching, k) not in here}}
    there = {_key(tree.matching, labels) for labels in right}
    wanted = tree.operator == "and"
    return {k: v for k, v in left.items() if (_key(tree.matching, k) in there) == wanted}
