"""What two policies reach differently: hosts with methods and paths, never lines of text."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from components.boundary.coverage import Cover, Part, parts
from components.boundary.policy import Policy
from components.boundary.rule import WILDCARD


@dataclass(frozen=True)
class Reach:
    """Requests that changed: one host pattern, its methods and paths (`*` for all)."""

    host: str
    methods: tuple[str, ...]
    paths: tuple[str, ...]

    def __str__(self) -> str:
        methods = "all methods" if WILDCARD in self.methods else ", ".join(self.methods)
        paths = "all paths" if WILDCARD in self.paths else ", ".join(self.paths)
        return f"{self.host} ({methods}, {paths})"


@dataclass(frozen=True)
class Comparison:
    """What becomes reachable, and what stops being so."""

    opened: tuple[Reach, ...]
    closed: tuple[Reach, ...]

    @property
    def empty(self) -> bool:
        """Whether both policies reach the same."""
        return not self.opened and not self.closed


def compare(old: Policy, new: Policy) -> Comparison:
    """Return what `new` reaches beyond `old` and the other way round.

    A part of a rule that the other policy covers is no change, so the comparison is empty exactly
    when both decide every readable URL alike.
    """
    if [entry.rule for entry in old] == [entry.rule for entry in new]:
        # Most templates of a review: their rules need not be taken apart.
        return Comparison((), ())
    before = {part for entry in old for part in parts(entry.rule)}
    after = {part for entry in new for part in parts(entry.rule)}
    return Comparison(_beyond(after, before), _beyond(before, after))


def _beyond(here: set[Part], there: set[Part]) -> tuple[Reach, ...]:
    cover = Cover(there)
    return reaches(part for part in here - there if cover.of(part) is None)


def reaches(found: Iterable[Part]) -> tuple[Reach, ...]:
    """Return parts of rules as requests, the widest alone."""
    new = sorted(found, key=lambda part: (part.host[::-1], part.path, part.method))
    # Of what is new, only the widest is worth reading.
    cover = Cover(new)
    widest = [part for part in new if cover.of(part, wider=True) is None]
    grouped: dict[tuple[tuple[str, ...], frozenset[str]], set[str]] = {}
    by_path: dict[tuple[tuple[str, ...], str], set[str]] = {}
    for part in widest:
        path = "/" + "/".join(part.path) if part.path else WILDCARD
        by_path.setdefault((part.host, path), set()).add(part.method)
    for (host, path), methods in by_path.items():
        grouped.setdefault((host, frozenset(methods)), set()).add(path)
    return tuple(
        Reach(".".join(host) if host else WILDCARD, tuple(sorted(methods)), tuple(sorted(paths)))
        for (host, methods), paths in grouped.items()
    )
