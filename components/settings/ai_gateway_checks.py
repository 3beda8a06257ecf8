"""What one setting of `aiGateway` says about another, and about its secrets; as checks.py does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic.alias_generators import to_camel

from components.settings.ai_gateway import AiGatewayProviderSettings, ModelPriceSettings
from components.settings.checks import entries, mapping, part, secret_problems, twice
from components.settings.model import Settings
from components.settings.problems import Problem, as_shown
from components.settings.secrets import AiCredentials

_SECTION = "aiGateway"


@dataclass(frozen=True)
class GatewayParts:
    """The section and its secrets; what is not well-formed by itself is None."""

    providers: Sequence[AiGatewayProviderSettings | None]
    prices: Sequence[ModelPriceSettings | None]
    credentials: Mapping[str, AiCredentials | None]

    @classmethod
    def of(cls, settings: Settings) -> GatewayParts:
        """Return the parts of settings that are well-formed as a whole."""
        gateway = settings.ai_gateway
        return cls(gateway.providers, gateway.prices, settings.secrets.ai_providers)

    @classmethod
    def salvaged(cls, values: Mapping[str, Any]) -> GatewayParts:
        """Return the parts of plain data, by top-level key, that are well-formed by themselves."""
        section = mapping(values.get(_SECTION))
        secrets = mapping(mapping(values.get("secrets")).get("aiProviders"))
        return cls(
            entries(AiGatewayProviderSettings, section.get("providers")),
            entries(ModelPriceSettings, section.get("prices")),
            {name: part(AiCredentials, each) for name, each in secrets.items()},
        )


def relations(parts: GatewayParts) -> Iterator[Problem]:
    """Yield what does not fit together."""
    yield from twice(f"{_SECTION}.providers[{{}}].name", parts.providers, lambda each: each.name)
    # Coder tells models apart by case.
    yield from twice(f"{_SECTION}.prices[{{}}].model", parts.prices, _label, by=str)
    for index, provider in enumerate(parts.providers):
        if provider is None:
            continue
        wrong = list(provider.problems())
        for key, value, right in wrong:
            place = ".".join(map(to_camel, key.split(".")))
            shown = as_shown(value) if value else ""
            yield Problem(f"{_SECTION}.providers[{index}].{place}", shown, right)
        there = parts.credentials.get(provider.name, AiCredentials.model_construct())
        # What is not well-formed is told by itself, and no secret is missed for a wrong credential.
        if there is None or "credential" in [key for key, _, _ in wrong]:
            continue
        for name in provider.secrets:
            location = ("secrets", "aiProviders", provider.name, to_camel(name))
            yield from secret_problems(location, getattr(there, name))
    for index, price in enumerate(parts.prices):
        if price is not None and price.is_empty:
            right = "has no price: name inputPrice, outputPrice, cacheReadPrice or cacheWritePrice"
            yield Problem(f"{_SECTION}.prices[{index}]", as_shown(price.label), right)


def _label(price: ModelPriceSettings) -> str:
    return price.label
