"""What two sets of policies let the same pods reach differently, by what they decide.

Reads the objects as they are declared, were applied, or were found changed: NetworkPolicy as its
API reads it, of CiliumNetworkPolicy the parts that this project writes. Of what those deny, only
where names lead is read: all else that they deny is closed already.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from ipaddress import ip_network
from itertools import pairwise
from typing import Any, Final, Literal

from components.boundary.coverage import covers_host
from components.network.addresses import (
    Interval,
    Network,
    intervals,
    named,
    subtract,
    union,
)
from components.network.args import TEMPLATE_LABEL
from components.network.denied import reachable_inside
from components.syntax import LAST_PORT

Manifest = Mapping[str, Any]
Direction = Literal["egress", "ingress"]

_REASONS: Final = "firewalled-coder/reasons"
_EVERY_PORT: Final[Interval] = (1, LAST_PORT)
_PROTOCOLS: Final = ("TCP", "UDP", "SCTP")
_NAMESPACE: Final = "kubernetes.io/metadata.name"
_OWN: Final = frozenset({"their own namespace"})
_WHOLE: Final = ("0.0.0.0/0", "::/0")


@dataclass(frozen=True)
class Reached:
    """Peers and ports that are reached, or that reach the pods.

    Attributes:
        where: the peers in words.
        ports: protocols and ports in words.
        why: the reason on the object, empty if there is none.
        incoming: whether the peers reach the pods.
    """

    where: str
    ports: str
    why: str = ""
    incoming: bool = False


@dataclass(frozen=True)
class NetworkChange:
    """What changes for pods; without a policy they reach everything and everything reaches them.

    Attributes:
        before: whether a policy selects them now.
        after: whether one selects them afterwards.
        opened: what they reach, or what reaches them, in addition; all of it with the first policy.
        closed: what is no longer reached.
    """

    before: bool = False
    after: bool = False
    opened: tuple[Reached, ...] = ()
    closed: tuple[Reached, ...] = ()

    @property
    def removed(self) -> bool:
        """Whether the policy goes."""
        return self.before and not self.after

    @property
    def opens(self) -> bool:
        """Whether something is reached that is not reached now."""
        return self.removed or (self.before and bool(self.opened))

    @property
    def changed(self) -> bool:
        """Whether there is anything to say."""
        return self.before != self.after or bool(self.opened or self.closed)


@dataclass(frozen=True)
class _Way:
    """One kind of peers with one range of ports.

    Either addresses of one version, or what namespaces and pods have to fulfil, or a host pattern.
    """

    direction: Direction
    protocol: str
    ports: Interval
    why: str
    version: int = 0
    addresses: tuple[Interval, ...] = ()
    pods: tuple[frozenset[str], frozenset[str]] | None = None
    host: tuple[str, ...] = ()

    @property
    def where(self) -> str:
        if self.version:
            return named(self.addresses, self.version)
        if self.pods is not None:
            namespaces, pods = (", ".join(sorted(each)) for each in self.pods)
            return f"{f'pods {pods}' if pods else 'every pod'} in {namespaces or 'every namespace'}"
        return ".".join(self.host)


def network_change(
    old: Iterable[Manifest],
    new: Iterable[Manifest],
    labels: Mapping[str, str],
    namespaces: tuple[str | None, str | None] = (None, None),
) -> NetworkChange:
    """Return what changes for pods between two sets of objects.

    Args:
        old: the policies now.
        new: the policies afterwards.
        labels: of the pods.
        namespaces: of the pods now and afterwards, for a policy selects those of its own alone;
            None if that is not known, where the policies are taken to be in it.
    """
    before = [each for each in old if _selects(each, labels, namespaces[0])]
    after = [each for each in new if _selects(each, labels, namespaces[1])]
    if not before and not after:
        return NetworkChange()
    if before == after:
        return NetworkChange(before=True, after=True)
    earlier, later = list(_ways(before)), list(_ways(after))
    if not before or not after:
        return NetworkChange(bool(before), bool(after), opened=tuple(_told(later)))
    return NetworkChange(
        before=True,
        after=True,
        opened=tuple(_told(_beyond(later, earlier))),
        closed=tuple(_told(_beyond(earlier, later))),
    )


def _selects(policy: Manifest, labels: Mapping[str, str], namespace: str | None) -> bool:
    own = _mapping(policy.get("metadata")).get("namespace")
    if namespace and own and own != namespace:
        return False
    spec = _mapping(policy.get("spec"))
    selector = _mapping(spec.get("podSelector", spec.get("endpointSelector")))
    wanted = _mapping(selector.get("matchLabels"))
    if any(labels.get(str(key)) != value for key, value in wanted.items()):
        return False
    return all(_fits(_mapping(each), labels) for each in selector.get("matchExpressions") or ())


def _fits(expression: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    value, values = labels.get(str(expression.get("key"))), expression.get("values") or ()
    match expression.get("operator"):
        case "In":
            return value in values
        case "NotIn":
            return value not in values
        case "Exists":
            return value is not None
        case _:
            return value is None


def _ways(policies: Iterable[Manifest]) -> Iterator[_Way]:
    policies = list(policies)
    said = list(_said(policies))
    yield from said
    # What is opened by address as well, is said by that.
    for policy in policies:
        if policy.get("kind") == "CiliumNetworkPolicy":
            yield from _beyond(list(_behind_names(_mapping(policy.get("spec")))), said)


def _said(policies: Sequence[Manifest]) -> Iterator[_Way]:
    for policy in policies:
        spec = _mapping(policy.get("spec"))
        if policy.get("kind") == "CiliumNetworkPolicy":
            yield from _cilium(spec)
            continue
        why = _reasons(policy)
        for index, rule in enumerate(spec.get("egress") or ()):
            yield from _rule("egress", rule, rule.get("to"), why[index] if index < len(why) else "")
        for rule in spec.get("ingress") or ():
            yield from _rule("ingress", rule, rule.get("from"), "")
    for direction, word in (("egress", "Egress"), ("ingress", "Ingress")):
        if not any(word in _types(policy) for policy in policies):
            yield from _rule(direction, {}, (), "no policy limits it")  # type: ignore[arg-type]


def _types(policy: Manifest) -> Sequence[str]:
    spec = _mapping(policy.get("spec"))
    if policy.get("kind") == "CiliumNetworkPolicy":
        return ["Egress"] if spec.get("egress") else []
    return spec.get("policyTypes") or ["Ingress", *(["Egress"] if spec.get("egress") else [])]


def _reasons(policy: Manifest) -> list[str]:
    annotations = _mapping(_mapping(policy.get("metadata")).get("annotations"))
    try:
        found = json.loads(str(annotations.get(_REASONS, "[]")))
    except ValueError:
        return []
    return [str(each) for each in found] if isinstance(found, list) else []


def _rule(
    direction: Direction, rule: Manifest, peers: Sequence[Manifest] | None, why: str
) -> Iterator[_Way]:
    for protocol, ports in _ports(rule.get("ports") or ()):
        way = _Way(direction, protocol, ports, why)
        # No peers, or an empty list of them, is everybody.
        for peer in peers or (
            {"namespaceSelector": {}},
            *({"ipBlock": {"cidr": c}} for c in _WHOLE),
        ):
            yield _peer(way, peer)


def _peer(way: _Way, peer: Manifest) -> _Way:
    block = peer.get("ipBlock")
    if block:
        network = ip_network(str(block.get("cidr")), strict=False)
        exceptions = [ip_network(str(each), strict=False) for each in block.get("except") or ()]
        return replace(way, version=network.version, addresses=intervals(network, exceptions))
    namespaces, pods = peer.get("namespaceSelector"), peer.get("podSelector")
    where = _OWN if namespaces is None else _words(namespaces)
    return replace(way, pods=(where, _words(pods)))


def _words(selector: Any) -> frozenset[str]:
    """Return what a selector demands, in words; nothing for one that selects all."""
    labels = _mapping(_mapping(selector).get("matchLabels"))
    said = [
        # The label that the API server gives every namespace.
        f"namespace {value}" if key == _NAMESPACE else f"{key}={value}"
        for key, value in labels.items()
    ]
    for each in _mapping(selector).get("matchExpressions") or ():
        values = ", ".join(sorted(each.get("values") or ()))
        said.append(f"{each.get('key')} {each.get('operator')} {values}".strip())
    return frozenset(said)


def _ports(given: Sequence[Manifest]) -> Iterator[tuple[str, Interval]]:
    for each in given or [{"protocol": protocol} for protocol in _PROTOCOLS]:
        protocol, port = str(each.get("protocol", "TCP")), each.get("port")
        if port is None:
            yield protocol, _EVERY_PORT
        elif isinstance(port, str) and not port.isdecimal():
            # Each pod says itself which number that is.
            yield f"{protocol} port {port}", _EVERY_PORT
        else:
            # Previews have whole numbers as floats at times.
            yield protocol, (int(port), int(each.get("endPort") or port))


def _cilium(spec: Mapping[str, Any]) -> Iterator[_Way]:
    for rule in spec.get("egress") or ():
        given = [port for to in rule.get("toPorts") or () for port in to.get("ports") or ()]
        for protocol, ports in _ports(given):
            way = _Way("egress", protocol, ports, "by name, outside the jail too")
            for each in rule.get("toFQDNs") or ():
                yield replace(way, host=_labels(each))
            for cidr in rule.get("toCIDR") or ():
                yield _peer(replace(way, why=""), {"ipBlock": {"cidr": cidr}})
            for each in rule.get("toEndpoints") or ():
                labels = _mapping(each.get("matchLabels"))
                plain = {str(key).removeprefix("k8s:"): value for key, value in labels.items()}
                namespace = plain.pop("io.kubernetes.pod.namespace", None)
                where = _words({"matchLabels": {_NAMESPACE: namespace}}) if namespace else _OWN
                pods = where, _words({"matchLabels": plain})
                yield replace(way, why="the cluster's DNS", pods=pods)


def _behind_names(spec: Mapping[str, Any]) -> Iterator[_Way]:
    """Yield the addresses that are not public to which a template's names may lead."""
    selector = _mapping(_mapping(spec.get("endpointSelector")).get("matchLabels"))
    if TEMPLATE_LABEL not in selector:
        return  # Coder's own name alone
    for rule in spec.get("egress") or ():
        given = [port for to in rule.get("toPorts") or () for port in to.get("ports") or ()]
        for protocol, ports in _ports(given) if rule.get("toFQDNs") else ():
            denied = list(_denied(spec, protocol, ports))
            for whole in _WHOLE:
                way = _Way("egress", protocol, ports, "where a name leads there")
                if left := reachable_inside(ip_network(whole).version, denied):
                    yield replace(way, version=ip_network(whole).version, addresses=left)


