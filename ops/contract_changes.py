"""What changes of what is demanded of a template's policy: its contract and the grade accepted.

The contract is in no resource, so without this an edit that drops it reads like no change.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from components.boundary import WORST, Own
from components.boundary.demands import ended_by
from ops.markdown import code, some
from ops.template_changes import Registered

_DEMANDS: Final = ("mustDeny", "mustAllow")
_ENDED: Final = "a demand of the catalogue, which this mustAllow ends"
# Templates that a headline names.
_NAMED: Final = 3

# By demand its reason, the worst grade accepted, and whether rules that open every host are; None:
# that is not recorded.
_Demands: TypeAlias = tuple[dict[str, str], str, bool | None]


@dataclass(frozen=True)
class ContractChange:
    """What is demanded of a template's policy no longer, and newly.

    Attributes:
        removed: reason by demand (`mustDeny GET https://a.example/`) of what goes, demands of the
            catalogue that the contract ends among it.
        added: the same of what comes.
        reasons: the new reason of what stays and is explained otherwise.
        grades: the worst exfiltration grade accepted before and after; None if it stays.
        accepts_everything: whether rules that open every host are accepted afterwards; None if it
            stays as it is, or is not known.
        replaces: whether its own policy newly takes the place of the stack's, contract and all.
        unrecorded: whether the deployed stack does not say what was demanded.
    """

    removed: Mapping[str, str] = field(default_factory=dict)
    added: Mapping[str, str] = field(default_factory=dict)
    reasons: Mapping[str, str] = field(default_factory=dict)
    grades: tuple[str, str] | None = None
    accepts_everything: bool | None = None
    replaces: bool = False
    unrecorded: bool = False

    @property
    def changed(self) -> bool:
        """Whether it differs, as far as is known."""
        differs = bool(self.removed or self.added or self.reasons or self.grades)
        return differs or self.replaces or self.accepts_everything is not None

    @property
    def accepts_worse(self) -> bool:
        """Whether a worse exfiltration grade is accepted."""
        return self.grades is not None and self.grades[1] > self.grades[0]

    @property
    def weakened(self) -> bool:
        """Whether something is demanded no longer."""
        return bool(self.removed) or self.accepts_worse or bool(self.accepts_everything)


@dataclass(frozen=True)
class Contracts:
    """What changes of the contract of every template that is to have a firewall, by template."""

    by_template: Mapping[str, ContractChange] = field(default_factory=dict)

    @property
    def changed(self) -> bool:
        """Whether any differs, as far as is known."""
        return any(each.changed for each in self.by_template.values())

    @property
    def weakened(self) -> tuple[str, ...]:
        """The templates of whose policy something is demanded no longer."""
        return tuple(name for name, each in self.by_template.items() if each.weakened)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What of it must not be overlooked, in words for the headline."""
        names = self.weakened
        if not names:
            return ()
        which = ", ".join(names) if len(names) <= _NAMED else str(len(names))
        if len(names) == len(self.by_template):
            where = ""
        elif len(names) > _NAMED:
            where = f" for {which} templates"
        else:
            where = f" for template{'s' * (len(names) > 1)} {which}"
        return (f"the policy's contract is weakened{where}",)

    @property
    def known(self) -> Contracts:
        """Those of the templates of which it is known what was demanded."""
        return Contracts({n: each for n, each in self.by_template.items() if not each.unrecorded})

    @property
    def alike(self) -> tuple[tuple[tuple[str, ...], ContractChange], ...]:
        """The changes that are to be told, each with the templates that it is the same for."""
        found: list[tuple[tuple[str, ...], ContractChange]] = []
        for name, change in self.by_template.items():
            place = next((at for at, (_, each) in enumerate(found) if each == change), None)
            if place is None:
                found.append(((name,), change))
            else:
                found[place] = ((*found[place][0], name), change)
        told = [each for each in found if each[1].changed or each[1].unrecorded]
        return tuple(sorted(told, key=lambda each: not each[1].weakened))


def contract_changes(
    old: Mapping[str, Registered],
    new: Mapping[str, Registered],
    policies: Mapping[str, object | None],
    own: Own | None = None,
) -> Contracts:
    """Return what changes of the contracts that the templates of a stack register.

    Args:
        old: what each template registered at the last update.
        new: the same by the settings; one that is to have no firewall has no contract.
        policies: the policy of each template by the last update, None without a firewall. One that
            is new, or had no firewall, is held to what the stack demanded.
        own: the deployment's own hosts, of which the catalogue demands something itself.
    """
    hosts = own or Own()
    before = {name: _read(each) for name, each in old.items()}
    stack = _strictest(each for each in before.values() if each is not None)
    found = {}
    for name, registered in new.items():
        now = _read(registered)
        if now is None:
            continue
        was = before.get(name)
        if was is not None and "stack" not in was and now.get("stack"):
            # An earlier release recorded the stack's contract, whatever the template's own was.
            found[name] = ContractChange(unrecorded=True)
        elif was is not None:
            replaces = bool(now.get("stack")) and not was.get("stack")
            found[name] = _change(_demands(was), _demands(now), hosts, replaces)
        elif name in old and policies.get(name) is not None:
            found[name] = ContractChange(unrecorded=True)
        else:
            held = stack or _demands(now.get("stack") or now)
            found[name] = _change(held, _demands(now), hosts, bool(now.get("stack")))
    return Contracts(found)


