"""Providers of the AI Gateway: /api/v2/ai/providers, as Coder's coderd/ai_providers.go answers.

Keys are taken and never given back: of each is kept what Coder shows, its masked ends. They need no
licence. Who is no owner may list and make none, and finds none.
"""

import re
import secrets
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import UUID

from local.coderd.rest import ApiError, RestCall, not_found
from local.coderd.store import Document, new_id, now

_NAME: Final = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_NAME_RULE: Final = "^[a-z0-9]+(-[a-z0-9]+)*$"
_TYPES: Final = (
    *("openai", "anthropic", "azure", "bedrock", "google", "openai-compat", "openrouter"),
    *("vercel", "copilot"),
)
_OF_BEDROCK: Final = ("anthropic", "bedrock")
_BEDROCK: Final = ("region", "model", "small_fast_model", "role_arn", "external_id", "protocol")
_AWS_KEYS: Final = ("access_key", "access_key_secret")
_VERSION: Final = 1
# How many characters of a key's ends are shown, by its length.
_SHOWN: Final = ((20, 4), (10, 2), (5, 1))


def list_providers(call: RestCall) -> Any:
    """GET /ai/providers."""
    call.require_owner()
    return [_show(each) for each in call.store.all("ai_provider")]


def get_provider(call: RestCall) -> Any:
    """GET /ai/providers/{provider}, by id or name."""
    return _show(_provider_of(call))


def create_provider(call: RestCall) -> Any:
    """POST /ai/providers."""
    body = call.json()
    bedrock = _bedrock(body.get("settings"))
    keys = body.get("api_keys") or []
    wrong = [
        *_type_problems(body, bedrock, keys),
        *_url_problems(body.get("base_url")),
        *_key_problems("api_keys[{}]", keys),
    ]
    _refuse(wrong)
    if bedrock is not None and keys:
        raise _bedrock_takes_no_keys()
    call.require_owner()
    if call.store.find("ai_provider", lambda each: each["name"] == body["name"]):
        raise ApiError(HTTPStatus.CONFLICT, f'AI provider "{body["name"]}" already exists.')
    moment = now()
    provider = {
        "id": new_id(),
        "type": body["type"],
        "name": body["name"],
        "display_name": body.get("display_name") or "",
        "enabled": bool(body.get("enabled")),
        "base_url": body["base_url"],
        "api_keys": [_kept(key) for key in keys],
        "settings": _settled(bedrock, {}),
        "created_at": moment,
        "updated_at": moment,
    }
    call.store.put("ai_provider", provider)
    call.audit("create", "ai_provider", provider, provider["name"])
    return _show(provider), HTTPStatus.CREATED


def update_provider(call: RestCall) -> Any:
    """PATCH /ai/providers/{provider}: what is not given stays; given keys replace all others."""
    body = call.json()
    given = {
        name: body[name]
        for name in ("display_name", "enabled", "base_url", "api_keys")
        if body.get(name) is not None
    }
    # Go takes null for a field that is not there, so settings cannot be cleared.
    settings = body.get("settings")
    if not given and settings is None:
        raise ApiError(HTTPStatus.BAD_REQUEST, "At least one field must be provided.")
    wrong = _url_problems(given["base_url"]) if "base_url" in given else []
    keys = given.pop("api_keys", None)
    for index, key in enumerate(keys or ()):
        place = f"api_keys[{index}]"
        if ("id" in key) == ("api_key" in key):
            wrong.append((place, "exactly one of id or api_key must be set"))
        elif "api_key" in key:
            wrong += _key_problems(f"{place}.api_key", [key["api_key"]], "api_key")
    _refuse(wrong)
    provider = _provider_of(call)
    changed = {**provider, **given}
    if settings is not None:
        bedrock = _bedrock(settings)
        held = provider["settings"] or {}
        if bedrock and bedrock.get("external_id") not in (None, "", held.get("external_id")):
            raise ApiError(
                HTTPStatus.BAD_REQUEST,
                "The Bedrock external ID is server-generated and cannot be changed.",
            )
        changed["settings"] = _settled(bedrock, held)
    if changed["settings"] and provider["type"] not in _OF_BEDROCK:
        raise ApiError(
            HTTPStatus.BAD_REQUEST,
            "Bedrock settings are only valid for type=anthropic or type=bedrock.",
        )
    if keys and changed["settings"]:
        raise _bedrock_takes_no_keys()
    if keys and provider["type"] == "copilot":
        raise ApiError(
            HTTPStatus.BAD_REQUEST,
            "Copilot providers do not accept api_keys; they authenticate via request-time GitHub "
            "OAuth tokens.",
        )
    if keys is not None:
        changed["api_keys"] = _applied(provider["api_keys"], keys)
    changed["updated_at"] = now()
    call.store.put("ai_provider", changed)
    call.audit("write", "ai_provider", changed, changed["name"])
    return _show(changed)


def delete_provider(call: RestCall) -> Any:
    """DELETE /ai/providers/{provider}."""
    provider = _provider_of(call)
    call.store.delete("ai_provider", provider["id"])
    call.audit("delete", "ai_provider", provider, provider["name"])
    return None, HTTPStatus.NO_CONTENT


