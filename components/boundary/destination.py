"""Whether a request goes to the host by which Boundary judges it.

Boundary judges the target of a request as it stands where that has a scheme, and sends the request
to the host in it or, where it has none, to the one that the header Host names. So
`GET pypi.org:/simple HTTP/1.1` with `Host: evil.example` is judged, and audited, as a request to
pypi.org, and sent to evil.example. No program sends such a target by itself. The audit has no
header, so that nobody can say afterwards where it went. See docs/security.md.
"""

from __future__ import annotations

import re
from typing import Final

from components.boundary.policy import Policy, PolicyRule
from components.boundary.releases import Number
from components.boundary.rule import WILDCARD
from components.boundary.url import parse

MISDIRECTED_SINCE: Final[Number] = (0, 2, 2)
"""The first release with it, by proxy.go at each tag; v0.9.0 and the main branch of 2026-06-05 have
it yet."""
PATH_SINCE: Final[Number] = (0, 5, 2)
"""The first release in which such a request keeps its path; before, it asks for / alone."""

# RE2 reads it as Python does: Loki gets the same.
ADDRESSED: Final = r"[A-Za-z][A-Za-z0-9+.-]*://(?:[^/?#]*@)?[^/?#@:][^/?#@]*(?:[/?#].*)?"
"""The whole URL of a request that goes to the host in it."""

_ADDRESSED: Final = re.compile(ADDRESSED)
# What is written for a host with its port begins alike, and no client sends it so.
_TARGET: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:(?!//|\d+(?:[/?#]|\Z))")
_NUMBER: Final = re.compile(r"v?(\d+)\.(\d+)\.(\d+)")

TOKEN: Final = ("POST", "/api/v2/users/me/keys/tokens")
"""By which whoever has a person's token makes another one, at Coder's API."""


def addressed(url: str, *, recorded: bool) -> bool:
    """Whether a request of this URL goes to the host in it.

    Args:
        url: of the request.
        recorded: whether it stands in an audit; one that somebody writes may lack its scheme.
    """
    return bool(_ADDRESSED.fullmatch(url)) if recorded else not _TARGET.match(url)


def misdirects(release: str, since: Number = MISDIRECTED_SINCE) -> bool:
    """Whether a release sends requests to another host than it judges; no newer one is known."""
    number = _NUMBER.fullmatch(release)
    return number is None or tuple(map(int, number.groups())) >= since


def everywhere(policy: Policy, method: str, path: str) -> PolicyRule | None:
    """Return the first rule by which such a request passes, whatever host it is sent to.

    Boundary judges its method and path as they are sent, so a rule that names both leaves these
    alone.
    """
    segments = parse(f"https://host{path}").segments
    for entry in policy:
        rule = entry.rule
        # A name that begins with a digit is no scheme.
        named = rule.any_host or rule.labels[0][0].isalpha() or rule.labels[0] == WILDCARD
        if named and rule.matches_method(method) and rule.matches_path(segments):
            return entry
    return None
