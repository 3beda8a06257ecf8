"""By which requests a path pattern of a rule leads to a route of Coder.

coderd takes several slashes for one. Dot segments it takes as they are, but what stands between
Boundary and coderd, such as a mesh or an ingress, may resolve them.
"""

from __future__ import annotations

from functools import cache, lru_cache
from typing import Final

from components.boundary.coverage import Pattern
from components.boundary.rule import WILDCARD

SOME: Final = "00000000-0000-0000-0000-000000000000"
"""Stands where a route has any segment: an id is as good as any other."""

_UP: Final = ".."


@cache
def straight(pattern: Pattern, route: Pattern) -> Pattern | None:
    """Return the segments of a request for `route` that matches `pattern`, None without one.

    A `*` of the pattern, which matches an empty segment too, may stand for nothing.

    Args:
        pattern: of a rule.
        route: a `*` in it is one segment, at the end more; `@*` is a segment that begins with @.
    """
    if not pattern or not route:
        nothing = not route and all(segment == WILDCARD for segment in pattern)
        return ("",) * len(pattern) if nothing else None
    if pattern == (WILDCARD,):
        return tuple(map(_made, route))
    if _fits(pattern[0], route[0]):
        made = _made(route[0]) if pattern[0] == WILDCARD else pattern[0]
        rest = straight(pattern[1:], route[1:])
        if rest is None and route == (WILDCARD,):
            rest = straight(pattern[1:], route)
        if rest is not None:
            return (made, *rest)
    if pattern[0] == WILDCARD:
        rest = straight(pattern[1:], route)
        return None if rest is None else ("", *rest)
    return None


@lru_cache(maxsize=4096)
def by_dots(pattern: Pattern, route: Pattern) -> Pattern | None:
    """Return a request for `route` that matches `pattern` by dot segments alone, None without."""
    if not {WILDCARD, _UP, "."}.intersection(pattern) or straight(pattern, route) is not None:
        return None
    if pattern[-1] == WILDCARD:
        before = tuple(map(_made, pattern[:-1]))
        return (*before, *[_UP] * len(before), *map(_made, route))
    return _resolved(pattern, route, whole=len(route))


@cache
def _resolved(pattern: Pattern, route: Pattern, whole: int) -> Pattern | None:
    """Return a request for what is left of a route of `whole` segments."""
    if not pattern:
        return None if route else ()
    first, rest = pattern[0], pattern[1:]
    if first == _UP and len(route) == whole:
        # Above the root is the root.
        found = _resolved(rest, route, whole)
        if found is not None:
            return (first, *found)
    if first not in (_UP, ".") and route and _fits(first, route[0]):
        left = _resolved(rest, route[1:], whole)
        if left is None and route == (WILDCARD,):
            left = _resolved(rest, route, whole)
        if left is not None:
            return (_made(route[0]) if first == WILDCARD else first, *left)
    for end in range(1, len(pattern) + 1):
        if (gone := _cancelled(pattern[:end])) is not None:
            left = _resolved(pattern[end:], route, whole)
            if left is not None:
                return (*gone, *left)
    return None


@cache
def _cancelled(pattern: Pattern) -> Pattern | None:
    """Return segments of which nothing is left once their dots are resolved."""
    if not pattern:
        return ()
    first, rest = pattern[0], pattern[1:]
    if first in (WILDCARD, ".") and (left := _cancelled(rest)) is not None:
        return (".", *left)
    if first in (_UP, "."):
        return None
    for place, segment in enumerate(rest):
        if segment in (WILDCARD, _UP):
            inner, after = _cancelled(rest[:place]), _cancelled(rest[place + 1 :])
            if inner is not None and after is not None:
                return (_made(first), *inner, _UP, *after)
    return None


def _fits(segment: str, place: str) -> bool:
    """Whether a segment can stand at the `place` of a route: `*`, `@*` or the segment itself."""
    beginning = place.removesuffix(WILDCARD)
    if segment in (WILDCARD, place):
        return True
    return beginning != place and segment.startswith(beginning)


def _made(place: str) -> str:
    """Return a segment for a place of a route, or of a pattern."""
    return place.replace(WILDCARD, SOME) if place in (WILDCARD, f"@{WILDCARD}") else place
