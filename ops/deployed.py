"""What a deployed stack says of its templates and of coderd, as components register it.

Each WorkspaceTemplate registers its policy, as JSON, and the agent's variables, so they stand in
its state. States of before have the policy as a list, or both in the stack's outputs, under the
templates' names; one that an update left half way may have more than one kind.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from pulumi import automation

from components.boundary import Policy
from components.boundary.credentials import HIDDEN
from components.network.reach import Manifest
from ops import namespace_changes, network
from ops.boundary_release import registered
from ops.guard_changes import guards_of
from ops.stack_reach import StackReach, off_unrecorded
from ops.state import StackState
from ops.template_changes import Registered
from ops.tokens import ALERTS, CODERD_ENV, STACK, WORKSPACE_NETWORK, WORKSPACE_TEMPLATE

_SUSPENDED: Final = "suspendedPolicy"
Policies = Mapping[str, Policy | None]


@dataclass(frozen=True)
class Deployed:
    """What templates there are, by name and in its order, and what is set on coderd.

    Attributes:
        policies: of each template; None without a firewall.
        agent_env: the agent's variables of each; None when the state says nothing of any.
        coderd: outputs of the CoderdEnvironment, None without one.
        templates: what each registers of itself for reviews.
        thresholds: when the alerts fire, by the settings' keys; empty if that is not recorded.
        network: every network policy by its URN; of a whole state alone.
        guards: what guards the stack, by the settings' keys; empty if that is not recorded.
        logs: which of Loki's logs alerts look for the audit in; empty if that is not recorded.
        namespaces: of each template's pods, as far as they are known; of a whole state alone.
        accepted: the reason by `KIND/NAME` of each policy of others that may open more; None
            without a network policy of the stack's own.
        suspended: policies that the emergency switch has off; empty if that is not recorded.
    """

    policies: Policies
    agent_env: Mapping[str, Mapping[str, str]] | None
    coderd: Mapping[str, Any] | None = None
    templates: Mapping[str, Registered] = field(default_factory=dict)
    network: Mapping[str, Manifest] = field(default_factory=dict)
    thresholds: Mapping[str, float] = field(default_factory=dict)
    guards: Mapping[str, Any] = field(default_factory=dict)
    logs: str = ""
    namespaces: Mapping[str, str] = field(default_factory=dict)
    accepted: Mapping[str, str] | None = None
    suspended: Mapping[str, Policy] = field(default_factory=dict)

    @property
    def reach(self) -> StackReach:
        """What decides what agents reach."""
        agents = {name: each.agents_allowed for name, each in self.templates.items()}
        releases = registered({name: each.pins for name, each in self.templates.items()})
        network = tuple(self.network.values())
        return StackReach(
            self.policies,
            agents,
            network,
            releases,
            namespaces=self.namespaces,
            suspended=self.suspended,
            unrecorded=off_unrecorded(self.policies, self.templates),
        )


def of(
    resources: Iterable[tuple[str, Mapping[str, Any]]],
    unmasked: Callable[[], Policies] | None = None,
    unmasked_suspended: Callable[[], Mapping[str, Policy]] | None = None,
) -> Deployed:
    """Return what the outputs of resources say, given with their URNs; others pass by.

    Args:
        resources: the URN and outputs of each.
        unmasked: tells the same policies from elsewhere, for outputs of the engine's events: it
            masks there whatever text is a secret's value too, as a client id that is also a word
            in the name of a host. Asked only where a policy shows that.
        unmasked_suspended: the same of policies that the emergency switch has off.
    """
    stack: Mapping[str, Any] = {}
    own: dict[str, Mapping[str, Any]] = {}
    coderd: Mapping[str, Any] | None = None
    thresholds: Mapping[str, float] = {}
    logs = ""
    accepted: Mapping[str, str] | None = None
    for urn, outputs in resources:
        kind, name = type_of(urn), urn.rpartition("::")[2]
        if kind == STACK:
            stack = outputs
        elif kind == WORKSPACE_TEMPLATE:
            own[name] = outputs
        elif kind == CODERD_ENV:
            coderd = outputs
        elif kind == ALERTS:
            thresholds = outputs.get("thresholds") or {}
            logs = str(outputs.get("logs") or "")
        elif kind == WORKSPACE_NETWORK:
            # Earlier releases accepted none.
            accepted = outputs.get("acceptedPolicies") or {}
    rules, variables = (
        {
            **(earlier if isinstance(earlier := stack.get(before), Mapping) else {}),
            **{name: each[now] for name, each in own.items() if now in each},
        }
        for before, now in (("policies", "policy"), ("agentEnv", "agentEnv"))
    )
    elsewhere: Policies | None = None
    policies: dict[str, Policy | None] = {}
    for name, each in sorted(rules.items()):
        if unmasked is None or HIDDEN not in json.dumps(each):
            policies[name] = _policy(each)
            continue
        elsewhere = unmasked() if elsewhere is None else elsewhere
        if name in elsewhere:
            policies[name] = elsewhere[name]
    known = bool(variables) or "agentEnv" in stack
    return Deployed(
        policies,
        {name: dict(each) for name, each in sorted(variables.items())} if known else None,
        coderd,
        {name: Registered.of(outputs) for name, outputs in own.items()},
        thresholds=thresholds,
        guards=guards_of(stack),
        logs=logs,
        accepted=accepted,
        suspended=_suspended(own, unmasked_suspended),
    )


def of_both(old: Deployed, new: Deployed) -> dict[str, Any]:
    """Return what a StackPreview compares that is of the stack as a whole, of no template."""
    return {
        f"{side}_{name}": getattr(found, name)
        for side, found in (("old", old), ("new", new))
        for name in ("thresholds", "logs", "guards", "accepted", "suspended")
    }


def of_parts(old: Deployed, new: Deployed) -> dict[str, Any]:
    """Return what a StackPreview compares that is of the stack's templates and of coderd."""
    return {
        "old": old.policies,
        "new": new.policies,
        "old_variables": old.agent_env,
        "new_variables": new.agent_env or {},
        "old_templates": old.templates,
        "new_templates": new.templates,
        "old_coderd": old.coderd,
        "new_coderd": new.coderd,
    }


