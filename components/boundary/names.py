"""Names of hosts: as clients send them, and who may register below them.

Both need tables that take a moment to read, so they are read only for the hosts that need them.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING
from urllib.parse import unquote

if TYPE_CHECKING:
    from publicsuffixlist import PublicSuffixList

_HOST = re.compile(
    r"(?P<head>(?:[A-Za-z][A-Za-z0-9+.-]*:)?//|)(?P<user>[^/?#]*@|)(?P<host>[^/?#:\[\]]*)(?P<rest>.*)",
    re.DOTALL,
)

# Of ASCII no host may hold an escape.
_ESCAPES = re.compile(r"(?:%[89A-Fa-f][0-9A-Fa-f])+")


def ascii_host(host: str) -> str:
    """Return a host as clients send it: punycode in place of what is not ASCII."""
    if host.isascii():
        return host
    import idna  # noqa: PLC0415  its tables

    try:
        mapped = idna.uts46_remap(host)
    except UnicodeError:
        mapped = host
    return ".".join(_label(label) for label in mapped.split("."))


def _label(label: str) -> str:
    if label.isascii():
        return label
    import idna  # noqa: PLC0415  its tables

    try:
        return idna.alabel(label).decode()
    except UnicodeError:
        # Browsers send what IDNA 2008 does not allow, such as a heart, by the same code.
        return f"xn--{label.encode('punycode').decode()}"


def as_sent(url: str) -> str:
    """Return a URL with its host as clients send it, escapes of what is not ASCII among it."""
    parts = _HOST.fullmatch(url)
    assert parts is not None  # noqa: S101  every part of the pattern may be empty
    host = _ESCAPES.sub(lambda found: unquote(found[0], errors="surrogateescape"), parts["host"])
    return (
        url
        if host.isascii()
        else f"{parts['head']}{parts['user']}{ascii_host(host)}{parts['rest']}"
    )


def open_labels(host: str, *, domains: bool = False) -> int:
    """Return how many labels of `host`, from the right, must be named to name one owner.

    That is the public suffix, below which anyone may register, and the label before it; for a
    suffix itself all of it.

    Args:
        host: the host, or a pattern of hosts.
        domains: count the suffixes of domains alone, not those of hosters such as github.io; below
            a suffix that nobody knows, such as `internal`, nobody registers any.
    """
    suffix = _suffixes(domains).publicsuffix(host.lower())
    return min(len(suffix.split(".")) + 1, len(host.split("."))) if suffix else 1


@cache
def _suffixes(domains: bool) -> PublicSuffixList:
    from publicsuffixlist import PublicSuffixList  # noqa: PLC0415  it reads 10,000 suffixes

    return PublicSuffixList(only_icann=domains, accept_unknown=not domains)
