"""What a review tells in words of its own, where values alone say too little."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Told:
    """One thing that is another afterwards, mostly below the name of what it is of.

    Attributes:
        words: what, in Markdown.
        warning: what the headline says, empty if nothing.
    """

    words: str
    warning: str = ""

    @property
    def line(self) -> str:
        """It as a line of Markdown below a name."""
        return f"  {self.item}"

    @property
    def item(self) -> str:
        """It as a line of Markdown of its own."""
        return f"- {'⚠️ ' if self.warning else ''}{self.words}"
