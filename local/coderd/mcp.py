"""MCP servers of an organization, for Coder Agents (experimental API of Coder 2.37).

Keys, headers and client secrets are taken and never given back: answers say only that there is
one. Here nothing is sent with them, so not even a trace of them is stored.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from local.coderd.people import organization_of
from local.coderd.rest import ApiError, RestCall, check_url, invalid, not_found, text
from local.coderd.store import Document, new_id, now

_CHOICES: Final[Mapping[str, tuple[str, ...]]] = {
    "transport": ("streamable_http", "sse"),
    "auth_type": ("none", "oauth2", "api_key", "custom_headers", "user_oidc"),
    "availability": ("force_on", "default_on", "default_off"),
}
_OAUTH2: Final = (
    "oauth2_client_id",
    "oauth2_auth_url",
    "oauth2_token_url",
    "oauth2_revocation_url",
    "oauth2_scopes",
)
_TEXTS: Final = (
    "display_name",
    "slug",
    "url",
    "description",
    "icon_url",
    *_OAUTH2,
    "api_key_header",
)
_FLAGS: Final = ("enabled", "model_intent", "allow_in_plan_mode", "forward_coder_headers")
_LISTS: Final = ("tool_allow_list", "tool_deny_list")
_SECRETS: Final = {
    "oauth2_client_secret": "has_oauth2_secret",
    "api_key_value": "has_api_key",
    "custom_headers": "has_custom_headers",
}


def list_servers(call: RestCall) -> Any:
    """GET /organizations/{organization}/mcp-servers."""
    organization = organization_of(call)
    return [
        _show(server)
        for server in call.store.all("mcp_server")
        if server["organization_id"] == organization["id"] and (call.is_owner or server["enabled"])
    ]


def get_server(call: RestCall) -> Any:
    """GET /organizations/{organization}/mcp-servers/{server}."""
    return _show(_server_of(call))


def _show(server: Document) -> Document:
    return {**server, "auth_connected": server["auth_type"] != "oauth2"}


def _server_of(call: RestCall) -> Document:
    server = call.store.get("mcp_server", call.path["server"])
    if server is None or server["organization_id"] != organization_of(call)["id"]:
        raise not_found()
    if not (call.is_owner or server["enabled"]):
        raise not_found()
    return server


def create_server(call: RestCall) -> Any:
    """POST /organizations/{organization}/mcp-servers."""
    call.require_owner()
    organization = organization_of(call)
    body = call.json()
    moment = now()
    server = {
        "id": new_id(),
        "organization_id": organization["id"],
        **dict.fromkeys(_TEXTS, ""),
        **dict.fromkeys(_FLAGS, False),
        **{name: [] for name in _LISTS},
        **dict.fromkeys(_SECRETS.values(), False),
        "transport": text(body, "transport"),
        "auth_type": text(body, "auth_type"),
        "availability": text(body, "availability"),
        "created_at": moment,
        "updated_at": moment,
    }
    server = _changed(server, body)
    _check(call, server)
    call.store.put("mcp_server", server)
    call.audit("create", "mcp_server", server, server["slug"])
    return _show(server), HTTPStatus.CREATED


def update_server(call: RestCall) -> Any:
    """PATCH /organizations/{organization}/mcp-servers/{server}: only what is given changes."""
    call.require_owner()
    server = _server_of(call)
    body = call.json()
    changed = dict(server)
    if text(body, "auth_type", server["auth_type"]) != server["auth_type"]:
        # What belongs to the way of proving oneself that is left goes with it.
        changed |= dict.fromkeys((*_OAUTH2, "api_key_header"), "")
        changed |= dict.fromkeys(_SECRETS.values(), False)
    changed = _changed(changed, body)
    _check(call, changed)
    changed["updated_at"] = now()
    call.store.put("mcp_server", changed)
    call.audit("write", "mcp_server", changed, changed["slug"])
    return _show(changed)


def delete_server(call: RestCall) -> Any:
    """DELETE /organizations/{organization}/mcp-servers/{server}."""
    call.require_owner()
    server = _server_of(call)
    call.store.delete("mcp_server", server["id"])
    call.audit("delete", "mcp_server", server, server["slug"])
    return None, HTTPStatus.NO_CONTENT


def _changed(server: Document, body: Document) -> Document:
    changed = dict(server)
    for name in (*_TEXTS, *_CHOICES):
        if body.get(name) is not None:
            changed[name] = text(body, name).strip()
    for name in _FLAGS:
        if body.get(name) is not None:
            if not isinstance(body[name], bool):
                raise invalid(**{name: "must be true or false"})
            changed[name] = body[name]
    for name in _LISTS:
        if body.get(name) is not None:
            if not isinstance(body[name], list):
                raise invalid(**{name: "must be a list of tool names"})
            changed[name] = sorted({str(item) for item in body[name]})
    for name, has in _SECRETS.items():
        if body.get(name):
            changed[has] = True
    return changed


def _check(call: RestCall, server: Document) -> None:
    for name in ("display_name", "slug", "url"):
        if not server[name]:
            raise invalid(**{name: "is required"})
    for name, choices in _CHOICES.items():
        if server[name] not in choices:
            raise invalid(**{name: f"must be one of {', '.join(choices)}"})
    for name in ("url", "oauth2_auth_url", "oauth2_token_url", "oauth2_revocation_url"):
        if server[name]:
            check_url(server[name], name)
    _check_auth(server)
    taken = call.store.find(
        "mcp_server",
        lambda item: (
            item["organization_id"] == server["organization_id"]
            and item["slug"] == server["slug"]
            and item["id"] != server["id"]
        ),
    )
    if taken:
        raise ApiError(HTTPStatus.CONFLICT, "MCP server config already exists.")


def _check_auth(server: Document) -> None:
    kind = server["auth_type"]
    if kind == "api_key" and not (server["api_key_header"] and server["has_api_key"]):
        raise ApiError(
            HTTPStatus.BAD_REQUEST,
            "API key auth type requires api_key_header and api_key_value.",
        )
    if kind == "custom_headers" and not server["has_custom_headers"]:
        raise ApiError(
            HTTPStatus.BAD_REQUEST, "Custom headers auth type requires at least one custom header."
        )
    if kind == "oauth2" and not all(
        server[name] for name in ("oauth2_client_id", "oauth2_auth_url", "oauth2_token_url")
    ):
        # Coder would discover them at the server, which is not reached from here.
        raise ApiError(
            HTTPStatus.BAD_REQUEST,
            "OAuth2 auth type requires oauth2_client_id, oauth2_auth_url, and oauth2_token_url.",
        )
