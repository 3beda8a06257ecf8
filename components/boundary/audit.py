"""What Boundary accepts in a policy but surely was not meant."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from components.boundary.coverage import Cover, Pattern, parts
from components.boundary.names import open_labels
from components.boundary.policy import STACK, Policy
from components.boundary.rule import WILDCARD, Rule, parsed

_SLASH_AT_END = re.compile(r"(?:path=|,)([^\s,]+/)(?=[\s,]|\Z)")


@dataclass(frozen=True)
class Finding:
    """What is doubtful, and why; an error is refused unless a stack accepts it.

    Attributes:
        severity: whether it is refused.
        rule: text of the rule, None for what concerns them all.
        reason: what is wrong with it.
    """

    severity: Literal["error", "warning"]
    rule: str | None
    reason: str

    def __str__(self) -> str:
        return self.reason if self.rule is None else f"rule {self.rule!r}: {self.reason}"


# A program and the report of its preview ask about the same policies.
@lru_cache(maxsize=16)
def audit(policy: Policy) -> tuple[Finding, ...]:
    """Return every finding in the order of the rules."""
    seen: set[Rule] = set()
    findings: list[Finding] = []
    cover = Cover(())
    for entry in policy:
        rule = entry.rule
        findings.extend(_alone(rule))
        if entry.group == STACK:
            findings.extend(_anyones(rule))
        own = parts(rule)
        meaning = Rule("", tuple(sorted(set(rule.methods))), rule.labels, rule.paths)
        if meaning in seen:
            findings.append(Finding("warning", rule.text, "duplicate of an earlier rule"))
        elif own and all(cover.of(part) is not None for part in own):
            findings.append(Finding("warning", rule.text, "shadowed: earlier rules allow it all"))
        seen.add(meaning)
        cover.add(own)
    return tuple(findings)


def _anyones(rule: Rule) -> Iterator[Finding]:
    """Find a wildcard that reaches hosts of whoever registers one; of the stack's own rules alone.

    The catalogue's are known, and the list of suffixes takes a moment to read.
    """
    if WILDCARD in rule.labels and not rule.any_host:
        named = open_labels(rule.host)
        if WILDCARD in rule.labels[-named:]:
            below = ".".join(rule.labels[1 - named :])
            yield Finding("warning", rule.text, f"anyone may register a host below {below}")


def _alone(rule: Rule) -> Iterator[Finding]:
    # A policy that is deployed may hold what no settings accept.
    for doubt in parsed(rule.text)[1]:
        yield Finding("warning", rule.text, doubt.problem)
    if rule.any_host:
        what = "matches every request" if not rule.text.strip() else "opens every host"
        yield Finding("error", rule.text, f"{what}; name a domain, or accept it explicitly")
    for label in rule.labels:
        if label != label.lower():
            yield Finding(
                "warning",
                rule.text,
                f"upper case in {label!r}: programs send hosts in lower case, which it never"
                " matches; an agent sends what it likes",
            )
            break
    for method in rule.methods:
        if method != method.upper():
            yield Finding(
                "warning",
                rule.text,
                f"method {method!r} never matches {method.upper()}: case counts",
            )
    for pattern in rule.paths:
        if any("%" in segment for segment in pattern):
            yield Finding(
                "warning",
                rule.text,
                "a percent escape is compared as written with the decoded path: decode it",
            )
            break
    for pattern in rule.paths:
        if place := _left(pattern):
            fixed = "/".join(pattern[:place])
            asked = "/".join((fixed, "..", *(pattern[place + 1 :] or ("x",))))
            yield Finding(
                "warning",
                rule.text,
                f"dot segments leave /{fixed}/: Boundary compares /{asked} as it is, and what"
                " stands behind it may resolve that to another path; name whole paths",
            )
            break
    for path in _SLASH_AT_END.findall(rule.text):
        yield Finding(
            "warning",
            rule.text,
            f"Boundary drops the slash at the end of {path}: it matches {path[:-1]} and not {path};"
            f" {path}* matches all below",
        )
    if WILDCARD in rule.methods and len(rule.methods) > 1:
        yield Finding("warning", rule.text, "a method beside * says nothing")


def _left(pattern: Pattern) -> int:
    """Return the place of the first wildcard after a fixed segment, 0 if there is none."""
    fixed = next((at for at, segment in enumerate(pattern) if segment != WILDCARD), len(pattern))
    return pattern.index(WILDCARD, fixed) if WILDCARD in pattern[fixed:] else 0
