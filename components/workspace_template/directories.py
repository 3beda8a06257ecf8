"""Which template of a run renders into which directory.

A provider uploads a directory after the program has said all, so that of two templates in one
directory the last one written would be uploaded for both: one of them with the other's policy.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final
from weakref import WeakKeyDictionary

import pulumi

from components.errors import refuse

# By the engine of a run: a process may run programs one after the other.
_runs: Final[WeakKeyDictionary[object, list[_Taken]]] = WeakKeyDictionary()
_process: Final[list[_Taken]] = []
_one_run: Final[list[bool]] = []


@dataclass(frozen=True)
class _Taken:
    directory: Path
    by: str


def one_run() -> None:
    """Have all that this process declares be of one run.

    So it is for a plugin, which the engine starts for a run; each component of it is told of the
    engine anew.
    """
    _one_run.append(True)


def take(directory: Path, by: str) -> None:
    """Have a directory be one template's alone.

    Args:
        directory: where the template is to be rendered; it need not be there.
        by: what people call the template.

    Raises:
        ArgsError: another template of the run has it, or one within or around it.
    """
    place = directory.resolve()
    taken = _of_this_run()
    refuse(
        by,
        (
            f"directory {directory} {_relation(place, each.directory)} of {each.by}, and what is "
            "written last would be uploaded for both: name another `directory` for one of them"
            for each in taken
            if place.is_relative_to(each.directory) or each.directory.is_relative_to(place)
        ),
    )
    taken.append(_Taken(place, by))


def _relation(place: Path, other: Path) -> str:
    if place == other:
        return "is that"
    return f"is within {other}, that" if place.is_relative_to(other) else f"is around {other}, that"


def _of_this_run() -> list[_Taken]:
    if _one_run:
        return _process
    engine = pulumi.runtime.settings.get_monitor()
    # Without an engine nothing is declared and so nothing uploaded.
    return [] if engine is None else _runs.setdefault(engine, [])
