"""The section `aiGateway`: what it says reaches the Args; what does not fit is told by its key."""

from typing import Any

import pytest

from components.ai_gateway import AiGatewayPricesArgs, AiGatewayProviderArgs, Bedrock, ModelPrice
from components.settings.load import load
from components.settings.model import Settings
from components.settings.problems import SettingsError
from program import ai_gateway

ANTHROPIC = {"name": "anthropic", "type": "anthropic", "baseUrl": "https://api.anthropic.com"}
AWS = {"name": "aws", "type": "bedrock", "baseUrl": "https://bedrock.example.gov"}
PRICE = {"providerType": "anthropic", "model": "claude-x", "inputPrice": 3_000_000}
KEY = "sk-very-secret-key"


def settings(
    *providers: dict[str, Any],
    prices: list[dict[str, Any]] | None = None,
    secrets: dict[str, Any] | None = None,
) -> Settings:
    return load(
        "gov",
        {
            "coder": {"accessUrl": "https://coder.example.com", "variables": "none"},
            "externalAuth": {"providers": [{"host": "gitlab.example.com"}]},
            "templates": [{"name": "a", "firewall": {}}],
            "aiGateway": {"providers": list(providers), "prices": prices or []},
            "secrets": {"coderToken": "t", "aiProviders": secrets or {}},
        },
    )


def problems(*providers: dict[str, Any], **more: Any) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        settings(*providers, **more)
    return [str(each) for each in caught.value.problems]


def test_a_stack_that_says_nothing_declares_nothing() -> None:
    assert ai_gateway.providers(settings()) == {}
    assert ai_gateway.prices(settings()) is None


def test_what_a_stack_says_arrives() -> None:
    bedrock = {"region": "us-gov-west-1", "roleArn": "arn:aws-us-gov:iam::1:role/r"}
    copilot = {"name": "copilot", "type": "copilot", "baseUrl": "https://api.githubcopilot.com"}
    local = {
        "name": "vllm",
        "type": "openai-compat",
        "baseUrl": "http://vllm.models.svc:8000/v1",
        "inCluster": True,
    }
    keys = {"apiKey": KEY, "accessKey": "A", "accessKeySecret": "S"}
    found = settings(
        {**ANTHROPIC, "displayName": "Claude", "enabled": False},
        {**AWS, "bedrock": bedrock},
        {**AWS, "name": "static", "credential": "aws_keys", "bedrock": {"region": "us-east-1"}},
        copilot,
        local,
        prices=[PRICE, {**PRICE, "model": "vendor/y", "outputPrice": 0}],
        secrets={"anthropic": {"apiKey": KEY}, "static": keys, "vllm": keys, "aws": keys},
    )
    assert ai_gateway.providers(found) == {
        "anthropic": AiGatewayProviderArgs(
            "anthropic",
            "anthropic",
            "https://api.anthropic.com",
            display_name="Claude",
            enabled=False,
            api_key=KEY,
        ),
        "aws": AiGatewayProviderArgs(
            "aws",
            "bedrock",
            "https://bedrock.example.gov",
            bedrock=Bedrock(region="us-gov-west-1", role_arn="arn:aws-us-gov:iam::1:role/r"),
        ),
        "static": AiGatewayProviderArgs(
            "static",
            "bedrock",
            "https://bedrock.example.gov",
            bedrock=Bedrock(region="us-east-1", access_key="A", access_key_secret="S"),
        ),
        "copilot": AiGatewayProviderArgs("copilot", "copilot", "https://api.githubcopilot.com"),
        "vllm": AiGatewayProviderArgs(
            "vllm", "openai-compat", "http://vllm.models.svc:8000/v1", api_key=KEY, in_cluster=True
        ),
    }
    assert ai_gateway.prices(found) == AiGatewayPricesArgs(
        (
            ModelPrice("anthropic", "claude-x", input_price=3_000_000),
            ModelPrice("anthropic", "vendor/y", input_price=3_000_000, output_price=0),
        )
    )


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"name": "An thropic"}, 'providers[0].name = "An thropic": must be a-z and 0-9'),
        ({"type": "mistral"}, 'providers[0].type = "mistral": must be'),
        ({"baseUrl": "anthropic"}, 'providers[0].baseUrl = "anthropic": must be a URL'),
        ({"baseUrl": "http://a.example/"}, "would send the key in clear; use https"),
        ({"baseUrl": "http://a.example/", "type": "copilot"}, "would send the key in clear"),
        ({"baseUrl": "http://a.example/", "credential": "none"}, "would send the key in clear"),
        ({"baseUrl": "http://a.b.example/", "inCluster": True}, "is no Service of a cluster"),
        ({"credential": "aws_keys"}, 'credential = "aws_keys": AWS keys are for what'),
        ({"type": "bedrock"}, "providers[0].bedrock: required with type bedrock"),
        (
            {"type": "openai", "credential": "none", "bedrock": {"region": "r"}},
            "providers[0].bedrock: is for the types anthropic and bedrock, and this is openai",
        ),
        (
            {"credential": "api_key", "bedrock": {"region": "r"}},
            'providers[0].credential = "api_key": AWS Bedrock takes no API key',
        ),
        (
            {"type": "copilot", "credential": "api_key"},
            'providers[0].credential = "api_key": copilot takes no API key',
        ),
        (
            {"type": "bedrock", "bedrock": {"model": "m"}},
            "providers[0].bedrock.region: required without a role and without AWS keys",
        ),
        (
            {"bedrock": {"protocol": "mantle"}},
            "providers[0].bedrock.region: required with protocol mantle",
        ),
        ({"bedrock": {"region": ""}}, "providers[0].bedrock.region"),
    ],
)
def test_a_provider_that_does_not_fit(change: dict[str, Any], problem: str) -> None:
    told = problems({**ANTHROPIC, **change}, secrets={"anthropic": {"apiKey": KEY}})
    assert len(told) == 1, told
    assert problem in told[0]
    assert told[0].startswith("aiGateway.providers[0]")


