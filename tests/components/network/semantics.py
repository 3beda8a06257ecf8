"""What NetworkPolicies decide, by the text of their API (networking.k8s.io/v1).

A connection passes when the policies of its source let it out and those of its destination let it
in. Where the API leaves a choice to the plugin, the choice is an argument: whether a block of
addresses also matches a pod that has such an address.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from typing import Any

Policy = Mapping[str, Any]


@dataclass(frozen=True)
class Pod:
    """A pod; `ports` are its containers' named ports, (protocol, number) by name."""

    namespace: str
    labels: Mapping[str, str] = field(default_factory=dict)
    address: str = "10.244.0.9"
    ports: Mapping[str, tuple[str, int]] = field(default_factory=dict)


@dataclass(frozen=True)
class Cluster:
    """Policies, and the labels of each namespace."""

    policies: Sequence[Policy]
    namespaces: Mapping[str, Mapping[str, str]]
    blocks_match_pods: bool = True

    def passes(self, source: Pod | str, destination: Pod | str, protocol: str, port: int) -> bool:
        """Whether a connection passes between pods, or a pod and an address outside."""
        return self._side("egress", source, destination, destination, protocol, port) and (
            self._side("ingress", destination, source, destination, protocol, port)
        )

    def _side(
        self,
        direction: str,
        subject: Pod | str,
        peer: Pod | str,
        destination: Pod | str,
        protocol: str,
        port: int,
    ) -> bool:
        if isinstance(subject, str):
            return True  # no policy is about what is outside
        isolating = [
            policy
            for policy in self.policies
            if policy["metadata"].get("namespace", "default") == subject.namespace
            and matches(policy["spec"].get("podSelector") or {}, subject.labels)
            and direction in types(policy["spec"])
        ]
        return not isolating or any(
            self._rule(policy, rule, "to" if direction == "egress" else "from", peer)
            and _port(rule.get("ports"), destination, protocol, port)
            for policy in isolating
            for rule in policy["spec"].get(direction) or ()
        )

    def _rule(self, policy: Policy, rule: Policy, key: str, peer: Pod | str) -> bool:
        peers = rule.get(key)
        return not peers or any(self._peer(policy, each, peer) for each in peers)

    def _peer(self, policy: Policy, given: Policy, peer: Pod | str) -> bool:
        if block := given.get("ipBlock"):
            if isinstance(peer, Pod) and not self.blocks_match_pods:
                return False
            address = ip_address(peer.address if isinstance(peer, Pod) else peer)
            inside = address in ip_network(block["cidr"])
            return inside and not any(address in ip_network(e) for e in block.get("except") or ())
        if isinstance(peer, str):
            return False
        namespaces, pods = given.get("namespaceSelector"), given.get("podSelector")
        if namespaces is None:
            if peer.namespace != policy["metadata"].get("namespace", "default"):
                return False
        elif not matches(namespaces, self.namespaces[peer.namespace]):
            return False
        return pods is None or matches(pods, peer.labels)


def types(spec: Policy) -> list[str]:
    """Return the directions that a policy isolates."""
    default = ["Ingress", *(["Egress"] if spec.get("egress") else [])]
    return [each.lower() for each in spec.get("policyTypes") or default]


def matches(selector: Policy, labels: Mapping[str, str]) -> bool:
    """Whether a label selector matches; an empty one does."""
    wanted = (selector.get("matchLabels") or {}).items()
    if any(labels.get(key) != value for key, value in wanted):
        return False
    tests = {
        "In": lambda value, values: value in values,
        "NotIn": lambda value, values: value not in values,
        "Exists": lambda value, _: value is not None,
        "DoesNotExist": lambda value, _: value is None,
    }
    return all(
        tests[each["operator"]](labels.get(each["key"]), each.get("values") or ())
        for each in selector.get("matchExpressions") or ()
    )


def _port(given: Iterable[Policy] | None, destination: Pod | str, protocol: str, port: int) -> bool:
    given = list(given or ())
    return not given or any(
        each.get("protocol", "TCP") == protocol and _number(each, destination, protocol, port)
        for each in given
    )


def _number(given: Policy, destination: Pod | str, protocol: str, port: int) -> bool:
    wanted = given.get("port")
    if wanted is None:
        return True
    if isinstance(wanted, str):
        # A name is the destination's own; an address outside has none.
        return isinstance(destination, Pod) and destination.ports.get(wanted) == (protocol, port)
    return wanted <= port <= given.get("endPort", wanted)
