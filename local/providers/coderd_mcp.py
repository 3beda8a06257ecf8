"""The resource AgentsMcpServer: an MCP server of an organization for Coder Agents.

Rules and requests are those of Coder's Terraform provider
(internal/provider/agents_mcp_server_resource.go in coder/terraform-provider-coderd). Properties
that end in Wo are write-only: they are taken out of the inputs before the engine stores them, and
kept in memory until the update sends them. Whether they are sent depends on their version alone.
"""

import threading
from collections.abc import Mapping
from datetime import datetime
from http import HTTPStatus
from typing import Any, Final

from local.providers.base import Call, Checked, Difference, PropertyChange, Resource
from local.providers.coderd_client import Json, Refusal, client_error
from local.providers.coderd_settings import (
    ResourceContext,
    Setting,
    as_found,
    differing,
    not_default,
    request,
    shown,
    wanted,
)
from local.providers.wire import UNKNOWN, Properties, plain

_CHOICES: Final = {
    "transport": ("streamable_http", "sse"),
    "authType": ("none", "oauth2", "api_key", "custom_headers", "user_oidc"),
    "availability": ("force_on", "default_on", "default_off"),
}
_MANUAL_OAUTH2: Final = ("oauth2ClientId", "oauth2AuthUrl", "oauth2TokenUrl")
_ONLY_WITH: Final = {
    **dict.fromkeys((*_MANUAL_OAUTH2, "oauth2RevocationUrl", "oauth2Scopes"), "oauth2"),
    "apiKeyHeader": "api_key",
}
# Write-only property: its name in the API and the way of proving oneself it belongs to.
_WRITE_ONLY: Final = {
    "oauth2ClientSecretWo": ("oauth2_client_secret", "oauth2"),
    "apiKeyValueWo": ("api_key_value", "api_key"),
    "customHeadersWo": ("custom_headers", "custom_headers"),
}
_SETTINGS: Final = {
    "displayName": Setting("display_name"),
    "slug": Setting("slug"),
    "url": Setting("url"),
    "description": Setting("description", ""),
    "iconUrl": Setting("icon_url", ""),
    "transport": Setting("transport", "streamable_http"),
    "authType": Setting("auth_type", "none"),
    "availability": Setting("availability", "default_off"),
    "oauth2ClientId": Setting("oauth2_client_id"),
    "oauth2AuthUrl": Setting("oauth2_auth_url"),
    "oauth2TokenUrl": Setting("oauth2_token_url"),
    "oauth2RevocationUrl": Setting("oauth2_revocation_url"),
    "oauth2Scopes": Setting("oauth2_scopes", ""),
    "apiKeyHeader": Setting("api_key_header"),
    "toolAllowLists": Setting("tool_allow_list", [], unordered=True),
    "toolDenyLists": Setting("tool_deny_list", [], unordered=True),
    "enabled": Setting("enabled", False),
    "modelIntent": Setting("model_intent", False),
    "allowInPlanMode": Setting("allow_in_plan_mode", False),
    "forwardCoderHeaders": Setting("forward_coder_headers", False),
}


