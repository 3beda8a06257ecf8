"""The resource Template: a template, its access list and the versions that are managed.

What Coder's Terraform provider does is kept (internal/provider/template_resource.go in
coder/terraform-provider-coderd): defaults, which versions are uploaded again, what is refused. Two
differences, so that nothing is left half-made:

- versions are imported before anything else of the template changes, so a bad one changes nothing;
- a template or a version that an interrupted update made, and the engine does not know of, is
  taken over if its name and its uploaded content are the ones to be made.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from local.providers import coderd_licence as licence
from local.providers import coderd_versions as versions
from local.providers.base import (
    Call,
    Change,
    Checked,
    Difference,
    InitFailed,
    ProviderError,
    Resource,
)
from local.providers.coderd_client import Client, Json
from local.providers.coderd_schema import Failures
from local.providers.coderd_settings import (
    Deployment,
    Setting,
    as_found,
    differing,
    not_default,
    request,
    shown,
    wanted,
)
from local.providers.coderd_versions import Importer, Planned
from local.providers.wire import (
    UNKNOWN,
    Properties,
    has_secret,
    has_unknown,
    hide_like,
    plain,
    secret,
)

DAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_NAME: Final = re.compile(r"[a-zA-Z0-9]+(?:-[a-zA-Z0-9]+)*")
_CHOICES: Final = {
    "maxPortShareLevel": ("owner", "authenticated", "organization", "public"),
    "corsBehavior": ("simple", "passthru"),
}

_SETTINGS: Final = {
    "name": Setting("name"),
    "displayName": Setting("display_name"),
    "description": Setting("description", ""),
    "icon": Setting("icon", ""),
    "defaultTtlMs": Setting("default_ttl_ms", 0),
    "activityBumpMs": Setting("activity_bump_ms", 3_600_000),
    "autoStopRequirement": Setting(
        "autostop_requirement",
        {"daysOfWeeks": [], "weeks": 1},
        of_api=lambda body: {"daysOfWeeks": body["days_of_week"], "weeks": body["weeks"]},
        to_api=lambda value: {"days_of_week": value["daysOfWeeks"], "weeks": value["weeks"]},
    ),
    "autoStartPermittedDaysOfWeeks": Setting(
        "autostart_requirement",
        list(DAYS),
        unordered=True,
        of_api=lambda body: body["days_of_week"],
        to_api=lambda value: {"days_of_week": value},
    ),
    "allowUserCancelWorkspaceJobs": Setting("allow_user_cancel_workspace_jobs", True),
    "allowUserAutoStart": Setting("allow_user_autostart", True),
    "allowUserAutoStop": Setting("allow_user_autostop", True),
    "failureTtlMs": Setting("failure_ttl_ms", 0),
    "timeTilDormantMs": Setting("time_til_dormant_ms", 0),
    "timeTilDormantAutodeleteMs": Setting("time_til_dormant_autodelete_ms", 0),
    "requireActiveVersion": Setting("require_active_version", False),
    "deprecationMessage": Setting("deprecation_message", ""),
    "maxPortShareLevel": Setting("max_port_share_level"),
    "corsBehavior": Setting("cors_behavior"),
    "useClassicParameterFlow": Setting("use_classic_parameter_flow"),
    "agentsAllowed": Setting("agents_allowed"),
}


class TemplateKind:
    """Serves Template.

    Args:
        deployment: where the templates are.
        root: what relative directories start from.
    """

    def __init__(self, deployment: Deployment, root: Path) -> None:
        self._deployment = deployment
        self._root = root

    # Before an update

    def check(self, call: Call, old: Properties, new: Properties) -> Checked:
        """Refuse what coderd or its Terraform provider refuses, and digest the directories."""
        inputs = dict(new)
        failures: Failures = []
        name = plain(inputs.get("name"))
        if isinstance(name, str) and not (len(name) <= 32 and _NAME.fullmatch(name)):
            failures.append(
                (
                    "name",
                    f"{name!r} is no template name: 1 to 32 letters and digits, in groups joined "
                    "by single hyphens",
                )
            )
        for key, choices in _CHOICES.items():
            value = plain(inputs.get(key))
            if isinstance(value, str) and value not in choices:
                failures.append((key, f"{value!r} is not one of {', '.join(choices)}"))
        for key in (key for key in _SETTINGS if key.endswith("Ms")):
            value = plain(inputs.get(key))
            if isinstance(value, int) and value < 0:
                failures.append((key, "must not be negative"))
        failures += _check_days(inputs)
        failures += _check_roles(plain(inputs.get("acl")))
        if "versions" in inputs and inputs["versions"] is not UNKNOWN:
            inputs["versions"], found = versions.check(self._root, inputs["versions"])
            failures += found
        elif "versions" not in inputs and not old:
            failures.append(
                ("versions", "is required: a template cannot exist without an active version")
            )
        return Checked(inputs, tuple(failures))

    def diff(
        self, call: Call, old_inputs: Properties, state: Properties, new: Properties
    ) -> Difference:
        """Compare with what is there, so that a change made by hand is undone."""
        changes = differing(_settings(new), _complete(new), _complete(state))
        if "organizationId" in new and plain(new["organizationId"]) != state.get("organizationId"):
            changes["organizationId"] = Change("update", replace=True)
        if "acl" in new:
            changes |= _acl_changes(new["acl"], state.get("acl"))
        if "versions" in new:
            changes |= versions.changes(new["versions"], state.get("versions"))
        kept = {
            path: change
            for path, change in changes.items()
            if path.partition("[")[0].partition(".")[0] not in call.ignore_changes
        }
        return Difference(kept, of_inputs=False)

    # Updates

    def create(self, call: Call, new: Properties) -> Resource:
        """Import the first version, then make the template and the rest."""
        given = plain(new)
        asked = given.get("versions") or []
        if not (asked is UNKNOWN or any(versions.may_be_active(item) for item in asked)):
            raise ProviderError(
                "a template cannot be made without an active version: set active on one of versions"
            )
        if call.preview:
            return Resource("", _preview(new, {}))
        self._check_licence(given, {})
        client = self._deployment.client()
        organization = self._deployment.organization(given)
        importer = Importer(client, call, self._root, organization)
        template, first = self._make(importer, given)
        try:
            ids = [first, *(importer.bring(version, template["id"]) for version in asked[1:])]
            _settle(client, template, given, {})
            importer.promote(asked, ids, template["id"])
        except ProviderError as error:
            _take_back(client, template, new, error)
            raise
        made = _identified(asked, ids)
        return Resource(template["id"], _hidden(_state(client, template["id"], made, given), new))

    def update(
        self, call: Call, old_inputs: Properties, state: Properties, new: Properties
    ) -> Properties:
        """Import new versions, then change the settings, and switch to the active one last."""
        if call.preview:
            return _preview(new, plain(state))
        held, given = plain(state), plain(new)
        self._check_licence(given, held)
        client = self._deployment.client()
        template = client.get(f"/api/v2/templates/{call.id}")
        if "versions" not in given:
            _settle(client, template, given, held)
            return _hidden(_state(client, call.id, None, given), new)
        importer = Importer(client, call, self._root, template["organization_id"])
        planned = versions.plan(given["versions"], held.get("versions") or [])
        ids = [
            plan.held["id"] if plan.held else importer.bring(plan.given, call.id)
            for plan in planned
        ]
        for plan in planned:
            importer.rename(plan)
        _settle(client, template, given, held)
        importer.promote(given["versions"], ids, call.id)
        made = _identified(given["versions"], ids)
        return _hidden(_state(client, call.id, made, given), new)

    def read(self, call: Call, inputs: Properties, state: Properties) -> Resource | None:
        """The template as it is now; versions and access list only as far as they are managed."""
        client = self._deployment.client()
        template = _find(client, call.id)
        if template is None:
            return None
        held = plain(state)
        managed = held.get("versions")
        found = _state(client, template["id"], managed, held)
        if not inputs:
            return Resource(template["id"], found, not_default(_SETTINGS, found))
        refreshed = as_found(_settings(inputs), _complete(inputs), found)
        if "acl" in inputs and _acl_changes(inputs["acl"], found["acl"]):
            refreshed["acl"] = found["acl"]
        if isinstance(refreshed.get("versions"), list) and managed:
            there = {version["id"]: version for version in found["versions"]}
            refreshed["versions"] = [
                versions.as_found(version, there.get(before["id"], {}))
                for version, before in zip(refreshed["versions"], managed, strict=False)
            ]
        return Resource(template["id"], _hidden(found, inputs), refreshed)

    def delete(self, call: Call, old_inputs: Properties, state: Properties) -> None:
        """Remove the template, which coderd refuses while there are workspaces of it."""
        self._deployment.client().delete(f"/api/v2/templates/{call.id}")

    def _check_licence(self, given: Properties, held: Mapping[str, Any]) -> None:
        values = wanted(_settings(given), _complete(given), held)
        licence.check(self._deployment.features(), values, managed_acl="acl" in given)

    @staticmethod
    def _make(importer: Importer, given: Properties) -> tuple[Json, str]:
        """The template with its first version; or the one that an interrupted update made."""
        first = given["versions"][0]
        templates = f"/api/v2/organizations/{importer.organization}/templates"
        named: Json | None = importer.client.find(f"{templates}/{given['name']}")
        if named is not None:
            taken = importer.find(first, named["id"])
            if taken is None:
                raise ProviderError(
                    f"a template {given['name']} is there already: import it with "
                    f"`pulumi import`, or choose another name (its id is {named['id']})"
                )
            return named, taken
        version = importer.bring(first, None)
        settings = _settings(given)
        body = {
            **request(settings, wanted(settings, _complete(given), {})),
            "template_version_id": version,
            "disable_everyone_group_access": "acl" in given,
        }
        made: Json = importer.client.post(templates, body)
        return made, version


def _settle(client: Client, template: Json, given: Properties, state: Mapping[str, Any]) -> None:
    """Bring settings and access list to what is wanted."""
    settings, path = _settings(given), f"/api/v2/templates/{template['id']}"
    there, managed = shown(_SETTINGS, template), "acl" in given
    changed = differing(settings, _complete(given), _complete(there))
    if changed or (managed and "acl" not in state):
        values = wanted(settings, _complete(given), there)
        body = {**request(settings, values), "disable_everyone_group_access": managed}
        client.patch(path, body)
    if not managed:
        return
    held = _acl_of(client.get(f"{path}/acl"))
    if _acl_changes(given["acl"], held):
        client.patch(
            f"{path}/acl",
            {
                "user_perms": _roles(given["acl"]["users"], held["users"]),
                "group_perms": _roles(given["acl"]["groups"], held["groups"]),
            },
        )


def _take_back(client: Client, template: Json, new: Properties, error: ProviderError) -> None:
    """Remove a template that could not be finished, so that nothing half-made is left.

    Raises:
        InitFailed: it had to stay; the engine is told of it.
    """
    try:
        client.delete(f"/api/v2/templates/{template['id']}")
    except ProviderError:
        state = {**shown(_SETTINGS, template), "organizationId": template["organization_id"]}
        raise InitFailed(template["id"], state, new, [str(error)]) from None


def _state(
    client: Client,
    id: str,
    managed: Sequence[Mapping[str, Any]] | None,
    like: Mapping[str, Any],
) -> Properties:
    """The outputs, as coderd has them now.

    Args:
        client: coderd's REST API.
        id: of the template.
        managed: the versions that are managed, with their ids.
        like: inputs or state; the access list is managed if it is in them.
    """
    template = client.get(f"/api/v2/templates/{id}")
    state: Properties = {
        **shown(_SETTINGS, template),
        "organizationId": template["organization_id"],
    }
    if "acl" in like:
        state["acl"] = _acl_of(client.get(f"/api/v2/templates/{id}/acl"))
    if managed is not None:
        state["versions"] = []
        for version in managed:
            found = client.find(f"/api/v2/templateversions/{version['id']}")
            if found is not None:
                active = found["id"] == template["active_version_id"]
                details = {"name": found["name"], "message": found["message"], "active": active}
                state["versions"].append({**version, **details})
    return state


def _preview(new: Properties, held: Mapping[str, Any]) -> Properties:
    """The outputs as far as they are known before an update."""
    given = _complete(plain(new))
    state = wanted(_settings(given), given, held)
    state["organizationId"] = given.get("organizationId", held.get("organizationId", UNKNOWN))
    if "acl" in given:
        state["acl"] = given["acl"]
    asked = given.get("versions")
    if asked is UNKNOWN:
        state["versions"] = UNKNOWN
    elif asked is not None:
        planned: list[Planned] = versions.plan(asked, held.get("versions") or [])
        state["versions"] = [versions.previewed(plan) for plan in planned]
    return _hidden(state, new)


def _identified(given: Sequence[Mapping[str, Any]], ids: Sequence[str]) -> list[dict[str, Any]]:
    return [{**version, "id": id} for version, id in zip(given, ids, strict=True)]


def _settings(inputs: Mapping[str, Any]) -> dict[str, Setting]:
    """The settings, with a display name that follows the name unless the program gives one."""
    name = plain(inputs.get("name"))
    return {**_SETTINGS, "displayName": Setting("display_name", name)}


def _complete(values: Mapping[str, Any]) -> Properties:
    """The values with the parts of the stop requirement that may be left out, in one order."""
    requirement = plain(values.get("autoStopRequirement"))
    if not isinstance(requirement, Mapping):
        return dict(values)
    days = requirement.get("daysOfWeeks") or []
    if isinstance(days, list) and not has_unknown(days):
        days = [day for day in DAYS if day in days]
    weeks = requirement.get("weeks") or 1
    return {**values, "autoStopRequirement": {"daysOfWeeks": days, "weeks": weeks}}


def _check_days(inputs: Mapping[str, Any]) -> Failures:
    requirement = plain(inputs.get("autoStopRequirement"))
    lists = {"autoStartPermittedDaysOfWeeks": plain(inputs.get("autoStartPermittedDaysOfWeeks"))}
    if isinstance(requirement, Mapping):
        lists["autoStopRequirement.daysOfWeeks"] = requirement.get("daysOfWeeks")
    return [
        (path, f"{day!r} is not one of {', '.join(DAYS)}")
        for path, days in lists.items()
        if isinstance(days, list)
        for day in days
        if day is not UNKNOWN and day not in DAYS
    ]


def _check_roles(acl: Any) -> Failures:
    if not isinstance(acl, Mapping):
        return []
    return [
        (f"acl.{kind}[{at}].role", f"{entry.get('role')!r} is not one of admin, use")
        for kind in ("groups", "users")
        if isinstance(acl.get(kind), list)
        for at, entry in enumerate(acl[kind])
        if isinstance(entry, Mapping) and entry.get("role") not in ("admin", "use", UNKNOWN)
    ]


# Access lists


def _acl_of(body: Json) -> dict[str, list[dict[str, str]]]:
    return {
        kind: sorted(
            ({"id": item["id"], "role": item["role"]} for item in body[key]),
            key=lambda item: str(item["id"]),
        )
        for kind, key in (("groups", "group"), ("users", "users"))
    }


def _acl_changes(given: Any, held: Any) -> dict[str, Change]:
    given, held = plain(given), plain(held)
    if held is None:
        return {"acl": Change("add")}
    if has_unknown(given):
        return {"acl": Change("update")}
    changes = {}
    for kind in ("groups", "users"):
        before = {item["id"]: item["role"] for item in held[kind]}
        after = {item["id"]: item["role"] for item in given[kind]}
        if before != after:
            changes[f"acl.{kind}"] = Change("update")
    return changes


def _roles(given: Sequence[Mapping[str, str]], held: Sequence[Mapping[str, str]]) -> dict[str, str]:
    gone = {item["id"]: "" for item in held}
    return {**gone, **{item["id"]: item["role"] for item in given}}


def _hidden(state: Properties, inputs: Mapping[str, Any]) -> Properties:
    """The state, secret where the inputs are."""
    hidden = hide_like({key: value for key, value in state.items() if key != "versions"}, inputs)
    if "versions" not in state:
        return hidden
    given, made = inputs.get("versions"), state["versions"]
    if isinstance(given, list) and isinstance(made, list):
        # Place by place, so that a secret variable does not hide the version's id.
        hidden["versions"] = [
            hide_like(version, given[at])
            if at < len(given) and isinstance(given[at], Mapping) and isinstance(version, Mapping)
            else version
            for at, version in enumerate(made)
        ]
    else:
        hidden["versions"] = secret(made) if has_secret(given) else made
    return hidden


def _find(client: Client, id: str) -> Json | None:
    """A template by its id, or by `organization/name`."""
    organization, slash, name = id.partition("/")
    if not slash:
        found = client.find(f"/api/v2/templates/{id}")
    else:
        found = client.find(f"/api/v2/organizations/{organization}/templates/{name}")
    template: Json | None = found
    return template
