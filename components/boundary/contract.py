"""What a stack demands of its policy: requests that must be allowed, and that must be denied."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, Protocol

from components.boundary.nearness import Miss, nearest
from components.boundary.policy import Decision, Policy
from components.boundary.redaction import shown


@dataclass(frozen=True)
class Expectation:
    """One request, and why it must be allowed or denied."""

    method: str
    url: str
    reason: str


@dataclass(frozen=True)
class Breach:
    """A demand that the policy does not meet; its text is the whole message."""

    demand: Literal["allowed", "denied"]
    expectation: Expectation
    decision: Decision
    nearest: tuple[Miss, ...] = ()

    def __str__(self) -> str:
        wanted = self.expectation
        head = f"{wanted.method} {shown(wanted.url)} must be {self.demand} ({wanted.reason})"
        if self.decision.rule is not None:
            rule = self.decision.rule
            return f"{head}, but rule {rule.rule.text!r} of group {rule.group} allows it"
        if self.decision.unparsable is not None:
            return f"{head}, but the URL cannot be parsed: {self.decision.unparsable}"
        near = ", ".join(map(str, self.nearest))
        return f"{head}, but no rule allows it" + (f"; the nearest are {near}" if near else "")


class Guarding(Protocol):
    """Demands that a policy's own rules make into requests."""

    def against(self, policy: Policy) -> Iterator[Expectation]:
        """Yield requests that must be denied and that a rule of `policy` lets through."""


@dataclass(frozen=True)
class Contract:
    """The demands of a stack.

    Attributes:
        must_allow: what must be allowed.
        must_deny: what must be denied.
        guards: what else must be denied, as far as a rule lets it through.
    """

    must_allow: tuple[Expectation, ...] = ()
    must_deny: tuple[Expectation, ...] = ()
    guards: tuple[Guarding, ...] = ()

    def check(self, policy: Policy) -> tuple[Breach, ...]:
        """Return every demand that `policy` does not meet."""
        return _breaches(self, policy)


@lru_cache(maxsize=64)  # templates share policies
def _breaches(contract: Contract, policy: Policy) -> tuple[Breach, ...]:
    breaches = []
    for wanted in contract.must_allow:
        decision = policy.decide(wanted.method, wanted.url)
        if not decision.allowed:
            near = nearest(policy, wanted.method, wanted.url)
            breaches.append(Breach("allowed", wanted, decision, near))
    for wanted in contract.must_deny:
        decision = policy.decide(wanted.method, wanted.url)
        if decision.allowed:
            breaches.append(Breach("denied", wanted, decision))
    said = {(each.decision.rule, each.expectation.reason) for each in breaches}
    for wanted in (each for guard in contract.guards for each in guard.against(policy)):
        decision = policy.decide(wanted.method, wanted.url)
        if decision.allowed and (decision.rule, wanted.reason) not in said:
            said.add((decision.rule, wanted.reason))
            breaches.append(Breach("denied", wanted, decision))
    return tuple(breaches)
