"""The resource AiProvider: a provider of models for Coder's AI Gateway and Coder Agents.

Rules and requests are those of internal/provider/ai_provider_resource.go in
coder/terraform-provider-coderd. Write-only properties are treated as those of AgentsMcpServer.
"""

import re
import threading
from collections.abc import Mapping
from datetime import datetime
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlsplit

from local.providers.base import Call, Checked, Difference, PropertyChange, Resource
from local.providers.coderd_client import BridgedError, Client, Json, Refusal, client_error
from local.providers.coderd_settings import ResourceContext
from local.providers.wire import UNKNOWN, Properties, has_unknown, plain

_PATH: Final = "/api/v2/ai/providers"
_TYPES: Final = (
    *("openai", "anthropic", "azure", "bedrock", "google", "openai-compat", "openrouter"),
    *("vercel", "copilot"),
)
_NAME: Final = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_CANONICAL: Final = re.compile(
    r"https://bedrock-runtime\.([a-z0-9-]+)\.amazonaws\.com/?", re.IGNORECASE
)
_PROTOCOLS: Final = ("invoke-model", "mantle")
_AWS_KEYS: Final = {"accessKeyWo": "access_key", "accessKeySecretWo": "access_key_secret"}
_BEDROCK: Final = {
    "region": "region",
    "model": "model",
    "smallFastModel": "small_fast_model",
    "roleArn": "role_arn",
    "protocol": "protocol",
}
# Kept as coderd has it where the program says nothing of it; the rest is then cleared.
_KEPT: Final = ("region", "model", "smallFastModel")
_VERSION: Final = "credentialsWoVersion"
_KEY: Final = "apiKeyWo"
_KEY_VERSION: Final = "apiKeyWoVersion"


