"""The rules that would allow what was denied, with what each of them costs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from components.boundary import (
    CATALOGUE,
    Policy,
    PolicyRule,
    Rule,
    Unnamed,
    exfiltration_report,
    printable,
    shown,
    suggest,
)
from components.boundary.older import as_decided
from ops.answers import Confinement, Explanation

WHY = "say why an agent needs it"
"""Stands where the stack must give its own reason."""


@dataclass(frozen=True)
class Suggested:
    """A rule to add, and what is to be known before it is.

    Attributes:
        rule: in Boundary's grammar.
        notes: what it opens besides, and what it breaks or costs.
    """

    rule: str
    notes: tuple[str, ...]


def suggested(
    confinement: Confinement, found: Iterable[Explanation]
) -> tuple[tuple[Suggested, ...], tuple[Unnamed, ...]]:
    """Return the narrowest rules for all denied answers, and the requests no rule can allow."""
    denied = [answer for answer in found if not answer.allowed]
    asked = [each.request for each in denied]
    rules, unnamed = suggest((each.method, each.url) for each in asked if each.addressed)
    elsewhere = [
        Unnamed(each.method, each.url, "it does not go to the host that its target names")
        for each in asked
        if not each.addressed
    ]
    used = {entry.group for entry in confinement.policy or ()}
    return tuple(
        Suggested(
            each.rule.text,
            (*each.notes, *_costs(each.rule, confinement), *_groups(each.rule, used)),
        )
        for each in rules
    ), (*unnamed, *elsewhere)


def _costs(rule: Rule, confinement: Confinement) -> Iterable[str]:
    alone = Policy([PolicyRule(rule, "suggested", WHY)])
    denied = replace(confinement.contract, must_allow=())
    for breach in denied.check(as_decided(alone, confinement.release)):
        wanted = breach.expectation
        url = shown(wanted.url)
        yield f"breaks the contract: {wanted.method} {url} must be denied ({wanted.reason})"
    report = exfiltration_report(alone, confinement.own, confinement.release)
    for entry in report.entries:
        yield f"exfiltration grade {entry.grade}: {entry.why}"
    yield from (note.why for note in report.notes)


def _groups(rule: Rule, used: set[str]) -> Iterable[str]:
    """Name groups of the catalogue, not picked yet, that have the rule's host."""
    host = [label.replace("*", "x") for label in rule.labels]
    for group in CATALOGUE.values():
        texts = [text for text in group.rules if "{" not in text]
        if group.name not in used and any(Rule.parse(t).matches_host(host) for t in texts):
            yield f"the catalogue's group {group.name} has this host, in {len(texts)} rules"


def to_yaml(rules: Sequence[Suggested]) -> str:
    """Return rules as they are written into a stack's settings, notes as comments."""
    lines = ["rules:"]
    for each in rules:
        lines += [f"  # {printable(note)}" for note in each.notes]
        lines += [f"  - rule: {json.dumps(each.rule)}", f"    why: {WHY}"]
    return "\n".join(lines)


def to_json(rules: Sequence[Suggested], unnamed: Sequence[Unnamed]) -> dict[str, Any]:
    """Return the same as plain data."""
    return {
        "rules": [{"rule": each.rule, "notes": list(each.notes)} for each in rules],
        "impossible": [
            {"method": each.method, "url": shown(each.url), "reason": each.reason}
            for each in unnamed
        ],
    }
