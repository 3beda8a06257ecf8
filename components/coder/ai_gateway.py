"""What Coder's AI Gateway takes as a provider and as a price: one truth for Args and settings.

Rules are those of Coder's Terraform provider and API: internal/provider/ai_provider_resource.go and
ai_model_price_resource.go in coder/terraform-provider-coderd, codersdk/aiproviders.go in
coder/coder. Knows no Pulumi.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Final, Literal, get_args
from urllib.parse import urlsplit

from components import syntax

AiProviderType = Literal[
    "openai",
    "anthropic",
    "azure",
    "bedrock",
    "google",
    "openai-compat",
    "openrouter",
    "vercel",
    "copilot",
]
PricedType = Literal[
    "openai", "anthropic", "azure", "bedrock", "google", "openrouter", "vercel", "copilot"
]
"""A price is of a type; what an openai-compat endpoint serves could be anybody's model."""
BedrockProtocol = Literal["invoke-model", "mantle"]
Credential = Literal["api_key", "aws_keys", "none"]

ENABLED: Final = True
"""Whether a provider can be used that says nothing of it."""
PROVIDER_TYPES: Final[tuple[str, ...]] = get_args(AiProviderType)
PRICED_TYPES: Final[tuple[str, ...]] = get_args(PricedType)
BEDROCK_PROTOCOLS: Final[tuple[str, ...]] = get_args(BedrockProtocol)
CREDENTIAL_PARTS: Final[Mapping[Credential, tuple[str, ...]]] = {
    "api_key": ("api_key",),
    "aws_keys": ("access_key", "access_key_secret"),
    "none": (),
}
"""What a credential consists of."""
OF_BEDROCK: Final = ("anthropic", "bedrock")
"""Types that may be reached by way of AWS Bedrock."""
WITHOUT_KEY: Final = ("bedrock", "copilot")
"""Types that take no API key: AWS signs, and Copilot takes each person's own login."""
PRICES: Final = ("input_price", "output_price", "cache_read_price", "cache_write_price")
"""Micro-USD for a million tokens: 3000000 is $3.00."""
LARGEST_PRICE: Final = 10**12
"""A million dollars for a million tokens; exact as the numbers that Pulumi sends."""

_CANONICAL: Final = r"(?i)https://bedrock-runtime\.([a-z0-9-]+)\.amazonaws\.com/?\Z"
_MODEL: Final = r"(?!.*::)[!-~]+\Z"

Problem = tuple[str, str, str]
"""A field, its value as text ("" to show none), and what is wrong or right."""


def bedrock_region(base_url: str) -> str:
    """Return the region that Bedrock's own URL names; "" of any other URL."""
    match = re.match(_CANONICAL, base_url.strip())
    return match[1].lower() if match else ""


def is_model(text: str) -> bool:
    """Whether `text` can be the name of a model: printable ASCII without a space."""
    return re.match(_MODEL, text) is not None


def provider_problems(
    type: str,
    base_url: str | None,
    credential: Credential,
    bedrock: Mapping[str, str | None] | None,
    *,
    in_cluster: bool,
) -> Iterator[Problem]:
    """Yield what does not fit together in a provider.

    Args:
        type: what the provider is.
        base_url: its address; None while another resource's output is not known.
        credential: what Coder proves itself with.
        bedrock: region, role_arn and protocol of AWS Bedrock; None without it.
        in_cluster: whether the address is that of a Service of coderd's cluster.
    """
    if base_url is not None:
        # Who asks without a key of the stack's may send an own one: Copilot's login, or any key.
        if problem := syntax.endpoint_problem(base_url, confidential=not in_cluster):
            yield "base_url", base_url, problem
        elif in_cluster and not syntax.is_service_host(urlsplit(base_url).hostname or ""):
            right = "is no Service of a cluster, such as http://vllm.models.svc:8000/v1"
            yield "base_url", base_url, right
    if credential == "api_key" and (type in WITHOUT_KEY or bedrock is not None):
        what = "AWS Bedrock" if bedrock is not None else type
        yield "credential", credential, f"{what} takes no API key"
    if credential == "aws_keys" and bedrock is None:
        yield "credential", credential, "AWS keys are for what is reached by way of bedrock"
    if bedrock is None:
        if type == "bedrock":
            yield "bedrock", "", "required with type bedrock: its region, a role or AWS keys"
        return
    if type not in OF_BEDROCK:
        yield "bedrock", "", f"is for the types {' and '.join(OF_BEDROCK)}, and this is {type}"
        return
    region = bedrock.get("region") or (bedrock_region(base_url) if base_url is not None else "?")
    if not region and bedrock.get("protocol") == "mantle":
        yield "bedrock.region", "", "required with protocol mantle, whose URL does not name it"
    elif type == "bedrock" and not (region or bedrock.get("role_arn")) and credential == "none":
        yield "bedrock.region", "", "required without a role and without AWS keys"


def price_problems(provider_type: str, model: str, prices: Mapping[str, int | None]) -> list[str]:
    """Return what is wrong with a price, in words.

    Args:
        provider_type: of the providers that it is for.
        model: as the gateway records it.
        prices: in micro-USD for a million tokens, by PRICES; None for one that is not known.
    """
    found = []
    if provider_type not in PRICED_TYPES:
        known = ", ".join(PRICED_TYPES)
        found.append(f"provider type {provider_type!r} has no prices; there are {known}")
    if not is_model(model):
        found.append(f"{model!r} is no name of a model")
    if all(price is None for price in prices.values()):
        found.append(f"has none of {', '.join(PRICES)}; 0 is free of charge")
    found += [
        f"{name} {price} is not between 0 and {LARGEST_PRICE} micro-USD for a million tokens"
        for name, price in prices.items()
        if price is not None and not 0 <= price <= LARGEST_PRICE
    ]
    return found
