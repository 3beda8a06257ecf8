"""Tasks, as a deployment has them that turns them on (Coder 2.29 to 2.37)."""

from http import HTTPStatus
from typing import Any

from local.coderd import workspaces
from local.coderd.people import user_of
from local.coderd.rest import ApiError, RestCall, invalid, not_found, text
from local.coderd.store import Document, new_id, now


def create_task(call: RestCall) -> Any:
    """POST /tasks/{user}: a workspace of a template version that has a Task's app."""
    owner, body = user_of(call), call.json()
    version = call.store.get("version", text(body, "template_version_id"))
    if version is None:
        raise invalid(template_version_id="template version not found")
    kinds = [kind for kind, _ in (version["plan"] or {}).get("resources", [])]
    if "coder_ai_task" not in kinds:
        raise ApiError(
            HTTPStatus.BAD_REQUEST,
            'Template does not have a valid "coder_ai_task" resource.',
        )
    workspace = workspaces.create(call, owner, {**body, "rich_parameter_values": []})
    task = {
        "id": new_id(),
        "created_at": now(),
        "owner_id": owner["id"],
        "name": workspace["name"],
        "initial_prompt": text(body, "input"),
        "template_version_id": version["id"],
        "workspace_id": workspace["id"],
    }
    call.store.put("task", task)
    return _show(task), HTTPStatus.CREATED


def get_task(call: RestCall) -> Any:
    """GET /tasks/{user}/{task}, by id or name."""
    owner = user_of(call)
    task = call.store.find(
        "task",
        lambda item: (
            item["owner_id"] == owner["id"] and call.path["task"] in (item["id"], item["name"])
        ),
    )
    if task is None:
        raise not_found()
    return _show(task)


def _show(task: Document) -> Document:
    return {**task, "status": "pending", "current_state": None}
