"""Builds a policy from groups of the catalogue and a stack's own rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import urlsplit

from components.boundary.audit import audit
from components.boundary.catalogue import CATALOGUE, NAMES, SETS
from components.boundary.policy import STACK, Policy, PolicyRule
from components.boundary.rule import Rule, RuleError


class PolicyError(ValueError):
    """A policy that cannot be built; `problems` names all that is wrong."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(self.problems))


@dataclass(frozen=True)
class ExtraRule:
    """A rule of the stack's own, and why an agent needs it."""

    rule: str
    why: str


def host_of(url: str) -> str:
    """Return the host name alone of an access URL or `host:port`, in lower case.

    A rule may hold no port, and a rule that does not parse makes Boundary refuse the whole file.
    Raises PolicyError when there is no host that a rule could name.
    """
    try:
        host = urlsplit(url if "://" in url else f"//{url}").hostname or ""
    except ValueError:
        host = ""
    host = host.removesuffix(".")
    try:
        Rule.parse(f"domain={host}")
    except RuleError:
        host = ""
    if not host or "*" in host:
        raise PolicyError([f"{url!r} names no host that a rule can name: letters, digits, . and -"])
    return host


def build_policy(
    groups: Sequence[str],
    *,
    coder_host: str,
    gitlab_hosts: Sequence[str],
    extra: Sequence[ExtraRule] = (),
    accept_everything: bool = False,
) -> Policy:
    """Return the policy of the named groups and sets in the catalogue's order, then extra rules.

    `coder_host` and `gitlab_hosts` are host names (see `host_of`). Rules that open every host are
    errors unless `accept_everything`; an extra rule without a reason always is. Raises PolicyError
    with every problem found.
    """
    return _built(tuple(groups), coder_host, tuple(gitlab_hosts), tuple(extra), accept_everything)


@lru_cache(maxsize=64)  # templates share policies
def _built(
    groups: tuple[str, ...],
    coder_host: str,
    gitlab_hosts: tuple[str, ...],
    extra: tuple[ExtraRule, ...],
    accept_everything: bool,
) -> Policy:
    problems = [
        f"unknown group {name!r}; there are {', '.join(NAMES)}"
        for name in groups
        if name not in NAMES
    ]
    rules: dict[str, PolicyRule] = {}
    chosen = [group for group in CATALOGUE.values() if group.name in groups]
    chosen += [group for name, members in SETS.items() if name in groups for group in members]
    for group in chosen:
        for template in group.rules:
            hosts = gitlab_hosts if "{gitlab_host}" in template else ("",)
            for gitlab_host in hosts:
                text = template.format(coder_host=coder_host, gitlab_host=gitlab_host)
                # The stack's GitLab may be one of the catalogue's hosts: the same rule twice says
                # nothing.
                if rule := _rule(problems, text, group.name):
                    rules.setdefault(rule.text, PolicyRule(rule, group.name, group.why))
    stacks_own: list[PolicyRule] = []
    for added in extra:
        if not added.why.strip():
            problems.append(f"rule {added.rule!r} gives no reason: say why an agent needs it")
        if rule := _rule(problems, added.rule, STACK):
            stacks_own.append(PolicyRule(rule, STACK, added.why))
    policy = Policy([*rules.values(), *stacks_own])
    if not accept_everything:
        problems += [str(finding) for finding in audit(policy) if finding.severity == "error"]
    if problems:
        raise PolicyError(problems)
    return policy


def _rule(problems: list[str], text: str, group: str) -> Rule | None:
    try:
        return Rule.parse(text)
    except RuleError as error:
        problems.append(f"group {group}: {error}")
        return None
