"""The headers of an MCP server: what they may hold; knows no Pulumi, as settings ask too."""

from __future__ import annotations

import re
from typing import Final

READ_ONLY_HEADER: Final = "X-MCP-Readonly"
"""Servers that know it offer no tool that writes, whatever the key may do."""

# RFC 9110, 5.1 and 5.6.2.
_NAME: Final = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z"


def is_header_name(text: str) -> bool:
    """Whether HTTP takes `text` as the name of a header, or of a scheme."""
    return re.match(_NAME, text) is not None


def authorization_value(key: str) -> str:
    """`Bearer KEY` for a key given alone; with a scheme of its own, as in `Basic x`, as it is.

    White space tells a scheme: no bearer token holds any (RFC 6750, 2.1).
    """
    scheme, _, credentials = " ".join(key.split()).partition(" ")
    if not credentials:
        return f"Bearer {scheme}"
    return f"{'Bearer' if scheme.lower() == 'bearer' else scheme} {credentials}"


def authorization_problem(key: str) -> str | None:
    """Return why Coder could not send a key, in words without it; None if it could."""
    words = key.split()
    if not words or (len(words) == 1 and words[0].lower() in {"bearer", "basic"}):
        return "holds no key"
    if not all(word.isascii() and word.isprintable() for word in words):
        return "holds what HTTP cannot carry: ASCII alone, and no control characters"
    if words[0].lower() in {"bearer", "basic"} and len(words) > 2:
        return f"holds white space after {words[0]}, where one key stands"
    if len(words) > 1 and not is_header_name(words[0]):
        return "holds white space, but no scheme of HTTP stands before it, such as Bearer or Basic"
    return None