class AgentsMcpServerKind:
    """Serves AgentsMcpServer.

    Args:
        deployment: where the servers are.
    """

    def __init__(self, deployment: ResourceContext) -> None:
        self._deployment = deployment
        self._written: dict[str, dict[str, Any]] = {}
        self._lock = threading.Lock()

    def check(self, call: Call, old: Properties, new: Properties) -> Checked:
        """Refuse what the Terraform provider refuses, and keep secrets from the engine's state."""
        given = plain(new)
        failures = [
            (key, f"{given[key]!r} is not one of {', '.join(choices)}")
            for key, choices in _CHOICES.items()
            if isinstance(given.get(key), str) and given[key] not in choices
        ]
        failures += [
            (key, "must not be empty")
            for key in (*_MANUAL_OAUTH2, "apiKeyHeader", "displayName", "slug", "url", *_WRITE_ONLY)
            if given.get(key) in ("", {})
        ]
        failures += [
            (key, f"needs {key}Version beside it, to be raised whenever the value changes")
            for key in _WRITE_ONLY
            if key in given and f"{key}Version" not in given
        ]
        failures += _check_auth(given, plain(old))
        with self._lock:
            self._written[call.urn] = {key: given[key] for key in _WRITE_ONLY if key in given}
        inputs = {key: value for key, value in new.items() if key not in _WRITE_ONLY}
        return Checked(inputs, tuple(failures))

    def diff(
        self, call: Call, old_inputs: Properties, state: Properties, new: Properties
    ) -> Difference:
        """Compare with what is there; of what is write-only, the version."""
        changes = differing(_SETTINGS, new, state)
        if "organizationId" in new and plain(new["organizationId"]) != state.get("organizationId"):
            changes["organizationId"] = PropertyChange("update", replace=True)
        for key in _WRITE_ONLY:
            name = f"{key}Version"
            if name in new and plain(new[name]) != plain(state.get(name)):
                changes[name] = PropertyChange("update" if name in state else "add")
            elif name in state and name not in new:
                # An update that sends nothing: the secret stays.
                changes[name] = PropertyChange("delete")
        return Difference(
            {name: changes[name] for name in changes if name not in call.ignore_changes},
            of_inputs=False,
            detailed=False,
        )

    def create(self, call: Call, new: Properties) -> Resource:
        """Make the server, with the secret of the chosen way of proving oneself and no other."""
        if call.preview:
            return Resource("", _preview(new, {}))
        client = self._deployment.client()
        given = plain(new)
        body = request(_SETTINGS, wanted(_SETTINGS, given, {}))
        body |= self._secret(call, body["auth_type"])
        with client_error("Unable to create MCP server, got error"):
            server = client.post(_path(self._deployment.organization(new)), body)
        return Resource(server["id"], _state(server, given))

    def read(self, call: Call, inputs: Properties, state: Properties) -> Resource | None:
        """The server as it is now; an import is by `organization id/id`."""
        client = self._deployment.client()
        organization, slash, id = call.id.partition("/")
        if not slash:
            organization, id = self._deployment.organization(plain(state)), call.id
        server = client.find(f"{_path(organization)}/{id}")
        if server is None:
            return None
        found = _state(server, plain(state))
        if not inputs:
            return Resource(server["id"], found, not_default(_SETTINGS, found))
        return Resource(server["id"], found, as_found(_SETTINGS, inputs, found))

    def update(
        self, call: Call, old_inputs: Properties, state: Properties, new: Properties
    ) -> Properties:
        """Send what differs, and the secret if its version does or the way of proving oneself."""
        held, given = plain(state), plain(new)
        if call.preview:
            return _preview(new, held)
        path = f"{_path(held['organizationId'])}/{call.id}"
        values = wanted(_SETTINGS, given, held)
        # Only what differs from the state is sent, whatever the server has.
        changed = {name: _SETTINGS[name] for name in differing(_SETTINGS, given, held)}
        body = request(changed, values)
        kind = values["authType"]
        for key, (_, belongs) in _WRITE_ONLY.items():
            version = f"{key}Version"
            rotated = version in given and given[version] != held.get(version)
            if kind == belongs and (rotated or kind != held.get("authType")):
                body |= self._secret(call, kind)
        with client_error("Unable to update MCP server, got error"):
            server = self._deployment.client().patch(path, body)
        return _state(server, given)

    def delete(self, call: Call, old_inputs: Properties, state: Properties) -> None:
        """Remove the server; one that is gone already is no error."""
        path = f"{_path(plain(state)['organizationId'])}/{call.id}"
        with client_error("Unable to delete MCP server, got error"):
            try:
                self._deployment.client().delete(path)
            except Refusal as refusal:
                if refusal.status != HTTPStatus.NOT_FOUND:
                    raise

    def _secret(self, call: Call, kind: str) -> Json:
        with self._lock:
            written = self._written.get(call.urn, {})
        return {
            name: written[key]
            for key, (name, belongs) in _WRITE_ONLY.items()
            if kind == belongs and written.get(key) not in (None, UNKNOWN)
        }


def _path(organization: str) -> str:
    return f"/api/experimental/organizations/{organization}/mcp-servers"


def _check_auth(given: Mapping[str, Any], old: Mapping[str, Any]) -> list[tuple[str, str]]:
    kind = given.get("authType", "none")
    if kind is UNKNOWN:
        return []
    failures = [
        (key, f'can only be given when authType is "{belongs}"')
        for key, belongs in _ONLY_WITH.items()
        if key in given and kind != belongs
    ]
    entering = not old or old.get("authType", "none") != kind
    manual = [key for key in _MANUAL_OAUTH2 if key in given]
    if kind == "oauth2" and 0 < len(manual) < len(_MANUAL_OAUTH2):
        failures.append(("oauth2ClientId", f"give all of {', '.join(_MANUAL_OAUTH2)}, or none"))
    elif kind == "oauth2" and old and entering and not manual:
        failures.append(
            (
                "authType",
                f"a server that exists turns to oauth2 only with {', '.join(_MANUAL_OAUTH2)}",
            )
        )
    if kind == "api_key" and entering and "apiKeyHeader" not in given:
        failures.append(("apiKeyHeader", 'is required when authType is "api_key"'))
    for key, (_, belongs) in _WRITE_ONLY.items():
        version = f"{key}Version"
        rotated = bool(old) and version in given and given[version] != old.get(version)
        needed = rotated or (entering and kind != "oauth2")
        if kind == belongs and needed and key not in given:
            failures.append((key, f'is required when authType is "{kind}" and it is new'))
    return failures


def _state(server: Json, versions: Mapping[str, Any]) -> Properties:
    return {
        **{name: value for name, value in shown(_SETTINGS, server).items() if value != ""},
        **{
            name: server.get(_SETTINGS[name].api) or ""
            for name in ("description", "iconUrl", "oauth2Scopes")
        },
        **{
            f"{key}Version": versions[f"{key}Version"]
            for key in _WRITE_ONLY
            if f"{key}Version" in versions
        },
        "organizationId": server["organization_id"],
        "createdAt": _seconds(server["created_at"]),
        "updatedAt": _seconds(server["updated_at"]),
    }


def _seconds(moment: str) -> int:
    return int(datetime.fromisoformat(moment).timestamp())


def _preview(new: Properties, held: Properties) -> Properties:
    state = wanted(_SETTINGS, new, held)
    if plain(state["authType"]) != held.get("authType"):
        # The server clears what belongs to the way that is left.
        state |= {name: UNKNOWN for name in _ONLY_WITH if name not in new}
    for key in _WRITE_ONLY:
        if f"{key}Version" in new:
            state[f"{key}Version"] = new[f"{key}Version"]
    return {
        **state,
        "organizationId": new.get("organizationId", held.get("organizationId", UNKNOWN)),
        "createdAt": held.get("createdAt", UNKNOWN),
        "updatedAt": UNKNOWN,
    }
