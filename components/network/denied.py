"""What no name may lead to, with Cilium: addresses that are not public, and the cluster's own.

Cilium's rules by name open whatever address an answer of DNS has, and its denials go before
whatever opens. They match addresses outside the cluster: no pod, and no node.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv6Network, ip_network
from typing import Final, NamedTuple

from components.network.addresses import (
    CARRIES_IPV4,
    METADATA,
    PRIVATE,
    Interval,
    Network,
    Networks,
    covers,
    interval,
    intervals,
    joined,
    outside,
    subtract,
    summarized,
    twins,
)

NOWHERE: Final[Networks] = (
    *PRIVATE,
    # All but what is routed in the Internet (2000::/3), and the /10 of the translator's prefix.
    *map(
        IPv6Network,
        (
            "::/10",
            "80::/9",
            "100::/8",
            "200::/7",
            "400::/6",
            "800::/5",
            "1000::/4",
            "4000::/2",
            "8000::/1",
            "64:ff9b:1::/48",  # for translators too, with private networks behind them
        ),
    ),
    *CARRIES_IPV4,
    *twins(PRIVATE),
)
"""Addresses that are not public."""


class DeniedBlock(NamedTuple):
    """Addresses without some parts of them."""

    cidr: str
    exceptions: tuple[str, ...] = ()


def denials(
    ranges: Iterable[Network], opened: Iterable[tuple[Network, Networks]]
) -> tuple[DeniedBlock, ...]:
    """Return what is denied, in order.

    Args:
        ranges: the cluster's own.
        opened: blocks that the stack opens by address, each with its exceptions.
    """
    return _denials(tuple(ranges), tuple(opened))


@lru_cache(maxsize=16)
def _denials(
    ranges: Networks, opened: tuple[tuple[Network, Networks], ...]
) -> tuple[DeniedBlock, ...]:
    found = []
    for each in closed(ranges):
        version = each.version
        taken = [
            part
            for block, exceptions in opened
            if block.version == version
            for part in intervals(block, exceptions)
        ]
        whole = intervals(each)
        left: tuple[Interval, ...] = subtract(whole, taken)
        denied, excepted = summarized(left, version), summarized(subtract(whole, left), version)
        # Whichever is said in fewer words.
        if len(denied) > len(excepted) + 1:
            found.append(DeniedBlock(str(each), tuple(excepted)))
        else:
            found += map(DeniedBlock, denied)
    return tuple(found)


def closed(ranges: Iterable[Network]) -> Networks:
    """Return all that is not public, or the cluster's."""
    ranges = tuple(ranges)
    return joined((*NOWHERE, *ranges, *twins(ranges)))


def reachable_inside(version: int, denied: Iterable[Network]) -> tuple[Interval, ...]:
    """Return what is not public of one version of IP, less what is denied."""
    denied = [each for each in denied if each.version == version]
    taken = [interval(each) for each in denied]
    if all(covers(METADATA, each) for each in denied):
        # In few words, as nobody denied it.
        block, exceptions = outside()[0 if version == 4 else 1]
        every = interval(ip_network("0.0.0.0/0" if version == 4 else "::/0"))
        return subtract((every,), (*intervals(block, exceptions), *taken))
    return subtract([interval(each) for each in NOWHERE if each.version == version], taken)
