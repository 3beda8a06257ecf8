"""The requests of an HTTP archive (HAR 1.2), as browsers and proxies write it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

from ops.traffic import InputError, Traffic, request

# Boundary decides what is asked inside a tunnel, and is not asked about the tunnel itself.
_TUNNELS: Final = "CONNECT of a tunnel, about which Boundary's rules are not asked"
_NO_REQUEST: Final = "without a request"
_NO_METHOD: Final = "without a method, as a browser's WebSocket"
_INSIDE: Final = "of a scheme that does not leave the browser"
_SENT: Final = ("http://", "https://", "ws://", "wss://")


def from_text(text: str, where: str) -> Traffic:
    """Return the requests that left the browser, and what was passed over.

    Raises InputError, also when there is no request.
    """
    try:
        document = json.loads(text)
    except ValueError as error:
        raise InputError(f"{where}: is not JSON, so no HAR file: {error}") from None
    log = document.get("log") if isinstance(document, Mapping) else None
    entries = log.get("entries") if isinstance(log, Mapping) else None
    if not isinstance(entries, list):
        raise InputError(f"{where}: is no HAR file: it has no list log.entries")
    found = []
    passed: Counter[str] = Counter()
    for place, entry in enumerate(entries):
        at = f"{where}, log.entries[{place}].request"
        method, url = _asked(entry)
        if not url:
            passed[_NO_REQUEST] += 1
        elif not url.lower().startswith(_SENT) and method != "CONNECT":
            passed[_INSIDE] += 1
        elif not method:
            passed[_NO_METHOD] += 1
        elif method == "CONNECT":
            passed[_TUNNELS] += 1
        else:
            found.append(request(method, url, at))
    said = tuple(f"{count} {what}" for what, count in passed.items())
    if not found:
        besides = f"; passed over: {', '.join(said)}" if said else ""
        raise InputError(f"{where}: holds no request that left the browser{besides}")
    return Traffic(tuple(found), tuple(f"{where}: passed over {each}" for each in said))


def _asked(entry: Any) -> tuple[str, str]:
    """Return method and URL, empty where none stands."""
    asked = entry.get("request") if isinstance(entry, Mapping) else None
    method, url = (asked.get(k) if isinstance(asked, Mapping) else None for k in ("method", "url"))
    return (method if isinstance(method, str) else ""), (url if isinstance(url, str) else "")
