"""Finds by name what a Coder deployment has before the stack comes to it.

Everything is looked up before the first resource is declared, so that a name that Coder does not
know stops the run while nothing has been applied.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import pulumi
import pulumi_coderd as coderd

from components.settings import Settings
from components.settings_problems import Problem, SettingsError

T = TypeVar("T")


@dataclass(frozen=True)
class Known:
    """Ids of what the stack's settings name.

    Attributes:
        organization_id: id of the organization.
        groups: id of each group by its name.
    """

    organization_id: str
    groups: Mapping[str, str]


def look_up(stack: str, settings: Settings, provider: coderd.Provider) -> Known:
    """Return the ids of the stack's organization and of every group its templates name.

    Args:
        stack: name of the stack, for messages.
        settings: the stack's settings.
        provider: where to ask.

    Raises SettingsError with every name that Coder does not know, and when it does not answer.
    """
    options = pulumi.InvokeOptions(provider=provider)
    name = settings.coder.organization
    try:
        organization = _asked(partial(coderd.get_organization, name=name, opts=options)).id
    except LookupError as error:
        raise SettingsError(
            stack, [Problem("coder.organization", json.dumps(name), str(error))]
        ) from None
    groups: dict[str, str] = {}
    problems = []
    for key, group in _named_groups(settings):
        if group in groups:
            continue
        find = partial(coderd.get_group, name=group, organization_id=organization, opts=options)
        try:
            groups[group] = _asked(find).id
        except LookupError as error:
            shown = json.dumps(group, ensure_ascii=False)
            problems.append(Problem(key, shown, f"no such group in {name}: {error}"))
    if problems:
        raise SettingsError(stack, problems)
    return Known(organization, groups)


def _named_groups(settings: Settings) -> Iterator[tuple[str, str]]:
    for place, template in enumerate(settings.templates):
        access = template.access
        for role, names in (("use", access.use), ("admin", access.admin)) if access else ():
            for index, group in enumerate(names):
                yield f"templates[{place}].access.{role}[{index}]", group


def _asked(ask: Callable[[], T]) -> T:
    try:
        return ask()
    except Exception as error:  # noqa: BLE001  the SDK raises plain Exception when an invoke fails
        # The engine puts its own words around the provider's.
        words = str(error).rpartition("returned an error: ")[2].strip()
        raise LookupError(words or type(error).__name__) from None
