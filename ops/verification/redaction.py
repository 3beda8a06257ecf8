"""Keeps secrets out of what a verification shows and keeps."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, Final

from components.boundary.credentials import HIDDEN

_LONGEST: Final = 1000
_NAMES: Final = (
    r"token|secret|password|passwd|credentials?|authorization|api[_-]?key|private[_-]?key|email"
    r"|cookie"
)
# Keys of answers whose values nobody needs: credentials, and what tells people apart.
_KEY: Final = re.compile(rf"({_NAMES}|avatar|environment|\bip\b|user_agent)", re.IGNORECASE)
_IN_TEXT: Final = re.compile(
    r"(Bearer\s+)[^\s\"',;]+|\b(?:gh[oprsu]_|glpat-|glsa_|sk-)[A-Za-z0-9_\-]{8,}"
    r"|\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*|(://[^/\s:@]+:)[^/\s@]+@"
    # A token of Coder's, as it is in cookies and headers.
    r"|(?<![\w-])[A-Za-z0-9]{10}-[A-Za-z0-9]{22}(?![\w-])"
)
_NAME: Final = re.compile(_NAMES, re.IGNORECASE)
# What is named within a text, as in a line of a log: each pattern keeps its first group, and none
# matches where no name is. Names have bounds, so that a long text takes no longer than its length.
_NAMED: Final = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        # "api_key": "value", also escaped within a string.
        rf"""(["'][^"'\\]{{0,80}}?(?:{_NAMES})[^"'\\]{{0,80}}\\*["']\s*:\s*(\\*["']))"""
        r"(?!\2).*?(?<!\\)(?=\2)",
        # api_key=value, api_key="a value"; of a URL's query too.
        rf"""((?<![\w.-])[\w.-]{{0,80}}(?:{_NAMES})=(\\*["']))(?!\2).*?(?<!\\)(?=\2)""",
        rf"""((?<![\w.-])[\w.-]{{0,80}}(?:{_NAMES})=(?:Basic\s+)?)[^\s&;,"'`}}\\]+""",
        r"""(\b(?:set-)?cookie:\s*)[^\n"'`\\]+""",
        r"""(\bauthorization:\s*(?:\w+\s+)?)[^\s"',;`\\]+""",
        rf"""(\b\w+-[\w-]{{0,80}}(?:{_NAMES}):\s*)[^\s"',;`\\]+""",
    )
)
# The address of a person, not of a host that a URL names with a user.
_PERSON: Final = re.compile(
    r"(?<![\w.+%-])(?<!//)(?!git@)[\w.+%-]+@(?:[\w-]+\.)+[a-z]{2,}\b", re.IGNORECASE
)
_BASIC: Final = re.compile(r"\b(Basic\s+)([A-Za-z0-9+/_-]{4,}={0,2})", re.IGNORECASE)


class Redaction:
    """Takes given secrets, and whatever looks like one, out of texts and plain data.

    Args:
        secrets: values that must not be shown; empty ones are passed over.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._secrets = sorted({secret for secret in secrets if secret}, key=len, reverse=True)

    def text(self, text: str) -> str:
        """Return a text without secrets, that can be written down as UTF-8."""
        for secret in self._secrets:
            text = text.replace(secret, HIDDEN)
        text = _IN_TEXT.sub(lambda found: f"{found[1] or found[2] or ''}{HIDDEN}", text)
        text = _BASIC.sub(_without_password, text)
        for named in _NAMED if _NAME.search(text) else ():
            text = named.sub(lambda found: f"{found[1]}{HIDDEN}", text)
        text = _PERSON.sub(HIDDEN, text) if "@" in text else text
        # JSON may have half a character, which no file of evidence can.
        return text.encode(errors="replace").decode()

    def excerpt(self, answer: Any) -> str:
        """Return plain data as JSON, or a text, cut to what a person reads, without secrets."""
        plain = _plain(answer)
        is_text = isinstance(plain, str)
        text = plain if is_text else json.dumps(plain, ensure_ascii=False, default=str)
        text = self.text(text)
        return text if len(text) <= _LONGEST else text[:_LONGEST] + "..."


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {
            key: HIDDEN if each and _is_hidden(str(key)) else _plain(each)
            for key, each in value.items()
        }
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, str) and value.lstrip().startswith(("{", "[")):
        return _within(value)
    return value


@lru_cache(maxsize=4096)  # answers have the same keys again and again
def _is_hidden(key: str) -> bool:
    return _KEY.search(key) is not None


def _within(text: str) -> str:
    """Return a text that is JSON itself, as a line of a log is, with its keys' secrets hidden."""
    try:
        value = json.loads(text)
        plain = _plain(value)
        return text if plain == value else json.dumps(plain, ensure_ascii=False)
    except (ValueError, RecursionError):
        return text


def _without_password(found: re.Match[str]) -> str:
    """Hide user and password of HTTP's Basic; the word stands in other texts, too."""
    padded = found[2].rstrip("=")
    try:
        pair = base64.urlsafe_b64decode(
            padded.translate({43: "-", 47: "_"}) + "=" * (-len(padded) % 4)
        )
    except (binascii.Error, ValueError):
        return found[0]
    return f"{found[1]}{HIDDEN}" if b":" in pair else found[0]
