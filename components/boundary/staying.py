"""What stays allowed of requests that are allowed no longer in all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from components.boundary.comparison import Reach, reaches
from components.boundary.coverage import Part, Pattern, overlaps_host, parts
from components.boundary.policy import Policy
from components.boundary.rule import WILDCARD


class Staying:
    """Answers what a policy still allows of requests, without looking at all of its rules.

    Args:
        policy: the later one.
    """

    def __init__(self, policy: Policy) -> None:
        self._by_host: dict[Pattern, list[Part]] = {}
        self._wide: list[Part] = []
        self._by_end: dict[str, list[Part]] = {}
        self._known: dict[Reach, tuple[Reach, ...]] = {}
        for entry in policy:
            for part in parts(entry.rule):
                self._by_end.setdefault(_end(part.host), []).append(part)
                if _is_wide(part.host):
                    self._wide.append(part)
                else:
                    self._by_host.setdefault(part.host, []).append(part)

    def of(self, closed: Reach) -> tuple[Reach, ...]:
        """Return what of `closed` stays allowed; empty if nothing does."""
        if closed not in self._known:
            self._known[closed] = self._of(closed)
        return self._known[closed]

    def _of(self, closed: Reach) -> tuple[Reach, ...]:
        host = () if closed.host == WILDCARD else tuple(closed.host.split("."))
        gone = [
            Part(method, host, () if path == WILDCARD else tuple(path[1:].split("/")))
            for method in closed.methods
            for path in closed.paths
        ]
        return reaches(_common(gone, self._near(host)))

    def _near(self, host: Pattern) -> Iterator[Part]:
        if not _is_wide(host):
            yield from (*self._by_host.get(host, ()), *self._wide)
            return
        end = _end(host)
        for each in self._by_end if end == WILDCARD else (end, WILDCARD):
            yield from self._by_end.get(each, ())


def _is_wide(host: Pattern) -> bool:
    return not host or WILDCARD in host


def _end(host: Pattern) -> str:
    return host[-1] if host else WILDCARD


def _common(gone: Iterable[Part], left: Iterable[Part]) -> Iterator[Part]:
    every = list(left)
    for one in gone:
        for two in every:
            if WILDCARD not in (one.method, two.method) and one.method != two.method:
                continue
            if overlaps_host(one.host, two.host) and _overlaps_path(one.path, two.path):
                method = two.method if one.method == WILDCARD else one.method
                # A wildcard that stands for several labels or segments is the first or the last.
                host = _met(one.host[::-1], two.host[::-1])[::-1]
                yield Part(method, host, _met(one.path, two.path))


def _met(one: Pattern, two: Pattern) -> Pattern:
    """Return the pattern of what matches both of two that overlap."""
    short, long = (one, two) if len(one) <= len(two) else (two, one)
    narrowest = (t if s == WILDCARD else s for s, t in zip(short, long, strict=False))
    return (*narrowest, *long[len(short) :])


def _overlaps_path(one: Pattern, two: Pattern) -> bool:
    """Whether some path matches both patterns; empty matches every path."""
    if not one or not two:
        return True
    short, long = (one, two) if len(one) <= len(two) else (two, one)
    if len(short) < len(long) and short[-1] != WILDCARD:
        return False
    return all(WILDCARD in (s, t) or s == t for s, t in zip(short, long, strict=False))
