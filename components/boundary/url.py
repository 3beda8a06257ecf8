"""A request's URL as Boundary reads it: Go's net/url, host without port, path decoded.

Boundary parses a URL without `://` as https, and denies what Go cannot parse. Go's rules differ
from urllib's: percent escapes are checked, hosts are checked, case is kept. They are those of Go
1.25, of which Boundary's releases are built (`components.boundary.releases`): it takes a host of
several colons, which Go 1.26 refuses in a program whose go.mod names 1.26.
"""

from __future__ import annotations

import string
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv6Address

_HEX = frozenset(string.hexdigits)
_LETTERS = frozenset(string.ascii_letters)
_SCHEME = _LETTERS | frozenset(string.digits + "+-.")
_UNRESERVED = _LETTERS | frozenset(string.digits + "-_.~")
# net/url, shouldEscape in mode encodeHost: what a host may hold besides bytes from 0x80.
_HOST = _UNRESERVED | frozenset("!$&'()*+,;=:[]<>\"")
_CONTROL = frozenset(map(chr, (*range(0x20), 0x7F)))
_USERINFO = _UNRESERVED | frozenset(":!$&'()*+,;=%@")


class UrlError(ValueError):
    """A URL that Go's net/url does not parse; Boundary denies such a request.

    The message quotes no part of the URL, which may hold a password in the wrong place.
    """


@dataclass(frozen=True)
class RequestTarget:
    """What Boundary compares: labels of the host and decoded segments of the path."""

    host: str
    path: str

    @property
    def labels(self) -> tuple[str, ...]:
        """The host split at its dots."""
        return tuple(self.host.split("."))

    @property
    def segments(self) -> tuple[str, ...]:
        """The path split at its slashes, without the empty segment before the first."""
        parts = self.path.split("/")
        return tuple(parts[1:] if parts[0] == "" else parts)


@lru_cache(maxsize=1024)
def parse(url: str) -> RequestTarget:
    """Return host and path of `url`; raises UrlError for what Go does not parse."""
    if "://" not in url:
        url = "https://" + url
    rest = url.partition("#")
    if rest[1]:
        _unescape(rest[2], "fragment")
    text = rest[0]
    if not _CONTROL.isdisjoint(text):
        raise UrlError("control character")
    scheme, text = _split_scheme(text)
    text = text.partition("?")[0]
    if scheme and not text.startswith("/"):
        return RequestTarget("", "")
    if not scheme and not text.startswith("/") and ":" in text.partition("/")[0]:
        raise UrlError("first path segment holds a colon")
    host = ""
    if text.startswith("//") and (scheme or not text.startswith("///")):
        authority, slash, after = text[2:].partition("/")
        host = _hostname(authority)
        text = slash + after
    return RequestTarget(host, _unescape(text, "path"))


def _split_scheme(text: str) -> tuple[str, str]:
    for index, character in enumerate(text):
        if character == ":":
            if index == 0:
                raise UrlError("missing protocol scheme")
            return text[:index], text[index + 1 :]
        if character not in _SCHEME or (index == 0 and character not in _LETTERS):
            break
    return "", text


def _hostname(authority: str) -> str:
    userinfo, at, host = authority.rpartition("@")
    if at:
        if not set(userinfo) <= _USERINFO:
            raise UrlError("invalid userinfo")
        _unescape(userinfo, "userinfo")
    if host.startswith("["):
        return _bracketed(host)
    if "[" in host:
        raise UrlError("'[' inside the host")
    return _plain(host)


def _plain(host: str) -> str:
    # Only the last colon is the port's; the others belong to the host.
    name, colon, port = host.rpartition(":")
    if not colon:
        name = host
    elif not _port(port):
        raise UrlError("the port is not a number")
    return _unescape_host(name, zone=False)


def _bracketed(host: str) -> str:
    closing = host.rfind("]")
    if closing < 0:
        raise UrlError("missing ']' in host")
    if host.rfind("[") > 0:
        raise UrlError("'[' inside the host")
    after = host[closing + 1 :]
    if after and not (after.startswith(":") and _port(after[1:])):
        raise UrlError("what follows ']' is no port")
    address, percent, zone = host[1:closing].partition("%25")
    name = _unescape_host(address, zone=False)
    if percent:
        name += "%" + _unescape_host(zone, zone=True)
    _ipv6(name)
    return name


def _ipv6(name: str) -> None:
    """Check what stands in brackets as Go's net/netip does."""
    address, percent, zone = name.partition("%")
    try:
        IPv6Address(address)
    except ValueError:
        raise UrlError("no IPv6 address between the brackets") from None
    if percent and not zone:
        raise UrlError("an empty zone of an IPv6 address")


def _port(text: str) -> bool:
    return all(character in string.digits for character in text)


def _unescape_host(text: str, *, zone: bool) -> str:
    if _HOST.issuperset(text):
        return text
    for index, character in enumerate(text):
        if character == "%":
            escape = text[index + 1 : index + 3]
            # Only bytes outside ASCII may be escaped in a host; a zone may escape any.
            if not zone and escape and escape[0] in "01234567" and escape != "25":
                raise UrlError("invalid escape in host")
        elif ord(character) < 0x80 and character not in _HOST:
            raise UrlError(f"invalid character {character!r} in host")
    return _unescape(text, "host")


def _unescape(text: str, what: str) -> str:
    if "%" not in text:
        return text
    raw = bytearray()
    index = 0
    while index < len(text):
        character = text[index]
        if character == "%":
            digits = text[index + 1 : index + 3]
            if len(digits) < 2 or not set(digits) <= _HEX:
                raise UrlError(f"invalid escape in {what}")
            raw.append(int(digits, 16))
            index += 3
        else:
            raw += character.encode(errors="surrogateescape")
            index += 1
    return raw.decode(errors="surrogateescape")
