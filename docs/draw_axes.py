"""Axes, columns and lines of a picture's time series."""

from __future__ import annotations

import math
from collections.abc import Sequence

Span = tuple[float, float]
"""Where a point of a series begins and ends: the y of what it stands on, and its own."""


def marks(highest: float, unit: str) -> list[float]:
    """Return round values from 0 to the first that is no less than the highest."""
    base = 1.0
    if unit in ("bytes", "Bps"):
        while base * 1024 <= highest:
            base *= 1024
    elif unit == "s" and highest > 60:
        base = 60.0
    size = 10 ** math.floor(math.log10(highest / base))
    steps = (size * part for part in (0.25, 0.5, 1, 2.5, 5))
    step = next(step for step in steps if step * 4 >= highest / base)
    count = math.ceil(highest / base / step - 1e-9)
    return [base * step * number for number in range(count + 1)]


def bars(spans: Sequence[Span | None], left: int, right: int, color: str) -> list[str]:
    """Return a column for each span."""
    room = (right - left) / max(len(spans), 2)
    return [
        f'<rect x="{left + room * (index + 0.15):.0f}" y="{span[1]:.1f}" width="{room * 0.7:.1f}" '
        f'height="{span[0] - span[1]:.1f}" fill="{color}" opacity=".8"/>'
        for index, span in enumerate(spans)
        if span and span[0] - span[1] >= 0.1
    ]


def outline(spans: Sequence[Span | None], left: int, right: int) -> tuple[str, str]:
    """Return the path of a line, and that of the area between it and what it stands on."""
    step = (right - left) / max(len(spans) - 1, 1)
    # What is not there is a gap, as in Grafana.
    pieces: list[list[tuple[float, Span]]] = [[]]
    for index, span in enumerate(spans):
        if span is None:
            pieces.append([])
        else:
            pieces[-1].append((left + step * index, span))
    lines, areas = [], []
    for piece in filter(None, pieces):
        line = "M" + " ".join(f"{x:.0f} {span[1]:.1f}" for x, span in piece)
        below = " ".join(f"{x:.0f} {span[0]:.1f}" for x, span in reversed(piece))
        # A point between two gaps is a dot.
        lines.append(line + "h.1" if len(piece) == 1 else line)
        areas.append(f"{line} {below}Z")
    return " ".join(lines), " ".join(areas)
