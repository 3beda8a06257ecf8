"""What changes of what a stack demands of its policy: its contract and the grade it accepts.

The contract is in no resource, so without this an edit that drops it reads like no change.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from ops.markdown import code
from ops.template_changes import Registered

_DEMANDS: Final = ("mustDeny", "mustAllow")


@dataclass(frozen=True)
class ContractChange:
    """What a stack demands of its policy no longer, and newly.

    Attributes:
        removed: reason by demand (`mustDeny GET https://a.example/`) of what goes.
        added: the same of what comes.
        reasons: the new reason of what stays and is explained otherwise.
        grades: the worst exfiltration grade accepted before and after; None if it stays.
        unrecorded: whether the deployed stack does not say what was demanded.
    """

    removed: Mapping[str, str] = field(default_factory=dict)
    added: Mapping[str, str] = field(default_factory=dict)
    reasons: Mapping[str, str] = field(default_factory=dict)
    grades: tuple[str, str] | None = None
    unrecorded: bool = False

    @property
    def changed(self) -> bool:
        """Whether it differs, as far as is known."""
        return bool(self.removed or self.added or self.reasons or self.grades)

    @property
    def accepts_worse(self) -> bool:
        """Whether a worse exfiltration grade is accepted."""
        return self.grades is not None and self.grades[1] > self.grades[0]

    @property
    def weakened(self) -> bool:
        """Whether something is demanded no longer."""
        return bool(self.removed) or self.accepts_worse


def contract_change(old: Mapping[str, Registered], new: Mapping[str, Registered]) -> ContractChange:
    """Return what changes of the contract that the templates of a stack register."""
    before, after = _strictest(old.values()), _strictest(new.values())
    if before is None or after is None:
        return ContractChange(unrecorded=bool(old) and before is None and after is not None)
    (was, accepted), (now, accepts) = before, after
    return ContractChange(
        removed={demand: why for demand, why in was.items() if demand not in now},
        added={demand: why for demand, why in now.items() if demand not in was},
        reasons={
            demand: why for demand, why in now.items() if demand in was and was[demand] != why
        },
        grades=None if accepted == accepts else (accepted, accepts),
    )


def _strictest(templates: Iterable[Registered]) -> tuple[dict[str, str], str] | None:
    """Return all that any template records, which an update that failed leaves different."""
    known = [json.loads(each.contract) for each in templates if each.contract]
    if not known:
        return None
    demands = {
        f"{demand} {request}": str(why)
        for contract in known
        for demand in _DEMANDS
        for request, why in contract[demand].items()
    }
    return demands, min(str(contract["highestGrade"]) for contract in known)


def contract_lines(change: ContractChange) -> list[str]:
    """Return the change as lines of Markdown; what weakens the contract is marked."""
    lines = [
        *(_line("⚠️ **no longer demanded**", each) for each in change.removed.items()),
        *(_line("newly demanded", each) for each in change.added.items()),
        *(_line("another reason", each) for each in change.reasons.items()),
    ]
    if change.grades:
        mark = "⚠️ " * change.accepts_worse
        lines.append(f"- {mark}worst exfiltration grade accepted: {' → '.join(change.grades)}")
    if change.unrecorded:
        lines.append(
            "- whether it changes is **not known**: the deployed stack does not record it; it does "
            "from the next update on"
        )
    return lines


def contract_json(change: ContractChange) -> dict[str, Any]:
    """Return the change as plain data."""
    before, after = change.grades or (None, None)
    return {
        "recorded": not change.unrecorded,
        "removed": dict(change.removed),
        "added": dict(change.added),
        "reasons": dict(change.reasons),
        "highestGrade": {"before": before, "after": after} if change.grades else None,
    }


def _line(word: str, demand: tuple[str, str]) -> str:
    name, why = demand
    return f"- {word}: {code(name)}; because: {code(why.rstrip('.'))}"
