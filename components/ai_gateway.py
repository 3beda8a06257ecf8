"""AiGatewayProvider and AiGatewayPrices: whom Coder's AI Gateway asks, and what it costs.

Both are experimental in Coder's provider. Keys are write-only: sent to Coder, kept in no state. A
model without a price costs 0, on the dashboard and in budgets.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import pulumi
import pulumi_coderd as coderd

from components import syntax
from components.boundary.credentials import masked
from components.coder.ai_gateway import (
    BEDROCK_PROTOCOLS,
    ENABLED,
    PRICES,
    PROVIDER_TYPES,
    AiProviderType,
    BedrockProtocol,
    Credential,
    PricedType,
    price_problems,
    provider_problems,
)
from components.errors import refuse
from components.repeated import repeated
from components.rotation import rotation_version

PRICE: Final = "AiModelPrice"
"""The class of a price in a package that has it."""
BEFORE_PRICES: Final = "0.0.30"
"""The last release of Coder's provider known to lack prices, which its main branch has after it."""


@dataclass(frozen=True)
class Bedrock:
    """How AWS Bedrock is asked.

    Args:
        region: None for the one that Bedrock's own URL names; of any other URL Coder keeps its own.
        model: the primary model; None leaves what Coder has, of a new one its choice.
        small_fast_model: the one for background tasks; None leaves the same.
        role_arn: IAM role to assume first. Coder 2.35 or newer.
        protocol: None for Coder's default, `invoke-model`. `mantle` takes Coder 2.36 or newer.
        access_key: id of an AWS access key; None for the credentials that coderd's process has.
        access_key_secret: the key.
    """

    region: str | None = None
    model: str | None = None
    small_fast_model: str | None = None
    role_arn: str | None = None
    protocol: BedrockProtocol | None = None
    access_key: pulumi.Input[str] | None = field(default=None, repr=False)
    access_key_secret: pulumi.Input[str] | None = field(default=None, repr=False)


@dataclass(frozen=True)
class AiGatewayProviderArgs:
    """A provider of models.

    Args:
        name: in Coder: a-z and 0-9 in groups joined by single hyphens. Another is another provider.
        type: what it speaks, and whose prices hold. Another is another provider.
        base_url: where it is asked; https, unless it is on this machine or in the cluster: a key
            goes along, people's own too. The OpenAI types want the version in it:
            https://api.openai.com/v1.
        display_name: name shown to people; empty leaves what Coder has, of a new one its `name`.
        enabled: whether it can be used.
        api_key: None for a provider that takes none, or each person's own; Coder keeps one that it
            has.
        bedrock: how AWS Bedrock is asked; for the types bedrock and anthropic.
        in_cluster: whether the URL is that of a Service, to which http may carry a credential.
    """

    name: str
    type: AiProviderType
    base_url: pulumi.Input[str]
    display_name: pulumi.Input[str] = ""
    enabled: pulumi.Input[bool] = ENABLED
    api_key: pulumi.Input[str] | None = field(default=None, repr=False)
    bedrock: Bedrock | None = None
    in_cluster: bool = False

    def __post_init__(self) -> None:
        refuse(f"AI provider {self.name!r}", self._problems())

    @property
    def credential(self) -> Credential:
        """What Coder proves itself with."""
        if self.api_key is not None:
            return "api_key"
        return "none" if self.bedrock is None or self.bedrock.access_key is None else "aws_keys"

    def _problems(self) -> Iterator[str]:
        if not syntax.is_slug(self.name):
            yield "the name takes a-z and 0-9 in groups joined by single hyphens, up to 63"
        if self.type not in PROVIDER_TYPES:
            yield f"type {self.type!r} is not one of {', '.join(PROVIDER_TYPES)}"
        bedrock = self.bedrock
        if bedrock is not None:
            if (bedrock.access_key is None) != (bedrock.access_key_secret is None):
                yield "access_key and access_key_secret go together"
            if bedrock.protocol not in (None, *BEDROCK_PROTOCOLS):
                yield f"protocol {bedrock.protocol!r} is not one of {', '.join(BEDROCK_PROTOCOLS)}"
        told = provider_problems(
            self.type,
            # A value of another resource is not known yet.
            self.base_url if isinstance(self.base_url, str) else None,
            self.credential,
            None
            if bedrock is None
            else {
                "region": bedrock.region,
                "role_arn": bedrock.role_arn,
                "protocol": bedrock.protocol,
            },
            in_cluster=self.in_cluster,
        )
        for key, value, right in told:
            yield f"{key} {masked(value)!r} {right}" if value else f"{key} {right}"
        secrets = (
            self.api_key,
            bedrock and bedrock.access_key,
            bedrock and bedrock.access_key_secret,
        )
        if any(isinstance(each, str) and (not each or each != each.strip()) for each in secrets):
            yield "a credential is empty, or has white space around it"