def _denied(spec: Mapping[str, Any], protocol: str, ports: Interval) -> Iterator[Network]:
    for rule in spec.get("egressDeny") or ():
        given = [port for to in rule.get("toPorts") or () for port in to.get("ports") or ()]
        if any(
            protocol == of and first <= ports[0] and ports[1] <= last
            for of, (first, last) in _ports(given)
        ):
            # Exceptions are what the stack opens by address.
            sets = [str(each.get("cidr")) for each in rule.get("toCIDRSet") or ()]
            yield from map(ip_network, (*(rule.get("toCIDR") or ()), *sets))


def _labels(selector: Manifest) -> tuple[str, ...]:
    """Return a host as Boundary's patterns have it."""
    text = str(selector.get("matchName") or selector.get("matchPattern") or "")
    return tuple(text.replace("**.", "*.", 1).split("."))


def _beyond(here: Sequence[_Way], there: Sequence[_Way]) -> Iterator[_Way]:
    """Yield what is in `here` and not in `there`."""
    for way in here:
        others = [
            other
            for other in there
            if (other.direction, other.protocol) == (way.direction, way.protocol)
        ]
        if way.version:
            yield from _addresses_beyond(way, others)
        else:
            covering = [other.ports for other in others if _covers(other, way)]
            for ports in subtract((way.ports,), covering):
                yield replace(way, ports=ports)


