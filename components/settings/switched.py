"""What the emergency switch may say: of templates that have a firewall, and for how long."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence
from typing import Final

from components.settings.problems import Problem, as_shown
from components.settings.templates import FirewallSwitch, TemplateSettings

LONGEST_OFF: Final = datetime.timedelta(days=7)


def target_problems(
    switch: FirewallSwitch | None, templates: Sequence[TemplateSettings | None]
) -> Iterator[Problem]:
    """Yield the templates that are not there, or, while it is off, have nothing to switch off.

    Args:
        switch: as the settings say, None if that is not well-formed.
        templates: the stack's, None for one that is not well-formed.
    """
    if switch is None:
        return
    walls = {each.name: each.firewall is not None for each in templates if each is not None}
    confined = ", ".join(name for name, wall in walls.items() if wall) or "none"
    for index, name in enumerate(switch.templates):
        place = f"firewall.templates[{index}]"
        if name not in walls:
            yield Problem(place, as_shown(name), f"no such template; there are {', '.join(walls)}")
        elif switch.state == "off" and not walls[name]:
            yield Problem(
                place,
                as_shown(name),
                f"it has no firewall to switch off; those that have one: {confined}",
            )
    everything = switch.state == "off" and not switch.templates and None not in templates
    if everything and not any(walls.values()):
        yield Problem("firewall.state", as_shown("off"), "no template has a firewall: remove it")


def day_problems(switch: FirewallSwitch | None, today: datetime.date) -> Iterator[Problem]:
    """Yield what is missing while the firewall is off, or says too long, or is over.

    Args:
        switch: as the settings say, None if that is not well-formed.
        today: the day (UTC) that its last one is held against.
    """
    if switch is None or switch.state != "off":
        return
    if switch.reason is None:
        yield _needed("reason", "why it is off")
    if switch.until is None:
        yield _needed("until", "its last day, as 2026-12-31")
        return
    shown = f'"{switch.until}"'
    if switch.until > today + LONGEST_OFF:
        yield Problem(
            "firewall.until",
            shown,
            f"must be {today + LONGEST_OFF} or earlier: the firewall may be off for "
            f"{LONGEST_OFF.days} days at a time",
        )
    if switch.until < today:
        yield Problem(
            "firewall.until",
            shown,
            "the emergency switch has expired; turn the firewall on with `python -m ops "
            "firewall STACK on`, or extend it with `... off --reason WHY --until DAY`",
        )


def _needed(key: str, what: str) -> Problem:
    return Problem(f"firewall.{key}", "", f"required while the firewall is off: {what}")