class AiGatewayProvider(pulumi.ComponentResource):
    """A provider of models, as Coder's AI Gateway and Coder Agents ask it.

    Attributes:
        provider_id: id in Coder.
        external_id: what AWS's trust policy may ask of Coder when it assumes the role; None
            without a role.
    """

    provider_id: pulumi.Output[str]
    external_id: pulumi.Output[str | None]

    def __init__(
        self,
        name: str,
        args: AiGatewayProviderArgs,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("firewalledcoder:index:AiGatewayProvider", name, None, opts)
        key = None if args.api_key is None else pulumi.Output.secret(args.api_key)
        provider = coderd.AiProvider(
            f"{name}-provider",
            name=args.name,
            type=args.type,
            base_url=args.base_url,
            display_name=args.display_name or None,
            enabled=args.enabled,
            api_key_wo=key,
            api_key_wo_version=None
            if key is None
            else rotation_version(f"{name}-key-version", {"key": key}, parent=self),
            settings=self._settings(name, args.bedrock),
            opts=pulumi.ResourceOptions(
                parent=self,
                # A name is one provider's: another of that name is refused while this one is there.
                delete_before_replace=True,
                # The ends of the key, as Coder shows them.
                additional_secret_outputs=["apiKeyMasked"],
            ),
        )
        self.provider_id = provider.id
        self.external_id = provider.settings.apply(
            lambda settings: settings.bedrock.external_id if settings and settings.bedrock else None
        )
        self.register_outputs({"providerId": self.provider_id, "externalId": self.external_id})

    # In quotes: an older package lacks the type, and says so before anything is declared.
    def _settings(
        self, name: str, bedrock: Bedrock | None
    ) -> "coderd.AiProviderSettingsArgs | None":
        if bedrock is None:
            return None
        keys = {
            part: pulumi.Output.secret(value)
            for part, value in (
                ("access_key", bedrock.access_key),
                ("access_key_secret", bedrock.access_key_secret),
            )
            if value is not None
        }
        return coderd.AiProviderSettingsArgs(
            bedrock=coderd.AiProviderSettingsBedrockArgs(
                region=bedrock.region,
                model=bedrock.model,
                small_fast_model=bedrock.small_fast_model,
                role_arn=bedrock.role_arn,
                protocol=bedrock.protocol,
                access_key_wo=keys.get("access_key"),
                access_key_secret_wo=keys.get("access_key_secret"),
                credentials_wo_version=rotation_version(f"{name}-key-version", keys, parent=self)
                if keys
                else None,
            )
        )


@dataclass(frozen=True)
class ModelPrice:
    """What a model costs, in micro-USD for a million tokens: 3000000 is $3.00.

    Args:
        provider_type: of the providers that it is for.
        model: as the gateway records it.
        input_price: of tokens sent; here and below 0 is free of charge, None not known.
        output_price: of tokens received.
        cache_read_price: of tokens read from the provider's cache.
        cache_write_price: of tokens written to it.
    """

    provider_type: PricedType
    model: str
    input_price: int | None = None
    output_price: int | None = None
    cache_read_price: int | None = None
    cache_write_price: int | None = None


@dataclass(frozen=True)
class AiGatewayPricesArgs:
    """Prices of models, in place of those that come with Coder or where it has none.

    Args:
        prices: each for a model of a type of providers.
    """

    prices: tuple[ModelPrice, ...]

    def __post_init__(self) -> None:
        labels = [f"{price.provider_type}/{price.model}" for price in self.prices]
        problems = [f"{labels[place]} is there twice" for place in repeated(labels)]
        for label, price in zip(labels, self.prices, strict=True):
            values = {name: getattr(price, name) for name in PRICES}
            problems += [
                f"{label}: {each}"
                for each in price_problems(price.provider_type, price.model, values)
            ]
        refuse("prices", problems)


class AiGatewayPrices(pulumi.ComponentResource):
    """Prices of models; one that is removed here stays in Coder, which has no way to remove it.

    Attributes:
        models: type and model of each price, as type/model.
    """

    models: pulumi.Output[list[str]]

    def __init__(
        self, name: str, args: AiGatewayPricesArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("firewalledcoder:index:AiGatewayPrices", name, None, opts)
        # The committed package is of a release without them; a later one brings its own.
        price_of: Any = getattr(coderd, PRICE, None)
        if price_of is None:
            refuse(
                "prices",
                [f"need a package of the provider coder/coderd newer than {BEFORE_PRICES}"],
            )
        for price in args.prices:
            price_of(
                f"{name}-{price.provider_type}/{price.model}",
                provider_type=price.provider_type,
                model=price.model,
                **{each: getattr(price, each) for each in PRICES},
                opts=pulumi.ResourceOptions(parent=self),
            )
        self.models = pulumi.Output.from_input(
            [f"{price.provider_type}/{price.model}" for price in args.prices]
        )
        self.register_outputs({"models": self.models})
