"""Files, template versions, templates and their access lists."""

import random
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from local.coderd.licence import default_share_level, heeded, require_access_lists
from local.coderd.people import is_member, organization_of, reduced_user, show_group, show_user
from local.coderd.rest import (
    VERSION_NAME,
    ApiError,
    Call,
    check_display_name,
    check_name,
    invalid,
    not_found,
    text,
)
from local.coderd.store import Document, Store, new_id, now

DAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
ACTIVE: Final = ("pending", "running", "canceling")
"""Statuses of a job that is not over."""
MESSAGE_CHARACTERS: Final = 72
"""How much of a version's message is kept."""

_SHARE_LEVELS: Final = ("owner", "authenticated", "organization", "public")
_TAKEN: Final = {"name": "This value is already in use and should be unique."}
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


# Shapes


def show_job(job: Document) -> Document:
    """codersdk.ProvisionerJob."""
    return {key: value for key, value in job.items() if key != "logs"}


def show_version(store: Store, version: Document) -> Document:
    """codersdk.TemplateVersion."""
    names = ("id", "template_id", "organization_id", "created_at", "updated_at", "name", "message")
    author = store.get("user", version["created_by_id"])
    return {
        **{name: version[name] for name in names},
        "job": show_job(version["job"]),
        "readme": version["readme"],
        "created_by": reduced_user(author) if author else None,
        "archived": False,
        "warnings": [],
        "matched_provisioners": {"count": 1, "available": 1, "most_recently_seen": None},
    }


def show_template(store: Store, template: Document) -> Document:
    """codersdk.Template."""
    hidden = ("user_acl", "group_acl")
    organization = store.get("organization", template["organization_id"]) or {}
    author = store.get("user", template["created_by_id"]) or {}
    return {
        **{key: value for key, value in template.items() if key not in hidden},
        "organization_name": organization.get("name", ""),
        "organization_display_name": organization.get("display_name", ""),
        "organization_icon": "",
        "provisioner": "terraform",
        "active_user_count": len(
            {item["owner_id"] for item in workspaces_of(store, template["id"])}
        ),
        "build_time_stats": {},
        "created_by_name": author.get("username", ""),
        "deprecated": bool(template["deprecation_message"]),
        "deleted": False,
    }


def workspaces_of(store: Store, template: str) -> list[Document]:
    """The workspaces of a template that are not deleted."""
    return [item for item in store.all("workspace") if item["template_id"] == template]


# Looking things up


def may_use(template: Document, store: Store, user: Document) -> bool:
    """Whether the access list lets a user make workspaces from a template."""
    if "owner" in user["roles"] or user["id"] in template["user_acl"]:
        return True
    groups = (store.get("group", id) for id in template["group_acl"])
    return any(is_member(group, user) for group in groups if group)


def template_of(call: Call) -> Document:
    """The template in the path."""
    template = call.store.get("template", call.path["template"])
    if template is None or not may_use(template, call.store, call.user):
        raise not_found()
    return template


def _writable(call: Call) -> Document:
    template = template_of(call)
    if not call.is_owner and template["user_acl"].get(call.user["id"]) != "admin":
        raise ApiError(HTTPStatus.FORBIDDEN, "Forbidden.")
    return template


def version_of(call: Call) -> Document:
    """The template version in the path."""
    version = call.store.get("version", call.path["version"])
    if version is None:
        raise not_found()
    template = call.store.get("template", version["template_id"] or "")
    if not call.is_owner and not (template and may_use(template, call.store, call.user)):
        raise not_found()
    return version


# Files


def upload(call: Call) -> Any:
    """POST /files."""
    call.require_owner()
    if call.content_type not in ("application/x-tar", "application/zip"):
        raise ApiError(
            HTTPStatus.BAD_REQUEST,
            f'Unsupported content type header "{call.content_type}".',
        )
    if call.content_type == "application/zip":
        raise ApiError(HTTPStatus.BAD_REQUEST, "The stand-in for coderd takes tar archives alone.")
    id, new = call.store.add_file(call.content)
    return {"hash": id}, HTTPStatus.CREATED if new else HTTPStatus.OK


def download(call: Call) -> Any:
    """GET /files/{file}: the archive as it was uploaded."""
    call.require_owner()
    content = call.store.file(call.path["file"])
    if content is None:
        raise not_found()
    return content


# Versions


