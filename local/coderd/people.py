"""Users, organizations, groups, external logins and the audit log of the stand-in."""

import secrets
from collections.abc import Mapping
from datetime import timedelta
from http import HTTPStatus
from typing import Any

from local.coderd.rest import (
    ApiError,
    RestCall,
    check_name,
    invalid,
    not_found,
    text,
    token_id,
)
from local.coderd.shapes import show_member, show_user
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


def organization_of(call: RestCall) -> Document:
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


def user_of(call: RestCall) -> Document:
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


# Users


def check_authority(call: RestCall) -> Any:
    """POST /authcheck: what the caller may do; here an owner may do all, and a member nothing."""
    checks = call.json().get("checks")
    if not isinstance(checks, Mapping):
        raise invalid(checks="must be an object")
    return dict.fromkeys(checks, call.is_owner)


def get_user(call: RestCall) -> Any:
    """GET /users/{user}."""
    return show_user(call.store, user_of(call))


def list_users(call: RestCall) -> Any:
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


def create_user(call: RestCall) -> Any:
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


def create_token(call: RestCall) -> Any:
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


def list_organizations(call: RestCall) -> Any:
    """GET /organizations."""
    return call.store.all("organization")


def get_organization(call: RestCall) -> Any:
    """GET /organizations/{organization}."""
    return organization_of(call)


def list_members(call: RestCall) -> Any:
    """GET /organizations/{organization}/members."""
    organization = organization_of(call)
    return [show_member(organization, user) for user in call.store.all("user")]


# External logins and the audit log


def list_external_auth(call: RestCall) -> Any:
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


def get_external_auth(call: RestCall) -> Any:
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


def list_audit(call: RestCall) -> Any:
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
