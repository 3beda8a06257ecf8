"""The section `aiGateway`: whom Coder's AI Gateway asks, and what models cost."""

from collections.abc import Iterator
from typing import Annotated

from pydantic import AfterValidator, Field

from components.coder.ai_gateway import (
    CREDENTIAL_PARTS,
    ENABLED,
    LARGEST_PRICE,
    PRICES,
    WITHOUT_KEY,
    AiProviderType,
    BedrockProtocol,
    Credential,
    PricedType,
    is_model,
    provider_problems,
)
from components.settings.section import Flag, SettingsSection, no_list
from components.settings.types import DisplayName, Endpoint, Slug

_UNIT = "Micro-USD for a million {}: 3000000 is $3.00; 0 is free, unset is not known."

_LEFT_OUT = "Unset: what Coder has; of a new provider its choice."


def _model(value: str) -> str:
    if not is_model(value):
        raise ValueError("must be the name of a model as the gateway records it, without spaces")
    return value


Text = Annotated[str, Field(min_length=1)]
Price = Annotated[int, Field(ge=0, le=LARGEST_PRICE, strict=True)]


class BedrockSettings(SettingsSection):
    """How AWS Bedrock is asked."""

    region: Text | None = Field(
        None,
        description="Unset: the one that Bedrock's own URL names; of any other URL what Coder has.",
    )
    model: Text | None = Field(None, description=f"The primary model. {_LEFT_OUT}")
    small_fast_model: Text | None = Field(
        None, description=f"The model for background tasks. {_LEFT_OUT}"
    )
    role_arn: Text | None = Field(
        None, description="IAM role to assume first; Coder 2.35 or newer."
    )
    protocol: BedrockProtocol | None = Field(
        None, description="Coder's invoke-model if unset; mantle takes Coder 2.36 or newer."
    )


class AiGatewayProviderSettings(SettingsSection):
    """A provider of models; its credentials are the secret `aiProviders.<name>`."""

    name: Slug = Field(description="Name in Coder; another is another provider.")
    type: AiProviderType = Field(
        description="What it speaks and whose prices hold; another is another provider."
    )
    base_url: Endpoint = Field(
        description="Where it is asked, by https but for inCluster; the OpenAI types want the "
        "version in it, as /v1."
    )
    display_name: DisplayName = Field(
        "", description="Name that people see; what Coder has if unset."
    )
    enabled: Flag = Field(ENABLED, description="Whether it can be used.")
    credential: Credential | None = Field(
        None,
        description="What Coder proves itself with. api_key: the secret's apiKey; aws_keys: its "
        "accessKey and accessKeySecret; none: what coderd's process has of AWS, each person's own, "
        "or nothing; a key that was sent stays in Coder. Unset: none with bedrock and copilot, "
        "else api_key.",
    )
    bedrock: BedrockSettings | None = Field(
        None, description="How AWS Bedrock is asked; for the types bedrock and anthropic."
    )
    in_cluster: Flag = Field(
        False, description="A Service of coderd's cluster, NAME.NAMESPACE.svc, which may be http."
    )

    @property
    def proof(self) -> Credential:
        """What Coder proves itself with."""
        keyless = self.bedrock is not None or self.type in WITHOUT_KEY
        return self.credential or ("none" if keyless else "api_key")

    @property
    def secrets(self) -> tuple[str, ...]:
        """The parts of its secret that Coder gets."""
        return CREDENTIAL_PARTS[self.proof]

    def problems(self) -> Iterator[tuple[str, str, str]]:
        """Yield what does not fit together: a field, its value, what is right."""
        return provider_problems(
            self.type,
            self.base_url,
            self.proof,
            None if self.bedrock is None else self.bedrock.model_dump(),
            in_cluster=self.in_cluster,
        )


class ModelPriceSettings(SettingsSection):
    """What a model costs, in place of Coder's own price or where it has none."""

    provider_type: PricedType = Field(description="Type of the providers that it is for.")
    model: Annotated[str, AfterValidator(_model)] = Field(
        description="Its name as the gateway records it."
    )
    input_price: Price | None = Field(None, description=_UNIT.format("tokens sent"))
    output_price: Price | None = Field(None, description=_UNIT.format("tokens received"))
    cache_read_price: Price | None = Field(
        None, description=_UNIT.format("tokens read from the provider's cache")
    )
    cache_write_price: Price | None = Field(
        None, description=_UNIT.format("tokens written to the provider's cache")
    )

    @property
    def label(self) -> str:
        """The type and the model, as Coder's provider calls it."""
        return f"{self.provider_type}/{self.model}"

    @property
    def is_empty(self) -> bool:
        """Whether it says no price at all."""
        return all(getattr(self, name) is None for name in PRICES)


class AiGateway(SettingsSection):
    """Providers and prices of Coder's AI Gateway; what the stack does not name is left alone."""

    providers: list[AiGatewayProviderSettings] = Field(
        default_factory=no_list, description="Providers of models."
    )
    prices: list[ModelPriceSettings] = Field(
        default_factory=no_list,
        description="Prices of models; one that is removed stays in Coder.",
    )
