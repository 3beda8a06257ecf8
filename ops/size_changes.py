"""What a preview changes of the sizes that owners of workspaces choose from.

coderd refuses every start and update of a workspace by a version whose options lack what its owner
chose (400, "value must be a valid option"). Of the home disk, which is chosen once, no other size
can be chosen then (coder/coder #16357, PR 25874); of the others its owner has to (PR 29500).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from ops.markdown import code, word
from ops.template_changes import Registered

_STUCK: Final = "workspaces whose home disk has a size that goes cannot be updated"
_CHOOSE: Final = "workspaces of a size that goes start only once their owners choose another"
_WORDS: Final[Mapping[str, str]] = {
    "cpu": "cores",
    "memory": "GB of memory",
    "disk_size": "GB of home disk",
}
_IMMUTABLE: Final = frozenset({"disk_size"})


@dataclass(frozen=True)
class SizeChange:
    """The options of one size before and after.

    Attributes:
        parameter: as the template calls it.
        old: what owners could choose.
        new: what they can choose afterwards.
    """

    parameter: str
    old: tuple[int, ...]
    new: tuple[int, ...]

    @property
    def gone(self) -> tuple[int, ...]:
        """The options that are no longer there."""
        return tuple(each for each in self.old if each not in self.new)

    @property
    def warning(self) -> str:
        """What the headline says, empty if nothing."""
        if not self.gone:
            return ""
        return _STUCK if self.parameter in _IMMUTABLE else _CHOOSE

    @property
    def line(self) -> str:
        """It as a line of Markdown, below its template."""
        what = word(_WORDS.get(self.parameter, self.parameter))
        turn = " → ".join(", ".join(map(str, each)) for each in (self.old, self.new))
        if not self.gone:
            return f"  - {what} to choose from: {turn}"
        chose = f"workspaces with {code(', '.join(map(str, self.gone)))}"
        so = (
            f"{chose} **cannot be updated**, nor start where the active version is required: put "
            "it back, or have their owners make others"
            if self.parameter in _IMMUTABLE
            else f"{chose} start by the new version only once their owners **choose another**"
        )
        return f"  - ⚠️ {what} to choose from: {turn}; {so}"


def size_changes(
    old: Mapping[str, Registered], new: Mapping[str, Registered]
) -> dict[str, tuple[SizeChange, ...]]:
    """Return the options that differ, by template, where those before are recorded."""
    found = {
        name: tuple(
            SizeChange(each, was, now.sizes[each])
            for each, was in old[name].sizes.items()
            if each in now.sizes and set(was) != set(now.sizes[each])
        )
        for name, now in new.items()
        if name in old
    }
    return {name: changes for name, changes in found.items() if changes}


def size_warnings(changes: Mapping[str, Iterable[SizeChange]]) -> tuple[str, ...]:
    """Return what the headline says, each once, the gravest first."""
    told = {each.warning for every in changes.values() for each in every}
    return tuple(each for each in (_STUCK, _CHOOSE) if each in told)
