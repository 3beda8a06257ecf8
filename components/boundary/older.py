"""What a policy lets through in a release of Boundary that decides otherwise."""

from __future__ import annotations

from components.boundary.contract import Contract
from components.boundary.policy import Policy, PolicyRule
from components.boundary.releases import releases_of
from components.boundary.rule import WILDCARD, Rule


def as_decided(policy: Policy, release: str | None) -> Policy:
    """Return the rules by which `release` decides, in the words of the releases answered for.

    Where a release lets hosts below a rule's through, each such rule is followed by one for them,
    under the same text; any other release has the policy as it is.
    """
    found = releases_of(release) if release else None
    if found is None or found.effect != "widens":
        return policy
    rules = (rule for each in policy for rule in (each, _below(each)))
    return Policy([each for each in rules if each is not None])


def broken(contract: Contract, policy: Policy, release: str) -> list[str]:
    """Return every demand that `policy` does not meet as `release` decides, in words."""
    decided = as_decided(policy, release)
    found = releases_of(release)
    why = (
        "" if decided is policy or found is None else f" in Boundary {release}: {found.difference}"
    )
    return [f"{breach}{why}" for breach in contract.check(decided)]


def _below(entry: PolicyRule) -> PolicyRule | None:
    """Return the rule for every host below a rule's own, None where it has that itself."""
    rule = entry.rule
    if rule.any_host or rule.labels[0] == WILDCARD:
        return None
    labels = (WILDCARD, *rule.labels)
    return PolicyRule(Rule(rule.text, rule.methods, labels, rule.paths), entry.group, entry.why)