class AiProviderKind:
    """Serves AiProvider.

    Args:
        deployment: where the providers are.
    """

    def __init__(self, deployment: ResourceContext) -> None:
        self._deployment = deployment
        self._written: dict[str, dict[str, Any]] = {}
        self._lock = threading.Lock()

    def check(self, call: Call, old: Properties, new: Properties) -> Checked:
        """Refuse what the Terraform provider refuses, and keep secrets from the engine's state."""
        given = plain(new)
        failures = [*_general_failures(given), *_bedrock_failures(given)]
        bedrock = _bedrock_of(given)
        with self._lock:
            self._written[call.urn] = {
                **({_KEY: given[_KEY]} if _KEY in given else {}),
                **{key: bedrock[key] for key in _AWS_KEYS if key in bedrock},
            }
        inputs = {name: value for name, value in new.items() if name != _KEY}
        if isinstance(given.get("settings"), Mapping) and bedrock:
            shown = {name: value for name, value in bedrock.items() if name not in _AWS_KEYS}
            inputs["settings"] = {"bedrock": shown}
        return Checked(inputs, tuple(failures))

    def diff(
        self, call: Call, old_inputs: Properties, state: Properties, new: Properties
    ) -> Difference:
        """Compare with what is there; of what is write-only, the version."""
        planned, held = _planned(plain(new), plain(state)), plain(state)
        changes: dict[str, PropertyChange] = {}
        for name in ("name", "type", "displayName", "enabled", "baseUrl", _KEY_VERSION, "settings"):
            value, there = planned.get(name), held.get(name)
            if name == "settings":
                value, there = _without_id(value), _without_id(there)
            if has_unknown(value) or value != there:
                kind = "add" if there is None else "delete" if value is None else "update"
                changes[name] = PropertyChange(kind, replace=name in ("name", "type"))
        return Difference(
            {name: changes[name] for name in changes if name not in call.ignore_changes},
            of_inputs=False,
            detailed=False,
        )

    def create(self, call: Call, new: Properties) -> Resource:
        """Make the provider with its credentials."""
        given = plain(new)
        planned = _planned(given, {})
        if call.preview:
            return Resource("", {**planned, **dict.fromkeys(("createdAt", "updatedAt"), UNKNOWN)})
        written = self._secrets(call)
        body: Json = {
            "type": given["type"],
            "name": given["name"],
            "enabled": planned["enabled"],
            "base_url": given["baseUrl"],
        }
        if given.get("displayName"):
            body["display_name"] = given["displayName"]
        if _KEY in written:
            body["api_keys"] = [written[_KEY]]
        if bedrock := _bedrock_of(planned):
            body["settings"] = _request(bedrock, written if len(_aws(written)) > 1 else {})
        with client_error("Unable to create AI provider, got error"):
            provider = self._client().post(_PATH, body)
        return Resource(provider["id"], _state(provider, given))

    def read(self, call: Call, inputs: Properties, state: Properties) -> Resource | None:
        """The provider as it is now; an import is by its id or name."""
        with client_error("Unable to read AI provider, got error"):
            provider = self._client().find(f"{_PATH}/{call.id}")
        if provider is None:
            return None
        found = _state(provider, plain(state))
        names = inputs or ("name", "type", "displayName", "enabled", "baseUrl", "settings")
        as_there = {name: found[name] for name in names if name in found}
        return Resource(provider["id"], found, {**inputs, **as_there})

    def update(
        self, call: Call, old_inputs: Properties, state: Properties, new: Properties
    ) -> Properties:
        """Send what differs, and credentials if their version does."""
        held, given = plain(state), plain(new)
        planned = _planned(given, held)
        if call.preview:
            return {**planned, "createdAt": held["createdAt"], "updatedAt": UNKNOWN}
        body = self._patch(call, given, planned, held)
        with client_error("Unable to update AI provider, got error"):
            path = f"{_PATH}/{call.id}"
            provider = self._client().patch(path, body) if body else self._client().get(path)
        return _state(provider, given)

    def delete(self, call: Call, old_inputs: Properties, state: Properties) -> None:
        """Remove the provider; one that is gone already is no error."""
        with client_error("Unable to delete AI provider, got error"):
            try:
                self._client().delete(f"{_PATH}/{call.id}")
            except Refusal as refusal:
                if refusal.status != HTTPStatus.NOT_FOUND:
                    raise

    def _patch(self, call: Call, given: Json, planned: Json, held: Json) -> Json:
        written = self._secrets(call)
        body: Json = {}
        for name, api in (("enabled", "enabled"), ("baseUrl", "base_url")):
            if planned[name] != held.get(name):
                body[api] = planned[name]
        if planned["displayName"] != held.get("displayName"):
            body["display_name"] = given.get("displayName") or ""
        bedrock, before = _bedrock_of(planned), _bedrock_of(held)
        if given["type"] == "bedrock" and not bedrock:
            raise BridgedError(
                'Missing Bedrock Settings: `type = "bedrock"` requires `settings.bedrock`; it '
                "cannot be removed from an existing Bedrock provider."
            )
        rotated = _VERSION in bedrock and bedrock[_VERSION] != before.get(_VERSION)
        if rotated and len(_aws(written)) < len(_AWS_KEYS):
            raise BridgedError(
                "Missing Bedrock Credentials: Bedrock credential version changed, so both "
                "`access_key_wo` and `access_key_secret_wo` must be configured. Use empty strings "
                "for both to clear stored credentials."
            )
        if bedrock:
            body["settings"] = _request(bedrock, written if rotated else {})
        elif before:
            body["settings"] = None
        version = given.get(_KEY_VERSION)
        if version is not None and version != held.get(_KEY_VERSION):
            if _KEY not in written:
                raise BridgedError(
                    "Missing API Key: `api_key_wo` must be configured when `api_key_wo_version` "
                    "changes."
                )
            body["api_keys"] = [{"api_key": written[_KEY]}]
        return body

    def _client(self) -> Client:
        return self._deployment.client()

    def _secrets(self, call: Call) -> Json:
        with self._lock:
            written = self._written.get(call.urn, {})
        return {key: value for key, value in written.items() if value not in (None, UNKNOWN)}


def _aws(written: Mapping[str, Any]) -> list[str]:
    return [key for key in _AWS_KEYS if key in written]


def _bedrock_of(properties: Mapping[str, Any]) -> Json:
    settings = properties.get("settings")
    bedrock = settings.get("bedrock") if isinstance(settings, Mapping) else None
    return dict(bedrock) if isinstance(bedrock, Mapping) else {}


def _without_id(settings: Any) -> Any:
    bedrock = _bedrock_of({"settings": settings})
    bedrock.pop("externalId", None)
    return {"bedrock": bedrock} if bedrock else None


def _region(base_url: Any) -> str:
    match = _CANONICAL.fullmatch(base_url.strip()) if isinstance(base_url, str) else None
    return match[1].lower() if match else ""


def _planned(given: Json, held: Json) -> Json:
    """Every property as it should become; None for what is to be cleared."""
    planned: Json = {
        "name": given.get("name"),
        "type": given.get("type"),
        "baseUrl": given.get("baseUrl"),
        "enabled": given.get("enabled", True),
        "displayName": given.get("displayName", held.get("displayName", UNKNOWN)),
    }
    if _KEY_VERSION in given:
        planned[_KEY_VERSION] = given[_KEY_VERSION]
    if isinstance(given.get("settings"), Mapping):
        bedrock, before = _bedrock_of(given), _bedrock_of(held)
        kept = {name: before[name] for name in _KEPT if name in before}
        if region := _region(given.get("baseUrl")):
            kept["region"] = region
        there = {"externalId": before["externalId"]} if "externalId" in before else {}
        known = {name: value for name, value in bedrock.items() if name not in _AWS_KEYS}
        planned["settings"] = {"bedrock": {**kept, **there, **known}}
    elif given.get("settings") is UNKNOWN:
        planned["settings"] = UNKNOWN
    return planned


