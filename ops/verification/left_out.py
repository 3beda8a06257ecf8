"""What a verification of a chosen part leaves out of its stack."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from components.coder_agents import ISOLATED
from components.settings.model import Settings
from components.settings.templates import TemplateSettings
from ops.verification.catalogue import CATALOGUE
from ops.verification.model import Check, CheckGroup

_OF_JAILS: Final = ("preflight.kernel", "audit.denials", "audit.metrics")
"""Checks of templates with a firewall that are not of the group jail."""
_OF_TEMPLATES: Final = (*_OF_JAILS, "preflight.agents", "audit.coderd")
"""Checks of templates that are of no group which is of templates as a whole."""


@dataclass(frozen=True)
class LeftOut:
    """What was not asked for.

    Attributes:
        groups: groups of checks that the stack has something for.
        templates: names of templates.
        checks: ids of the checks that were not made at all, or not on these templates.
    """

    groups: tuple[str, ...] = ()
    templates: tuple[str, ...] = ()
    checks: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.checks)

    def __str__(self) -> str:
        parts = []
        for one, names in (("group", self.groups), ("template", self.templates)):
            if names:
                parts.append(f"{one if len(names) == 1 else f'{one}s'} {', '.join(names)}")
        return "; ".join(parts)


def left_out(
    settings: Settings, groups: Collection[CheckGroup], templates: Collection[str]
) -> LeftOut:
    """Return what a choice of groups and of templates' names leaves out of a stack."""
    unmade = [
        check
        for check in CATALOGUE.values()
        if check.group not in groups and _has(settings, check, settings.templates)
    ]
    others = [each for each in settings.templates if each.name not in templates]
    unseen = [
        check
        for check in CATALOGUE.values()
        if check.group in groups and _of_templates(check) and _has(settings, check, others)
    ]
    left = {check.id for check in (*unmade, *unseen)}
    return LeftOut(
        groups=tuple(dict.fromkeys(str(check.group) for check in unmade)),
        templates=tuple(each.name for each in others),
        checks=tuple(check for check in CATALOGUE if check in left),
    )


def _of_templates(check: Check) -> bool:
    of_workspaces = {CheckGroup.PATH, CheckGroup.JAIL, CheckGroup.AGENTS}
    return check.group in of_workspaces or check.id in _OF_TEMPLATES


def _has(settings: Settings, check: Check, templates: Collection[TemplateSettings]) -> bool:
    """Whether a stack, or these templates of it, has what a check looks at."""
    if check.group is CheckGroup.MCP:
        return bool(settings.mcp_servers)
    if not _of_templates(check):
        return True
    return any(_looks_at(settings, check, template) for template in templates)


def _looks_at(settings: Settings, check: Check, template: TemplateSettings) -> bool:
    confined = settings.firewall_of(template) is not None
    isolating = template.lets_agents_in == ISOLATED
    if check.group is CheckGroup.JAIL or check.id in _OF_JAILS:
        return confined
    if check.group is CheckGroup.AGENTS:
        return isolating
    return confined or isolating if check.id == "preflight.agents" else True
