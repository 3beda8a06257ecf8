"""What changes of a template for people: who may use it, and which releases it is made of."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from components.coder.lookup import EVERYONE
from components.coder_agents import AgentsAllowed
from components.releases import CLAUDE_CODE_PIN, wiring_of
from ops.changes import Change, differences
from ops.markdown import code

# The role by which coderd lets a group change a template.
_ADMINISTERS: Final = "admin"


@dataclass(frozen=True)
class Registered:
    """What a template of a stack registers of itself for reviews.

    Attributes:
        access: role by group of who may use or administer it; None: its list is not the stack's,
            which a state of an earlier release does not tell from one that is.
        pins: release by name of what it takes from elsewhere; empty if that is not recorded.
        agents_allowed: whether and from where Coder's own agents may use it; None: left to Coder,
            or not recorded.
        claude_policy: what Claude Code's managed settings say, one thing each.
        tasks: whether Coder's Tasks may be of it; None: not recorded.
        contract: what is demanded of its policy, as JSON; empty if that is not recorded, or it has
            no firewall.
        source: digest by name of the files that it is made of; empty if that is not recorded.
        switched_off: why, by whom and until when the emergency switch has its firewall off; empty
            where it has not, or that is not recorded.
        boundary: Boundary's settings without the rules, by key; empty if that is not recorded, or
            it has no firewall.
        sizes: what an owner can choose from, by the parameter's name; empty if that is not
            recorded.
    """

    access: Mapping[str, str] | None
    pins: Mapping[str, str]
    agents_allowed: AgentsAllowed | None = None
    claude_policy: tuple[str, ...] = ()
    tasks: bool | None = None
    contract: str = ""
    source: Mapping[str, str] = field(default_factory=dict)
    boundary: Mapping[str, str] = field(default_factory=dict)
    switched_off: str = ""
    sizes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, outputs: Mapping[str, Any]) -> Registered:
        """Return what a WorkspaceTemplate's outputs say."""
        access, pins = outputs.get("access"), outputs.get("pins")
        return cls(
            dict(access) if isinstance(access, Mapping) else None,
            dict(pins) if isinstance(pins, Mapping) else {},
            outputs.get("agentsAllowed"),
            tuple(map(str, outputs.get("claudePolicy") or ())),
            outputs.get("tasks"),
            str(outputs.get("contract") or ""),
            _read(outputs.get("source")),
            _read(outputs.get("boundary")),
            str(outputs.get("switchedOff") or ""),
            {name: tuple(options) for name, options in _read(outputs.get("sizes")).items()},
        )


def _read(registered: object) -> dict[str, Any]:
    return dict(json.loads(registered)) if isinstance(registered, str) and registered else {}


@dataclass(frozen=True)
class AccessChange:
    """Who may use or administer a template, before and after; None: not the stack's to say."""

    old: Mapping[str, str] | None
    new: Mapping[str, str] | None
    is_new: bool = False

    @property
    def opens(self) -> bool:
        """Whether everyone may use it who could not before, as far as the stack says."""
        return EVERYONE in (self.new or {}) and EVERYONE not in (self.old or {})

    @property
    def administrators(self) -> frozenset[str]:
        """The groups that newly may administer it, as far as the stack says; of a new one, all.

        coderd lets them push versions of it and make one active, with a firewall or without.
        """
        return _administrators(self.new) - _administrators(self.old)


def _administrators(access: Mapping[str, str] | None) -> frozenset[str]:
    return frozenset(group for group, role in (access or {}).items() if role == _ADMINISTERS)


def access_changes(
    old: Mapping[str, Registered], new: Mapping[str, Registered]
) -> dict[str, AccessChange]:
    """Return the templates whose access differs, those that are new among them."""
    found = {}
    for name, now in new.items():
        before = old[name].access if name in old else {}
        if before != now.access:
            found[name] = AccessChange(before, now.access, is_new=name not in old)
    return found


