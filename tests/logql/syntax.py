"""Reads LogQL: text in, a tree out."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Final

from tests.logql.operators import ARITHMETIC, COMPARE
from tests.logql.tree import (
    Aggregation,
    Binary,
    Grouping,
    Json,
    LabelFormat,
    LineFilter,
    LineFormat,
    Lines,
    Matcher,
    Matching,
    Number,
    NumberFilter,
    Numbers,
    OverRange,
    Paths,
    QueryError,
    Regexp,
    Stage,
    expression,
)

_TOKEN: Final = re.compile(
    r"""
    (?P<space>\s+|\#[^\n]*)
  | (?P<text>"(?:\\.|[^"\\\n])*"|`[^`]*`)
  | (?P<span>(?:\d+(?:\.\d+)?(?:ms|[smhdw]))+(?![A-Za-z0-9_]))
  | (?P<number>\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)
  | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
  | (?P<sign>=~|!~|!=|==|>=|<=|\|=|\|~|[{}()\[\],=<>|+*/%-])
    """,
    re.VERBOSE,
)
_SECONDS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_COUNTING: Final = frozenset({"count_over_time", "rate", "bytes_over_time", "bytes_rate"})
_GROUPED_RANGES: Final = frozenset(
    {"avg_over_time", "min_over_time", "max_over_time", "first_over_time", "last_over_time"}
)
"""Of these alone Loki lets a query say by what the samples of a range are put together."""
_UNWRAPPING: Final = _GROUPED_RANGES | {"sum_over_time"}
_AGGREGATIONS: Final = frozenset(
    {"sum", "avg", "min", "max", "count", "topk", "bottomk", "sort", "sort_desc"}
)
# From loosest to tightest; all of them bind to the left.
_LEVELS: Final = (
    frozenset({"or"}),
    frozenset({"and", "unless"}),
    frozenset(COMPARE),
    frozenset({"+", "-"}),
    frozenset({"*", "/", "%"}),
)
_PATH: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*\Z")


def parse(query: str) -> Lines | Numbers:
    """Return the tree of a query; raises QueryError."""
    reader = _Reader(query)
    tree = reader.lines() if reader.sees("{") else reader.numbers()
    reader.end()
    return tree


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str


class _Reader:
    def __init__(self, query: str) -> None:
        self._query = query
        self._tokens: list[_Token] = []
        self._next = 0
        place = 0
        while place < len(query):
            token = _TOKEN.match(query, place)
            if token is None:
                raise self._error(f"unexpected {query[place : place + 10]!r}")
            if token.lastgroup != "space":
                self._tokens.append(_Token(str(token.lastgroup), token[0]))
            place = token.end()

    def sees(self, *texts: str) -> bool:
        """Whether the next token is one of these."""
        return self._next < len(self._tokens) and self._tokens[self._next].text in texts

    def end(self) -> None:
        """Raise QueryError unless all is read."""
        if self._next < len(self._tokens):
            raise self._unexpected()

    def lines(self) -> Lines:
        """Read a selector and its stages."""
        return Lines(self._selector(), self._stages())

    def numbers(self, level: int = 0) -> Numbers:
        """Read an expression of numbers, of operators that bind as tight as `level` or tighter."""
        if level == len(_LEVELS):
            return self._operand()
        left = self.numbers(level + 1)
        while self.sees(*_LEVELS[level]):
            operator = self._take()
            as_number = operator in COMPARE and self._passes("bool")
            matching = self._matching()
            left = self._joined(operator, left, self.numbers(level + 1), matching, as_number)
        return left

    def _joined(
        self, operator: str, left: Numbers, right: Numbers, matching: Matching, as_number: bool
    ) -> Numbers:
        if operator in ("and", "or", "unless"):
            if any(isinstance(side, Number) and not side.is_vector for side in (left, right)):
                raise self._error(f"a number on a side of {operator}")
        elif isinstance(left, Number) and isinstance(right, Number):
            if operator not in ARITHMETIC:
                raise self._error(f"{operator} of two numbers is not evaluated here")
            is_vector = left.is_vector or right.is_vector
            return Number(ARITHMETIC[operator](left.value, right.value), is_vector)
        return Binary(operator, left, right, matching, as_number)

    def _operand(self) -> Numbers:
        if self._passes("("):
            inner = self.numbers()
            self._expect(")")
            return inner
        if self.sees("-") or self._kind() == "number":
            return Number(self._number())
        name = self._token("name")
        if name == "vector":
            self._expect("(")
            value = self._number()
            self._expect(")")
            return Number(value, is_vector=True)
        if name in _AGGREGATIONS:
            return self._aggregation(name)
        if name in _COUNTING | _UNWRAPPING:
            return self._over_range(name)
        raise self._error(f"unexpected {name}")

    def _aggregation(self, function: str) -> Aggregation:
        grouping = self._grouping()
        self._expect("(")
        number = None
        if function in ("topk", "bottomk"):
            number = int(self._number())
            self._expect(",")
        of = self.numbers()
        self._expect(")")
        return Aggregation(function, of, number, grouping or self._grouping())

    def _over_range(self, function: str) -> OverRange:
        self._expect("(")
        selector = self._selector()
        window = self._window() if self.sees("[") else None
        stages = self._stages()
        unwrap = None
        if self._passes("|"):
            self._expect("unwrap")
            unwrap = self._token("name")
        seconds, offset = window or self._window()
        self._expect(")")
        grouping = self._grouping()
        if (unwrap is None) == (function in _UNWRAPPING):
            raise self._error(f"invalid aggregation {function} with or without unwrap")
        if grouping and function not in _GROUPED_RANGES:
            raise self._error(f"grouping not allowed for {function}")
        return OverRange(function, Lines(selector, stages), seconds, offset, unwrap, grouping)

    def _window(self) -> tuple[float, float]:
        self._expect("[")
        seconds = self._span()
        self._expect("]")
        return seconds, self._span() if self._passes("offset") else 0.0

    def _grouping(self) -> Grouping | None:
        if not self.sees("by", "without"):
            return None
        return Grouping(self._take() == "without", self._labels())

    def _matching(self) -> Matching:
        if not self.sees("on", "ignoring"):
            return Matching()
        return Matching(self._take() == "on", self._labels())

    def _labels(self) -> tuple[str, ...]:
        self._expect("(")
        labels: list[str] = []
        while not self._passes(")"):
            if labels:
                self._expect(",")
            labels.append(self._token("name"))
        return tuple(labels)

    def _selector(self) -> tuple[Matcher, ...]:
        self._expect("{")
        matchers: list[Matcher] = []
        while not self._passes("}"):
            if matchers:
                self._expect(",")
            matchers.append(self._matcher(self._token("name")))
        if not any(not matcher.accepts("") for matcher in matchers):
            raise self._error("at least one matcher has to refuse what is empty")
        return tuple(matchers)

    def _matcher(self, label: str) -> Matcher:
        if not self.sees("=", "!=", "=~", "!~"):
            raise self._unexpected()
        comparison, value = self._take(), self._text()
        if comparison in ("=~", "!~"):
            expression(value)
        return Matcher(label, comparison, value)

    def _stages(self) -> tuple[Stage, ...]:
        stages: list[Stage] = []
        while self.sees("|=", "|~", "!=", "!~", "|"):
            if self.sees("|"):
                if self._tokens[self._next + 1 : self._next + 2] == [_Token("name", "unwrap")]:
                    break
                self._take()
                stages.append(self._stage(self._token("name")))
            else:
                stages.append(self._line_filter(self._take()))
        return tuple(stages)

    def _line_filter(self, comparison: str) -> LineFilter:
        values = [self._text()]
        while self._passes("or"):
            values.append(self._text())
        if comparison in ("|~", "!~"):
            for value in values:
                expression(value)
        return LineFilter(comparison, tuple(values))

    def _stage(self, name: str) -> Stage:
        if name == "json":
            return Json(self._paths())
        if name == "regexp":
            pattern = expression(self._text())
            if not pattern.groupindex:
                raise self._error("at least one named capture must be supplied")
            return Regexp(pattern)
        if name == "line_format":
            return LineFormat(self._text())
        if name == "label_format":
            label = self._token("name")
            self._expect("=")
            if self._kind() == "name":
                return LabelFormat(label, source=self._take())
            return LabelFormat(label, template=self._text())
        if self.sees(*COMPARE) and self._kind(1) == "number":
            return NumberFilter(name, self._take(), self._number())
        return self._matcher(name)

    def _paths(self) -> Paths:
        paths: list[tuple[str, tuple[str, ...]]] = []
        while self._kind() == "name" and (not paths or self._tokens[self._next - 1].text == ","):
            label = self._take()
            self._expect("=")
            path = self._text()
            if not _PATH.match(path):
                raise self._error(f"the path {path!r} is not evaluated here")
            paths.append((label, tuple(path.split("."))))
            if not self._passes(","):
                break
        if not paths:
            raise self._error("json without names is not evaluated here")
        return tuple(paths)

    def _text(self) -> str:
        text = self._token("text")
        return text[1:-1] if text.startswith("`") else str(json.loads(text))

    def _number(self) -> float:
        sign = -1.0 if self._passes("-") else 1.0
        return sign * float(self._token("number"))

    def _span(self) -> float:
        parts = re.findall(r"([\d.]+)(ms|[smhdw])", self._token("span"))
        return sum(float(count) * _SECONDS[unit] for count, unit in parts)

    def _kind(self, further: int = 0) -> str:
        place = self._next + further
        return self._tokens[place].kind if place < len(self._tokens) else ""

    def _token(self, kind: str) -> str:
        if self._kind() != kind:
            raise self._unexpected()
        return self._take()

    def _take(self) -> str:
        self._next += 1
        return self._tokens[self._next - 1].text

    def _passes(self, text: str) -> bool:
        if not self.sees(text):
            return False
        self._next += 1
        return True

    def _expect(self, text: str) -> None:
        if not self._passes(text):
            raise self._unexpected()

    def _unexpected(self) -> QueryError:
        rest = self._tokens[self._next : self._next + 1]
        return self._error(f"unexpected {rest[0].text if rest else 'end'}")

    def _error(self, why: str) -> QueryError:
        return QueryError(f"{self._query}: parse error: {why}")