def create_version(call: Call) -> Any:
    """POST /organizations/{organization}/templateversions: queue the import of a file."""
    call.require_owner()
    organization = organization_of(call)
    body = call.json()
    template = None
    if body.get("template_id"):
        template = call.store.get("template", text(body, "template_id"))
        if template is None:
            raise ApiError(HTTPStatus.NOT_FOUND, "Template does not exist.")
    for field, only in (("storage_method", "file"), ("provisioner", "terraform")):
        if text(body, field) != only:
            raise invalid(**{field: f"must be {only}"})
    if call.store.file(text(body, "file_id")) is None:
        raise ApiError(HTTPStatus.NOT_FOUND, "File not found.")
    name = text(body, "name") or _made_up_name()
    if len(name) > 64 or not VERSION_NAME.fullmatch(name):
        raise invalid(name="must be up to 64 letters and digits, in groups joined by one of _ . -")
    if template and _version_named(call.store, template["id"], name):
        raise ApiError(
            HTTPStatus.CONFLICT,
            f'A template version with name "{name}" already exists for this template.',
            validations=_TAKEN,
        )
    moment = now()
    id = new_id()
    version = call.store.put(
        "version",
        {
            "id": id,
            "template_id": template["id"] if template else None,
            "organization_id": organization["id"],
            "created_at": moment,
            "updated_at": moment,
            "created_by_id": call.user["id"],
            "name": name,
            "message": text(body, "message")[:MESSAGE_CHARACTERS],
            "readme": "",
            "values": _values(body),
            "plan": None,
            "job": new_job(
                "template_version_import",
                organization["id"],
                file=text(body, "file_id"),
                tags=body.get("tags"),
            ),
        },
    )
    call.audit("create", "template_version", version, name)
    return show_version(call.store, version), HTTPStatus.CREATED


def new_job(kind: str, organization: str, *, file: str, tags: Any = None) -> Document:
    """A job that waits for the provisioner."""
    return {
        "id": new_id(),
        "created_at": now(),
        "started_at": None,
        "completed_at": None,
        "status": "pending",
        "error": "",
        "error_code": "",
        "organization_id": organization,
        "type": kind,
        "file_id": file,
        "tags": {"owner": "", "scope": "organization", **(tags or {})},
        "queue_position": 0,
        "queue_size": 0,
        "logs": [],
    }


def _values(body: Document) -> dict[str, str]:
    values = body.get("user_variable_values") or []
    try:
        return {str(item["name"]): str(item["value"]) for item in values}
    except (KeyError, TypeError):
        raise invalid(user_variable_values="must be a list of objects name, value") from None


def _made_up_name() -> str:
    words = ("quiet", "brave", "clever", "gentle", "kind", "swift", "bold", "calm", "warm", "wise")
    names = ("euler", "noether", "turing", "hopper", "curie", "darwin", "gauss", "lovelace")
    generator = random.SystemRandom()
    return f"{generator.choice(words)}_{generator.choice(names)}{generator.randrange(1000)}"


def _version_named(store: Store, template: str, name: str) -> Document | None:
    return store.find(
        "version", lambda item: item["template_id"] == template and item["name"] == name
    )


def get_version(call: Call) -> Any:
    """GET /templateversions/{version}."""
    return show_version(call.store, version_of(call))


def update_version(call: Call) -> Any:
    """PATCH /templateversions/{version}: name and message."""
    call.require_owner()
    version = version_of(call)
    body = call.json()
    name = text(body, "name") or version["name"]
    if len(name) > 64 or not VERSION_NAME.fullmatch(name):
        raise invalid(name="must be up to 64 letters and digits, in groups joined by one of _ . -")
    taken = _version_named(call.store, version["template_id"], name)
    if version["template_id"] and taken and taken["id"] != version["id"]:
        raise ApiError(
            HTTPStatus.CONFLICT,
            f'A template version with name "{name}" already exists for this template.',
            validations=_TAKEN,
        )
    changed = {
        **version,
        "name": name,
        "message": text(body, "message", version["message"])[:MESSAGE_CHARACTERS],
        "updated_at": now(),
    }
    call.store.put("version", changed)
    call.audit("write", "template_version", changed, name)
    return show_version(call.store, changed)


def version_logs(call: Call) -> Any:
    """GET /templateversions/{version}/logs?after=: what the provisioner has said so far."""
    after = call.query.get("after", "0")
    return [
        line
        for line in version_of(call)["job"]["logs"]
        if line["id"] > (int(after) if after.isdecimal() else 0)
    ]


def version_variables(call: Call) -> Any:
    """GET /templateversions/{version}/variables."""
    version = version_of(call)
    return [
        {
            "name": item["name"],
            "description": item["description"],
            "type": item["type"],
            "value": "" if item["sensitive"] else _value(version, item),
            "default_value": "" if item["sensitive"] else item["default"] or "",
            "required": item["required"],
            "sensitive": item["sensitive"],
        }
        for item in (version["plan"] or {}).get("variables", [])
    ]


def _value(version: Document, variable: Document) -> str:
    return str(version["values"].get(variable["name"], variable["default"] or ""))


