"""Groups of the stand-in for coderd."""

from http import HTTPStatus
from typing import Any

from local.coderd.licence import require_access_lists
from local.coderd.people import EVERYONE, organization_of
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
from local.coderd.shapes import show_group
from local.coderd.store import Document, Store, new_id


def is_member(group: Document, user: Document) -> bool:
    """Whether a user is in a group."""
    return group["id"] == group["organization_id"] or user["id"] in group["members"]


def list_groups(call: RestCall) -> Any:
    """GET /organizations/{organization}/groups."""
    require_access_lists(call)
    organization = organization_of(call)
    return [
        show_group(call.store, group)
        for group in call.store.all("group")
        if group["organization_id"] == organization["id"]
        and (call.is_owner or is_member(group, call.user))
    ]


def get_group_by_name(call: RestCall) -> Any:
    """GET /organizations/{organization}/groups/{name}."""
    require_access_lists(call)
    organization = organization_of(call)
    group = _named(call.store, organization["id"], call.path["name"])
    if group is None or not (call.is_owner or is_member(group, call.user)):
        raise not_found()
    return show_group(call.store, group)


def _named(store: Store, organization: str, name: str) -> Document | None:
    return store.find(
        "group", lambda item: item["organization_id"] == organization and item["name"] == name
    )


def _group_of(call: RestCall) -> Document:
    require_access_lists(call)
    group = call.store.get("group", uuid_of(call, "group"))
    if group is None or not (call.is_owner or is_member(group, call.user)):
        raise not_found()
    return group


def get_group(call: RestCall) -> Any:
    """GET /groups/{group}."""
    return show_group(call.store, _group_of(call))


def create_group(call: RestCall) -> Any:
    """POST /organizations/{organization}/groups."""
    require_access_lists(call)
    call.require_owner()
    organization = organization_of(call)
    body = call.json()
    name = text(body, "name")
    _check_group(call.store, organization["id"], body, name)
    group = call.store.put(
        "group",
        {
            "id": new_id(),
            "organization_id": organization["id"],
            "name": name,
            "display_name": text(body, "display_name"),
            "avatar_url": text(body, "avatar_url"),
            "quota_allowance": _quota(body),
            "members": [],
        },
    )
    call.audit("create", "group", group, name)
    return show_group(call.store, group), HTTPStatus.CREATED


def _check_group(store: Store, organization: str, body: Document, name: str) -> None:
    if name == EVERYONE:
        raise ApiError(
            HTTPStatus.BAD_REQUEST,
            f'"{EVERYONE}" is a reserved name and cannot be used for a group name.',
            validations={"name": "reserved"},
        )
    check_name(name, limit=255)
    check_display_name(text(body, "display_name"))
    if _named(store, organization, name):
        raise ApiError(
            HTTPStatus.CONFLICT,
            f'A group named "{name}" already exists.',
            validations={"name": "This value is already in use and should be unique."},
        )


def _quota(body: Document, default: int = 0) -> int:
    value = body.get("quota_allowance")
    if value is None:
        return default
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise invalid(quota_allowance="must be a whole number that is not negative")
    return value


def update_group(call: RestCall) -> Any:
    """PATCH /groups/{group}."""
    call.require_owner()
    group = _group_of(call)
    if group["id"] == group["organization_id"]:
        raise ApiError(HTTPStatus.BAD_REQUEST, f'The "{EVERYONE}" group cannot be changed.')
    body = call.json()
    name = text(body, "name") or group["name"]
    if name != group["name"]:
        _check_group(call.store, group["organization_id"], body, name)
    members = list(group["members"])
    for id in body.get("add_users") or []:
        if call.store.get("user", str(id)) is None:
            raise ApiError(HTTPStatus.BAD_REQUEST, f'User "{id}" must be a member of organization.')
        if id in members:
            raise ApiError(HTTPStatus.BAD_REQUEST, "Cannot add the same user to a group twice!")
        members.append(id)
    members = [id for id in members if id not in (body.get("remove_users") or [])]
    changed = {
        **group,
        "name": name,
        "display_name": text(body, "display_name", group["display_name"]),
        "avatar_url": text(body, "avatar_url", group["avatar_url"]),
        "quota_allowance": _quota(body, group["quota_allowance"]),
        "members": members,
    }
    call.store.put("group", changed)
    call.audit("write", "group", changed, name)
    return show_group(call.store, changed)


def delete_group(call: RestCall) -> Any:
    """DELETE /groups/{group}."""
    call.require_owner()
    group = _group_of(call)
    if group["id"] == group["organization_id"]:
        raise ApiError(
            HTTPStatus.BAD_REQUEST, f'"{EVERYONE}" is a reserved group and cannot be deleted!'
        )
    call.store.delete("group", group["id"])
    for template in call.store.all("template"):
        if group["id"] in template["group_acl"]:
            roles = {id: role for id, role in template["group_acl"].items() if id != group["id"]}
            call.store.put("template", {**template, "group_acl": roles})
    call.audit("delete", "group", group, group["name"])
    return {"message": "Successfully deleted group!"}
