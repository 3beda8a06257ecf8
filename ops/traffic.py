"""Requests to ask the policy about, and the text that holds them.

ops.policy reads them of lists, HAR files and audit logs.
"""

from __future__ import annotations

import codecs
import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from components.boundary import printable
from components.boundary.destination import addressed
from components.boundary.names import as_sent

STDIN: Final = "-"

Recorded = Literal["ALLOW", "DENY"]

# RFC 9110, 9.1: a method is a token. A lone * is one, but names no request.
_METHOD = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


class InputError(ValueError):
    """What was asked cannot be read; the message says where, what is there and what is right."""


@dataclass(frozen=True)
class Request:
    """One request.

    Attributes:
        method: as sent; Boundary compares its case.
        url: as given.
        recorded: what Boundary decided then, when it comes from a log.
        sent_to: its header Host, where the log has it.
    """

    method: str
    url: str
    recorded: Recorded | None = None
    sent_to: str = ""

    @property
    def addressed(self) -> bool:
        """Whether it goes to the host of its URL, by which Boundary judges it."""
        return addressed(self.url, recorded=self.recorded is not None)


@dataclass(frozen=True)
class Traffic:
    """The requests of a source.

    Attributes:
        requests: that it holds.
        passed: in words what was passed over, as it is no request.
        unreadable: what was to be a request and cannot be read, where and why.
    """

    requests: tuple[Request, ...]
    passed: tuple[str, ...] = ()
    unreadable: tuple[str, ...] = ()


def request(
    method: str, url: str, where: str, recorded: Recorded | None = None, sent_to: str = ""
) -> Request:
    """Return the request; raises InputError, naming `where`, for what is no method or no URL.

    A host outside ASCII becomes punycode, as clients send it; what is recorded stays as it came.
    """
    if method == "*" or not _METHOD.fullmatch(method):
        raise InputError(f"{where}: method {printable(method)!r} must be one HTTP method as GET")
    if not url:
        raise InputError(f"{where}: the URL is empty")
    return Request(method, url if recorded else as_sent(url), recorded, sent_to)


def as_lines(problems: Iterable[str]) -> str:
    """Return problems as the lines of one message."""
    return "\n  ".join(problems)


def counted(requests: Iterable[Request]) -> dict[Request, int]:
    """Return each request once, in the order of their first time, with how often it came."""
    found: dict[Request, int] = {}
    for each in requests:
        found[each] = found.get(each, 0) + 1
    return found


def read(source: str) -> str:
    """Return the text of a file, of standard input for `-`; raises InputError.

    The encoding is UTF-8 or UTF-16, which PowerShell writes, with its mark or without.
    """
    try:
        data = sys.stdin.buffer.read() if source == STDIN else Path(source).read_bytes()
    except OSError as error:
        raise InputError(f"{name(source)}: cannot be read: {error.strerror}") from None
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16", errors="replace")
    if (odd := data[1:4:2]) == b"\0\0" or data[:4:2] == b"\0\0":
        # UTF-16 without its mark: every second byte of what begins as ASCII is NUL.
        return data.decode("utf-16-le" if odd == b"\0\0" else "utf-16-be", errors="replace")
    return data.decode("utf-8-sig", errors="surrogateescape")


def name(source: str) -> str:
    """Return how messages call a source."""
    return "standard input" if source == STDIN else source
