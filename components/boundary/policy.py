"""The egress policy as a value: rules with their groups and reasons, and the decision.

Default deny; the first rule that matches allows. A decision looks at the rules that an index by
host finds, not at all of them, so its cost does not grow with the number of hosts.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from components.boundary.rule import WILDCARD, Rule
from components.boundary.url import Target, UrlError, parse


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


@dataclass
class _Node:
    """Rules whose host ends here, by label from the right."""

    children: dict[str, _Node] = field(default_factory=dict)
    exact: list[int] = field(default_factory=list)
    deeper: list[int] = field(default_factory=list)


class _Index:
    def __init__(self, rules: Sequence[PolicyRule]) -> None:
        self.blind: list[int] = []  # neither domain nor path: does not look at the URL
        self.everywhere: list[int] = []
        self.root = _Node()
        for order, entry in enumerate(rules):
            rule = entry.rule
            if not rule.labels:
                (self.everywhere if rule.paths else self.blind).append(order)
                continue
            node = self.root
            for label in reversed(rule.labels):
                node = node.children.setdefault(label, _Node())
            (node.deeper if rule.labels[0] == WILDCARD else node.exact).append(order)

    def candidates(self, labels: Sequence[str]) -> list[int]:
        """Return the numbers of all rules whose host matches, in order."""
        found = [*self.blind, *self.everywhere]
        level = [self.root]
        for distance, label in enumerate(reversed(labels), 1):
            nodes = []
            for node in level:
                for key in {label, WILDCARD}:
                    child = node.children.get(key)
                    if child is not None:
                        nodes.append(child)
                        found += child.deeper
                        if distance == len(labels):
                            found += child.exact
            level = nodes
            if not level:
                break
        return sorted(found)


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
        return hash(self._rules)

    def __repr__(self) -> str:
        return f"Policy({len(self)} rules)"

    @property
    def texts(self) -> tuple[str, ...]:
        """The rules as Boundary reads them, in order."""
        return tuple(entry.rule.text for entry in self._rules)

    @cached_property
    def _index(self) -> _Index:
        return _Index(self._rules)

    def decide(self, method: str, url: str) -> Decision:
        """Return what Boundary answers `method` (case-sensitive) on `url`."""
        target: Target | None
        problem: str | None = None
        try:
            target = parse(url)
            numbers = self._index.candidates(target.labels)
        except UrlError as error:
            # Only a rule that looks at neither host nor path can match.
            target, numbers, problem = None, self._index.blind, str(error)
        segments = target.segments if target else ()
        for number in numbers:
            entry = self._rules[number]
            if entry.rule.matches_method(method) and entry.rule.matches_path(segments):
                return Decision(True, entry, method, url, problem)
        return Decision(False, None, method, url, problem)

    def to_json(self) -> list[dict[str, str]]:
        """Return plain data that `from_json` reads back to an equal policy."""
        return [{"rule": e.rule.text, "group": e.group, "why": e.why} for e in self._rules]

    @classmethod
    def from_json(cls, data: Sequence[dict[str, str]] | str) -> Policy:
        """Return the policy that `to_json` wrote; raises RuleError, KeyError."""
        entries = json.loads(data) if isinstance(data, str) else data
        return cls([PolicyRule(Rule.parse(e["rule"]), e["group"], e["why"]) for e in entries])