def _request(bedrock: Json, written: Json) -> Json:
    return {
        "_type": "bedrock",
        "_version": 1,
        **{api: bedrock[name] for name, api in _BEDROCK.items() if bedrock.get(name)},
        **{api: written[name] for name, api in _AWS_KEYS.items() if name in written},
    }


def _state(provider: Json, versions: Mapping[str, Any]) -> Properties:
    state: Properties = {
        "type": provider["type"],
        "name": provider["name"],
        "displayName": provider["display_name"],
        "enabled": provider["enabled"],
        "baseUrl": provider["base_url"],
        "createdAt": _seconds(provider["created_at"]),
        "updatedAt": _seconds(provider["updated_at"]),
    }
    if provider["api_keys"]:
        state["apiKeyMasked"] = provider["api_keys"][0]["masked"]
    if versions.get(_KEY_VERSION) is not None:
        state[_KEY_VERSION] = versions[_KEY_VERSION]
    if settings := provider["settings"]:
        names = {**_BEDROCK, "externalId": "external_id"}
        bedrock = {name: settings[api] for name, api in names.items() if settings.get(api)}
        version = _bedrock_of(versions).get(_VERSION)
        state["settings"] = {
            "bedrock": {**bedrock, **({} if version is None else {_VERSION: version})}
        }
    return state


def _seconds(moment: str) -> int:
    return int(datetime.fromisoformat(moment).timestamp())


def _general_failures(given: Json) -> list[tuple[str, str]]:
    failures = []
    kind, name, url = given.get("type"), given.get("name"), given.get("baseUrl")
    if isinstance(kind, str) and kind not in _TYPES:
        failures.append(("type", f"{kind!r} is not one of {', '.join(_TYPES)}"))
    if isinstance(name, str) and not _NAME.fullmatch(name):
        failures.append(("name", "must be lowercase alphanumeric words separated by hyphens"))
    if isinstance(url, str):
        parts = urlsplit(url)
        if not parts.scheme or not parts.netloc:
            failures.append(("baseUrl", "must be an absolute URL"))
        elif parts.scheme not in ("http", "https"):
            failures.append(("baseUrl", f"scheme must be http or https, got {parts.scheme}"))
    if _KEY in given:
        if given[_KEY] == "":
            failures.append((_KEY, "must not be empty"))
        if _KEY_VERSION not in given:
            failures.append((_KEY, f"needs {_KEY_VERSION} beside it"))
        if kind in ("bedrock", "copilot"):
            failures.append((_KEY, f"must not be configured when type is {kind}"))
        elif _bedrock_of(given):
            failures.append((_KEY, "must not be configured when settings.bedrock is set"))
    return failures


def _bedrock_failures(given: Json) -> list[tuple[str, str]]:
    kind, settings = given.get("type"), given.get("settings")
    if settings is UNKNOWN or (
        isinstance(settings, Mapping) and settings.get("bedrock") is UNKNOWN
    ):
        return []
    place = "settings.bedrock"
    if not isinstance(settings, Mapping) or settings.get("bedrock") is None:
        if kind == "bedrock":
            return [("settings", "type bedrock requires settings.bedrock")]
        return [("settings", "must include bedrock or be omitted")] if settings is not None else []
    bedrock = _bedrock_of(given)
    failures = [
        (f"{place}.{name}", "must not be empty")
        for name in ("region", "model", "smallFastModel", "roleArn")
        if bedrock.get(name) == ""
    ]
    failures += [
        (f"{place}.{key}", f"needs {other} beside it")
        for key in _AWS_KEYS
        for other in (*(each for each in _AWS_KEYS if each != key), _VERSION)
        if key in bedrock and other not in bedrock
    ]
    protocol = bedrock.get("protocol")
    if isinstance(protocol, str) and protocol not in _PROTOCOLS:
        failures.append((f"{place}.protocol", f"{protocol!r} is not one of {_PROTOCOLS}"))
    if isinstance(kind, str) and kind not in ("anthropic", "bedrock"):
        failures.append((place, "is only valid when type is anthropic or bedrock"))
    told = [
        given.get("baseUrl"),
        *(bedrock.get(name) for name in ("region", "roleArn", *_AWS_KEYS)),
    ]
    if kind == "bedrock" and not has_unknown(told):
        region = bedrock.get("region") or _region(given.get("baseUrl"))
        if not region and not any(bedrock.get(name) for name in ("roleArn", *_AWS_KEYS)):
            failures.append((place, "set region or write-only AWS credentials"))
        if protocol == "mantle" and not region:
            failures.append((f"{place}.region", "protocol mantle requires region"))
    return failures
