"""Template versions of the stand-in for coderd, and the files they are made of."""

import random
from http import HTTPStatus
from typing import Any

from local.coderd.people import organization_of
from local.coderd.rest import (
    VERSION_NAME,
    ApiError,
    RestCall,
    invalid,
    not_found,
    text,
    uuid_of,
)
from local.coderd.shapes import (
    show_new_version,
    show_version,
)
from local.coderd.store import NO_ID, Document, Store, new_id, now
from local.coderd.templates import MESSAGE_CHARACTERS, TAKEN, may_use, template_of, writable


def version_of(call: RestCall) -> Document:
    """The template version in the path."""
    version = call.store.get("version", uuid_of(call, "version"))
    if version is None:
        raise not_found()
    template = call.store.get("template", version["template_id"] or "")
    if not call.is_owner and not (template and may_use(template, call.store, call.user)):
        raise not_found()
    return version


def upload(call: RestCall) -> Any:
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


def download(call: RestCall) -> Any:
    """GET /files/{file}: the archive as it was uploaded."""
    call.require_owner()
    content = call.store.file(call.path["file"])
    if content is None:
        raise not_found()
    return content


def create_version(call: RestCall) -> Any:
    """POST /organizations/{organization}/templateversions: queue the import of a file."""
    call.require_owner()
    organization = organization_of(call)
    body = call.json()
    template = None
    if text(body, "template_id", NO_ID) != NO_ID:
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
            validations=TAKEN,
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
                call,
                "template_version_import",
                organization["id"],
                file=text(body, "file_id"),
                tags=body.get("tags"),
                input={"template_version_id": id},
            ),
        },
    )
    call.audit("create", "template_version", version, name)
    return show_new_version(call.store, version), HTTPStatus.CREATED


def new_job(
    call: RestCall, kind: str, organization: str, *, file: str, input: Document, tags: Any = None
) -> Document:
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
        "initiator_id": call.user["id"],
        "input": input,
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


def get_version(call: RestCall) -> Any:
    """GET /templateversions/{version}."""
    return show_version(call.store, version_of(call))


def update_version(call: RestCall) -> Any:
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
            validations=TAKEN,
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


def version_logs(call: RestCall) -> Any:
    """GET /templateversions/{version}/logs?after=: what the provisioner has said so far."""
    after = call.query.get("after", "0")
    return [
        line
        for line in version_of(call)["job"]["logs"]
        if line["id"] > (int(after) if after.isdecimal() else 0)
    ]


def version_variables(call: RestCall) -> Any:
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


def version_external_auth(call: RestCall) -> Any:
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


def list_versions(call: RestCall) -> Any:
    """GET /templates/{template}/versions."""
    template = template_of(call)
    return [
        show_version(call.store, version)
        for version in call.store.all("version")
        if version["template_id"] == template["id"]
    ]


def get_version_by_name(call: RestCall) -> Any:
    """GET /templates/{template}/versions/{name}."""
    version = _version_named(call.store, template_of(call)["id"], call.path["name"])
    if version is None:
        raise not_found()
    return show_version(call.store, version)


def promote(call: RestCall) -> Any:
    """PATCH /templates/{template}/versions: make a version the active one."""
    template = writable(call)
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
