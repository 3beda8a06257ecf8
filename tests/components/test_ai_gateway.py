"""Providers and prices of the AI Gateway, on Pulumi's mocks, and what their Args refuse."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pulumi
import pytest

from components.ai_gateway import (
    AiGatewayPrices,
    AiGatewayPricesArgs,
    AiGatewayProvider,
    AiGatewayProviderArgs,
    Bedrock,
    ModelPrice,
)
from components.errors import ArgsError
from tests.components.recording import record
from toolchain import sdk, tools

SECRET_MARK = "4dabf18193072939515e22adb298388d"
KEY = "sk-very-secret-key"
RANDOM = {"random:index/randomInteger:RandomInteger": {"result": 7}}
LATER = tools.ROOT / "sdks" / "schema" / "ai_model_price.json"
PROGRAM = """
import json
from components.ai_gateway import AiGatewayPrices, AiGatewayPricesArgs, ModelPrice
from tests.components.recording import record

prices = (
    ModelPrice("anthropic", "claude-x", input_price=3_000_000, cache_read_price=0),
    ModelPrice("openrouter", "vendor/y", output_price=1),
)
recorder, outputs = record(
    lambda: {"models": AiGatewayPrices("ai-prices", AiGatewayPricesArgs(prices)).models}
)
print(json.dumps({"made": recorder.of("AiModelPrice"), "models": outputs["models"]}))
"""


def args(**given: Any) -> AiGatewayProviderArgs:
    made = {"name": "claude", "type": "anthropic", "base_url": "https://api.anthropic.com", **given}
    return AiGatewayProviderArgs(**made)


def made(**given: Any) -> tuple[dict[str, Any], Any]:
    recorder, outputs = record(
        lambda: {"id": AiGatewayProvider("claude", args(**given)).provider_id}, RANDOM
    )
    (inputs,) = recorder.of("AiProvider")
    assert outputs["id"]
    return inputs, recorder


def revealed(value: Any) -> Any:
    assert SECRET_MARK in value
    return value["value"]


def test_a_provider_with_a_key() -> None:
    inputs, recorder = made(api_key=KEY)
    assert {**inputs, "apiKeyWo": revealed(inputs["apiKeyWo"])} == {
        "name": "claude",
        "type": "anthropic",
        "baseUrl": "https://api.anthropic.com",
        "enabled": True,
        "apiKeyWo": KEY,
        "apiKeyWoVersion": 7,
    }
    others = [each.inputs for each in recorder.registered if not each.typ.endswith("AiProvider")]
    kept = [each for each in others if "keepers" in each]
    assert kept
    assert KEY not in str(others)


def test_a_provider_by_way_of_bedrock() -> None:
    inputs, _ = made(bedrock=Bedrock(region="us-gov-west-1", role_arn="arn"), display_name="C")
    assert inputs["settings"] == {"bedrock": {"region": "us-gov-west-1", "roleArn": "arn"}}
    assert inputs["displayName"] == "C"
    assert "apiKeyWo" not in inputs
    static = Bedrock(region="r", access_key="AKIA", access_key_secret=KEY)
    inputs, recorder = made(type="bedrock", bedrock=static)
    assert revealed(inputs["settings"])["bedrock"] == {
        "region": "r",
        "accessKeyWo": "AKIA",
        "accessKeySecretWo": KEY,
        "credentialsWoVersion": 7,
    }
    assert recorder.of("RandomInteger")


def test_without_a_credential_there_is_nothing_random() -> None:
    _, recorder = made()
    assert recorder.of("RandomInteger") == []


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"name": "C_1"}, "the name takes a-z and 0-9"),
        ({"type": "mistral"}, "type 'mistral' is not one of openai"),
        ({"base_url": "http://a.example", "api_key": KEY}, "would send the key in clear"),
        ({"base_url": "http://a.example"}, "would send the key in clear"),
        ({"type": "copilot", "base_url": "http://a.example"}, "would send the key in clear"),
        ({"type": "copilot", "api_key": KEY}, "copilot takes no API key"),
        ({"bedrock": Bedrock(region="r"), "api_key": KEY}, "AWS Bedrock takes no API key"),
        ({"type": "bedrock"}, "bedrock required with type bedrock"),
        ({"bedrock": Bedrock(access_key="a")}, "access_key and access_key_secret go together"),
        ({"bedrock": Bedrock(region="r", protocol="x")}, "protocol 'x' is not one of"),
        ({"api_key": f" {KEY}"}, "a credential is empty, or has white space around it"),
    ],
)
def test_a_provider_that_is_refused(given: dict[str, Any], problem: str) -> None:
    with pytest.raises(ArgsError, match=problem) as caught:
        args(**given)
    assert KEY not in str(caught.value)


def test_a_credential_shows_in_no_text_of_the_args() -> None:
    static = Bedrock(region="r", access_key="AKIA", access_key_secret=KEY)
    for text in (repr(args(api_key=KEY)), repr(args(bedrock=static))):
        assert KEY not in text


def test_an_address_of_another_resource_is_taken() -> None:
    def program() -> dict[str, Any]:
        given = args(base_url=pulumi.Output.from_input("https://a.example"), api_key=KEY)
        return {"id": AiGatewayProvider("claude", given).provider_id}

    recorder, _ = record(program, RANDOM)
    assert recorder.of("AiProvider")[0]["baseUrl"] == "https://a.example"


@pytest.mark.parametrize(
    ("prices", "problem"),
    [
        ((ModelPrice("openai-compat", "m", 1),), "provider type 'openai-compat' has no prices"),
        ((ModelPrice("openai", "", 1),), "'' is no name of a model"),
        ((ModelPrice("openai", "m"),), "has none of input_price"),
        ((ModelPrice("openai", "m", -1),), "input_price -1 is not between 0 and"),
        ((ModelPrice("openai", "m", 1), ModelPrice("openai", "m", 2)), "openai/m is there twice"),
    ],
)
def test_prices_that_are_refused(prices: tuple[ModelPrice, ...], problem: str) -> None:
    with pytest.raises(ArgsError, match=problem):
        AiGatewayPricesArgs(prices)


def test_prices_are_refused_with_a_package_that_lacks_them() -> None:
    prices = AiGatewayPricesArgs((ModelPrice("openai", "m", 1),))
    with pytest.raises(ArgsError, match=r"newer than 0\.0\.30"):
        record(lambda: {"models": AiGatewayPrices("ai-prices", prices).models})


def test_prices_are_declared_with_a_package_that_has_them(tmp_path: Path) -> None:
    schema = json.loads(sdk.SCHEMA.read_text())
    schema["resources"] |= json.loads(LATER.read_text())
    (tmp_path / "schema.json").write_text(json.dumps(schema))
    sdk.generate(tmp_path / "sdk", tmp_path / "schema.json")
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=tools.ROOT,
        env={"PYTHONPATH": f"{tmp_path / 'sdk'}:{tools.ROOT}", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["models"] == ["anthropic/claude-x", "openrouter/vendor/y"]
    # The SDK's loop has no order of its own among resources that wait for nothing.
    assert sorted(found["made"], key=lambda price: price["providerType"]) == [
        {
            "providerType": "anthropic",
            "model": "claude-x",
            "inputPrice": 3_000_000,
            "cacheReadPrice": 0,
        },
        {"providerType": "openrouter", "model": "vendor/y", "outputPrice": 1},
    ]
