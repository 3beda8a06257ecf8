"""The egress policy as a value: rules with their groups and reasons, and the decision.

Default deny; the first rule that matches allows. A decision asks an index, so its cost
does not grow with the number of rules.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from components.boundary.index import Index
from components.boundary.rule import Rule
from components.boundary.url import UrlError, parse

STACK: Final = "stack"
"""The group of rules that a stack adds itself."""


@dataclass(frozen=True)
class PolicyRule:
    """A rule, the group it came from, and why it is there."""

    rule: Rule
    group: str
    why: str


@dataclass(frozen=True)
class Decision:
    """What Boundary answers a request.

    Attributes:
        allowed: whether the request passes; Boundary answers 403 otherwise.
        rule: the deciding rule, None when denied.
        method: the request's method.
        url: the request's URL as given.
        unparsable: what is wrong with the URL if Boundary cannot parse it.
    """

    allowed: bool
    rule: PolicyRule | None
    method: str
    url: str
    unparsable: str | None = None


class Policy(Sequence[PolicyRule]):
    """An ordered list of rules; equal policies have equal rules, groups and reasons."""

    def __init__(self, rules: Sequence[PolicyRule]) -> None:
        self._rules = tuple(rules)

    def __len__(self) -> int:
        return len(self._rules)

    def __getitem__(self, index):  # type: ignore[no-untyped-def]
        return self._rules[index]

    def __iter__(self) -> Iterator[PolicyRule]:
        return iter(self._rules)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Policy) and self._rules == other._rules

    def __hash__(self) -> int:
        return self._hash

    @cached_property
    def _hash(self) -> int:
        return hash(self._rules)

    def __repr__(self) -> str:
        return f"Policy({len(self)} rules)"

    @property
    def texts(self) -> tuple[str, ...]:
        """The rules as Boundary reads them, in order."""
        return tuple(entry.rule.text for entry in self._rules)

    @cached_property
    def _index(self) -> Index:
        return Index([entry.rule for entry in self._rules])

    def decide(self, method: str, url: str) -> Decision:
        """Return what Boundary answers `method` (case-sensitive) on `url`."""
        problem: str | None = None
        try:
            target = parse(url)
            number = self._index.first(method, target.labels, target.segments)
        except UrlError as error:
            # Boundary parses the URL before a rule looks at host or path, so no rule matches.
            number, problem = None, str(error)
        rule = None if number is None else self._rules[number]
        return Decision(rule is not None, rule, method, url, problem)

    def to_json(self) -> list[dict[str, str]]:
        """Return plain data that `from_json` reads back to an equal policy."""
        return [{"rule": e.rule.text, "group": e.group, "why": e.why} for e in self._rules]

    @classmethod
    def from_json(cls, data: Sequence[dict[str, str]] | str) -> Policy:
        """Return the policy that `to_json` wrote, as Boundary reads it; raises RuleError, KeyError.

        What Boundary takes is read, also what no settings accept.
        """
        entries = json.loads(data) if isinstance(data, str) else data
        return cls([PolicyRule(Rule.read(e["rule"]), e["group"], e["why"]) for e in entries])
