"""What a stack says of its workspaces' network: frozen values, refused when they make no sense.

Attributes have the names of the settings that they come from, so that a fault has one place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, Literal

from components.boundary import Policy
from components.coder import chart
from components.labels import label_problem
from components.network.addresses import METADATA, WORLD, Network, covers, twins
from components.network.values import (
    Fault,
    NetworkArgsError,
    Ports,
    address_of,
    meant,
    network_of,
    ports_of,
)
from components.syntax import is_label, is_subdomain
from components.workspace_template.values import NAMESPACE, SESSION_PORTS

WORKSPACE_LABELS: Final[Mapping[str, str]] = MappingProxyType(
    {"app.kubernetes.io/name": "coder-workspace"}
)
"""What a workspace's pod is known by: workspace_template/terraform/main.tf sets it."""
AGENTS_LABELS: Final[Mapping[str, str]] = MappingProxyType(
    {"app.kubernetes.io/name": "coder-agents"}
)
"""What the pod of Coder's own agents is known by: terraform/coder_agents.tf sets it."""
TEMPLATE_LABEL: Final = "firewalled-coder/template"
"""Label of either pod with the name of its template, set in the same places."""
OUTSIDE: Final = "outside"
"""Every public address, where a CIDR may stand."""
WEB: Final = (443, 80)
"""TCP ports that are open outside."""


@dataclass(frozen=True)
class Dns:
    """Where the cluster answers DNS.

    Attributes:
        namespace: of the pods that answer.
        pod_labels: theirs.
        ports: on which those pods listen, since a policy sees a packet after the Service's port
            was translated: 5353 on OpenShift.
        addresses: that answer on port 53 and belong to none of those pods: a cache on the node
            (169.254.20.10), or the Service's own address where the node answers for it.
    """

    namespace: str = "kube-system"
    pod_labels: Mapping[str, str] = field(default_factory=lambda: {"k8s-app": "kube-dns"})
    ports: Sequence[int] = (53,)
    addresses: Sequence[str] = ()


@dataclass(frozen=True)
class Coderd:
    """Where workspaces reach coderd.

    Attributes:
        namespace: of the pods at which the access URL ends inside the cluster: coderd's, or an
            ingress controller's.
        pod_labels: theirs.
        ports: on which those pods listen; 8080 and 8443 are those of Coder's chart.
        addresses: CIDRs or addresses behind the access URL that are not public, such as an
            internal load balancer's; public ones too for isolated agents, who reach no other.
        access_port: port of the access URL, for `addresses`.
    """

    namespace: str = chart.NAMESPACE
    pod_labels: Mapping[str, str] = field(default_factory=lambda: dict(chart.POD_LABELS))
    ports: Sequence[int] = chart.PORTS
    addresses: Sequence[str] = ()
    access_port: int = 443


@dataclass(frozen=True)
class Opening:
    """What else workspaces reach, by TCP. UDP cannot be opened: a jail by Landlock lets it pass.

    Attributes:
        ports: numbers, or ranges such as `8000-8100`.
        why: shown in reviews and on the object.
        to: a CIDR, an address, or `outside`; empty for pods.
        namespace: of pods.
        pod_labels: of pods; all pods of the namespace without any.
    """

    ports: Sequence[int | str]
    why: str
    to: str = ""
    namespace: str = ""
    pod_labels: Mapping[str, str] = field(default_factory=dict)


PolicyKind = Literal["NetworkPolicy", "CiliumNetworkPolicy"]
"""Kinds of policy that add to those of a stack."""


@dataclass(frozen=True)
class AcceptedPolicy:
    """Somebody else's policy that may open what the stack's close.

    Attributes:
        name: its name, in the workspaces' namespace.
        reason: why it may; shown in reviews.
        kind: its kind.
    """

    name: str
    reason: str
    kind: PolicyKind = "NetworkPolicy"


