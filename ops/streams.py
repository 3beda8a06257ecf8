"""Gives a command the streams that it reads and writes, whatever it was started with."""

from __future__ import annotations

import io
import os
import sys


def prepare() -> None:
    """Open what was closed, and write what the terminal's encoding has not as a question mark."""
    for number, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        stream = getattr(sys, name)
        if stream is None:
            # Under the number of the one that was closed, for the engine and its plugins as well.
            opened = os.open(os.devnull, os.O_RDWR)
            if opened != number:
                os.dup2(opened, number)
                os.close(opened)
            setattr(sys, name, os.fdopen(number, mode, encoding="utf-8"))
        elif isinstance(stream, io.TextIOWrapper) and mode == "w":
            stream.reconfigure(errors="replace")
