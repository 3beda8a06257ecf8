"""The resource AiModelPrice: what a model of a type of providers costs in the AI Gateway.

Rules and requests are those of internal/provider/ai_model_price_resource.go on the main branch of
coder/terraform-provider-coderd after 0.0.30. Coder has no way to remove a price.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from local.providers.base import Call, Checked, Difference, Resource, compare
from local.providers.coderd_client import BridgedError, client_error
from local.providers.coderd_settings import ResourceContext
from local.providers.wire import Properties, plain

_PATH: Final = "/api/experimental/ai/model-prices"
_TYPES: Final = (
    *("openai", "anthropic", "azure", "bedrock", "google", "openrouter", "vercel", "copilot"),
)
_PRICES: Final = {
    "inputPrice": "input_price",
    "outputPrice": "output_price",
    "cacheReadPrice": "cache_read_price",
    "cacheWritePrice": "cache_write_price",
}
_IDENTITY: Final = ("providerType", "model")


class AiModelPriceKind:
    """Serves AiModelPrice.

    Args:
        deployment: where the prices are.
        warn: shows the user a warning about the resource with a URN.
    """

    def __init__(self, deployment: ResourceContext, warn: Callable[[str, str], None]) -> None:
        self._deployment = deployment
        self._warn = warn

    def check(self, call: Call, old: Properties, new: Properties) -> Checked:
        """Refuse what the Terraform provider refuses."""
        given = plain(new)
        failures = []
        kind = given.get("providerType")
        if isinstance(kind, str) and kind not in _TYPES:
            failures.append(("providerType", f"{kind!r} is not one of {', '.join(_TYPES)}"))
        if given.get("model") == "":
            failures.append(("model", "string length must be at least 1"))
        failures += [
            (name, "must be at least 0")
            for name in _PRICES
            if isinstance(given.get(name), int | float) and given[name] < 0
        ]
        if not any(name in given for name in _PRICES):
            failures.append(("", f"at least one of {', '.join(_PRICES)} must be configured"))
        return Checked(new, tuple(failures))

    def diff(
        self, call: Call, old_inputs: Properties, state: Properties, new: Properties
    ) -> Difference:
        """Compare with what is there; another model or type is another price."""
        held = {name: state[name] for name in (*_IDENTITY, *_PRICES) if name in state}
        changes = {
            **compare(_part(held, _IDENTITY), _part(new, _IDENTITY), replace=True),
            **compare(_part(held, _PRICES), _part(new, _PRICES)),
        }
        return Difference(
            {name: changes[name] for name in changes if name not in call.ignore_changes},
            of_inputs=False,
            detailed=False,
        )

    def create(self, call: Call, new: Properties) -> Resource:
        """Set the price, whatever custom price was there."""
        if call.preview:
            return Resource("", dict(new))
        self._set("set", plain(new))
        return Resource(_id(plain(new)), dict(new))

    def read(self, call: Call, inputs: Properties, state: Properties) -> Resource | None:
        """The custom price as it is now; an import is by `type/model`."""
        kind, slash, model = call.id.partition("/")
        if not (kind and slash and model):
            raise BridgedError(
                "Invalid Import ID: Expected an import ID of the form <provider_type>/<model>, got "
                f'"{call.id}".'
            )
        with client_error(f"Unable to read AI model price {call.id}, got error"):
            found = self._deployment.client().get(
                _PATH, {"provider": kind, "model": model, "source": "custom"}
            )
        if not found:
            return None
        price = {name: found[0][api] for name, api in _PRICES.items() if found[0][api] is not None}
        there = {"providerType": kind, "model": model, **price}
        return Resource(call.id, there, dict(there))

    def update(
        self, call: Call, old_inputs: Properties, state: Properties, new: Properties
    ) -> Properties:
        """Set the price: all four at once, so one that is left out is known no more."""
        if not call.preview:
            self._set("update", plain(new))
        return dict(new)

    def delete(self, call: Call, old_inputs: Properties, state: Properties) -> None:
        """Forget the price and say that it stays."""
        self._warn(
            call.urn,
            "Custom AI Model Price Not Deleted: Coder has no API to delete a custom AI model "
            "price. The resource is removed from the Terraform state, but the custom price "
            f"{call.id} stays in Coder.",
        )

    def _set(self, verb: str, given: Mapping[str, Any]) -> None:
        if not (self._deployment.features().get("aibridge") or {}).get("enabled"):
            raise BridgedError(
                "Feature not enabled: Your license is not entitled to use AI Gateway."
            )
        price = {
            "provider": given["providerType"],
            "model": given["model"],
            **{api: given.get(name) for name, api in _PRICES.items()},
        }
        with client_error(f"Unable to {verb} AI model price {_id(given)}, got error"):
            self._deployment.client().post(_PATH, {"prices": [price]})


def _id(given: Mapping[str, Any]) -> str:
    return f"{given['providerType']}/{given['model']}"


def _part(properties: Properties, names: Any) -> Properties:
    return {name: properties[name] for name in names if name in properties}
