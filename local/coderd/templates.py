"""Files, template versions, templates and their access lists."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from local.coderd.groups import is_member
from local.coderd.licence import default_share_level, heeded, require_access_lists
from local.coderd.people import organization_of
from local.coderd.rest import (
    ApiError,
    RestCall,
    check_display_name,
    check_name,
    invalid,
    not_found,
    text,
    uuid_of,
)
from local.coderd.shapes import (
    show_group,
    show_template,
    show_user,
    workspaces_of,
)
from local.coderd.store import Document, Store, new_id, now

DAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
ACTIVE: Final = ("pending", "running", "canceling")
"""Statuses of a job that is not over."""
MESSAGE_CHARACTERS: Final = 72
"""How much of a version's message is kept."""

_SHARE_LEVELS: Final = ("owner", "authenticated", "organization", "public")
TAKEN: Final = {"name": "This value is already in use and should be unique."}
_HOUR_MS: Final = 3_600_000
_MOST_WEEKS: Final = 16

# Setting, type, value when the request does not say (codersdk.CreateTemplateRequest and
# postTemplateByOrganization in coder's coderd/templates.go).
_SETTINGS: Final[Mapping[str, tuple[type, Any]]] = {
    "display_name": (str, ""),
    "description": (str, ""),
    "icon": (str, ""),
    "default_ttl_ms": (int, 0),
    "activity_bump_ms": (int, _HOUR_MS),
    "allow_user_cancel_workspace_jobs": (bool, True),
    "allow_user_autostart": (bool, True),
    "allow_user_autostop": (bool, True),
    "failure_ttl_ms": (int, 0),
    "time_til_dormant_ms": (int, 0),
    "time_til_dormant_autodelete_ms": (int, 0),
    "require_active_version": (bool, False),
    "deprecation_message": (str, ""),
    "max_port_share_level": (str, "owner"),
    "cors_behavior": (str, "simple"),
    "use_classic_parameter_flow": (bool, False),
    "agents_allowed": (bool, True),
}


# What only the request that makes a template calls so.
_CREATED_AS: Final = {
    "dormant_ttl_ms": "time_til_dormant_ms",
    "delete_ttl_ms": "time_til_dormant_autodelete_ms",
    "template_use_classic_parameter_flow": "use_classic_parameter_flow",
}


# Looking things up


def may_use(template: Document, store: Store, user: Document) -> bool:
    """Whether the access list lets a user make workspaces from a template."""
    if "owner" in user["roles"] or user["id"] in template["user_acl"]:
        return True
    groups = (store.get("group", id) for id in template["group_acl"])
    return any(is_member(group, user) for group in groups if group)


def template_of(call: RestCall) -> Document:
    """The template in the path."""
    template = call.store.get("template", uuid_of(call, "template"))
    if template is None or not may_use(template, call.store, call.user):
        raise not_found()
    return template


def writable(call: RestCall) -> Document:
    """Return the template that a request is about, if it may be changed by who asks."""
    template = template_of(call)
    if not call.is_owner and template["user_acl"].get(call.user["id"]) != "admin":
        raise ApiError(HTTPStatus.FORBIDDEN, "Forbidden.")
    return template


# Templates


def list_templates(call: RestCall) -> Any:
    """GET /organizations/{organization}/templates."""
    organization = organization_of(call)
    return [
        show_template(call.store, template)
        for template in sorted(call.store.all("template"), key=lambda item: str(item["name"]))
        if template["organization_id"] == organization["id"]
        and may_use(template, call.store, call.user)
    ]


def get_template(call: RestCall) -> Any:
    """GET /templates/{template}."""
    return show_template(call.store, template_of(call))


def get_template_by_name(call: RestCall) -> Any:
    """GET /organizations/{organization}/templates/{name}."""
    template = _named(call.store, organization_of(call)["id"], call.path["name"])
    if template is None or not may_use(template, call.store, call.user):
        raise not_found()
    return show_template(call.store, template)


def _named(store: Store, organization: str, name: str) -> Document | None:
    return store.find(
        "template", lambda item: item["organization_id"] == organization and item["name"] == name
    )


def create_template(call: RestCall) -> Any:
    """POST /organizations/{organization}/templates: adopt an imported version."""
    call.require_owner()
    organization = organization_of(call)
    body = call.json()
    name = text(body, "name")
    _check_name(call.store, organization["id"], name)
    version = call.store.get("version", text(body, "template_version_id"))
    if version is None or version["organization_id"] != organization["id"]:
        raise ApiError(
            HTTPStatus.NOT_FOUND,
            f'Template version "{text(body, "template_version_id")}" does not exist.',
            validations={"template_version_id": "Template version does not exist"},
        )
    if version["template_id"]:
        raise ApiError(HTTPStatus.BAD_REQUEST, "The version belongs to another template.")
    if version["job"]["status"] != "succeeded":
        # A template whose only version cannot be built is of no use to anyone.
        raise ApiError(
            HTTPStatus.BAD_REQUEST,
            "Only versions that have been built successfully can be promoted.",
            detail=f"Attempted to promote a version with a {version['job']['status']} build",
        )
    moment = now()
    everyone = {} if body.get("disable_everyone_group_access") else {organization["id"]: "use"}
    template = call.store.put(
        "template",
        {
            "id": new_id(),
            "organization_id": organization["id"],
            "name": name,
            "created_at": moment,
            "updated_at": moment,
            "created_by_id": call.user["id"],
            "active_version_id": version["id"],
            **{key: default for key, (_, default) in _SETTINGS.items()},
            "autostop_requirement": {"days_of_week": [], "weeks": 1},
            "autostart_requirement": {"days_of_week": list(DAYS)},
            "max_port_share_level": default_share_level(call.store),
            **heeded(
                call.store,
                _settings({_CREATED_AS.get(key, key): value for key, value in body.items()}),
            ),
            # Coder ignores a deprecation of what is only being made.
            "deprecation_message": "",
            "user_acl": {},
            "group_acl": everyone,
        },
    )
    call.store.put("version", {**version, "template_id": template["id"]})
    call.audit("create", "template", template, name)
    return show_template(call.store, template), HTTPStatus.CREATED


