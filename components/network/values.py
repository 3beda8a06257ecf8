"""Addresses and ports as people write them, and what is said of one that is wrong."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Final, NamedTuple

from components.errors import ArgsError
from components.network.addresses import Network
from components.syntax import LAST_PORT

# ::ffff:0:0/96 is IPv4 (RFC 4291, 2.5.5.2).
_MAPPED: Final = 96


class Ports(NamedTuple):
    """Ports from the first to the last, both included."""

    first: int
    last: int

    def __str__(self) -> str:
        return str(self.first) if self.first == self.last else f"{self.first}-{self.last}"

    def meet(self, others: Ports) -> bool:
        """Whether a port is among both."""
        return self.first <= others.last and others.first <= self.last


class Fault(NamedTuple):
    """One thing that is wrong: its place, the value as it is shown, and what would be right."""

    place: str
    value: str
    right: str

    def __str__(self) -> str:
        return f"{self.place}{f' = {self.value}' if self.value else ''}: {self.right}"


class NetworkArgsError(ArgsError):
    """The arguments of a component of the network are wrong; `faults` has each with its place."""

    def __init__(self, subject: str, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__(subject, map(str, self.faults))


@lru_cache(maxsize=1024)  # each is asked for by several checks, and by what is written of it
def meant(text: str) -> Network:
    """Return the network that a CIDR or an address means, however it is spelled.

    Raises:
        ValueError: It is none; the message says what is right.
    """
    try:
        if "%" in text:
            raise ValueError  # an address of one machine's interface
        found = ip_network(text, strict=False)
    except ValueError:
        raise ValueError("must be a CIDR such as 10.20.0.0/16, or an address") from None
    # IPv6 has another spelling of IPv4's addresses, which the API server takes in no policy.
    mapped = found.network_address.ipv4_mapped if isinstance(found, IPv6Network) else None
    if mapped is None or found.prefixlen < _MAPPED:
        return found
    return IPv4Network((mapped, found.prefixlen - _MAPPED))


def network_of(text: str) -> Network:
    """Return the network that a CIDR or an address names as policies have it; raises ValueError."""
    found = meant(text)
    if text not in (str(found), str(found.network_address) if _is_address(found) else ""):
        raise ValueError(f"must be written {found}")
    return found


def address_of(text: str) -> Network:
    """Return one address as a network; raises ValueError as `network_of` does."""
    if not _is_address(meant(text)):
        raise ValueError("must be one address, not a range")
    return network_of(text)


def _is_address(found: Network) -> bool:
    return found.prefixlen == found.max_prefixlen


def ports_of(value: int | str) -> Ports:
    """Return the ports that a number or a range such as `8000-8100` names; raises ValueError."""
    first, _, last = str(value).partition("-")
    if isinstance(value, bool) or not first.isdecimal() or not (last or first).isdecimal():
        raise ValueError("must be a port such as 443, or a range such as 8000-8100")
    found = Ports(int(first), int(last or first))
    if not 1 <= found.first <= found.last <= LAST_PORT:
        raise ValueError(f"must be from 1 to {LAST_PORT}, the first not after the last")
    return found