def _provider_of(call: RestCall) -> Document:
    wanted = call.path["provider"]
    by: Callable[[Document], bool]
    try:
        id = str(UUID(wanted))
        by = lambda each: each["id"] == id  # noqa: E731  one of two, by what is given
    except ValueError:
        if not _NAME.fullmatch(wanted):
            raise ApiError(
                HTTPStatus.BAD_REQUEST,
                f"Invalid provider id or name: must be a UUID or match {_NAME_RULE}.",
            ) from None
        by = lambda each: each["name"] == wanted  # noqa: E731
    provider = call.store.find("ai_provider", by)
    # Coder says of what one may not read that it is not there.
    if provider is None or not call.is_owner:
        raise not_found()
    return provider


def _show(provider: Document) -> Document:
    settings = provider["settings"]
    shown = {
        name: value for name, value in (settings or {}).items() if name not in _AWS_KEYS and value
    }
    return {
        **provider,
        "display_name": provider["display_name"] or provider["name"],
        "settings": settings and {"_type": "bedrock", "_version": _VERSION, **shown},
    }


def _bedrock(settings: Any) -> Document | None:
    """The Bedrock settings of a body."""
    if settings is None:
        return None
    if not isinstance(settings, Mapping) or not settings.get("_type"):
        raise _undecodable("settings missing _type discriminator")
    if settings["_type"] != "bedrock":
        raise _undecodable(f'unknown settings type "{settings["_type"]}"')
    if settings.get("_version") != _VERSION:
        version = settings.get("_version", 0)
        raise _undecodable(
            f'unsupported "bedrock" settings version {version} (expected {_VERSION})'
        )
    return {name: settings.get(name) for name in (*_BEDROCK, *_AWS_KEYS)}


def _undecodable(why: str) -> ApiError:
    return ApiError(HTTPStatus.BAD_REQUEST, "Request body must be valid JSON.", detail=why)


def _settled(bedrock: Document | None, held: Document) -> Document | None:
    """Settings as they are kept: of AWS keys only whether there are any."""
    if bedrock is None:
        return None
    settings = {name: bedrock[name] or "" for name in _BEDROCK}
    settings["external_id"] = held.get("external_id") or ""
    if settings["role_arn"] and not settings["external_id"]:
        settings["external_id"] = secrets.token_hex(13).upper()
    for name in _AWS_KEYS:
        # Not given keeps what is there, empty clears it.
        settings[name] = held.get(name, False) if bedrock[name] is None else bool(bedrock[name])
    return settings


def _kept(key: str) -> Document:
    return {"id": new_id(), "masked": masked(key), "created_at": now()}


def masked(key: str) -> str:
    """A key as Coder shows it: its ends alone, and of a short one nothing."""
    ends = next((count for least, count in _SHOWN if len(key) >= least), 0)
    return f"{key[:ends]}...{key[-ends:]}" if ends else "..."


def _applied(there: list[Document], keys: list[Document]) -> list[Document]:
    known = {each["id"]: each for each in there}
    for key in keys:
        if "id" in key and key["id"] not in known:
            raise ApiError(
                HTTPStatus.BAD_REQUEST, "api_keys references an unknown id for this provider"
            )
    return [known[key["id"]] if "id" in key else _kept(key["api_key"]) for key in keys]


def _refuse(wrong: list[tuple[str, str]]) -> None:
    if wrong:
        raise ApiError(
            HTTPStatus.BAD_REQUEST, "Invalid AI provider request.", validations=dict(wrong)
        )


def _bedrock_takes_no_keys() -> ApiError:
    return ApiError(
        HTTPStatus.BAD_REQUEST,
        "Bedrock providers do not accept api_keys; configure access credentials via settings.",
    )


def _type_problems(
    body: Document, bedrock: Document | None, keys: list[str]
) -> list[tuple[str, str]]:
    kind, name = body.get("type") or "", body.get("name") or ""
    wrong = []
    if not kind:
        wrong.append(("type", "type is required"))
    elif kind not in _TYPES:
        wrong.append(("type", f'unsupported provider type "{kind}"'))
    if not name:
        wrong.append(("name", "name is required"))
    elif not _NAME.fullmatch(name):
        rule = f"name must match {_NAME_RULE} (lowercase alphanumeric, hyphens between words)"
        wrong.append(("name", rule))
    if bedrock is not None and kind not in _OF_BEDROCK:
        rule = "bedrock settings are only valid for type=anthropic or type=bedrock"
        wrong.append(("settings", rule))
    configured = bedrock is not None and any(
        bedrock[each] for each in ("region", "role_arn", *_AWS_KEYS)
    )
    if kind == "bedrock" and not configured:
        wrong.append(("settings", "type=bedrock requires bedrock settings"))
    if kind in ("bedrock", "copilot") and keys:
        wrong.append(("api_keys", f"type={kind} does not accept api_keys"))
    return wrong


def _url_problems(url: Any) -> list[tuple[str, str]]:
    if not url:
        return [("base_url", "base_url is required")]
    parts = urlsplit(str(url))
    if not parts.scheme or not parts.netloc:
        rule = "base_url must be an absolute URL (e.g. https://api.example.com/)"
        return [("base_url", rule)]
    if parts.scheme not in ("http", "https"):
        return [("base_url", f'base_url scheme must be http or https, got "{parts.scheme}"')]
    return []


def _key_problems(
    place: str, keys: list[str], what: str = "api_keys entries"
) -> list[tuple[str, str]]:
    wrong = []
    for index, key in enumerate(keys):
        if key == "":
            wrong.append((place.format(index), f"{what} must not be empty"))
        elif key.strip() != key:
            rule = f"{what} must not contain leading or trailing whitespace"
            wrong.append((place.format(index), rule))
    return wrong