@dataclass(frozen=True)
class WorkspaceNetworkPolicyArgs:
    """What the workspaces of one namespace reach.

    Attributes:
        namespace: theirs; it must exist.
        dns: the cluster's DNS.
        coderd: coderd.
        allow: what the stack opens besides.
        cluster_ranges: CIDRs of the cluster's pods, Services and nodes, which no CIDR opens.
            Private ones matter to an opening that holds them; others are closed by it alone.
        proxy_ports: of Boundary, by template. A jail by Landlock lets an agent connect to that
            port on any address, past Boundary, so that nothing may open it.
        landlocked: templates with that jail, whose `claude` starts Boundary at another port for
            each session; nothing may open one of those either.
        by_name: egress policy of each template whose pods reach hosts by their names only, which
            takes Cilium.
        isolated_agents: whether a template gives Coder's own agents a pod of their own, which
            reaches what `coderd` opens and the cluster's DNS alone.
        agents_host: host of the access URL, where Cilium is to let those pods look up and reach
            that name alone; empty without Cilium.
        accepted_policies: of others, which may open more in this namespace.
    """

    namespace: str = NAMESPACE
    dns: Dns = field(default_factory=Dns)
    coderd: Coderd = field(default_factory=Coderd)
    allow: Sequence[Opening] = ()
    cluster_ranges: Sequence[str] = ()
    proxy_ports: Mapping[str, int] = field(default_factory=dict)
    landlocked: Sequence[str] = ()
    by_name: Mapping[str, Policy] = field(default_factory=dict)
    isolated_agents: bool = False
    agents_host: str = ""
    accepted_policies: Sequence[AcceptedPolicy] = ()

    @property
    def accepted(self) -> dict[str, str]:
        """The reason of each accepted policy by `KIND/NAME`, as the component registers it."""
        return {f"{each.kind}/{each.name}": each.reason for each in self.accepted_policies}

    def __post_init__(self) -> None:
        """Refuse what is no policy, or leaves open what it is there to close.

        Raises:
            NetworkArgsError: An address that is none or is closed for good, a port out of range
                or Boundary's own, an opening or an accepted policy without a reason.
        """
        found = tuple(_faults(self))
        if found:
            raise NetworkArgsError("network policy", found)


def _faults(args: WorkspaceNetworkPolicyArgs) -> Iterator[Fault]:
    dns, coderd = args.dns, args.coderd
    ranges: list[Network] = []
    yield from _pods("", args.namespace, {})
    yield from _pods("dns.", dns.namespace, dns.pod_labels)
    yield from _ports("dns.ports", dns.ports)
    for index, text in enumerate(dns.addresses):
        yield from _read(f"dns.addresses[{index}]", text, address_of)[1]
    yield from _pods("coderd.", coderd.namespace, coderd.pod_labels)
    yield from _ports("coderd.ports", coderd.ports)
    for index, text in enumerate(coderd.addresses):
        yield from _opened(f"coderd.addresses[{index}]", text, ())
    for index, text in enumerate(args.cluster_ranges):
        place = f"cluster_ranges[{index}]"
        found, wrong = _read(place, text, meant)
        if found is not None and any(covers((found,), whole) for whole in WORLD):
            yield Fault(place, f'"{text}"', "must be the cluster's own, not every address")
            continue
        yield from wrong or _read(place, text, network_of)[1]
        ranges += [found] if found is not None else []
    for index, opening in enumerate(args.allow):
        yield from _opening(f"allow[{index}]", opening, ranges)
    yield from _own_ports(args)
    yield from _accepted(args.accepted_policies)


def _accepted(policies: Sequence[AcceptedPolicy]) -> Iterator[Fault]:
    seen = set()
    for index, each in enumerate(policies):
        place = f"accepted_policies[{index}]"
        if not is_subdomain(each.name):
            right = "must be the name of one policy: up to 253 of a-z, 0-9, - and . inside"
            yield Fault(f"{place}.name", f'"{each.name}"', right)
        elif (each.kind, each.name) in seen:
            yield Fault(f"{place}.name", f'"{each.name}"', "is accepted twice; keep one")
        if not each.reason.strip():
            yield Fault(f"{place}.reason", "", "must say why; reviews show it")
        seen.add((each.kind, each.name))


def _opening(place: str, opening: Opening, ranges: Sequence[Network]) -> Iterator[Fault]:
    if not opening.why.strip():
        yield Fault(f"{place}.why", "", "must say why; reviews show it")
    if bool(opening.to) == bool(opening.namespace):
        right = "needs either `to`, an address, or `namespace`, whose pods are reached"
        yield Fault(place, "", right)
    elif opening.namespace:
        yield from _pods(f"{place}.", opening.namespace, opening.pod_labels)
    elif opening.to != OUTSIDE:
        yield from _opened(f"{place}.to", opening.to, ranges)
    if opening.pod_labels and not opening.namespace:
        yield Fault(f"{place}.pod_labels", "", "needs `namespace`: of which pods")
    yield from _ports(f"{place}.ports", opening.ports)


