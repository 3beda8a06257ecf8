"""Keeps secrets out of what a verification shows and keeps."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

HIDDEN: Final = "[secret]"

_LONGEST: Final = 1000
# Keys of answers whose values nobody needs: credentials, and what tells people apart.
_KEY: Final = re.compile(
    r"(token|secret|password|passwd|credential|authorization|api_?key|private_?key|email|avatar"
    r"|environment|\bip\b|user_agent)",
    re.IGNORECASE,
)
_IN_TEXT: Final = re.compile(
    r"(Bearer\s+)[^\s\"',;]+|\b(?:gh[oprsu]_|glpat-|glsa_|sk-)[A-Za-z0-9_\-]{8,}"
    r"|\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*|(://[^/\s:@]+:)[^/\s@]+@"
)


class Redaction:
    """Takes given secrets, and whatever looks like one, out of texts and plain data.

    Args:
        secrets: values that must not be shown; empty ones are passed over.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._secrets = sorted({secret for secret in secrets if secret}, key=len, reverse=True)

    def text(self, text: str) -> str:
        """Return a text without secrets."""
        for secret in self._secrets:
            text = text.replace(secret, HIDDEN)
        return _IN_TEXT.sub(lambda found: f"{found[1] or found[2] or ''}{HIDDEN}", text)

    def excerpt(self, answer: Any) -> str:
        """Return plain data as JSON, or a text, cut to what a person reads, without secrets."""
        plain = isinstance(answer, str)
        text = answer if plain else json.dumps(_plain(answer), ensure_ascii=False, default=str)
        text = self.text(text)
        return text if len(text) <= _LONGEST else text[:_LONGEST] + "..."


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {
            key: HIDDEN if each and _KEY.search(str(key)) else _plain(each)
            for key, each in value.items()
        }
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value
