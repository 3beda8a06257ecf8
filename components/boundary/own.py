"""The deployment's own hosts, by which a rule's reach is judged."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property

from components.boundary.build import PolicyError, host_of
from components.boundary.numbers import Network, networks_of
from components.boundary.policy import Policy
from components.boundary.rule import WILDCARD


@dataclass(frozen=True)
class Own:
    """The deployment's own hosts: Coder's, and those of its GitLab instances.

    Attributes:
        coder: hosts of Coder.
        gitlab: those of its GitLab instances.
        addresses: of Coder.
        cluster: addresses of the cluster's pods, Services and nodes.
    """

    coder: frozenset[str] = frozenset()
    gitlab: frozenset[str] = frozenset()
    addresses: frozenset[Network] = frozenset()
    cluster: frozenset[Network] = frozenset()

    def __or__(self, other: Own) -> Own:
        return Own(
            self.coder | other.coder,
            self.gitlab | other.gitlab,
            self.addresses | other.addresses,
            self.cluster | other.cluster,
        )

    @classmethod
    def of(
        cls,
        coder: Iterable[str],
        gitlab: Iterable[str],
        addresses: Iterable[str] = (),
        cluster: Iterable[str] = (),
    ) -> Own:
        """Return the hosts of URLs or `host:port`, less those that no rule can name.

        Args:
            coder: URLs of Coder.
            gitlab: URLs of its GitLab instances.
            addresses: CIDRs or addresses of Coder.
            cluster: those of the cluster.
        """
        networks = networks_of(tuple(addresses)), networks_of(tuple(cluster))
        return cls(_hosts(coder), _hosts(gitlab), *networks)

    @classmethod
    def named_by(cls, policy: Policy) -> Own:
        """Return the hosts that the groups of `policy` name, which a deployed one has alone."""
        named: dict[str, set[str]] = {"coder": set(), "gitlab": set()}
        for entry in policy:
            kind = entry.group.removesuffix("-read")
            if kind in named and WILDCARD not in entry.rule.labels:
                named[kind].add(entry.rule.host)
        return cls(frozenset(named["coder"]), frozenset(named["gitlab"]))

    @cached_property
    def networks(self) -> frozenset[Network]:
        """Every address that is known to be Coder's."""
        return self.addresses | networks_of(self.coder)

    @cached_property
    def labels(self) -> tuple[tuple[str, ...], ...]:
        """Those of Coder's hosts."""
        return tuple(tuple(host.split(".")) for host in sorted(self.coder))


def _hosts(urls: Iterable[str]) -> frozenset[str]:
    hosts = set()
    for url in urls:
        with suppress(PolicyError):
            hosts.add(host_of(url))
    return frozenset(hosts)
