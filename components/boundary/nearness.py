"""Which rules come nearest to allowing a request, and what each of them misses."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from components.boundary.policy import Policy, PolicyRule
from components.boundary.rule import WILDCARD, Rule
from components.boundary.url import RequestTarget, UrlError, parse

_ALIKE = 0.7


@dataclass(frozen=True)
class Miss:
    """A rule that does not match a request, and the reason."""

    rule: PolicyRule
    reason: str

    def __str__(self) -> str:
        return f"{self.rule.rule.text!r} ({self.rule.group}: {self.reason})"


def nearest(policy: Policy, method: str, url: str, count: int = 3) -> tuple[Miss, ...]:
    """Return up to `count` rules that do not match, the nearest first.

    Nearest are rules of the URL's host whose method or path differs, then rules of hosts that
    differ by a label, case or a dot; if there are none, rules of hosts that are written alike.
    Empty for a URL that cannot be parsed.
    """
    try:
        target = parse(url)
    except UrlError:
        return ()
    same, near = _by_host(policy, target.host)
    on_host = [Miss(entry, _other(entry.rule, method, target)) for entry in same]
    # One that misses a single thing comes before one that misses two.
    on_host.sort(key=lambda miss: " and " in miss.reason)
    return (*on_host, *near)[:count]


def _other(rule: Rule, method: str, target: RequestTarget) -> str:
    said = []
    if not rule.matches_method(method):
        said.append(f"for method {', '.join(rule.methods)}")
    if not rule.matches_path(target.segments):
        said.append("for another path")
    return " and ".join(said)


@lru_cache(maxsize=4096)
def _by_host(policy: Policy, host: str) -> tuple[tuple[PolicyRule, ...], tuple[Miss, ...]]:
    """Return the rules of a host, and of those besides the ones whose hosts come near."""
    labels = host.split(".")
    same: list[PolicyRule] = []
    by_host: dict[str, PolicyRule] = {}
    for entry in policy:
        if entry.rule.labels and entry.rule.matches_host(labels):
            same.append(entry)
        elif entry.rule.labels:
            by_host.setdefault(entry.rule.host, entry)
    return tuple(same), _near(by_host, host)


def _near(by_host: Mapping[str, PolicyRule], host: str) -> tuple[Miss, ...]:
    related = tuple(
        Miss(entry, reason) for entry in by_host.values() if (reason := _relation(entry.rule, host))
    )
    if related:
        return related
    alike = difflib.get_close_matches(host, list(by_host), n=3, cutoff=_ALIKE)
    return tuple(Miss(by_host[name], "another host") for name in alike)


def _relation(rule: Rule, host: str) -> str:
    pattern, asked = rule.host, host.lower().removesuffix(".")
    labels = tuple(asked.split("."))
    if rule.labels[0] == WILDCARD and rule.labels[1:] == labels:
        return f"every host below {asked}, not itself"
    if not Rule("", (), tuple(pattern.lower().split(".")), ()).matches_host(labels):
        below = len(rule.labels) > 1 and asked.endswith(f".{pattern}")
        return "that host alone, nothing below it" if below else ""
    return "the dot at the host's end counts" if host.endswith(".") else "the host's case counts"
