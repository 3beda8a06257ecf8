"""Addresses that a host pattern of a rule names: by four numbers or fewer, or inside a name.

A rule can name no IPv6 address, but a name that a wildcard DNS service answers can hold one.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from functools import lru_cache
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import Final, TypeAlias

from components.boundary.coverage import Pattern
from components.boundary.rule import WILDCARD

Network = IPv4Network | IPv6Network

SERVICES: Final = frozenset(
    tuple(name.split("."))
    for name in ("nip.io", "sslip.io", "xip.io", "xip.name", "traefik.me", "backname.io")
)
"""Names below which a name's own words say the address that it is."""

# RFC 4291, 2.5.5.2, and RFC 6052, 2.1: IPv6 addresses that end in one of IPv4.
_CARRY: Final = (IPv6Network("::ffff:0:0/96"), IPv6Network("64:ff9b::/96"))

# A byte of an address, None for any.
_Octets: TypeAlias = tuple[int | None, ...]

# As inet_aton(3) reads them: 0x7f, 0177 and 127.
_NUMBER: Final = re.compile(r"0x[0-9a-f]+|0[0-7]*|[1-9][0-9]*", re.IGNORECASE)
_DASHED: Final = re.compile(r"(?=(?:^|[.-])(\d{1,3}(?:[.-]\d{1,3}){3})(?:$|[.-]))")
_HEX: Final = re.compile(r"(?=(?:^|[.-])([0-9a-f]{8})(?:$|[.-]))", re.IGNORECASE)


def address_in(host: Pattern, networks: Collection[Network]) -> str:
    """Return an address of `networks` that `host` can name, empty if it names none.

    A name of one of SERVICES counts by every address that its words can be read as; a wildcard
    there is any address.
    """
    return _address_in(host, frozenset(networks)) if networks and _is_numbered(host) else ""


def dotted(host: Pattern) -> Pattern:
    """Return an address as its four numbers, as inet_aton(3) reads 127.1 or 0x7f000001."""
    found = [] if WILDCARD in host or not _is_numbered(host) else list(_octets(host))
    return tuple(map(str, found[0])) if found else host


def _is_numbered(host: Pattern) -> bool:
    return bool(host) and (host[-1][:1].isdigit() or host[-2:] in SERVICES)


@lru_cache(maxsize=1024)
def _address_in(host: Pattern, networks: frozenset[Network]) -> str:
    if host[-2:] in SERVICES:
        words = host[:-2]
        if WILDCARD in words:
            return str(min(networks, key=str).network_address)
        held = (each for each in _held(words) if any(each in network for network in networks))
        return next(map(str, held), "")
    for octets in _octets(host):
        for network in networks:
            if isinstance(network, IPv4Network) and (found := _within(octets, network)):
                return found
    return ""


def _held(words: Pattern) -> Iterator[IPv4Address | IPv6Address]:
    """Yield every address that the words of such a name can be read as."""
    text = ".".join(words)
    texts = [found[1].replace("-", ".") for found in _DASHED.finditer(text)]
    texts += [str(IPv4Address(int(found[1], 16))) for found in _HEX.finditer(text)]
    texts += [word.replace("-", ":") for word in words if "-" in word]
    for each in texts:
        try:
            address = ip_address(each)
        except ValueError:
            continue
        yield address
        if any(address in network for network in _CARRY):
            yield IPv4Address(address.packed[-4:])


def _octets(host: Pattern) -> Iterator[_Octets]:
    """Yield what a pattern of numbers is as four bytes; a `*` at its beginning may be several."""
    if not all(label == WILDCARD or _NUMBER.fullmatch(label) for label in host):
        return
    for length in range(len(host), 5 if host[0] == WILDCARD else len(host) + 1):
        *first, last = [
            None if label == WILDCARD else _value(label)
            for label in (*[WILDCARD] * (length - len(host)), *host)
        ]
        rest = 5 - length
        if rest < 1 or last is None or last >= 256**rest or any((n or 0) > 255 for n in first):
            continue
        yield (*first, *last.to_bytes(rest))


def _value(number: str) -> int:
    if number[:2].lower() == "0x":
        return int(number, 16)
    return int(number, 8 if number.startswith("0") else 10)


def _within(octets: _Octets, network: IPv4Network) -> str:
    """Return an address of `network` with these bytes, empty if it has none."""
    found = []
    ends = network.network_address.packed, network.broadcast_address.packed
    for octet, low, high in zip(octets, *ends, strict=True):
        if octet is not None and not low <= octet <= high:
            return ""
        found.append(str(low if octet is None else octet))
    return ".".join(found)


def networks_of(texts: Collection[str]) -> frozenset[Network]:
    """Return the networks of CIDRs and addresses, less what is none."""
    found = set()
    for text in texts:
        try:
            found.add(ip_network(text, strict=False))
        except ValueError:
            continue
    return frozenset(found)
