"""Requests to ask the policy about: from arguments, lines of text, a HAR file or an audit log."""

from __future__ import annotations

import ast
import json
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from components.boundary import printable

STDIN: Final = "-"

Recorded = Literal["ALLOW", "DENY"]

# RFC 9110, 9.1: a method is a token. A lone * is one, but names no request.
_METHOD = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
# A line of text may begin with a method, as `curl -X` and access logs write it.
_LINE = re.compile(r"(?P<method>[A-Z][A-Z-]*)[ \t]+(?P<url>\S.*)")
# What a browser records without sending it anywhere.
_INSIDE = ("about:", "blob:", "chrome-extension:", "data:", "file:", "moz-extension:")
# log/slog's TextHandler: key=value, quoted by strconv.Quote where needed.
_PAIR = re.compile(r'(\w+)=("(?:[^"\\]|\\.)*"|\S*)')
_AUDITED = "boundary_request"


class InputError(ValueError):
    """What was asked cannot be read; the message says where, what is there and what is right."""


@dataclass(frozen=True)
class Request:
    """One request.

    Attributes:
        method: as sent; Boundary compares its case.
        url: as given.
        recorded: what Boundary decided then, when it comes from a log.
    """

    method: str
    url: str
    recorded: Recorded | None = None


def request(method: str, url: str, where: str, recorded: Recorded | None = None) -> Request:
    """Return the request; raises InputError, naming `where`, for what is no method or no URL."""
    if method == "*" or not _METHOD.fullmatch(method):
        raise InputError(f"{where}: method {printable(method)!r} must be one HTTP method as GET")
    if not url:
        raise InputError(f"{where}: the URL is empty")
    return Request(method, url, recorded)


def counted(requests: Iterable[Request]) -> dict[Request, int]:
    """Return each request once, in the order of their first time, with how often it came."""
    found: dict[Request, int] = {}
    for each in requests:
        found[each] = found.get(each, 0) + 1
    return found


def read(source: str) -> str:
    """Return the text of a file, of standard input for `-`; raises InputError."""
    try:
        data = sys.stdin.buffer.read() if source == STDIN else Path(source).read_bytes()
    except OSError as error:
        raise InputError(f"{name(source)}: cannot be read: {error.strerror}") from None
    return data.decode("utf-8-sig", errors="surrogateescape")


def name(source: str) -> str:
    """Return how messages call a source."""
    return "standard input" if source == STDIN else source


def from_lines(text: str, method: str, where: str) -> list[Request]:
    """Return a request for each line `URL` or `METHOD URL`; empty lines and # comments are none.

    Raises InputError, also when there is no request.
    """
    found = []
    for number, line in enumerate(text.splitlines(), start=1):
        content = line.strip()
        if not content or content.startswith("#"):
            continue
        parts = _LINE.fullmatch(content)
        own, url = (parts["method"], parts["url"]) if parts else (method, content)
        found.append(request(own, url, f"{where}, line {number}"))
    if not found:
        raise InputError(f"{where}: holds no URL; write one a line, or METHOD URL")
    return found


def from_har(text: str, where: str) -> list[Request]:
    """Return the requests of an HTTP archive (HAR 1.2) that left the browser.

    Raises InputError, also when there is none.
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
    for place, entry in enumerate(entries):
        asked = entry.get("request") if isinstance(entry, Mapping) else None
        method, url = (asked.get(k) if isinstance(asked, Mapping) else None for k in _HAR_KEYS)
        at = f"{where}, log.entries[{place}].request"
        if not isinstance(method, str) or not isinstance(url, str):
            raise InputError(f"{at}: must have the texts method and url")
        if not url.lower().startswith(_INSIDE):
            found.append(request(method, url, at))
    if not found:
        raise InputError(f"{where}: holds no request that left the browser")
    return found


_HAR_KEYS = ("method", "url")


def from_log(text: str, where: str) -> list[Request]:
    """Return the requests of an audit log, with what Boundary decided then.

    Reads coderd's JSON lines `boundary_request`, also as `kubectl logs --prefix` and Loki's
    `logcli -o jsonl` give them, and the ALLOW and DENY lines of Boundary's own file. Other lines
    are passed over. Raises InputError, also when there is none.
    """
    found: list[Request] = []
    for number, line in enumerate(text.splitlines(), start=1):
        at = f"{where}, line {number}"
        found += _json_line(line, at) if _AUDITED in line else _text_line(line, at)
    if not found:
        raise InputError(
            f"{where}: holds no audit line, neither coderd's JSON {_AUDITED} "
            "(CODER_LOGGING_JSON must be on) nor ALLOW or DENY of Boundary's own file"
        )
    return found


def _json_line(line: str, where: str) -> Iterator[Request]:
    start = line.find("{")
    try:
        document: Any = json.loads(line[start:]) if start >= 0 else None
        if isinstance(document, Mapping) and isinstance(document.get("line"), str):
            document = json.loads(document["line"])
    except ValueError:
        raise InputError(f"{where}: a cut or changed {_AUDITED} line, not JSON") from None
    if not isinstance(document, Mapping) or document.get("msg") != _AUDITED:
        return
    fields = document.get("fields")
    fields = fields if isinstance(fields, Mapping) else {}
    missing = [key for key in ("http_method", "http_url") if not isinstance(fields.get(key), str)]
    if missing:
        raise InputError(f"{where}: {_AUDITED} without fields.{' and fields.'.join(missing)}")
    decision = fields.get("decision")
    if decision not in ("allow", "deny"):
        raise InputError(f"{where}: fields.decision must be allow or deny")
    recorded: Recorded = "ALLOW" if decision == "allow" else "DENY"
    yield request(fields["http_method"], fields["http_url"], where, recorded)


def _text_line(line: str, where: str) -> Iterator[Request]:
    pairs = dict(_PAIR.findall(line))
    recorded = pairs.get("msg")
    if recorded not in ("ALLOW", "DENY") or "method" not in pairs or "url" not in pairs:
        return
    url = _unquoted(pairs["url"])
    if url.startswith("/"):
        # Some releases write the path alone of a request inside TLS.
        url = f"https://{_unquoted(pairs.get('host', ''))}{url}"
    yield request(_unquoted(pairs["method"]), url, where, recorded)


def _unquoted(value: str) -> str:
    if not value.startswith('"'):
        return value
    # strconv.Quote's escapes are Python's.
    try:
        return str(ast.literal_eval(value))
    except (SyntaxError, ValueError):
        return value[1:-1]
