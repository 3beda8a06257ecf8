"""Markdown cut to a size, with everything closed that the cut left open."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

# A fence of CommonMark: three or more of one character, indented by three spaces at most.
_FENCE: Final = re.compile(r"(?P<indent> {0,3})(?P<marks>`{3,}|~{3,})(?P<info>.*)")
# Blocks of HTML that go on over empty lines, with what ends them (CommonMark 0.31, 4.6).
_RAW: Final = re.compile(r" {0,3}<(pre|script|style|textarea)(?:[ \t>]|\Z)", re.IGNORECASE)
_RAW_END: Final = re.compile(r"</(?:pre|script|style|textarea)>", re.IGNORECASE)
_TAG: Final = re.compile(r"<(?P<end>/?)details\b[^>]*>", re.IGNORECASE)
_CODE: Final = re.compile(r"(`+)(?!`).*?(?<!`)\1(?!`)")
_CLOSING: Final = "</details>"
# A line is cut inside where that keeps so many bytes of it; a shorter part says little.
_WORTH: Final = 200


def size(text: str) -> int:
    """Return how many bytes of UTF-8 a text takes."""
    return len(text.encode())


def cut(text: str, room: int) -> str:
    """Return the beginning of a Markdown text, at most `room` bytes of UTF-8 if that is possible.

    Fenced blocks and folded parts that the cut leaves open are closed, and how much is missing is
    said. A line that is longer than the room is cut inside. The least that is returned is that
    note.
    """
    if size(text) <= room:
        return text
    lines = text.splitlines()
    kept: list[str] = []
    used = 0
    open_now = _Open()
    for line in lines:
        after = open_now.read(line)
        missing = len(lines) - len(kept)
        if used + size(line) + 1 + size(_ending(after, missing, part=True)) > room:
            ending = _ending(open_now, missing, part=True)
            left = room - used - size(ending) - size("…\n")
            if left >= _WORTH and not _opens_or_closes(line):
                return "\n".join([*kept, f"{_prefix(line, left)}…", ending])
            break
        kept.append(line)
        used += size(line) + 1
        open_now = after
    return "\n".join([*kept, _ending(open_now, len(lines) - len(kept), part=False)]).lstrip("\n")


def _opens_or_closes(line: str) -> bool:
    # Half a fence or half a tag would be neither.
    patterns = _FENCE.match(line), _TAG.search(line), _RAW.match(line)
    return any(patterns) or "<!--" in line


class _Open:
    """What is open after some lines: a fence, folded parts, and a block of raw HTML.

    Args:
        fence: the marks of the fence; empty without one.
        folded: how many folded parts are open.
        indent: what stands before the marks; in a list's item what closes the fence has it too.
        raw: what ends the block of HTML, a comment's end or a tag; empty without one.
    """

    def __init__(self, fence: str = "", folded: int = 0, indent: str = "", raw: str = "") -> None:
        self.fence = fence
        self.folded = folded
        self.indent = indent
        self.raw = raw

    def read(self, line: str) -> _Open:
        """Return what is open after one more line."""
        match = _FENCE.match(line)
        if self.fence:
            closes = (
                match is not None
                and match["marks"][0] == self.fence[0]
                and len(match["marks"]) >= len(self.fence)
                and not match["info"].strip()
            )
            return _Open(folded=self.folded) if closes else self
        if self.raw:
            return _Open(folded=self.folded) if _ends(self.raw, line) else self
        # The words after a fence of backticks hold none.
        if match and (match["marks"][0] == "~" or "`" not in match["info"]):
            return _Open(match["marks"], self.folded, match["indent"])
        if raw := _raw(line):
            return _Open(folded=self.folded, raw=raw)
        folded = self.folded
        for tag in _TAG.finditer(_CODE.sub("", line)):
            folded = max(folded - 1, 0) if tag["end"] else folded + 1
        return _Open(folded=folded)

    def closing(self) -> Iterator[str]:
        """Yield the lines that close everything."""
        if self.fence:
            yield f"{self.indent}{self.fence}"
        if self.raw:
            yield self.raw
        yield ""
        yield from [_CLOSING] * self.folded
        yield ""


def _raw(line: str) -> str:
    """Return what has to end the block of raw HTML that a line leaves open, empty without one."""
    text = _CODE.sub("", line)
    if text.rfind("<!--") > text.rfind("-->"):
        return "-->"
    tag = _RAW.match(line)
    return f"</{tag[1].lower()}>" if tag and not _RAW_END.search(line) else ""


def _ends(raw: str, line: str) -> bool:
    return "-->" in line if raw == "-->" else _RAW_END.search(line) is not None


def _ending(found: _Open, missing: int, *, part: bool) -> str:
    rest = missing - 1 if part else missing
    said = f"{rest} lines are left out here" if rest else "the rest of this line is left out here"
    if part and rest:
        said = f"the rest of this line and {said}"
    return "\n".join([*found.closing(), f"**{said[0].upper()}{said[1:]}.**"])


def _prefix(line: str, room: int) -> str:
    """Return as many characters as fit into `room` bytes, none of them halved."""
    return line.encode()[: max(room, 0)].decode(errors="ignore")
