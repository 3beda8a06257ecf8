"""AiGatewayProvider and AiGatewayPrices, for programs in other languages."""

from typing import NotRequired, TypedDict

import pulumi

from components import ai_gateway
from components.package.inputs import build, known


class BedrockInputs(TypedDict):
    """How AWS Bedrock is asked."""

    region: NotRequired[str]
    """Unset for the one that Bedrock's own URL names."""
    model: NotRequired[str]
    """The primary model; Coder's choice if not given."""
    small_fast_model: NotRequired[str]
    """The model for background tasks; Coder's choice if not given."""
    role_arn: NotRequired[str]
    """IAM role to assume first; Coder 2.35 or newer."""
    protocol: NotRequired[str]
    """invoke-model, Coder's default, or mantle; Coder 2.36 or newer."""
    access_key: NotRequired[pulumi.Input[str]]
    """Id of an AWS access key, treated as a secret; unset for what coderd's process has."""
    access_key_secret: NotRequired[pulumi.Input[str]]
    """The key, treated as a secret."""


class AiGatewayProviderInputs(TypedDict):
    """A provider of models."""

    name: str
    """In Coder: a-z and 0-9 in groups joined by single hyphens. Another is another provider."""
    type: str
    """What it speaks, and whose prices hold: anthropic, openai, bedrock and others."""
    base_url: pulumi.Input[str]
    """Where it is asked; https, unless in the cluster or without a credential."""
    display_name: NotRequired[pulumi.Input[str]]
    """Name shown to people."""
    enabled: NotRequired[pulumi.Input[bool]]
    """Whether it can be used."""
    api_key: NotRequired[pulumi.Input[str]]
    """Treated as a secret; unset for a provider that takes none."""
    bedrock: NotRequired[BedrockInputs]
    """How AWS Bedrock is asked; for the types bedrock and anthropic."""
    in_cluster: NotRequired[bool]
    """Whether the URL is that of a Service, to which http may carry a credential."""


class ModelPriceInputs(TypedDict):
    """What a model costs, in micro-USD for a million tokens: 3000000 is $3.00."""

    provider_type: str
    """Type of the providers that it is for."""
    model: str
    """Its name as the gateway records it."""
    input_price: NotRequired[int]
    """Of tokens sent; 0 is free of charge, unset not known."""
    output_price: NotRequired[int]
    """Of tokens received."""
    cache_read_price: NotRequired[int]
    """Of tokens read from the provider's cache."""
    cache_write_price: NotRequired[int]
    """Of tokens written to it."""


class AiGatewayPricesInputs(TypedDict):
    """Prices of models, in place of those that come with Coder or where it has none."""

    prices: list[ModelPriceInputs]
    """Each for a model of a type of providers."""


class AiGatewayProvider(ai_gateway.AiGatewayProvider):
    """A provider of models for Coder's AI Gateway, with a key that no state keeps."""

    def __init__(
        self,
        name: str,
        args: AiGatewayProviderInputs,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        known(AiGatewayProviderInputs, args)
        super().__init__(name, build(ai_gateway.AiGatewayProviderArgs, args), opts)


class AiGatewayPrices(ai_gateway.AiGatewayPrices):
    """Prices of models in Coder's AI Gateway; one that is removed stays in Coder."""

    def __init__(
        self, name: str, args: AiGatewayPricesInputs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        known(AiGatewayPricesInputs, args)
        super().__init__(name, build(ai_gateway.AiGatewayPricesArgs, args), opts)