def _suspended(
    own: Mapping[str, Mapping[str, Any]], unmasked: Callable[[], Mapping[str, Policy]] | None
) -> Mapping[str, Policy]:
    rules = {name: each[_SUSPENDED] for name, each in own.items() if _SUSPENDED in each}
    if unmasked is not None and HIDDEN in json.dumps(rules):
        return unmasked()
    return {name: Policy.from_json(each) for name, each in rules.items()}


def _policy(registered: str | Sequence[dict[str, str]]) -> Policy | None:
    """Return what a template registered, None without a firewall; raises as Policy.from_json."""
    return Policy.from_json(registered) if registered else None


def of_stack(stack: automation.Stack) -> Deployed:
    """Return what the state of a stack says; raises automation.CommandError."""
    return of_state(StackState(stack))


def of_state(state: StackState) -> Deployed:
    """Return what a state says."""
    return of_resources(state.resources)


def of_resources(resources: Mapping[str, Mapping[str, Any]]) -> Deployed:
    """Return what the resources of a state say, given by URN."""
    found = of((urn, each.get("outputs") or {}) for urn, each in resources.items())
    policies = {
        urn: each.get("inputs") or {}
        for urn, each in resources.items()
        if type_of(urn) in network.KINDS
    }
    namespaces = namespace_changes.of_state(resources.values())
    return replace(found, network=policies, namespaces=namespaces)


def type_of(urn: str) -> str:
    """Return the type of the resource that a URN names."""
    return urn.rpartition("::")[0].rpartition("::")[2].rpartition("$")[2]
