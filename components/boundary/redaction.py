"""A URL as it may be shown: without what could be a credential, and without control characters.

Boundary decides by method, host and path alone, so user, query and fragment are never needed to
understand a decision, and are where credentials stand.
"""

from __future__ import annotations

import re

from components.boundary.credentials import form_of

HIDDEN = "[hidden]"

# user:password@ behind a scheme with one slash, or behind none.
_LOGIN = re.compile(r"[^:@]+:[^@]+@")
_AUTHORITY = re.compile(
    r"(?P<scheme>(?:[^/?#]*:)?//)?(?P<authority>[^/?#]*)(?P<rest>.*)", re.DOTALL
)


def shown(url: str) -> str:
    """Return `url` with user, query, fragment and known tokens replaced by `[hidden]`."""
    place = url.partition("?")[0].partition("#")[0]
    ending = url[len(place) :]
    scheme, authority, path = _split(place)
    if "@" in authority:
        authority = f"{HIDDEN}@{authority.rpartition('@')[2]}"
    elif ":" in authority and "@" in path and not _is_port(authority):
        # A slash in a password ends the authority early; nothing before the @ may be shown.
        authority, path = f"{HIDDEN}@", path.rpartition("@")[2]
    if not _is_port(authority):
        # No host ends so: it may be what stands before the @ of a longer text.
        authority = re.sub(r":[^:]+\Z", f":{HIDDEN}", authority)
    text = scheme + authority + "/".join(without_token(part) for part in path.split("/"))
    if ending:
        # `?` after `#` belongs to the fragment, which is one secret place like the query.
        text += ending[0] + (HIDDEN if len(ending) > 1 else "")
    return printable(text)


def _split(place: str) -> tuple[str, str, str]:
    found = _AUTHORITY.fullmatch(place)
    assert found is not None  # noqa: S101  every part of the pattern may be empty
    return found["scheme"] or "", found["authority"], found["rest"]


def _is_port(authority: str) -> bool:
    # An IPv6 host holds colons of its own.
    return re.search(r":\d*\Z|\]\Z", authority) is not None


def without_token(segment: str) -> str:
    """Return a segment of a path, or `[hidden]` when it holds a known token or a password."""
    return HIDDEN if form_of(segment) or _LOGIN.match(segment) else segment


def printable(text: str) -> str:
    """Return `text` with what a terminal would obey or cannot show as a Python escape."""
    return "".join(
        character if character.isprintable() else ascii(character)[1:-1] for character in text
    )
