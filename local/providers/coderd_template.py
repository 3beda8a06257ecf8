"""The resource Template: what Coder's Terraform provider makes of one behind Pulumi's bridge.

Defaults, the order of the requests and the words of the errors are those of
internal/provider/template_resource.go in coder/terraform-provider-coderd, and what goes wrong there
goes wrong here: a template of the name is not taken over, an update changes the settings before it
imports a version, what a failed update did is not told to the engine, an import knows no versions.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from local.providers import coderd_licence as licence
from local.providers import coderd_versions as versions
from local.providers.base import Call, Checked, Difference, PropertyChange, Resource
from local.providers.coderd_client import BridgedError, Client, Json, client_error
from local.providers.coderd_schema import Failures
from local.providers.coderd_settings import (
    KEPT,
    ResourceContext,
    Setting,
    request,
    shown,
)
from local.providers.coderd_template_values import (
    DAYS,
    acl_of,
    asked_again,
    check_days,
    check_roles,
    listed,
    same,
    worth_asking,
)
from local.providers.coderd_versions import META, NO_ID, Importer
from local.providers.wire import UNKNOWN, Properties, plain

_NAME: Final = re.compile(r"[a-zA-Z0-9]+(?:-[a-zA-Z0-9]+)*")
# codersdk.NameValid: routes of its pages.
_ROUTES: Final = ("new", "create")
_CHOICES: Final = {
    "maxPortShareLevel": ("owner", "authenticated", "organization", "public"),
    "corsBehavior": ("simple", "passthru"),
}
# Sets of Terraform, whose order says nothing.

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
# What coderd alone decides when the program does not say: known once the template is there.
_ASKED_AFTERWARDS: Final = (
    "maxPortShareLevel",
    "corsBehavior",
    "useClassicParameterFlow",
    "agentsAllowed",
)
# What the request that makes a template calls otherwise, and what it has not.
_CREATED_AS: Final = {
    "time_til_dormant_ms": "dormant_ttl_ms",
    "time_til_dormant_autodelete_ms": "delete_ttl_ms",
    "use_classic_parameter_flow": "template_use_classic_parameter_flow",
}
_NOT_CREATED: Final = ("max_port_share_level", "deprecation_message")


class TemplateKind:
    """Serves Template.

    Args:
        deployment: where the templates are.
        root: what relative directories start from.
    """

    def __init__(self, deployment: ResourceContext, root: Path) -> None:
        self._deployment = deployment
        self._root = root

    # Before an update

    def check(self, call: Call, old: Properties, new: Properties) -> Checked:
        """Refuse what the Terraform provider refuses by the inputs alone."""
        given = plain(new)
        failures: Failures = []
        name = given.get("name")
        if name in _ROUTES:
            failures.append(("name", f"cannot use {name!r} as a name"))
        elif isinstance(name, str) and not (len(name) <= 32 and _NAME.fullmatch(name)):
            failures.append(
                (
                    "name",
                    f"{name!r} is no template name: 1 to 32 letters and digits, in groups joined "
                    "by single hyphens",
                )
            )
        for key, choices in _CHOICES.items():
            value = given.get(key)
            if isinstance(value, str) and value not in choices:
                failures.append((key, f"{value!r} is not one of {', '.join(choices)}"))
        failures += check_days(given)
        failures += check_roles(given.get("acl"))
        if "versions" in given:
            failures += versions.check(given["versions"])
        else:
            # The bridge's words, of a resource that is there, too: also right after an import.
            failures.append(("", "Missing required property 'versions'"))
        return Checked(new, tuple(failures))

    def diff(
        self, call: Call, old_inputs: Properties, state: Properties, new: Properties
    ) -> Difference:
        """Compare with what is there, so that a change made by hand is undone."""
        held, given = plain(state), plain(new)
        future = self._plan(given, held)
        changes = {
            key: PropertyChange("update")
            for key in sorted({*future, *held})
            if not key.startswith("__")
            and not same(future.get(key), held.get(key), key)
            and key not in call.ignore_changes
        }
        if "organizationId" in changes and "organizationId" in given:
            changes["organizationId"] = PropertyChange("update", replace=True)
        return Difference(changes, of_inputs=False, detailed=False)

    def _plan(self, given: Properties, held: Properties) -> Properties:
        """The outputs as far as they are known before an update."""
        given = _complete(given)
        future: Properties = {"id": held.get("id", UNKNOWN)}
        for name, setting in _SETTINGS.items():
            default = held.get(name) if setting.default is KEPT else setting.default
            future[name] = given.get(name, default)
        future["organizationId"] = given.get("organizationId", held.get("organizationId"))
        if "acl" in given:
            future["acl"] = given["acl"]
        asked, before = given.get("versions"), held.get("versions") or []
        if asked is UNKNOWN:
            future["versions"] = UNKNOWN
        elif asked is not None:
            future["versions"] = versions.plan(self._root, asked, versions.remembered(held))
        moves = any(
            not same(future.get(key), held.get(key), key)
            for key in {*future, *held} - {"id", "versions"}
            if not key.startswith("__")
        )
        if moves or asked is UNKNOWN or versions.differ(asked or [], before):
            # Terraform forgets what is only computed as soon as anything else changes; the provider
            # has it keep what coderd alone decides.
            for name in ("displayName", "organizationId", *_ASKED_AFTERWARDS):
                kept = name in _ASKED_AFTERWARDS and held.get(name) is not None
                if name not in given and not kept:
                    future[name] = UNKNOWN
        return {key: value for key, value in future.items() if value is not None}

    # Updates

    def create(self, call: Call, new: Properties) -> Resource:
        """Import the first version, make the template of it, then the rest."""
        given = plain(new)
        future = self._plan(given, {})
        if not any(_may_be_active(each) for each in listed(future.get("versions"))):
            raise BridgedError(
                "Client Error: a template is made with an active version, and none of these is "
                "active"
            )
        if call.preview:
            return Resource("", future)
        self._check_licence(future)
        client = self._deployment.client()
        self._resolve(future, given)
        importer = Importer(client, call, self._root, future["organizationId"])
        template: Json = {"id": NO_ID}
        for place, version in enumerate(future["versions"]):
            made = importer.bring(version, template["id"])
            if place == 0:
                template = _make(client, future, made["id"])
                future |= shown(_told(), template)
            if version["active"]:
                importer.promote(made["id"], template["id"])
            version |= {"id": made["id"], "name": made["name"]}
        if future["maxPortShareLevel"] not in (UNKNOWN, template["max_port_share_level"]):
            with client_error("Failed to set max port share level via update"):
                _patch(client, template["id"], future)
        future |= _afterwards(client, template["id"])
        future |= {"id": template["id"], META: versions.memory(future["versions"])}
        return Resource(template["id"], future)

    def update(
        self, call: Call, old_inputs: Properties, state: Properties, new: Properties
    ) -> Properties:
        """Change the settings, then import new versions and switch to the active one."""
        held, given = plain(state), plain(new)
        future = self._plan(given, held)
        if call.preview:
            return future
        self._check_licence(future)
        client = self._deployment.client()
        self._resolve(future, given)
        moved = any(not same(future.get(name), held.get(name), name) for name in _SETTINGS)
        if moved:
            with client_error("Failed to update template metadata"):
                _patch(client, call.id, future)
        if "acl" in future and (moved or not same(future["acl"], held.get("acl"), "acl")):
            with client_error("Failed to get template ACL"):
                there = client.get(f"/api/v2/templates/{call.id}/acl")
            with client_error("Failed to update template ACL"):
                _patch_acl(client, call.id, future["acl"], there)
        importer = Importer(client, call, self._root, future["organizationId"])
        known = {version["id"]: version for version in held.get("versions") or []}
        for version in future.get("versions") or []:
            before = known.get(version["id"], {})
            if version["id"] is UNKNOWN:
                made = importer.bring(version, call.id)
                version |= {"id": made["id"], "name": made["name"]}
            elif not before:
                raise BridgedError(
                    "Client Error: Public/Private State Mismatch: failed to find template version "
                    f"with ID {version['id']}"
                )
            else:
                importer.rename(version, before)
            if version["active"] and not before.get("active"):
                importer.promote(version["id"], call.id)
        future |= _afterwards(client, call.id)
        future[META] = versions.memory(future.get("versions") or [])
        return future

    def _resolve(self, future: Properties, given: Properties) -> None:
        if future["organizationId"] is UNKNOWN:
            future["organizationId"] = self._deployment.organization(given)
        if future["displayName"] is UNKNOWN:
            future["displayName"] = future["name"]

    def read(self, call: Call, inputs: Properties, state: Properties) -> Resource | None:
        """The template as it is now; versions and access list only as far as the state has them."""
        client = self._deployment.client()
        held, template = plain(state), _find(client, call.id)
        if template is None:
            return None
        id = template["id"]
        found: Properties = {
            "id": id,
            **shown(_SETTINGS, template),
            "organizationId": template["organization_id"],
        }
        if "acl" in held:
            with client_error("Failed to get template ACL"):
                found["acl"] = acl_of(client.get(f"/api/v2/templates/{id}/acl"))
        if "versions" in held:
            with client_error("Failed to get template version"):
                found["versions"] = [
                    {**version, **_version_now(client, version["id"], template)}
                    for version in held["versions"]
                ]
        if META in held:
            found[META] = held[META]
        asked = asked_again(plain(inputs), found) if held else worth_asking(found)
        return Resource(id, found, asked)

    def delete(self, call: Call, old_inputs: Properties, state: Properties) -> None:
        """Remove the template, which coderd refuses while there are workspaces of it."""
        with client_error("Failed to delete template"):
            self._deployment.client().delete(f"/api/v2/templates/{call.id}")

    def _check_licence(self, future: Properties) -> None:
        licence.check(self._deployment.features(), future, managed_acl="acl" in future)


def _told() -> Mapping[str, Setting]:
    return {name: each for name, each in _SETTINGS.items() if name not in _ASKED_AFTERWARDS}


def _make(client: Client, future: Properties, version: str) -> Json:
    """Make the template of its first version, and give it its access list."""
    body = {
        _CREATED_AS.get(key, key): value
        for key, value in request(_SETTINGS, future).items()
        if key not in _NOT_CREATED
    }
    body |= {
        "template_version_id": version,
        "disable_everyone_group_access": "acl" in future,
    }
    with client_error("Failed to create template"):
        path = f"/api/v2/organizations/{future['organizationId']}/templates"
        made: Json = client.post(path, body)
    if "acl" in future:
        with client_error("Failed to create template ACL"):
            _patch_acl(client, made["id"], future["acl"], {"users": [], "group": []})
    return made


def _patch(client: Client, id: str, future: Properties) -> None:
    body = request(_SETTINGS, future)
    body["disable_everyone_group_access"] = "acl" in future
    if client.patch(f"/api/v2/templates/{id}", body) is None:
        # coderd answers 304.
        raise BridgedError("template metadata not modified")


def _patch_acl(client: Client, id: str, given: Properties, there: Json) -> None:
    body = {}
    for key, now in (("users", there["users"]), ("groups", there["group"])):
        gone = {item["id"]: "" for item in now}
        roles = {item["id"]: item["role"] for item in given.get(key) or []}
        body[f"{key.removesuffix('s')}_perms"] = {**gone, **roles}
    client.patch(f"/api/v2/templates/{id}/acl", body)


def _afterwards(client: Client, id: str) -> Properties:
    with client_error("Failed to get template"):
        template = client.get(f"/api/v2/templates/{id}")
    return shown({name: _SETTINGS[name] for name in _ASKED_AFTERWARDS}, template)


def _version_now(client: Client, id: str, template: Json) -> Properties:
    version = client.get(f"/api/v2/templateversions/{id}")
    return {
        "name": version["name"],
        "message": version["message"],
        "active": version["id"] == template["active_version_id"],
    }


def _may_be_active(version: Any) -> bool:
    return version is UNKNOWN or version.get("active") in (True, UNKNOWN)


def _complete(values: Properties) -> Properties:
    """The inputs with the defaults of the parts of the stop requirement."""
    requirement = values.get("autoStopRequirement")
    if not isinstance(requirement, Mapping):
        return values
    return {**values, "autoStopRequirement": {"daysOfWeeks": [], "weeks": 1, **requirement}}


def _find(client: Client, id: str) -> Json | None:
    """A template by its id, or to import it by `organization/name`."""
    organization, slash, name = id.partition("/")
    if not slash:
        with client_error("Failed to get template"):
            found: Json | None = client.find(f"/api/v2/templates/{id}")
            return found
    with client_error(f"Failed to get template with name {name}"):
        named: Json = client.get(f"/api/v2/organizations/{organization}/templates/{name}")
        return named
