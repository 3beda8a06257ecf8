"""A URL as it may be shown: without what could be a credential, and without control characters.

Boundary decides by method, host and path alone, so user, query and fragment are never needed to
understand a decision, and are where credentials stand.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from components.boundary.credentials import form_of

HIDDEN_PART: Final = "[hidden]"
"""What is shown in place of a part of a URL."""

# user:password@ behind a scheme with one slash, or behind none.
_LOGIN = re.compile(r"[^:@]+:[^@]+@")
# Whoever knows the address of a webhook may post there: by host, and below it, what it begins with.
_WEBHOOKS: Final = re.compile(
    r"hooks\.slack\.com/(?:services|workflows|triggers)/"
    r"|(?:[a-z]+\.)?discord(?:app)?\.com/api/(?:v\d+/)?webhooks/"
    r"|(?:[a-z0-9-]+\.)?(?:webhook\.office\.com/webhookb2|outlook\.office(?:365)?\.com/webhook)/"
    r"|hooks\.zapier\.com/hooks/(?:catch/)?"
)
_AUTHORITY = re.compile(
    r"(?P<scheme>(?:[^/?#]*:)?//)?(?P<authority>[^/?#]*)(?P<rest>.*)", re.DOTALL
)


def shown(url: str) -> str:
    """Return `url` with user, query, fragment and known tokens replaced by `[hidden]`."""
    place = url.partition("?")[0].partition("#")[0]
    ending = url[len(place) :]
    scheme, authority, path = _split(place)
    if "@" in authority:
        authority = f"{HIDDEN_PART}@{authority.rpartition('@')[2]}"
    elif ":" in authority and "@" in path and not _is_port(authority):
        # A slash in a password ends the authority early; nothing before the @ may be shown.
        authority, path = f"{HIDDEN_PART}@", path.rpartition("@")[2]
    if not _is_port(authority):
        # No host ends so: it may be what stands before the @ of a longer text.
        authority = re.sub(r":[^:]+\Z", f":{HIDDEN_PART}", authority)
    host = re.sub(r":\d*\Z", "", authority.rpartition("@")[2])
    text = scheme + authority + "/".join(without_tokens(host, path.split("/")))
    if ending:
        # `?` after `#` belongs to the fragment, which is one secret place like the query.
        text += ending[0] + (HIDDEN_PART if len(ending) > 1 else "")
    return printable(text)


def _split(place: str) -> tuple[str, str, str]:
    found = _AUTHORITY.fullmatch(place)
    assert found is not None  # noqa: S101  every part of the pattern may be empty
    return found["scheme"] or "", found["authority"], found["rest"]


def _is_port(authority: str) -> bool:
    # An IPv6 host holds colons of its own.
    return re.search(r":\d*\Z|\]\Z", authority) is not None


def without_tokens(host: str, segments: Sequence[str]) -> list[str]:
    """Return a path's segments, `[hidden]` for each that holds a known token or a password.

    Args:
        host: where the path is: below the address of a webhook every segment is hidden.
        segments: of the path; an empty one before the first slash may be among them.
    """
    place = "/".join([host.lower().rstrip("."), *(each for each in segments if each)])
    webhook = _WEBHOOKS.match(place)
    kept = webhook[0].count("/") - 1 if webhook else len(segments)
    found = []
    for segment in segments:
        hidden = segment and (kept <= 0 or form_of(segment) or _LOGIN.match(segment))
        found.append(HIDDEN_PART if hidden else segment)
        kept -= bool(segment)
    return found


def printable(text: str) -> str:
    """Return `text` with what a terminal would obey or cannot show as a Python escape."""
    return "".join(
        character if character.isprintable() else ascii(character)[1:-1] for character in text
    )