def _addresses_beyond(way: _Way, others: Sequence[_Way]) -> Iterator[_Way]:
    others = [other for other in others if other.version == way.version]
    edges = {way.ports[0], way.ports[1] + 1}
    edges |= {edge for other in others for edge in (other.ports[0], other.ports[1] + 1)}
    inside = sorted(edge for edge in edges if way.ports[0] <= edge <= way.ports[1] + 1)
    found: dict[tuple[Interval, ...], list[Interval]] = {}
    for first, after in pairwise(inside):
        taken = [
            part
            for other in others
            if other.ports[0] <= first <= other.ports[1]
            for part in other.addresses
        ]
        if left := subtract(way.addresses, taken):
            found.setdefault(left, []).append((first, after - 1))
    for left, ports in found.items():
        for each in union(ports):
            yield replace(way, addresses=left, ports=each)


def _covers(wide: _Way, way: _Way) -> bool:
    if way.pods is not None:
        # Who demands less, selects more.
        return wide.pods is not None and all(
            one <= other for one, other in zip(wide.pods, way.pods, strict=True)
        )
    if wide.host:
        # A host pattern of `*` alone is every host.
        return covers_host(() if wide.host == ("*",) else wide.host, way.host)
    return wide.version == 4 and named(wide.addresses, 4).startswith("every")


def _told(ways: Iterable[_Way]) -> Iterator[Reached]:
    """Return ways in words, those to the same peers for the same reason as one."""
    found: dict[tuple[str, str, bool], list[str]] = {}
    for way in ways:
        first, last = way.ports
        ports = f" {first}" if first == last else f" {first}-{last}"
        text = way.protocol + ("" if way.ports == _EVERY_PORT else ports)
        said = found.setdefault((way.where, way.why, way.direction == "ingress"), [])
        said += [] if text in said else [text]
    for (where, why, incoming), said in list(found.items()):
        # The same of both versions of IP is said once.
        twin = where.replace("IPv4 address", "IPv6 address"), why, incoming
        if twin[0] != where and found.get(twin) == said:
            found[where, why, incoming] = []
            found[twin] = said
    for (where, why, incoming), said in found.items():
        both = found.get((where.replace("IPv6", "IPv4"), why, incoming)) == []
        if said:
            name = where.replace("IPv6 address", "address") if both else where
            yield Reached(name, ", ".join(said), why, incoming)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