def pin_changes(
    old: Mapping[str, Registered], new: Mapping[str, Registered]
) -> dict[str, tuple[Change, ...]]:
    """Return the releases that move, by template, where the ones before are recorded."""
    found = {
        name: tuple(differences(dict(old[name].pins), dict(now.pins)))
        for name, now in new.items()
        if name in old and old[name].pins
    }
    return {name: changes for name, changes in found.items() if changes}


def wiring_lines(before: Registered | None, after: Registered | None) -> list[str]:
    """Say what a move between the modules 4 and 5 of Claude Code, or of Tasks, is for people."""
    if before is None or after is None:
        return []
    lines = []
    old, new = (each.pins.get(CLAUDE_CODE_PIN) for each in (before, after))
    if old and new and wiring_of(old) != wiring_of(new):
        gone = (
            "the chat on the dashboard goes; an app in a terminal comes"
            if wiring_of(new) == 5
            else "the app in a terminal goes; a chat on the dashboard comes"
        )
        lines.append(
            f"  - ⚠️ Claude Code moves from **module {wiring_of(old)} to {wiring_of(new)}** at a "
            f"workspace's next start: {gone}; homes stay"
        )
    if before.tasks is not None and before.tasks != after.tasks:
        lines.append(f"  - ⚠️ Coder Tasks **{'come' if after.tasks else 'go'}**")
    return lines


@dataclass(frozen=True)
class ClaudePolicyChange:
    """What Claude Code's managed settings say newly, and no longer."""

    added: tuple[str, ...]
    removed: tuple[str, ...]

    @property
    def loosens(self) -> bool:
        """Whether Claude Code may do more of itself."""
        return any(map(_allows, self.added)) or not all(map(_allows, self.removed))


def _allows(said: str) -> bool:
    return said.startswith("allow ")


def claude_policy_changes(
    old: Mapping[str, Registered], new: Mapping[str, Registered]
) -> dict[str, ClaudePolicyChange]:
    """Return the templates whose managed settings of Claude Code differ."""
    found = {}
    for name, now in new.items():
        before = old[name].claude_policy if name in old else ()
        if set(before) != set(now.claude_policy):
            found[name] = ClaudePolicyChange(
                tuple(each for each in now.claude_policy if each not in before),
                tuple(each for each in before if each not in now.claude_policy),
            )
    return found


def claude_policy_lines(change: ClaudePolicyChange | None) -> list[str]:
    """Say what changes of Claude Code's policy; what loosens it is marked."""
    if change is None:
        return []
    return [
        *(
            f"  - {'⚠️ ' * _allows(said)}Claude Code's policy: newly {code(said)}"
            for said in change.added
        ),
        *(
            f"  - {'⚠️ ' * (not _allows(said))}Claude Code's policy: **no longer** {code(said)}"
            for said in change.removed
        ),
    ]


def access_lines(change: AccessChange | None) -> list[str]:
    """Say who may use a template; new administrators, and everyone anew, are marked."""
    if change is None:
        return []
    after = _people(change.new)
    mark = "⚠️ " if change.administrators or (change.opens and not change.is_new) else ""
    wide = change.administrators
    who = "everyone" if EVERYONE in wide else ", ".join(map(code, sorted(wide)))
    pushes = f"; **{who} may push versions without a firewall**" if wide else ""
    if change.is_new:
        return [f"  - {mark}access: {after}{pushes}"]
    replaced = "; whatever list Coder has is replaced" if change.old is None else ""
    return [f"  - {mark}access: {_people(change.old)} → {after}{pushes}{replaced}"]


def _people(access: Mapping[str, str] | None) -> str:
    if access is None:
        return "not the stack's to say"
    if not access:
        return "owners and template administrators alone"
    return ", ".join(
        f"**everyone in the organization** ({role})"
        if group == EVERYONE
        else f"{code(group)} ({role})"
        for group, role in sorted(access.items())
    )
