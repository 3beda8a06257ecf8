"""Which requests a rule reaches, in parts that can be compared with each other.

A rule is taken apart into one part for each method and path pattern. A part covers another when
every request of the other is one of its own; wildcards are understood. Several parts never cover
one together that none covers alone: of the request made of new words in place of its wildcards,
whatever matches that covers the whole part.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from components.boundary.rule import WILDCARD, Rule

Pattern = tuple[str, ...]


class Part(NamedTuple):
    """One method (`*` for all) on one host pattern and one path pattern (empty for all)."""

    method: str
    host: Pattern
    path: Pattern

    def covers(self, other: Part) -> bool:
        """Whether every request of `other` is one of this part's."""
        return (
            self.method in (WILDCARD, other.method)
            and covers_host(self.host, other.host)
            and covers_path(self.path, other.path)
        )


def parts(rule: Rule) -> tuple[Part, ...]:
    """Return the parts of `rule`; an empty method, which no request has, makes none."""
    methods = (WILDCARD,) if rule.any_method else tuple(dict.fromkeys(filter(None, rule.methods)))
    paths: tuple[Pattern, ...] = ((),) if rule.any_path else tuple(dict.fromkeys(rule.paths))
    host = () if rule.any_host else rule.labels
    return tuple(Part(method, host, path) for method in methods for path in paths)


def covers_host(wide: Pattern, narrow: Pattern) -> bool:
    """Whether `wide` matches every host that `narrow` matches; empty matches every host."""
    if not wide:
        return True
    if not narrow or len(wide) > len(narrow):
        return False
    open_ended = wide[0] == WILDCARD
    if not open_ended and (narrow[0] == WILDCARD or len(wide) != len(narrow)):
        return False
    tail = narrow[len(narrow) - len(wide) :]
    return all(w in (WILDCARD, n) for w, n in zip(wide, tail, strict=True))


def covers_path(wide: Pattern, narrow: Pattern) -> bool:
    """Whether `wide` matches every path that `narrow` matches; empty matches every path."""
    if not wide:
        return True
    if not narrow or len(wide) > len(narrow):
        return False
    open_ended = wide[-1] == WILDCARD
    if not open_ended and (narrow[-1] == WILDCARD or len(wide) != len(narrow)):
        return False
    return all(w in (WILDCARD, n) for w, n in zip(wide, narrow, strict=False))


def overlaps_host(one: Sequence[str], two: Sequence[str]) -> bool:
    """Whether some host matches both patterns; empty matches every host."""
    if not one or not two:
        return True
    short, long = (one, two) if len(one) <= len(two) else (two, one)
    if len(short) < len(long) and short[0] != WILDCARD:
        return False
    # The last labels first: those of most hosts differ.
    if short[-1] != long[-1] and WILDCARD not in (short[-1], long[-1]):
        return False
    pairs = zip(reversed(short), reversed(long), strict=False)
    return all(s == t or WILDCARD in (s, t) for s, t in pairs)


class Cover:
    """Answers which of many parts covers one, without looking at all of them."""

    def __init__(self, found: Iterable[Part]) -> None:
        self._by_host: dict[Pattern, list[Part]] = {}
        # A wildcard that is not the first label fits hosts that no lookup can name.
        self._odd: list[Part] = []
        self.add(found)

    def add(self, found: Iterable[Part]) -> None:
        """Take in more parts."""
        for part in found:
            if WILDCARD in part.host[1:]:
                self._odd.append(part)
            else:
                self._by_host.setdefault(part.host, []).append(part)

    def of(self, part: Part, *, wider: bool = False) -> Part | None:
        """Return a part that covers `part`, or None; with `wider`, not `part` itself."""
        host = part.host
        keys = [(), host, *((WILDCARD, *host[cut:]) for cut in range(1, len(host)))]
        for key in dict.fromkeys(keys):
            for wide in self._by_host.get(key, ()):
                if wide.covers(part) and not (wider and wide == part):
                    return wide
        odd = (wide for wide in self._odd if wide.covers(part) and not (wider and wide == part))
        return next(odd, None)
