"""Workspaces and their builds.

A workspace runs the template version it was last built with: a new active version of its template
makes it outdated and touches nothing else.
"""

from http import HTTPStatus
from typing import Any

from local.coderd.people import user_of
from local.coderd.rest import ApiError, RestCall, check_name, invalid, not_found, text, uuid_of
from local.coderd.shapes import TRANSITIONS, show_build, show_workspace
from local.coderd.store import NO_ID, Document, Store, new_id, now
from local.coderd.templates import ACTIVE, may_use
from local.coderd.versions import new_job

# Requests


def _workspace_of(call: RestCall) -> Document:
    id = uuid_of(call, "workspace")
    deleted = call.store.get("deleted_workspace", id)
    workspace = call.store.get("workspace", id) or deleted
    if workspace is None or not (call.is_owner or workspace["owner_id"] == call.user["id"]):
        raise not_found()
    if deleted and call.query.get("include_deleted") != "true":
        raise ApiError(
            HTTPStatus.GONE,
            f'Workspace "{id}" was deleted, you can view this workspace by specifying '
            "'?deleted=true' and trying again.",
        )
    return workspace


def get_workspace(call: RestCall) -> Any:
    """GET /workspaces/{workspace}."""
    return show_workspace(call.store, _workspace_of(call))


def get_workspace_by_name(call: RestCall) -> Any:
    """GET /users/{user}/workspace/{name}."""
    owner = user_of(call)
    workspace = _named(call.store, owner["id"], call.path["name"])
    if workspace is None:
        raise not_found()
    return show_workspace(call.store, workspace)


def list_workspaces(call: RestCall) -> Any:
    """GET /workspaces?q=: owner:, name: and template: filters."""
    found = []
    for workspace in call.store.all("workspace"):
        if not (call.is_owner or workspace["owner_id"] == call.user["id"]):
            continue
        shown = show_workspace(call.store, workspace)
        if all(_matches(call, shown, word) for word in call.query.get("q", "").split()):
            found.append(shown)
    return {"workspaces": found, "count": len(found)}


def _matches(call: RestCall, shown: Document, word: str) -> bool:
    key, colon, value = word.partition(":")
    if not colon:
        return key in shown["name"]
    if key == "owner" and value == "me":
        value = call.user["username"]
    names = {"owner": "owner_name", "name": "name", "template": "template_name"}
    if key not in names:
        raise ApiError(
            HTTPStatus.BAD_REQUEST,
            "Invalid workspace search query.",
            validations={key: f"{key!r} is not a valid query param"},
        )
    return bool(shown[names[key]] == value)


def _named(store: Store, owner: str, name: str) -> Document | None:
    return store.find("workspace", lambda item: item["owner_id"] == owner and item["name"] == name)


def create_workspace(call: RestCall) -> Any:
    """POST /users/{user}/workspaces: build a workspace, by an administrator for anyone."""
    workspace = create(call, user_of(call), call.json())
    return show_workspace(call.store, workspace, new=True), HTTPStatus.CREATED


def create(call: RestCall, owner: Document, body: Document) -> Document:
    """Build a workspace for a user and return it; raises ApiError."""
    template, version = _chosen(call, body)
    if template["deprecation_message"]:
        raise ApiError(
            HTTPStatus.BAD_REQUEST,
            f'Template "{template["name"]}" has been deprecated, and cannot be used to create a '
            "new workspace.",
            detail=template["deprecation_message"],
        )
    name = text(body, "name")
    check_name(name)
    if _named(call.store, owner["id"], name):
        raise ApiError(
            HTTPStatus.CONFLICT,
            f'Workspace "{name}" already exists in the "{template["name"]}" template.',
            validations={"name": "This value is already in use and should be unique."},
        )
    moment = now()
    workspace = {
        "id": new_id(),
        "created_at": moment,
        "updated_at": moment,
        "last_used_at": moment,
        "owner_id": owner["id"],
        "organization_id": template["organization_id"],
        "template_id": template["id"],
        "name": name,
        "ttl_ms": template["default_ttl_ms"] or None,
        "dormant_at": None,
        "deleting_at": None,
        "parameters": _parameters(version, body),
        "builds": [],
    }
    build = _new_build(call, workspace, version, "start")
    workspace["builds"] = [build]
    call.store.put("workspace", workspace)
    call.audit("create", "workspace", workspace, name)
    fields = {"build_number": "1", "build_reason": "initiator"}
    call.audit("start", "workspace_build", {**workspace, "id": build["id"]}, "", fields)
    return workspace


def _chosen(call: RestCall, body: Document) -> tuple[Document, Document]:
    id = text(body, "template_id").replace(NO_ID, "")
    version_id = text(body, "template_version_id").replace(NO_ID, "")
    version = call.store.get("version", version_id)
    if not id and not version_id:
        raise invalid(
            **dict.fromkeys(
                ("template_id", "template_version_id"),
                f'Validation failed for tag "required_without" with value: "{NO_ID}"',
            )
        )
    if id and version_id:
        raise ApiError(
            HTTPStatus.BAD_REQUEST,
            "Validation failed.",
            validations={"template_id": "give template_id or template_version_id, not both"},
        )
    if version:
        id = version["template_id"] or ""
    template = call.store.get("template", id)
    if template is None or not may_use(template, call.store, call.user):
        raise ApiError(
            HTTPStatus.BAD_REQUEST,
            f'Template "{id}" doesn\'t exist.',
            validations={"template_id": "template not found"},
        )
    active = call.store.get("version", template["active_version_id"])
    version = version or active
    if version is None:
        raise not_found()
    _check_active(call, template, version)
    return template, version