def _check_name(store: Store, organization: str, name: str) -> None:
    check_name(name)
    if _named(store, organization, name):
        raise ApiError(
            HTTPStatus.CONFLICT,
            f'Template with name "{name}" already exists.',
            validations=TAKEN,
        )


def _settings(body: Document) -> Document:
    """The settings that a request gives, checked."""
    given: Document = {}
    wrong: dict[str, str] = {}
    for name, (kind, _) in _SETTINGS.items():
        value = body.get(name)
        if value is None:
            continue
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            wrong[name] = f"must be a {kind.__name__}"
        elif isinstance(value, int) and value < 0:
            wrong[name] = "Must be a positive integer."
        else:
            given[name] = value
    for name in ("autostop_requirement", "autostart_requirement"):
        if body.get(name) is not None:
            given[name] = _requirement(name, body[name], wrong)
    if given.get("max_port_share_level", "owner") not in _SHARE_LEVELS:
        wrong["max_port_share_level"] = f"must be one of {', '.join(_SHARE_LEVELS)}"
    if given.get("cors_behavior", "simple") not in ("simple", "passthru"):
        wrong["cors_behavior"] = "must be simple or passthru"
    if wrong:
        raise invalid(**wrong)
    check_display_name(given.get("display_name", ""))
    return given


def _requirement(name: str, value: Any, wrong: dict[str, str]) -> Document:
    days = (value.get("days_of_week") if isinstance(value, dict) else None) or []
    if not isinstance(value, dict) or any(day not in DAYS for day in days):
        wrong[f"{name}.days_of_week"] = f"must be days of the week: {', '.join(DAYS)}"
        return {}
    # Stored as a bitmap: what comes back is in the order of the week.
    requirement: Document = {"days_of_week": [day for day in DAYS if day in days]}
    if name == "autostop_requirement":
        weeks = value.get("weeks") or 1
        if not isinstance(weeks, int) or not 0 <= weeks <= _MOST_WEEKS:
            wrong[f"{name}.weeks"] = f"Must be a positive integer up to {_MOST_WEEKS}."
        requirement["weeks"] = weeks
    return requirement


def update_template(call: RestCall) -> Any:
    """PATCH /templates/{template}."""
    template = writable(call)
    body = call.json()
    name = text(body, "name") or template["name"]
    if name != template["name"]:
        _check_name(call.store, template["organization_id"], name)
    groups = dict(template["group_acl"])
    if body.get("disable_everyone_group_access"):
        groups.pop(template["organization_id"], None)
    given = heeded(call.store, _settings(body))
    changed = {**template, "name": name, **given}
    # coderd compares the settings alone, before it takes access from everyone.
    if changed == template:
        return None, HTTPStatus.NOT_MODIFIED
    changed["group_acl"] = groups
    changed["updated_at"] = now()
    call.store.put("template", changed)
    call.audit("write", "template", changed, name)
    return show_template(call.store, changed)


def delete_template(call: RestCall) -> Any:
    """DELETE /templates/{template}, which no workspace may use any more."""
    template = writable(call)
    if workspaces_of(call.store, template["id"]):
        raise ApiError(
            HTTPStatus.BAD_REQUEST,
            "All workspaces must be deleted before a template can be removed.",
        )
    call.store.delete("template", template["id"])
    call.audit("delete", "template", template, template["name"])
    return {"message": "Template has been deleted!"}


# Access


def get_acl(call: RestCall) -> Any:
    """GET /templates/{template}/acl."""
    require_access_lists(call)
    template = template_of(call)
    users = [(call.store.get("user", id), role) for id, role in template["user_acl"].items()]
    groups = [(call.store.get("group", id), role) for id, role in template["group_acl"].items()]
    return {
        "users": [{**show_user(call.store, user), "role": role} for user, role in users if user],
        "group": [
            {**show_group(call.store, group), "role": role} for group, role in groups if group
        ],
    }


def update_acl(call: RestCall) -> Any:
    """PATCH /templates/{template}/acl: an empty role takes access away."""
    require_access_lists(call)
    template = writable(call)
    body = call.json()
    changed = {
        **template,
        "user_acl": _roles(call, body, "user", template["user_acl"]),
        "group_acl": _roles(call, body, "group", template["group_acl"]),
    }
    call.store.put("template", changed)
    call.audit("write", "template", changed, template["name"])
    return {"message": "Successfully updated template ACL list."}


def _roles(call: RestCall, body: Document, kind: str, held: Mapping[str, str]) -> dict[str, str]:
    field = f"{kind}_perms"
    given = body.get(field) or {}
    if not isinstance(given, dict):
        raise invalid(**{field: "must be a map of ids to roles"})
    for id, role in given.items():
        if role not in ("", "use", "admin"):
            reason = f'role "{role}" is not a valid Template role'
        elif role and call.store.get(kind, id) is None:
            reason = f'Failed to find resource with ID "{id}"'
        else:
            continue
        raise ApiError(
            HTTPStatus.BAD_REQUEST,
            "Invalid request to update template metadata!",
            validations={field: reason},
        )
    return {id: role for id, role in {**held, **given}.items() if role}
