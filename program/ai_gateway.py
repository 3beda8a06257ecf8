"""The Args of Coder's AI Gateway: its providers and prices."""

from __future__ import annotations

from collections.abc import Mapping

from components.ai_gateway import (
    AiGatewayPricesArgs,
    AiGatewayProviderArgs,
    Bedrock,
    ModelPrice,
)
from components.settings.ai_gateway import AiGatewayProviderSettings
from components.settings.model import Settings
from components.settings.secrets import AiCredentials


def providers(settings: Settings) -> Mapping[str, AiGatewayProviderArgs]:
    """Return the arguments of each provider by its name."""
    secrets = settings.secrets.ai_providers
    return {
        provider.name: _provider(provider, secrets.get(provider.name))
        for provider in settings.ai_gateway.providers
    }


def prices(settings: Settings) -> AiGatewayPricesArgs | None:
    """Return the arguments of the prices, None for a stack that names none."""
    named = settings.ai_gateway.prices
    if not named:
        return None
    return AiGatewayPricesArgs(tuple(ModelPrice(**price.model_dump()) for price in named))


def _provider(
    provider: AiGatewayProviderSettings, secret: AiCredentials | None
) -> AiGatewayProviderArgs:
    # A secret that the credential does not name stays where it is.
    sent = {
        name: value.get_secret_value()
        for name, value in (secret or AiCredentials.model_construct())
        if value is not None and name in provider.secrets
    }
    bedrock = provider.bedrock
    return AiGatewayProviderArgs(
        name=provider.name,
        type=provider.type,
        base_url=provider.base_url,
        display_name=provider.display_name,
        enabled=provider.enabled,
        api_key=sent.get("api_key"),
        bedrock=None
        if bedrock is None
        else Bedrock(
            **bedrock.model_dump(),
            access_key=sent.get("access_key"),
            access_key_secret=sent.get("access_key_secret"),
        ),
        in_cluster=provider.in_cluster,
    )
