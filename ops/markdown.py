"""Text of others inside of a report's Markdown: never markup, and never too long."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Final

LINE: Final = 400
"""Characters of one value that are shown."""
_SHOWN: Final = 12


def clip(value: str) -> str:
    """Return text that is too long cut, and say how much of it is missing."""
    return value if len(value) <= LINE else f"{value[:LINE]}… ({len(value) - LINE} more)"


def visible(value: str) -> str:
    """Return text without characters that hide or turn round what stands beside them."""
    if value.isprintable():
        return value
    return "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in value)


def plain(value: str) -> str:
    """Return text as one line without backticks."""
    return clip(visible(" ".join(value.replace("`", "'").split())))


def code(value: str) -> str:
    """Return text as code, in which nothing is a tag, a link or a mention."""
    # A backslash would not keep a forge from mentioning whom the text names.
    return f"`{plain(value) or ' '}`"


def turned(old: str | None, new: str | None) -> str:
    """Return a value before and after; None: it is not there."""
    before = "not set" if old is None else code(old)
    return f"{before} → {'**removed**' if new is None else code(new)}"


def word(value: str) -> str:
    """Return a plain word as it is, and anything else as code."""
    return value if re.fullmatch(r"[A-Za-z ]+", value) else code(value)


def cell(value: str) -> str:
    """Return text as code for the cell of a table."""
    return code(value).replace("|", "\\|")


def some(values: Sequence[str], show: Callable[[str], str]) -> str:
    """Return the first of many values, fewer of long ones, and say how many more there are."""
    shown: list[str] = []
    for value in values[:_SHOWN]:
        text = show(value)
        if shown and sum(map(len, shown)) + len(text) > LINE:
            break
        shown.append(text)
    more = len(values) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")
