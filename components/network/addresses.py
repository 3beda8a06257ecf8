"""Addresses that a workspace may reach outside, and those that nothing opens.

Sets of addresses are tuples of networks without overlap, in order.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    collapse_addresses,
    ip_network,
    summarize_address_range,
)
from typing import Final

from components.boundary.metadata import ADDRESSES_4, ADDRESSES_6

Network = IPv4Network | IPv6Network
Networks = tuple[Network, ...]
Interval = tuple[int, int]
"""First and last address as numbers."""

# RFC 6052, 2.1: the prefix by which an IPv6 host reaches IPv4 through a translator.
_NAT64: Final = IPv6Network("64:ff9b::/96")


def twins(networks: Iterable[Network]) -> Networks:
    """Return the IPv6 addresses that a translator (NAT64) turns into those of IPv4."""
    first, length = int(_NAT64.network_address), _NAT64.prefixlen
    return tuple(
        IPv6Network((first + int(each.network_address), length + each.prefixlen))
        for each in networks
        if isinstance(each, IPv4Network)
    )


METADATA: Final[Networks] = (
    *ADDRESSES_4,
    *ADDRESSES_6,
    *twins(ADDRESSES_4),
)
"""Where clouds give whoever asks from inside a machine its credentials."""

# IANA's special-purpose registries: what is no address of the Internet.
_INSIDE_4: Final = (
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "224.0.0.0/4",
    "240.0.0.0/4",
)
# Of the global unicast addresses: Teredo and 6to4, which carry IPv4 addresses, also private ones.
CARRIES_IPV4: Final[Networks] = tuple(map(IPv6Network, ("2001::/32", "2002::/16")))
WORLD: Final[Networks] = (IPv4Network("0.0.0.0/0"), IPv6Network("2000::/3"))
"""All of IPv4, and of IPv6 what is routed in the Internet."""


PRIVATE: Final[Networks] = tuple(map(IPv4Network, _INSIDE_4))
"""What of IPv4 is no address of the Internet."""


def within(networks: Iterable[Network], outer: Network) -> Networks:
    """Return those of `networks` that are a part of `outer`, joined where they touch."""
    return joined(each for each in networks if each != outer and covers((outer,), each))


def joined(networks: Iterable[Network]) -> Networks:
    """Return networks in order, joined where they touch."""
    given = tuple(networks)
    return tuple(
        network
        for version in (4, 6)
        for network in collapse_addresses([n for n in given if n.version == version])  # type: ignore[type-var]
    )


def outside(closed: Iterable[Network] = ()) -> tuple[tuple[Network, Networks], ...]:
    """Return the public addresses as blocks, each with its exceptions.

    Args:
        closed: public addresses that are the cluster's own.
    """
    return _outside(tuple(closed))


@lru_cache(maxsize=64)
def _outside(closed: Networks) -> tuple[tuple[Network, Networks], ...]:
    inside = (*PRIVATE, *CARRIES_IPV4, *METADATA, *closed)
    return tuple((block, within(inside, block)) for block in WORLD)


def covers(networks: Iterable[Network], one: Network) -> bool:
    """Whether one of `networks` holds all addresses of `one`."""
    low, high = interval(one)
    return any(
        one.version == each.version and first <= low and high <= last
        for each in networks
        for first, last in (interval(each),)
    )


def intervals(block: Network, exceptions: Iterable[Network] = ()) -> tuple[Interval, ...]:
    """Return the addresses of a block without its exceptions."""
    holes = [interval(each) for each in exceptions if each.version == block.version]
    return subtract((interval(block),), holes)


def interval(network: Network) -> Interval:
    """Return first and last address as numbers."""
    return int(network.network_address), int(network.broadcast_address)


def subtract(from_: Iterable[Interval], taken: Iterable[Interval]) -> tuple[Interval, ...]:
    """Return what is in one set and not in the other."""
    left = union(from_)
    for first, last in taken:
        left = tuple(
            part
            for low, high in left
            for part in ((low, min(high, first - 1)), (max(low, last + 1), high))
            if part[0] <= part[1]
        )
    return union(left)


def union(parts: Iterable[Interval]) -> tuple[Interval, ...]:
    """Return the parts joined where they overlap or touch."""
    found: list[Interval] = []
    for low, high in sorted(parts):
        if found and low <= found[-1][1] + 1:
            found[-1] = found[-1][0], max(found[-1][1], high)
        else:
            found.append((low, high))
    return tuple(found)


def _translated() -> tuple[Interval, ...]:
    """Return public IPv4 as a translator has it."""
    return intervals(_NAT64, twins((*PRIVATE, *ADDRESSES_4)))


@lru_cache(maxsize=1024)
def named(parts: tuple[Interval, ...], version: int) -> str:
    """Return a set of addresses in few words.

    Args:
        parts: the addresses, at least one.
        version: of IP, 4 or 6.
    """
    public, exceptions = outside()[0 if version == 4 else 1]
    every = (interval(ip_network("0.0.0.0/0" if version == 4 else "::/0")),)
    routed = intervals(public, exceptions)
    for name, whole in (
        *([("all of public IPv4 by NAT64 (64:ff9b::/96)", _translated())] if version == 6 else ()),
        ("every IPv{} address", every),
        ("every public IPv{} address", routed),
        # What an opening to every address adds where the public ones are open.
        ("every IPv{} address that is not public", subtract(every, routed)),
    ):
        missing = subtract(whole, parts)
        # A few holes, such as the cluster's own ranges, do not make it another thing.
        if not subtract(parts, whole) and _size(missing) * 16 < _size(whole):
            but = f" but {', '.join(summarized(missing, version))}" if missing else ""
            return f"{name.format(version)}{but}"
    listed = summarized(parts, version)
    # Nothing opens these, so what is around them is in pieces.
    closed = [interval(each) for each in METADATA if each.version == version]
    filled_up = union((*parts, *(each for each in closed if _is_between(each, parts))))
    around = ((parts[0][0], parts[-1][1]),)
    fewest = listed, list[str]()
    for filled in (filled_up, around):
        networks = summarized(filled, version)
        holes = summarized(subtract(filled, parts), version)
        together = filled == filled_up or len(networks) == 1
        if together and len(networks) + len(holes) < sum(map(len, fewest)):
            fewest = networks, holes
    networks, holes = fewest
    but = f" but {', '.join(holes)}" if holes else ""
    return f"{', '.join(_largest_first(networks))}{but}"


def _is_between(hole: Interval, parts: Iterable[Interval]) -> bool:
    ends = {edge for low, high in parts for edge in (low - 1, high + 1)}
    return set(hole) <= ends


def _largest_first(networks: Iterable[str]) -> list[str]:
    return sorted(networks, key=lambda each: ip_network(each).prefixlen)


def _size(parts: Iterable[Interval]) -> int:
    return sum(high - low + 1 for low, high in parts)


def summarized(parts: Iterable[Interval], version: int) -> list[str]:
    """Return a set of addresses as networks."""
    address: type[IPv4Address] | type[IPv6Address] = IPv4Address if version == 4 else IPv6Address
    return [
        str(network)
        for low, high in parts
        for network in summarize_address_range(address(low), address(high))
    ]
