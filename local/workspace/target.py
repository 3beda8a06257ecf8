"""Where Boundary's proxy sends a request, and what it takes for its URL.

As Go's net/http reads a request and Boundary 0.9.0 uses it: a target with a scheme is judged and
audited as it stands, and the request goes to the host in it or, where it has none, to the one that
the header Host names. So `pypi.org:/simple` is judged as pypi.org and sent to any host.
"""

import re
from typing import NamedTuple

from components.boundary import UrlError
from components.boundary.url import parse

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")


class SentRequest(NamedTuple):
    """What becomes of a request.

    Attributes:
        url: by which it is judged and audited.
        host: to which it is sent, with its port.
        path: that is asked for there, with the query.
    """

    url: str
    host: str
    path: str


def sent(target: str, host: str, *, tls: bool) -> SentRequest | None:
    """Return what becomes of a request, None for a target that Go does not read.

    Args:
        target: of its first line.
        host: its header Host.
        tls: whether it came encrypted.
    """
    scheme = _SCHEME.match(target)
    if scheme is None:
        if target != "*" and not target.startswith("/"):
            return None
        return SentRequest(f"http{'s' * tls}://{host}{target}", host, target)
    name, rest = scheme[1].lower(), target[scheme.end() :]
    path, mark, query = rest.partition("?")
    if rest.startswith("//"):
        authority, slash, path = path[2:].partition("/")
        host = authority.rpartition("@")[2] or host
        path = slash + path
        if not authority and not path:
            rest = mark + query
    elif not rest.startswith("/"):
        # Go reads no path from it.
        path = ""
    try:
        parse(f"http://host{path}")
    except UrlError:
        return None
    return SentRequest(f"{name}:{rest}", host, f"{path or '/'}{mark}{query}")