def _opened(place: str, text: str, ranges: Sequence[Network]) -> Iterator[Fault]:
    found, wrong = _read(place, text, meant)
    if found is None:
        yield from wrong
    elif covers(METADATA, found):
        right = "is where clouds answer with a machine's credentials, which nothing opens"
        yield Fault(place, f'"{text}"', right)
    elif covers((*ranges, *twins(ranges)), found):
        right = "lies in the cluster's own ranges: name the pods by their namespace and labels"
        yield Fault(place, f'"{text}"', right)
    else:
        # Last, so that no spelling is proposed that is refused then.
        yield from _read(place, text, network_of)[1]


def _read(
    place: str, text: str, reader: Callable[[str], Network]
) -> tuple[Network | None, tuple[Fault, ...]]:
    try:
        return reader(text), ()
    except ValueError as error:
        return None, (Fault(place, f'"{text}"', str(error)),)


def _pods(place: str, namespace: str, labels: Mapping[str, str]) -> Iterator[Fault]:
    if not is_label(namespace):
        right = "must be a namespace: up to 63 of a-z, 0-9 and - inside"
        yield Fault(f"{place}namespace", f'"{namespace}"', right)
    if problem := label_problem(labels):
        yield Fault(f"{place}pod_labels", "", problem)


def _ports(place: str, ports: Sequence[int | str]) -> Iterator[Fault]:
    if not ports:
        yield Fault(place, "", "must name a port")
    for index, value in enumerate(ports):
        try:
            ports_of(value)
        except ValueError as error:
            yield Fault(f"{place}[{index}]", str(value), str(error))


def _own_ports(args: WorkspaceNetworkPolicyArgs) -> Iterator[Fault]:
    """Refuse a port of Boundary's that something opens: an agent would go past its proxy there."""
    opened: list[tuple[str, str, Sequence[int | str]]] = [
        ("network.dns", "dns.ports", args.dns.ports),
        ("network.dns", "", (53,) if args.dns.addresses else ()),
        ("network.coderd", "coderd.ports", args.coderd.ports),
        ("coderd's access URL", "coderd.access_port", _access_ports(args)),
        ("every address outside", "", WEB),
        *(
            (f"network.allow[{index}]", f"allow[{index}].ports", each.ports)
            for index, each in enumerate(args.allow)
        ),
    ]
    for template, port in args.proxy_ports.items():
        own = Ports(port, port)
        where = [name for name, _, ports in opened if any(_meets(each, own) for each in ports)]
        if where:
            right = (
                f"is open to {', '.join(dict.fromkeys(where))}: an agent in the jail may connect "
                "to its proxy's port anywhere, past Boundary; choose a port that nothing opens"
            )
            yield Fault(f"proxy_ports.{template}", str(port), right)
    own = Ports(*SESSION_PORTS)
    for _, place, ports in opened if args.landlocked else ():
        for index, value in enumerate(ports):
            if _meets(value, own):
                yield _of_sessions(place, index, value, own, args.landlocked)


def _access_ports(args: WorkspaceNetworkPolicyArgs) -> Sequence[int]:
    return (args.coderd.access_port,) if args.coderd.addresses else ()


def _of_sessions(
    place: str, index: int, value: int | str, own: Ports, templates: Sequence[str]
) -> Fault:
    """Return what is wrong with ports that are open, and some of them a session's Boundary's."""
    listens = (
        f"each session's Boundary listens at one of {own} ({', '.join(templates)}): an agent in "
        "the jail may connect to that port anywhere, past Boundary"
    )
    if place == "coderd.access_port":
        right = f"is open at network.coderd.addresses, and {listens}; let Coder answer elsewhere"
        return Fault(place, str(value), right)
    parts = ports_of(value)
    rest = [
        str(Ports(first, last))
        for first, last in ((parts.first, own.first - 1), (own.last + 1, parts.last))
        if first <= last
    ]
    right = f"leave {', '.join(rest)}" if rest else "have what is reached listen elsewhere"
    return Fault(f"{place}[{index}]", str(value), f"{listens}; {right}")


def _meets(value: int | str, own: Ports) -> bool:
    try:
        return ports_of(value).meet(own)
    except ValueError:
        return False  # told already
