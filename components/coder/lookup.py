"""Asks a Coder deployment what it has and allows before the stack comes to it.

Everything is asked before the first resource is declared, so that a name that Coder does not know,
or a setting that its licence or release does not allow, stops the run while nothing is applied.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from components.boundary.credentials import HIDDEN
from components.coder.api import CoderdAccess, CoderdApi, CoderdError, RefusedError
from components.coder.entitlements import ACCESS_LISTS, Entitlements
from components.errors import OperatorError
from components.releases import Number
from components.settings.model import Settings
from components.settings.problems import Problem, as_shown

EVERYONE = "Everyone"
"""Name of the group of all members of an organization, whose id is the organization's."""


class UnknownOrganizationError(OperatorError):
    """A deployment has no such organization for who asks; the words name those there are."""


@dataclass(frozen=True)
class Known:
    """What a deployment has of what the stack's settings name.

    Attributes:
        organization_id: id of the stack's organization.
        groups: id of each group by its name.
        access_lists: whether templates can have access lists there, which are licensed.
        release: the deployment's release as numbers; None if it is none, or did not answer.
        problems: settings that do not fit the deployment; nothing may be declared if there is any.
    """

    organization_id: str = ""
    groups: Mapping[str, str] = field(default_factory=dict)
    access_lists: bool = False
    release: Number | None = None
    problems: tuple[Problem, ...] = ()


def look_up(settings: Settings) -> Known:
    """Ask the deployment that the settings name; whatever is wrong is among the problems."""
    token = settings.secrets.coder_token.get_secret_value()
    try:
        with CoderdApi(CoderdAccess(settings.coder.api, token)) as api:
            return ask(api, settings)
    except CoderdError as error:
        # `ask` raises none: this is a proxy that cannot be used.
        return Known(problems=(_unreachable(settings, str(error)),))


def ask(api: CoderdApi, settings: Settings) -> Known:
    """Ask `api` what it has of what the settings name; see look_up."""
    try:
        build = api.get("/api/v2/buildinfo")
        allowed = Entitlements.of(build, api.get("/api/v2/entitlements"))
        problems = list(allowed.problems(settings))
        try:
            found = organization(api, settings.coder.organization)
        except UnknownOrganizationError as error:
            name = settings.coder.organization
            shown = "" if name is None else as_shown(name)
            problems.append(Problem("coder.organization", shown, str(error)))
            return Known(problems=tuple(problems))
        access_lists = ACCESS_LISTS in allowed.features
        groups: dict[str, str] = {}
        if access_lists:
            groups, unknown = _groups(api, found, settings)
            problems += unknown
    except RefusedError as error:
        return Known(problems=(_refused(settings, error),))
    except CoderdError as error:
        return Known(problems=(_unreachable(settings, str(error)),))
    except (KeyError, TypeError, AttributeError):
        return Known(problems=(_unreachable(settings, "does not answer as coderd does"),))
    return Known(str(found["id"]), groups, access_lists, allowed.release, tuple(problems))


def organization(api: CoderdApi, name: str | None) -> Mapping[str, Any]:
    """Return an organization as coderd describes it.

    Args:
        api: the deployment and who asks.
        name: its name; None for the deployment's default one, whatever that is called.

    Raises:
        UnknownOrganizationError: there is none, or it is hidden from who asks.
        CoderdError: coderd cannot be asked.
    """
    there: dict[str, Mapping[str, Any]] = {
        str(each["name"]): each for each in api.get("/api/v2/organizations")
    }
    default = next((each for each in there.values() if each["is_default"]), None)
    found = default if name is None else there.get(name)
    if found is not None:
        return found
    names = ", ".join(sorted(there)) or "none that the token's user may see"
    if name is None:
        raise UnknownOrganizationError(f"name one: the default is hidden; there are {names}")
    unset = f"; unset, it is the default one, {default['name']}" if default else ""
    raise UnknownOrganizationError(
        f"no such organization, or hidden from the token's user; there are {names}{unset}"
    )


def _groups(
    api: CoderdApi, found: Mapping[str, Any], settings: Settings
) -> tuple[dict[str, str], list[Problem]]:
    path = f"/api/v2/organizations/{found['id']}/groups"
    # Everyone's members are the organization's: many, and of no interest.
    ids: dict[str, str | None] = {EVERYONE: str(found["id"])}
    problems = []
    for key, name in _named_groups(settings):
        if name not in ids:
            ids[name] = _group(api, f"{path}/{quote(name, safe='')}")
        if ids[name] is None:
            there = ", ".join(sorted(str(each["name"]) for each in api.get(path))) or "none"
            right = f"no such group in organization {found['name']}; there are {there}"
            problems.append(Problem(key, as_shown(name), right))
    return {name: group for name, group in ids.items() if group is not None}, problems


def _group(api: CoderdApi, path: str) -> str | None:
    try:
        return str(api.get(path)["id"])
    except RefusedError as error:
        if error.status == HTTPStatus.NOT_FOUND:
            return None
        raise


def _named_groups(settings: Settings) -> Iterator[tuple[str, str]]:
    for place, template in enumerate(settings.templates):
        access = template.access
        for role, names in (("use", access.use), ("admin", access.admin)) if access else ():
            for index, group in enumerate(names):
                yield f"templates[{place}].access.{role}[{index}]", group


def _refused(settings: Settings, error: RefusedError) -> Problem:
    if error.status == HTTPStatus.UNAUTHORIZED:
        return Problem(
            "secrets.coderToken",
            HIDDEN,
            f"{settings.coder.api} does not accept it: it is wrong or has expired; set another by "
            "pulumi config set --secret --path 'firewalled-coder:secrets.coderToken'",
        )
    if error.status == HTTPStatus.FORBIDDEN:
        return Problem(
            "secrets.coderToken",
            HIDDEN,
            f"{settings.coder.api} does not let its user or its scope GET {error.path} ({error}): "
            f"take a token, of all scopes, of a user with the role {role(settings)}",
        )
    return _unreachable(settings, f"refuses to be asked: {error}")


def role(settings: Settings) -> str:
    """Return the role in Coder that the token's user needs for what the settings declare."""
    if settings.mcp_servers or settings.ai_gateway.providers or settings.ai_gateway.prices:
        return "owner, which MCP servers and the AI Gateway take"
    return "template admin"


def _unreachable(settings: Settings, why: str) -> Problem:
    coder = settings.coder
    key = "coder.apiUrl" if coder.api_url else "coder.accessUrl"
    return Problem(key, as_shown(coder.api), why.removeprefix(f"{coder.api} "))
