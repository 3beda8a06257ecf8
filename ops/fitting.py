"""Which lines of a report stay where not all fit: the gravest, whole, and in their order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

ALL: Final = "--json shows all"
NOTE: Final = 400
"""Bytes kept free for saying what was left out."""
GRAVEST: Final = 0
"""Weight of what is left out last."""
_HEADING: Final = 1_000
_MARKS: Final = ("⚠️", "⛔")

Weigher = Callable[[str, str], int]
"""Of a line and the line that it stands below: its weight."""


def size(lines: Iterable[str]) -> int:
    """Return how many bytes lines take."""
    return sum(len(line.encode()) + 1 for line in lines)


def marked(line: str, parent: str) -> int:
    """Weigh a line by whether it begins with a mark; what stands below such a line comes next."""
    if line.lstrip(" -").startswith(_MARKS):
        return GRAVEST
    return 1 if parent.lstrip(" -").startswith(_MARKS) else 2


def fit(lines: Sequence[str], room: int, what: str, weigher: Weigher | None = None) -> list[str]:
    """Return as many lines as fit into `room` bytes, and say how many did not.

    Args:
        lines: headings in bold and nested lists, where they are weighed.
        room: how many bytes there are.
        what: what a line is, for people.
        weigher: the heaviest lines are left out first; a line that stays has with it what it
            stands below. Without a weigher the last ones are left out.
    """
    if size(lines) <= room:
        return list(lines)
    every = list(_units(lines, weigher))
    left = room - size([_note(len(lines), what)])
    taken: set[int] = set()
    for place in sorted(range(len(every)), key=lambda place: every[place].weight):
        needed = [each for each in (place, *every[place].below) if each not in taken]
        cost = sum(size(every[each].lines) for each in needed)
        if cost <= left:
            taken.update(needed)
            left -= cost
        elif every[place].weight != GRAVEST or weigher is None:
            break
    inside = [line for place in sorted(taken) for line in every[place].lines]
    more = sum(map(bool, lines)) - sum(map(bool, inside))
    return [*inside, _note(more, what)]


def gravest(lines: Sequence[str], weigher: Weigher) -> int:
    """Return how many bytes a section needs at least to show what is gravest; 0 without any."""
    every = list(_units(lines, weigher))
    needed = {
        each
        for place, unit in enumerate(every)
        if unit.weight == GRAVEST
        for each in (place, *unit.below)
    }
    # With what is around a section, and the line that says what was left out.
    around = 200
    return sum(size(every[place].lines) for place in needed) + around if needed else 0


@dataclass(frozen=True)
class _Unit:
    """Lines that stand together, how heavy they are, and the places of what they stand below."""

    lines: tuple[str, ...]
    weight: int
    below: tuple[int, ...] = ()


def _units(lines: Sequence[str], weigher: Weigher | None) -> Iterator[_Unit]:
    if weigher is None:
        yield from (_Unit((line,), GRAVEST) for line in lines)
        return
    above: list[tuple[int, int, str]] = []
    blank: list[str] = []
    place = 0
    for index, line in enumerate(lines):
        if not line:
            blank.append(line)
            if index + 1 < len(lines) and not lines[index + 1].startswith("**"):
                # The one behind a heading.
                blank.clear()
            continue
        depth = 0 if line.startswith("**") else 1 + len(line) - len(line.lstrip(" "))
        while above and above[-1][0] >= depth:
            above.pop()
        parent = above[-1][2] if above else ""
        # A heading is shown with what stands below it.
        weight = weigher(line, parent) if depth else _HEADING
        after = ("",) if not depth else ()
        yield _Unit((*blank, line, *after), weight, tuple(each for _, each, _ in above))
        above.append((depth, place, line))
        blank = []
        place += 1


def _note(count: int, what: str) -> str:
    return f"… {count} more {what} left out here; {ALL}"
