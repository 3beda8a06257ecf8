"""The objects that say what workspaces reach, as the API server takes them.

A NetworkPolicy only ever allows, and policies that select the same pod add up. So what some pods
are not to have is in a policy that does not select them: with names by Cilium, DNS and the ports
outside are a policy of their own, which leaves those templates out. The pods of Coder's own agents
are selected by one of their own alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from components.boundary import Policy
from components.network.addresses import (
    METADATA,
    PRIVATE,
    Network,
    Networks,
    covers,
    outside,
    twins,
    within,
)
from components.network.args import (
    AGENTS_LABELS,
    OUTSIDE,
    TEMPLATE_LABEL,
    WEB,
    WORKSPACE_LABELS,
    WorkspaceNetworkPolicyArgs,
)
from components.network.denied import DeniedBlock, closed, denials
from components.network.names import translate
from components.network.values import Ports, network_of, ports_of

PREFIX: Final = "firewalled-coder-"
"""Of the name of every policy."""
NAME: Final = f"{PREFIX}workspaces"
WEB_NAME: Final = f"{PREFIX}web"
AGENTS_NAME: Final = f"{PREFIX}agents"
REASONS: Final = "firewalled-coder/reasons"
"""Annotation of a policy: why each of its egress rules is there, a JSON list in their order."""
CILIUM_VERSION: Final = "cilium.io/v2"
CILIUM_KIND: Final = "CiliumNetworkPolicy"

_NAMESPACE_LABEL: Final = "kubernetes.io/metadata.name"  # the API server sets it
_DNS_PORT: Final = Ports(53, 53)

Manifest = dict[str, Any]
Protocol = Literal["TCP", "UDP"]


@dataclass(frozen=True)
class Pods:
    """Pods of a namespace that have all of the labels."""

    namespace: str
    labels: Mapping[str, str]

    def peer(self) -> Manifest:
        """Return them as one peer: both selectors have to match."""
        return {
            "namespaceSelector": {"matchLabels": {_NAMESPACE_LABEL: self.namespace}},
            "podSelector": {"matchLabels": dict(self.labels)} if self.labels else {},
        }


@dataclass(frozen=True)
class Block:
    """Addresses of a network without some parts of it."""

    network: Network
    exceptions: Networks = ()

    def peer(self) -> Manifest:
        """Return them as a peer."""
        block: Manifest = {"cidr": str(self.network)}
        if self.exceptions:
            block["except"] = [str(each) for each in self.exceptions]
        return {"ipBlock": block}


@dataclass(frozen=True)
class Way:
    """One egress rule: to whom, by which protocols and ports, and why."""

    peers: tuple[Pods | Block, ...]
    protocols: tuple[Protocol, ...]
    ports: tuple[Ports, ...]
    why: str

    def rule(self) -> Manifest:
        """Return the rule of a NetworkPolicy."""
        return {
            "to": [peer.peer() for peer in self.peers],
            "ports": [
                {
                    "protocol": protocol,
                    "port": ports.first,
                    **({"endPort": ports.last} if ports.last > ports.first else {}),
                }
                for protocol in self.protocols
                for ports in self.ports
            ],
        }


def network_policies(args: WorkspaceNetworkPolicyArgs) -> tuple[Manifest, ...]:
    """Return the NetworkPolicies.

    One of every workspace; with names by Cilium a second of the other workspaces; one of the pods
    of Coder's own agents, if there are any.
    """
    dns, web = list(_dns(args)), _outside(args, WEB, "the web")
    coderd, allowed = list(_coderd(args)), list(_allowed(args))
    everybody: Manifest = {"matchLabels": dict(WORKSPACE_LABELS)}
    if not args.by_name:
        found = [_policy(args, NAME, everybody, [*dns, *coderd, web, *allowed])]
    else:
        not_by_name = {"key": TEMPLATE_LABEL, "operator": "NotIn", "values": sorted(args.by_name)}
        # Also pods that were made before they had a label of their template.
        rest = {**everybody, "matchExpressions": [not_by_name]}
        found = [
            _policy(args, NAME, everybody, [*coderd, *allowed]),
            _policy(args, WEB_NAME, rest, [*dns, web]),
        ]
    if args.isolated_agents:
        agents: Manifest = {"matchLabels": dict(AGENTS_LABELS)}
        # What the stack opens to workspaces is not for them.
        ways = coderd if args.agents_host else [*dns, *coderd]
        found.append(_policy(args, AGENTS_NAME, agents, ways))
    return tuple(found)


def _policy(
    args: WorkspaceNetworkPolicyArgs, name: str, pods: Manifest, ways: Sequence[Way]
) -> Manifest:
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {
            "name": name,
            "namespace": args.namespace,
            "annotations": {REASONS: json.dumps([way.why for way in ways])},
        },
        "spec": {
            "podSelector": pods,
            # Without a rule for it, nothing comes in.
            "policyTypes": ["Ingress", "Egress"],
            "egress": [way.rule() for way in ways],
        },
    }


def _dns(args: WorkspaceNetworkPolicyArgs) -> Iterator[Way]:
    dns = args.dns
    pods = Pods(dns.namespace, dns.pod_labels)
    yield Way((pods,), ("UDP", "TCP"), _each(dns.ports), "the cluster's DNS")
    if dns.addresses:
        blocks = tuple(Block(network_of(each)) for each in dns.addresses)
        yield Way(blocks, ("UDP", "TCP"), (_DNS_PORT,), "the cluster's DNS")


def _coderd(args: WorkspaceNetworkPolicyArgs) -> Iterator[Way]:
    coderd = args.coderd
    pods = Pods(coderd.namespace, coderd.pod_labels)
    yield Way((pods,), ("TCP",), _each(coderd.ports), "coderd")
    if coderd.addresses:
        blocks = tuple(_block(each, METADATA) for each in coderd.addresses)
        yield Way(blocks, ("TCP",), _each((coderd.access_port,)), "coderd")


def _allowed(args: WorkspaceNetworkPolicyArgs) -> Iterator[Way]:
    ranges = tuple(map(network_of, args.cluster_ranges))
    # Whoever opens a translator's prefix means the Internet behind it.
    kept = (*METADATA, *ranges, *twins((*ranges, *PRIVATE)))
    for each in args.allow:
        if each.to == OUTSIDE:
            yield _outside(args, each.ports, each.why)
            continue
        peer = Pods(each.namespace, each.pod_labels) if each.namespace else _block(each.to, kept)
        yield Way((peer,), ("TCP",), _each(each.ports), each.why)


def _outside(args: WorkspaceNetworkPolicyArgs, ports: Sequence[int | str], why: str) -> Way:
    blocks = tuple(Block(*each) for each in outside(map(network_of, args.cluster_ranges)))
    return Way(blocks, ("TCP",), _each(ports), why)


def _block(text: str, closed: Sequence[Network]) -> Block:
    network = network_of(text)
    return Block(network, within(closed, network))


def _each(ports: Sequence[int | str]) -> tuple[Ports, ...]:
    return tuple(map(ports_of, ports))


def cilium_policies(args: WorkspaceNetworkPolicyArgs) -> dict[str, Manifest]:
    """Return a CiliumNetworkPolicy for each template whose pods reach hosts by name, by template.

    The NetworkPolicy that selects these pods besides leaves them neither DNS nor the ports
    outside. Names are known to Cilium from the answers that pass its DNS proxy, hence `rules.dns`.
    An allowed name may resolve to any address, so the metadata services and all that is not public
    are denied, which goes before whatever allows: less what the stack opens by address.
    """
    metadata = _metadata_denied(_CILIUM_WEB)
    denied = [metadata, *_cilium_denied(args)] if args.by_name else []
    return {
        template: _cilium(
            args,
            f"{NAME}-{template.lower()}",
            {**WORKSPACE_LABELS, TEMPLATE_LABEL: template},
            [*_cilium_dns(args, {"matchPattern": "*"}), *_cilium_hosts(args, policy)],
            denied,
        )
        for template, policy in sorted(args.by_name.items())
    }


def cilium_agents_policy(args: WorkspaceNetworkPolicyArgs) -> Manifest | None:
    """Return the CiliumNetworkPolicy of the pods of Coder's own agents, None without names.

    They look up the host of the access URL and no other name, so none carries data away. That name
    is Coder's own, and may lead to a private address.
    """
    if not (args.isolated_agents and args.agents_host):
        return None
    host = {"matchName": args.agents_host}
    ports = _cilium_ports(args.coderd.access_port)
    to_coderd = {"toFQDNs": [host], "toPorts": [ports]}
    egress = [*_cilium_dns(args, host), to_coderd]
    return _cilium(args, f"{AGENTS_NAME}-by-name", AGENTS_LABELS, egress, [_metadata_denied(ports)])


def _cilium(
    args: WorkspaceNetworkPolicyArgs,
    name: str,
    labels: Mapping[str, str],
    egress: Sequence[Manifest],
    denied: Sequence[Manifest],
) -> Manifest:
    return {
        "apiVersion": CILIUM_VERSION,
        "kind": CILIUM_KIND,
        "metadata": {"name": name, "namespace": args.namespace},
        "spec": {
            "endpointSelector": {"matchLabels": dict(labels)},
            "egress": list(egress),
            "egressDeny": list(denied),
        },
    }


def _cilium_ports(*ports: int) -> Manifest:
    return {"ports": [{"port": str(port), "protocol": "TCP"} for port in ports]}


_CILIUM_WEB: Final = _cilium_ports(*WEB)


def _cilium_dns(args: WorkspaceNetworkPolicyArgs, names: Manifest) -> Iterator[Manifest]:
    for way in _dns(args):
        ports = [
            {"port": str(port.first), "protocol": protocol}
            for protocol in way.protocols
            for port in way.ports
        ]
        (pods, *_) = way.peers
        yield {
            **(
                {"toEndpoints": [_endpoints(pods)]}
                if isinstance(pods, Pods)
                else {
                    "toCIDR": [str(each.network) for each in way.peers if isinstance(each, Block)]
                }
            ),
            "toPorts": [{"ports": ports, "rules": {"dns": [names]}}],
        }


def _endpoints(pods: Pods) -> Manifest:
    labels = {f"k8s:{key}": value for key, value in pods.labels.items()}
    return {"matchLabels": {"k8s:io.kubernetes.pod.namespace": pods.namespace, **labels}}


def _metadata_denied(ports: Manifest) -> Manifest:
    return {"toCIDR": list(map(str, METADATA)), "toPorts": [ports]}


def _cilium_denied(args: WorkspaceNetworkPolicyArgs) -> Iterator[Manifest]:
    """Yield what else no name may lead to, by the ports on which the stack opens none of it."""
    ways = [*_coderd(args), *_allowed(args)]
    ports_by_denied: dict[tuple[DeniedBlock, ...], list[int]] = {}
    for port in WEB:
        opened = [
            (peer.network, peer.exceptions)
            for way in ways
            if any(ports.meet(Ports(port, port)) for ports in way.ports)
            for peer in way.peers
            if isinstance(peer, Block)
        ]
        found = denials(map(network_of, args.cluster_ranges), opened)
        ports_by_denied.setdefault(found, []).append(port)
    for denied, numbers in ports_by_denied.items():
        ports = {"toPorts": [_cilium_ports(*numbers)]}
        if whole := [each.cidr for each in denied if not each.exceptions]:
            yield {"toCIDR": whole, **ports}
        sets = [
            {"cidr": each.cidr, "except": list(each.exceptions)}
            for each in denied
            if each.exceptions
        ]
        if sets:
            yield {"toCIDRSet": sets, **ports}


def _cilium_hosts(args: WorkspaceNetworkPolicyArgs, policy: Policy) -> Iterator[Manifest]:
    found = translate(policy)
    if found.selectors:
        yield {"toFQDNs": list(found.selectors), "toPorts": [_CILIUM_WEB]}
    # What the stack opens of the others is in the NetworkPolicy already.
    not_public = (*METADATA, *closed(map(network_of, args.cluster_ranges)))
    public = [each for each in found.addresses if not covers(not_public, network_of(each))]
    if public:
        yield {"toCIDR": public, "toPorts": [_CILIUM_WEB]}