def test_bedrocks_own_url_names_the_region() -> None:
    url = "https://bedrock-runtime.us-east-1.amazonaws.com"
    assert settings({**AWS, "baseUrl": url, "bedrock": {}}).ai_gateway.providers


@pytest.mark.parametrize(
    ("provider", "secret", "problem"),
    [
        (ANTHROPIC, {}, "aiProviders.anthropic.apiKey: missing; pulumi config set --secret"),
        (ANTHROPIC, {"apiKey": f" {KEY}"}, "anthropic.apiKey = [secret]: must be one line"),
        (
            {**AWS, "credential": "aws_keys", "bedrock": {"region": "r"}},
            {"accessKey": "A"},
            "aiProviders.aws.accessKeySecret: missing",
        ),
        (ANTHROPIC, {"apiKey": 5}, "secrets.aiProviders.anthropic.apiKey"),
    ],
)
def test_a_secret_that_is_missing_or_wrong(
    provider: dict[str, Any], secret: dict[str, Any], problem: str
) -> None:
    (told,) = problems(provider, secrets={provider["name"]: secret})
    assert problem in told
    assert KEY not in told


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"providerType": "openai-compat"}, "prices[0].providerType"),
        ({"model": "a b"}, "prices[0].model"),
        ({"inputPrice": -1}, "prices[0].inputPrice"),
        ({"inputPrice": 3.5}, "prices[0].inputPrice = 3.5: must be a whole number"),
        ({"inputPrice": None}, "prices[0]: has no price: name inputPrice"),
        ({"inputPrice": 10**13}, "prices[0].inputPrice"),
    ],
)
def test_a_price_that_is_none(change: dict[str, Any], problem: str) -> None:
    told = problems(prices=[{**PRICE, **change}])
    assert len(told) == 1, told
    assert problem.partition(":")[0] in told[0]


def test_names_and_prices_stand_there_once_and_all_is_told_at_once() -> None:
    told = problems(
        ANTHROPIC,
        ANTHROPIC,
        {**ANTHROPIC, "name": "x", "type": "y"},
        prices=[PRICE, PRICE, {**PRICE, "providerType": "bedrock"}],
        secrets={"anthropic": {"apiKey": KEY}},
    )
    assert [each.partition(" = ")[0].removeprefix("aiGateway.") for each in told] == [
        "providers[2].type",
        "providers[1].name",
        "prices[1].model",
    ]
