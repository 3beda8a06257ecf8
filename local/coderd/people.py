"""Users, organizations, groups, external logins and the audit log of the stand-in."""

import secrets
from collections.abc import Mapping
from datetime import timedelta
from http import HTTPStatus
from typing import Any

from local.coderd.licence import require_access_lists
from local.coderd.rest import (
    ApiError,
    Call,
    check_display_name,
    check_name,
    invalid,
    not_found,
    text,
    token_id,
    uuid_of,
)
from local.coderd.shapes import show_group, show_member, show_user
from local.coderd.store import Document, Store, later, new_id, now

EVERYONE = "Everyone"
"""Name of the group whose id is that of its organization and whose members are all of its."""

_LOGIN = timedelta(hours=2)
_DONE = {
    "create": "created",
    "write": "updated",
    "delete": "deleted",
    "start": "started",
    "stop": "stopped",
}

# Looking things up


def organization_of(call: Call) -> Document:
    """The organization in the path, by id, name or `default`."""
    wanted = call.path["organization"]
    found = call.store.find(
        "organization",
        lambda item: (
            wanted in (item["id"], item["name"]) or (wanted == "default" and item["is_default"])
        ),
    )
    if found is None:
        raise not_found()
    return found


def user_of(call: Call) -> Document:
    """The user in the path, by id, name or `me`; members see only themselves."""
    wanted = call.path["user"]
    if wanted == "me":
        return call.user
    found = call.store.find("user", lambda item: wanted in (item["id"], item["username"]))
    if found is None:
        raise ApiError(
            HTTPStatus.BAD_REQUEST,
            '"user" must be an existing uuid or username.',
            detail=f'queried user="{wanted}"',
        )
    if not (call.is_owner or found["id"] == call.user["id"]):
        raise not_found()
    return found


def is_member(group: Document, user: Document) -> bool:
    """Whether a user is in a group."""
    return group["id"] == group["organization_id"] or user["id"] in group["members"]


# Users


def check_authority(call: Call) -> Any:
    """POST /authcheck: what the caller may do; here an owner may do all, and a member nothing."""
    checks = call.json().get("checks")
    if not isinstance(checks, Mapping):
        raise invalid(checks="must be an object")
    return dict.fromkeys(checks, call.is_owner)


def get_user(call: Call) -> Any:
    """GET /users/{user}."""
    return show_user(call.store, user_of(call))


def list_users(call: Call) -> Any:
    """GET /users?q=: text in the name or the address, and key:value filters."""
    found = [user for user in call.store.all("user") if _matches(user, call.query.get("q", ""))]
    if not call.is_owner:
        found = [user for user in found if user["id"] == call.user["id"]]
    page = _page(found, call.query)
    return {"users": [show_user(call.store, user) for user in page], "count": len(found)}


def _matches(user: Document, query: str) -> bool:
    for word in query.lower().split():
        key, colon, value = word.partition(":")
        if not colon:
            if not any(word in user[name].lower() for name in ("username", "email", "name")):
                return False
        elif key == "status":
            if user["status"] != value:
                return False
        elif key == "role":
            if value not in user["roles"]:
                return False
        else:
            raise ApiError(
                HTTPStatus.BAD_REQUEST,
                "Invalid user search query.",
                validations={key: f"{key!r} is not a valid query param"},
            )
    return True


def _page(items: list[Document], query: Mapping[str, str]) -> list[Document]:
    limit, offset = _number(query, "limit"), _number(query, "offset")
    return items[offset : offset + limit] if limit else items[offset:]


def _number(query: Mapping[str, str], name: str) -> int:
    value = query.get(name, "0")
    if not value.isdecimal():
        raise ApiError(
            HTTPStatus.BAD_REQUEST,
            "Query parameters have invalid values.",
            validations={name: f"Query param {name!r} must be a valid positive integer"},
        )
    return int(value)


def create_user(call: Call) -> Any:
    """POST /users."""
    call.require_owner()
    body = call.json()
    username, email = text(body, "username"), text(body, "email")
    check_name(username, "username")
    if "@" not in email:
        raise invalid(email="must be an email address")
    taken = call.store.find(
        "user", lambda item: item["username"] == username or item["email"] == email
    )
    if taken:
        raise ApiError(HTTPStatus.CONFLICT, "User already exists.")
    user = add_user(call.store, username, email=email, name=text(body, "name"))
    call.audit("create", "user", user, username)
    return show_user(call.store, user), HTTPStatus.CREATED


def add_user(
    store: Store, username: str, *, email: str = "", name: str = "", roles: tuple[str, ...] = ()
) -> Document:
    """Store a new user."""
    moment = now()
    return store.put(
        "user",
        {
            "id": new_id(),
            "username": username,
            "email": email or f"{username}@example.com",
            "name": name,
            "created_at": moment,
            "updated_at": moment,
            "last_seen_at": moment,
            "status": "active",
            "login_type": "password",
            "roles": list(roles),
        },
    )