def _read(registered: Registered) -> dict[str, Any] | None:
    return json.loads(registered.contract) if registered.contract else None


def _demands(contract: Mapping[str, Any]) -> _Demands:
    demands = {
        f"{demand} {request}": str(why)
        for demand in _DEMANDS
        for request, why in contract[demand].items()
    }
    return demands, str(contract["highestGrade"]), contract.get("acceptEverything")


def _change(old: _Demands, new: _Demands, own: Own, replaces: bool) -> ContractChange:
    (was, accepted, everything), (now, accepts, accepts_everything) = old, new
    added = {demand: why for demand, why in now.items() if demand not in was}
    known = everything is not None and accepts_everything is not None
    return ContractChange(
        removed={
            **{demand: why for demand, why in was.items() if demand not in now},
            # With the worst grade accepted the catalogue demands nothing.
            **(_ended(added, own) if WORST not in (accepted, accepts) else {}),
        },
        added=added,
        reasons={
            demand: why for demand, why in now.items() if demand in was and was[demand] != why
        },
        grades=None if accepted == accepts else (accepted, accepts),
        accepts_everything=accepts_everything
        if known and everything != accepts_everything
        else None,
        replaces=replaces,
    )


def _ended(added: Iterable[str], own: Own) -> dict[str, str]:
    """Return what the catalogue demands no longer for what is newly wanted allowed."""
    found = {}
    for each in added:
        demand, method, url = each.split(" ", 2)
        if demand == "mustAllow" and (why := ended_by(method, url, own)):
            found[f"mustDeny {method} {url}"] = f"{why}: {_ENDED}"
    return found


def _strictest(contracts: Iterable[Mapping[str, Any]]) -> _Demands | None:
    """Return all that templates record of the stack's: an update that failed leaves it different"""
    known = [_demands(each.get("stack") or each) for each in contracts]
    if not known:
        return None
    every = {demand: why for demands, _, _ in known for demand, why in demands.items()}
    accepted = [each for _, _, each in known if each is not None]
    return every, min(grade for _, grade, _ in known), all(accepted) if accepted else None


def contract_lines(contracts: Contracts) -> list[str]:
    """Return the changes as lines of Markdown; what weakens a contract is marked."""
    told = contracts.alike
    if len(told) == 1 and len(told[0][0]) == len(contracts.by_template):
        return _change_lines(told[0][1])
    return [
        line
        for names, change in told
        for line in (
            f"- template{'s' * (len(names) > 1)} {some(names, code)}:",
            *(f"  {each}" for each in _change_lines(change)),
        )
    ]


def _change_lines(change: ContractChange) -> list[str]:
    lines = (
        ["- a policy of the template's own is in place of the stack's, whose contract ends for it"]
        if change.replaces
        else []
    )
    lines += [
        *(_line("⚠️ **no longer demanded**", each) for each in change.removed.items()),
        *(_line("newly demanded", each) for each in change.added.items()),
        *(_line("another reason", each) for each in change.reasons.items()),
    ]
    if change.grades:
        mark = "⚠️ " * change.accepts_worse
        lines.append(f"- {mark}worst exfiltration grade accepted: {' → '.join(change.grades)}")
    if change.accepts_everything is not None:
        lines.append(
            "- ⚠️ rules that open **every host** are accepted from now on"
            if change.accepts_everything
            else "- rules that open every host are refused from now on"
        )
    if change.unrecorded:
        lines.append(
            "- whether it changes is **not known**: the deployed stack does not record it; it does "
            "from the next update on"
        )
    return lines


def contract_json(contracts: Contracts) -> dict[str, Any]:
    """Return the changes as plain data: of all templates together, and of each."""
    every = list(contracts.by_template.values())
    # The gravest of those that differ; what weakens comes before what does not.
    grades = max(
        (each.grades for each in every if each.grades),
        key=lambda each: (each[1] > each[0], each[1]),
        default=None,
    )
    together = ContractChange(
        {name: why for each in every for name, why in each.removed.items()},
        {name: why for each in every for name, why in each.added.items()},
        {name: why for each in every for name, why in each.reasons.items()},
        grades,
        max((x for each in every if (x := each.accepts_everything) is not None), default=None),
        unrecorded=any(each.unrecorded for each in every),
    )
    return {
        **_change_json(together),
        "templates": {
            name: {**_change_json(each), "replacesTheStacks": each.replaces}
            for name, each in contracts.by_template.items()
            if each.changed or each.unrecorded
        },
    }


def _change_json(change: ContractChange) -> dict[str, Any]:
    before, after = change.grades or (None, None)
    return {
        "recorded": not change.unrecorded,
        "removed": dict(change.removed),
        "added": dict(change.added),
        "reasons": dict(change.reasons),
        "acceptsEverything": change.accepts_everything,
        "highestGrade": {"before": before, "after": after} if change.grades else None,
    }


def _line(word: str, demand: tuple[str, str]) -> str:
    name, why = demand
    return f"- {word}: {code(name)}; because: {code(why.rstrip('.'))}"