def _check_active(call: RestCall, template: Document, version: Document) -> None:
    required = template["require_active_version"] and not call.is_owner
    if required and version["id"] != template["active_version_id"]:
        raise ApiError(
            HTTPStatus.FORBIDDEN, "Template requires workspaces to use its active version."
        )


def _parameters(version: Document, body: Document) -> dict[str, str]:
    known = {item["name"] for item in (version["plan"] or {}).get("parameters", [])}
    try:
        given = {item["name"]: item["value"] for item in body.get("rich_parameter_values") or []}
    except (KeyError, TypeError):
        raise invalid(rich_parameter_values="must be a list of objects name, value") from None
    for name in given:
        if name not in known:
            raise ApiError(
                HTTPStatus.BAD_REQUEST,
                "Unable to validate parameters",
                validations={name: "the template has no such parameter"},
            )
    return given


def _new_build(call: RestCall, workspace: Document, version: Document, transition: str) -> Document:
    moment, id = now(), new_id()
    return {
        "id": id,
        "created_at": moment,
        "updated_at": moment,
        "build_number": len(workspace["builds"]) + 1,
        "template_version_id": version["id"],
        "transition": transition,
        "initiator_id": call.user["id"],
        "job": new_job(
            call,
            "workspace_build",
            workspace["organization_id"],
            file=version["job"]["file_id"],
            input={"workspace_build_id": id},
        ),
        "resources": [],
        "deadline": None,
        "max_deadline": None,
    }


def create_build(call: RestCall) -> Any:
    """POST /workspaces/{workspace}/builds: start, stop or delete."""
    workspace = _workspace_of(call)
    body = call.json()
    transition = text(body, "transition")
    if transition not in TRANSITIONS:
        raise ApiError(
            HTTPStatus.BAD_REQUEST,
            "Validation failed.",
            validations={"transition": f"must be one of {', '.join(TRANSITIONS)}"},
        )
    latest = workspace["builds"][-1]
    if latest["job"]["status"] in ACTIVE:
        raise ApiError(HTTPStatus.CONFLICT, "A workspace build is already active.")
    template = call.store.get("template", workspace["template_id"])
    version = call.store.get(
        "version", text(body, "template_version_id") or latest["template_version_id"]
    )
    if template is None or version is None or version["template_id"] != template["id"]:
        raise ApiError(HTTPStatus.BAD_REQUEST, "Template version not found.")
    if transition == "start":
        _check_active(call, template, version)
    build = _new_build(call, workspace, version, transition)
    call.store.put("workspace", {**workspace, "builds": [*workspace["builds"], build]})
    fields = {
        "build_number": str(build["build_number"]),
        "build_reason": "initiator",
        "workspace_id": workspace["id"],
        "workspace_name": workspace["name"],
        "workspace_owner": "",
    }
    call.audit(transition, "workspace_build", {**workspace, "id": build["id"]}, "", fields)
    return show_build(call.store, workspace, build, new=True), HTTPStatus.CREATED


def get_build(call: RestCall) -> Any:
    """GET /workspacebuilds/{build}."""
    workspace, build = _build_of(call)
    return show_build(call.store, workspace, build)


def cancel_build(call: RestCall) -> Any:
    """PATCH /workspacebuilds/{build}/cancel: by who may, and only while the job is not done."""
    workspace, build = _build_of(call)
    template = call.store.get("template", workspace["template_id"]) or {}
    if not (call.is_owner or template.get("allow_user_cancel_workspace_jobs", True)):
        raise ApiError(
            HTTPStatus.FORBIDDEN,
            "User is not allowed to cancel workspace builds. Owner role is required.",
        )
    job = build["job"]
    if job["completed_at"]:
        raise ApiError(HTTPStatus.BAD_REQUEST, "Job has already completed!")
    moment = now()
    ended = {**job, "status": "canceled", "canceled_at": moment, "completed_at": moment}
    builds = [{**each, "job": ended} if each is build else each for each in workspace["builds"]]
    call.store.put("workspace", {**workspace, "builds": builds})
    return {"message": "Job has been marked as canceled..."}


def build_logs(call: RestCall) -> Any:
    """GET /workspacebuilds/{build}/logs."""
    return _build_of(call)[1]["job"]["logs"]


def _build_of(call: RestCall) -> tuple[Document, Document]:
    for workspace in call.store.all("workspace"):
        for build in workspace["builds"]:
            if build["id"] == call.path["build"] and (
                call.is_owner or workspace["owner_id"] == call.user["id"]
            ):
                return workspace, build
    raise not_found()