def create_token(call: Call) -> Any:
    """POST /users/{user}/keys/tokens."""
    user = user_of(call)
    token = f"{secrets.token_urlsafe(10)}-{secrets.token_urlsafe(22)}"
    add_token(call.store, user, token)
    call.audit("create", "api_key", user, user["username"])
    return {"key": token}, HTTPStatus.CREATED


def add_token(store: Store, user: Document, token: str) -> None:
    """Let a token stand for a user."""
    store.put("token", {"id": token_id(token), "user_id": user["id"]})


# Organizations


def list_organizations(call: Call) -> Any:
    """GET /organizations."""
    return call.store.all("organization")


def get_organization(call: Call) -> Any:
    """GET /organizations/{organization}."""
    return organization_of(call)


def list_members(call: Call) -> Any:
    """GET /organizations/{organization}/members."""
    organization = organization_of(call)
    return [show_member(organization, user) for user in call.store.all("user")]


# Groups


def list_groups(call: Call) -> Any:
    """GET /organizations/{organization}/groups."""
    require_access_lists(call)
    organization = organization_of(call)
    return [
        show_group(call.store, group)
        for group in call.store.all("group")
        if group["organization_id"] == organization["id"]
        and (call.is_owner or is_member(group, call.user))
    ]


def get_group_by_name(call: Call) -> Any:
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


def _group_of(call: Call) -> Document:
    require_access_lists(call)
    group = call.store.get("group", uuid_of(call, "group"))
    if group is None or not (call.is_owner or is_member(group, call.user)):
        raise not_found()
    return group


def get_group(call: Call) -> Any:
    """GET /groups/{group}."""
    return show_group(call.store, _group_of(call))


def create_group(call: Call) -> Any:
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


def update_group(call: Call) -> Any:
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


def delete_group(call: Call) -> Any:
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


# External logins and the audit log


def list_external_auth(call: Call) -> Any:
    """GET /external-auth."""
    return {
        "providers": [
            {
                "id": item["id"],
                "type": item["id"],
                "device": False,
                "display_name": item["display_name"],
                "display_icon": f"/icon/{item['id']}.svg",
                "allow_refresh": True,
                "allow_validate": True,
                "supports_revocation": True,
                "code_challenge_methods_supported": ["S256"],
            }
            for item in call.store.all("external_auth")
        ],
        "links": [
            {
                "provider_id": item["id"],
                "created_at": call.user["created_at"],
                "updated_at": call.user["created_at"],
                "has_refresh_token": True,
                "expires": later(_LOGIN),
                "authenticated": True,
                "validate_error": "",
            }
            for item in call.store.all("external_auth")
            if call.user["username"] in item["logins"]
        ],
    }


def get_external_auth(call: Call) -> Any:
    """GET /external-auth/{provider}: whether the caller has logged in there."""
    provider = call.store.get("external_auth", call.path["provider"])
    if provider is None:
        raise not_found()
    authenticated = call.user["username"] in provider["logins"]
    return {
        "authenticated": authenticated,
        "device": False,
        "display_name": provider["display_name"],
        # Coder reads it from GitHub alone.
        "user": None,
        "app_installable": False,
        "installations": [],
        "app_install_url": "",
        "supports_revocation": False,
    }


def _fits(line: Document, word: str) -> bool:
    key, _, value = word.partition(":")
    if key not in ("resource_id", "resource_type", "resource_target", "action"):
        raise ApiError(
            HTTPStatus.BAD_REQUEST,
            "Invalid audit search query.",
            validations={key: f"{key!r} is not a valid query param"},
        )
    return bool(line[key] == value)


def list_audit(call: Call) -> Any:
    """GET /audit?limit=&q=: the newest first; q holds resource_id:ID and the like."""
    call.require_owner()
    lines = [
        line
        for line in call.store.all("audit")[::-1]
        if all(_fits(line, word) for word in call.query.get("q", "").split())
    ]
    return {
        "audit_logs": [
            {
                **{key: value for key, value in line.items() if key != "user_id"},
                "user": _author(call.store, line["user_id"]),
                "organization": _organization(call.store, line["organization_id"]),
                "ip": "127.0.0.1",
                "diff": {},
                "status_code": HTTPStatus.OK,
                "description": f"{{user}} {_DONE[line['action']]} {{target}}",
                "resource_icon": "",
                "resource_link": "",
                "is_deleted": line["action"] == "delete",
            }
            for line in _page(lines, call.query)
        ],
        "count": len(lines),
    }


def _author(store: Store, id: str) -> Document:
    # The log does not look up of what organizations they are.
    return {**show_user(store, store.get("user", id) or {}), "organization_ids": []}


def _organization(store: Store, id: str) -> Document:
    found = store.get("organization", id) or {}
    return {key: found.get(key, "") for key in ("id", "name", "display_name", "icon")}
