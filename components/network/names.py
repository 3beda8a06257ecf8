"""What Cilium's rules by name can say of an egress policy, and what they cannot.

Cilium knows a host by the DNS answers that named its addresses (toFQDNs). Its matchPattern reads
`*` as characters of one label and `**.` at the start as one label or more, the latter from 1.19
on; an older release reads it as one label (pkg/fqdn/matchpattern of cilium/cilium 1.20).
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address

from components.boundary import Policy, PolicyRule, Reach, Rule, compare
from components.boundary.rule import WILDCARD


@dataclass(frozen=True)
class Translation:
    """An egress policy as hosts alone.

    Attributes:
        selectors: entries of toFQDNs, each a matchName or a matchPattern.
        addresses: CIDRs, for rules whose host is an IPv4 address.
        wider: hosts that Boundary opens for some methods or paths only, and names open whole.
        unresolved: hosts of one label or of the cluster, whose addresses no DNS answer under that
            very name tells, or which are pods.
        closed: addresses among those that are not public, which no rule of these opens.
    """

    selectors: tuple[dict[str, str], ...]
    addresses: tuple[str, ...]
    wider: tuple[Reach, ...]
    unresolved: tuple[str, ...]
    closed: tuple[str, ...] = ()


def translate(policy: Policy) -> Translation:
    """Return the hosts of a policy as Cilium selects them."""
    hosts = {_host(entry.rule): entry for entry in policy}
    whole = Policy(
        [PolicyRule(Rule("", (), entry.rule.labels, ()), "", "") for entry in hosts.values()]
    )
    ordered = sorted(hosts, key=lambda host: host.split(".")[::-1])
    return Translation(
        selectors=tuple(_selector(host) for host in ordered if not _is_address(host)),
        addresses=tuple(f"{host}/32" for host in ordered if _is_address(host)),
        wider=compare(policy, whole).opened,
        unresolved=tuple(host for host in ordered if _is_inside(host)),
    )


def _host(rule: Rule) -> str:
    # DNS knows no case; the host of a request that Boundary allows may be asked for in any.
    return rule.host.lower()


def _selector(host: str) -> dict[str, str]:
    if WILDCARD not in host:
        return {"matchName": host}
    # Boundary's first `*` is any number of labels, one inside is exactly one.
    return {"matchPattern": f"*{host}" if host.startswith("*.") else host}


def _is_address(host: str) -> bool:
    try:
        IPv4Address(host)
    except AddressValueError:
        return False
    return True


def _is_inside(host: str) -> bool:
    labels = host.split(".")
    return (len(labels) == 1 and host != WILDCARD) or labels[-1] in {"local", "svc"}
