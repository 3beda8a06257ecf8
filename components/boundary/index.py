"""Finds the first rule that matches without looking at all of them.

Hosts lead to paths label by label from the right, paths to methods segment by segment. A step
follows the word itself and the wildcard, so a decision costs what the URL is long, whatever the
number of rules, also when they share one host or one wildcard.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from components.boundary.rule import WILDCARD, Rule

Numbers = dict[str, int]
"""The lowest number of a rule by its method, `*` for all methods."""


@dataclass(slots=True)
class _Paths:
    """The rules whose path patterns lead here."""

    children: dict[str, _Paths] = field(default_factory=dict)
    here: Numbers = field(default_factory=dict)
    beneath: Numbers = field(default_factory=dict)

    def add(self, pattern: Sequence[str]) -> Numbers:
        node = self
        for segment in pattern:
            node = node.children.setdefault(segment, _Paths())
        # No segment at all matches every path, as a last * matches every longer one.
        return node.beneath if not pattern or pattern[-1] == WILDCARD else node.here

    def matching(self, segments: Sequence[str], depth: int = 0) -> Iterator[Numbers]:
        if self.beneath:
            yield self.beneath
        if depth == len(segments):
            if self.here:
                yield self.here
            return
        for key in _keys(segments[depth]):
            child = self.children.get(key)
            if child is not None:
                yield from child.matching(segments, depth + 1)


@dataclass(slots=True)
class _Hosts:
    """The rules whose host patterns lead here, by label from the right."""

    children: dict[str, _Hosts] = field(default_factory=dict)
    here: _Paths = field(default_factory=_Paths)
    beneath: _Paths = field(default_factory=_Paths)

    def add(self, labels: Sequence[str]) -> _Paths:
        node = self
        for label in reversed(labels):
            node = node.children.setdefault(label, _Hosts())
        return node.beneath if not labels or labels[0] == WILDCARD else node.here

    def matching(self, labels: Sequence[str], left: int) -> Iterator[_Paths]:
        yield self.beneath
        if left == 0:
            yield self.here
            return
        for key in _keys(labels[left - 1]):
            child = self.children.get(key)
            if child is not None:
                yield from child.matching(labels, left - 1)


def _keys(word: str) -> tuple[str, ...]:
    return (word,) if word == WILDCARD else (word, WILDCARD)


class Index:
    """The rules of one policy, numbered in their order."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._hosts = _Hosts()
        for number, rule in enumerate(rules):
            paths = self._hosts.add(rule.labels)
            for place in [paths.add(pattern) for pattern in rule.paths or ((),)]:
                for method in rule.methods or (WILDCARD,):
                    place.setdefault(method, number)

    def first(self, method: str, labels: Sequence[str], segments: Sequence[str]) -> int | None:
        """Return the number of the first rule that matches."""
        found = [
            number
            for place in self.places(labels, segments)
            for key in _keys(method)
            if (number := place.get(key)) is not None
        ]
        return min(found, default=None)

    def places(self, labels: Sequence[str], segments: Sequence[str]) -> Iterator[Numbers]:
        """Yield all that a decision looks at: rules whose host and path match, by method."""
        for paths in self._hosts.matching(labels, len(labels)):
            yield from paths.matching(segments)