def version_external_auth(call: Call) -> Any:
    """GET /templateversions/{version}/external-auth: what a build's owner has to log in to."""
    found = []
    for id, optional in (version_of(call)["plan"] or {}).get("external_auth", []):
        provider = call.store.get("external_auth", id) or {"display_name": id, "logins": []}
        found.append(
            {
                "id": id,
                "type": id,
                "display_name": provider["display_name"],
                "display_icon": "",
                "authenticate_url": f"{call.access_url}/external-auth/{id}",
                "authenticated": call.user["username"] in provider["logins"],
                "optional": optional,
            }
        )
    return found


# Templates


def list_templates(call: Call) -> Any:
    """GET /organizations/{organization}/templates."""
    organization = organization_of(call)
    return [
        show_template(call.store, template)
        for template in sorted(call.store.all("template"), key=lambda item: str(item["name"]))
        if template["organization_id"] == organization["id"]
        and may_use(template, call.store, call.user)
    ]


def get_template(call: Call) -> Any:
    """GET /templates/{template}."""
    return show_template(call.store, template_of(call))


def get_template_by_name(call: Call) -> Any:
    """GET /organizations/{organization}/templates/{name}."""
    template = _named(call.store, organization_of(call)["id"], call.path["name"])
    if template is None or not may_use(template, call.store, call.user):
        raise not_found()
    return show_template(call.store, template)


def _named(store: Store, organization: str, name: str) -> Document | None:
    return store.find(
        "template", lambda item: item["organization_id"] == organization and item["name"] == name
    )


def create_template(call: Call) -> Any:
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
            **heeded(call.store, _settings(body)),
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
            validations=_TAKEN,
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


def update_template(call: Call) -> Any:
    """PATCH /templates/{template}."""
    template = _writable(call)
    body = call.json()
    name = text(body, "name") or template["name"]
    if name != template["name"]:
        _check_name(call.store, template["organization_id"], name)
    groups = dict(template["group_acl"])
    if body.get("disable_everyone_group_access"):
        groups.pop(template["organization_id"], None)
    given = heeded(call.store, _settings(body))
    changed = {**template, "name": name, **given, "group_acl": groups}
    if changed == template:
        return None, HTTPStatus.NOT_MODIFIED
    changed["updated_at"] = now()
    call.store.put("template", changed)
    call.audit("write", "template", changed, name)
    return show_template(call.store, changed)


def delete_template(call: Call) -> Any:
    """DELETE /templates/{template}, which no workspace may use any more."""
    template = _writable(call)
    if workspaces_of(call.store, template["id"]):
        raise ApiError(
            HTTPStatus.BAD_REQUEST,
            "All workspaces must be deleted before a template can be removed.",
        )
    call.store.delete("template", template["id"])
    call.audit("delete", "template", template, template["name"])
    return {"message": "Template has been deleted!"}


def list_versions(call: Call) -> Any:
    """GET /templates/{template}/versions."""
    template = template_of(call)
    return [
        show_version(call.store, version)
        for version in call.store.all("version")
        if version["template_id"] == template["id"]
    ]


def get_version_by_name(call: Call) -> Any:
    """GET /templates/{template}/versions/{name}."""
    version = _version_named(call.store, template_of(call)["id"], call.path["name"])
    if version is None:
        raise not_found()
    return show_version(call.store, version)


def promote(call: Call) -> Any:
    """PATCH /templates/{template}/versions: make a version the active one."""
    template = _writable(call)
    version = call.store.get("version", text(call.json(), "id"))
    if version is None:
        raise ApiError(HTTPStatus.NOT_FOUND, "Template version not found.")
    if version["template_id"] != template["id"]:
        raise ApiError(
            HTTPStatus.BAD_REQUEST,
            "The provided template version doesn't belong to the specified template.",
        )
    status = version["job"]["status"]
    if status != "succeeded":
        raise ApiError(
            HTTPStatus.BAD_REQUEST,
            "Only versions that have been built successfully can be promoted.",
            detail=f"Attempted to promote a version with a {status} build",
        )
    changed = {**template, "active_version_id": version["id"], "updated_at": now()}
    call.store.put("template", changed)
    call.audit("write", "template", changed, template["name"])
    return {"message": "Updated the active template version!"}


# Access


def get_acl(call: Call) -> Any:
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


def update_acl(call: Call) -> Any:
    """PATCH /templates/{template}/acl: an empty role takes access away."""
    require_access_lists(call)
    template = _writable(call)
    body = call.json()
    changed = {
        **template,
        "user_acl": _roles(call, body, "user", template["user_acl"]),
        "group_acl": _roles(call, body, "group", template["group_acl"]),
    }
    call.store.put("template", changed)
    call.audit("write", "template", changed, template["name"])
    return {"message": "Successfully updated template ACL list."}


def _roles(call: Call, body: Document, kind: str, held: Mapping[str, str]) -> dict[str, str]:
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
