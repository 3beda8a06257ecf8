"""Prices of the AI Gateway's models: /api/experimental/ai/model-prices, which takes a licence.

As enterprise/coderd/aimodelprices.go of coder/coder answers in November 2026. Coder's own list of
prices is not here: every price is a custom one. Prices can be set and not removed.
"""

from http import HTTPStatus
from typing import Any, Final

from local.coderd.licence import is_licensed
from local.coderd.rest import ApiError, RestCall
from local.coderd.store import Document, now

_PROVIDERS: Final = (
    *("openai", "anthropic", "azure", "bedrock", "google", "openrouter", "vercel", "copilot"),
)
_SOURCES: Final = ("default", "custom", "all")
_PRICES: Final = ("input_price", "output_price", "cache_read_price", "cache_write_price")
_MOST_BYTES: Final = 1 << 20


def list_prices(call: RestCall) -> Any:
    """GET /ai/model-prices, of a provider, a model or a source."""
    _require_gateway(call)
    provider, source = call.query.get("provider", ""), call.query.get("source", "")
    if provider and provider not in _PROVIDERS:
        raise ApiError(
            HTTPStatus.BAD_REQUEST,
            "Invalid AI model price provider.",
            validations={"provider": _unsupported(provider)},
        )
    if source and source not in _SOURCES:
        rule = f'Source "{source}" is not supported. Supported sources: {", ".join(_SOURCES)}.'
        raise ApiError(
            HTTPStatus.BAD_REQUEST, "Invalid AI model price source.", validations={"source": rule}
        )
    call.require_owner()
    model = call.query.get("model", "")
    return [
        {name: value for name, value in price.items() if name != "id"}
        for price in call.store.all("ai_model_price")
        if source != "default"
        and provider in ("", price["provider"])
        and model in ("", price["model"])
    ]


def upsert_prices(call: RestCall) -> Any:
    """POST /ai/model-prices: all of them, or with one that is wrong none."""
    _require_gateway(call)
    if len(call.content) > _MOST_BYTES:
        raise ApiError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "Request body too large.")
    prices = call.json().get("prices") or []
    wrong = _problems(prices)
    if wrong:
        raise ApiError(HTTPStatus.BAD_REQUEST, "Invalid AI model prices.", validations=dict(wrong))
    call.require_owner()
    moment = now()
    for price in prices:
        id = f"{price['provider']}/{price['model']}"
        held = call.store.get("ai_model_price", id)
        call.store.put(
            "ai_model_price",
            {
                "id": id,
                "provider": price["provider"],
                "provider_id": None,
                "model": price["model"],
                **{name: price[name] for name in _PRICES},
                "source": "custom",
                "created_at": held["created_at"] if held else moment,
                "updated_at": moment,
            },
        )
    return None, HTTPStatus.NO_CONTENT


def _require_gateway(call: RestCall) -> None:
    if not is_licensed(call.store):
        raise ApiError(HTTPStatus.FORBIDDEN, "AI Gateway is a Premium feature. Contact sales!")


def _unsupported(provider: str) -> str:
    known = ", ".join(_PROVIDERS)
    return f'Provider "{provider}" is not supported. Supported providers: {known}.'


def _problems(prices: list[Document]) -> list[tuple[str, str]]:
    if not prices:
        return [("prices", "At least one model price is required.")]
    wrong, seen = [], set()
    for index, price in enumerate(prices):
        place = f"prices[{index}]"
        provider, model = price.get("provider") or "", price.get("model") or ""
        if not provider:
            known = ", ".join(_PROVIDERS)
            rule = f"Provider is required. Supported providers: {known}."
            wrong.append((f"{place}.provider", rule))
        elif provider not in _PROVIDERS:
            wrong.append((f"{place}.provider", _unsupported(provider)))
        if not model:
            wrong.append((f"{place}.model", "Model is required."))
        given = [name for name in _PRICES if name in price]
        said = [name for name in given if price[name] is not None]
        wrong += [
            (f"{place}.{name}", "Price must not be negative.") for name in said if price[name] < 0
        ]
        if given:
            wrong += [
                (f"{place}.{name}", "Price is required. Use 'null' for a price that is not known.")
                for name in _PRICES
                if name not in price
            ]
        if not said:
            rule = "At least one price must be set. Use 0 to declare a model free of charge."
            wrong.append((place, rule))
        if (provider, model) in seen:
            wrong.append((place, f"{provider}/{model} appears more than once."))
        seen.add((provider, model))
    return wrong
