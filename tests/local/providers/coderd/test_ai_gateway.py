"""Providers and prices of the AI Gateway, from their first preview to their deletion."""

import base64
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from pulumi.runtime.proto import provider_pb2

from local.coderd import LocalCoderd
from local.providers import coderd_schema
from local.providers.base import ProviderError
from local.providers.coderd import CoderdProvider
from local.providers.wire import UNKNOWN, Secret, plain
from tests.local.providers.coderd.engine import SECRET, Engine

PROVIDER = "coderd:index/aiProvider:AiProvider"
PRICE = "coderd:index/aiModelPrice:AiModelPrice"


@pytest.fixture
def anthropic(name: str) -> dict[str, Any]:
    return {
        "name": name,
        "type": "anthropic",
        "baseUrl": "https://api.anthropic.com",
        "apiKeyWo": Secret(SECRET),
        "apiKeyWoVersion": 1,
    }


@pytest.fixture
def bedrock(name: str) -> dict[str, Any]:
    return {
        "name": name,
        "type": "bedrock",
        "baseUrl": "https://bedrock-runtime.us-gov-west-1.amazonaws.com",
        "settings": {"bedrock": {"model": "claude"}},
    }


def test_a_provider_from_preview_to_delete(
    provider: CoderdProvider, api: httpx.Client, anthropic: dict[str, Any]
) -> None:
    engine = Engine(provider, PROVIDER, anthropic["name"])
    assert engine.preview(**anthropic)["displayName"] is UNKNOWN
    made = engine.create(**anthropic)
    assert (made["enabled"], made["displayName"]) == (True, anthropic["name"])
    there = api.get(f"ai/providers/{engine.id}").json()
    assert there["api_keys"][0]["masked"] == made["apiKeyMasked"] != SECRET
    for kept in (engine.inputs, engine.state):
        assert SECRET not in repr(plain(kept))
        assert "apiKeyWo" not in kept
    assert engine.changes(**anthropic) == {}

    # The value alone changes nothing, its version does.
    other = {**anthropic, "apiKeyWo": Secret("another-longer-key-than-that")}
    assert engine.changes(**other) == {}
    rotated = {**other, "apiKeyWoVersion": 2, "enabled": False}
    assert engine.changes(**rotated) == {"apiKeyWoVersion": "update", "enabled": "update"}
    updated = engine.update(**rotated)
    assert updated["apiKeyMasked"] != made["apiKeyMasked"]
    assert len(api.get(f"ai/providers/{engine.id}").json()["api_keys"]) == 1

    api.patch(f"ai/providers/{engine.id}", json={"base_url": "https://else.example"})
    assert engine.refresh()
    assert engine.changes(**rotated) == {"baseUrl": "update"}
    engine.update(**rotated)
    with pytest.raises(ProviderError, match=r"Unable to create AI provider, got error: .* 409"):
        Engine(provider, PROVIDER, "again").create(**anthropic)

    # An import is by the id or the name, and brings no key.
    imported = Engine(provider, PROVIDER, "imported")
    imported.id = anthropic["name"]
    assert imported.refresh()
    assert imported.id == engine.id
    assert imported.inputs["baseUrl"] == anthropic["baseUrl"]
    assert imported.changes(**rotated) == {"apiKeyWoVersion": "add"}
    engine.delete()
    assert not engine.refresh()
    engine.delete()


def test_another_type_or_name_is_another_provider(
    provider: CoderdProvider, anthropic: dict[str, Any]
) -> None:
    engine = Engine(provider, PROVIDER, anthropic["name"])
    engine.create(**anthropic)
    for change in ({"type": "openai"}, {"name": "another"}):
        new = engine.check(**{**anthropic, **change})
        found = provider.diff(engine.call(), engine.inputs, engine.state, new)
        assert [each.replace for each in found.changes.values()] == [True]


def test_bedrock_takes_its_region_of_its_url_and_its_keys_by_their_version(
    provider: CoderdProvider, api: httpx.Client, bedrock: dict[str, Any]
) -> None:
    engine = Engine(provider, PROVIDER, bedrock["name"])
    made = engine.create(**bedrock)
    assert made["settings"]["bedrock"] == {"model": "claude", "region": "us-gov-west-1"}
    assert engine.changes(**bedrock) == {}

    role = {"model": "claude", "roleArn": "arn:aws-us-gov:iam::1:role/r"}
    with_role = {**bedrock, "settings": {"bedrock": role}}
    assert engine.changes(**with_role) == {"settings": "update"}
    external = engine.update(**with_role)["settings"]["bedrock"]["externalId"]
    assert engine.changes(**with_role) == {}
    engine.update(**bedrock)
    assert engine.outputs["settings"]["bedrock"]["externalId"] == external, "it is kept"

    keys = {"accessKeyWo": Secret("AKIA"), "accessKeySecretWo": Secret(SECRET)}
    static = {**bedrock, "settings": {"bedrock": {**keys, "credentialsWoVersion": 1}}}
    engine.update(**static)
    assert SECRET not in repr(plain(engine.state)) + repr(plain(engine.inputs))
    assert "access_key" not in api.get(f"ai/providers/{engine.id}").text
    without = {**bedrock, "settings": {"bedrock": {"credentialsWoVersion": 2}}}
    with pytest.raises(ProviderError, match="Missing Bedrock Credentials"):
        engine.update(**without)


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"type": "mistral"}, "type"),
        ({"name": "An_thropic"}, "name"),
        ({"baseUrl": "api.example.com"}, "baseUrl"),
        ({"baseUrl": "ftp://api.example.com"}, "baseUrl"),
        ({"apiKeyWo": ""}, "apiKeyWo"),
        ({"apiKeyWoVersion": None}, "apiKeyWo"),
        ({"type": "copilot"}, "apiKeyWo"),
        ({"type": "bedrock", "apiKeyWo": None}, "settings"),
        ({"settings": {}}, "settings"),
        ({"settings": {"bedrock": {"region": "r"}}}, "apiKeyWo"),
        ({"type": "openai", "settings": {"bedrock": {"region": "r"}}}, "settings.bedrock"),
        ({"settings": {"bedrock": {"region": ""}}}, "settings.bedrock.region"),
        ({"settings": {"bedrock": {"protocol": "x"}}}, "settings.bedrock.protocol"),
        ({"settings": {"bedrock": {"accessKeyWo": "k"}}}, "settings.bedrock.accessKeyWo"),
        (
            {"type": "bedrock", "apiKeyWo": None, "settings": {"bedrock": {"model": "m"}}},
            "settings.bedrock",
        ),
        (
            {
                "type": "bedrock",
                "apiKeyWo": None,
                "settings": {"bedrock": {"roleArn": "r", "protocol": "mantle"}},
            },
            "settings.bedrock.region",
        ),
    ],
)
def test_providers_that_are_refused(
    provider: CoderdProvider, anthropic: dict[str, Any], change: dict[str, Any], path: str
) -> None:
    failures = Engine(provider, PROVIDER, "bad").failures(**{**anthropic, **change})
    assert path in failures
    assert SECRET not in repr(failures)


def test_settings_of_bedrock_that_are_removed_stay_as_in_coder(
    provider: CoderdProvider, anthropic: dict[str, Any]
) -> None:
    """The provider sends null, which coderd takes for a field that is not there."""
    engine = Engine(provider, PROVIDER, anthropic["name"])
    plain_provider = {key: anthropic[key] for key in ("name", "type", "baseUrl")}
    engine.create(**plain_provider, settings={"bedrock": {"region": "r"}})
    with pytest.raises(ProviderError, match="At least one field must be provided"):
        engine.update(**plain_provider)


# Prices, of a release of the provider after 0.0.30.


@pytest.fixture
def later(provider: CoderdProvider) -> CoderdProvider:
    parameter = coderd_schema.schema()["parameterization"]["parameter"]
    remote = json.loads(base64.b64decode(parameter))["remote"]
    value = json.dumps({"remote": {**remote, "version": "0.0.31"}}).encode()
    asked = provider_pb2.ParameterizeRequest.ParametersValue(name="coderd", value=value)
    provider.parameterize(provider_pb2.ParameterizeRequest(value=asked))
    return provider


@pytest.fixture
def price(name: str) -> dict[str, Any]:
    return {"providerType": "openrouter", "model": f"vendor/{name}", "inputPrice": 100}


def test_the_release_of_the_package_has_no_prices(
    provider: CoderdProvider, price: dict[str, Any]
) -> None:
    with pytest.raises(ProviderError, match="has no resource type"):
        Engine(provider, PRICE, "p").create(**price)


def test_a_price_from_preview_to_delete(
    later: CoderdProvider,
    deployment: LocalCoderd,
    api: httpx.Client,
    price: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    said: list[str] = []
    monkeypatch.setattr(later, "warn", lambda urn, message: said.append(message))
    prices = f"{deployment.url}/api/experimental/ai/model-prices"
    engine = Engine(later, PRICE, "p")
    assert engine.preview(**price)["inputPrice"] == 100
    engine.create(**price)
    assert engine.id == f"openrouter/{price['model']}"
    assert engine.changes(**price) == {}
    dearer = {**price, "inputPrice": 150, "outputPrice": 0}
    assert engine.changes(**dearer) == {"inputPrice": "update", "outputPrice": "add"}
    engine.update(**dearer)
    (there,) = api.get(prices, params={"model": price["model"], "source": "custom"}).json()
    assert (there["input_price"], there["output_price"], there["cache_read_price"]) == (
        150,
        0,
        None,
    )
    drifted = {**there, "input_price": 999}
    assert api.post(prices, json={"prices": [drifted]}).status_code == 204
    assert engine.refresh()
    assert engine.changes(**dearer) == {"inputPrice": "update"}
    engine.delete()
    assert "stays in Coder" in said[0]
    assert engine.refresh(), "Coder cannot remove a price"
    new = engine.check(**{**dearer, "model": "another"})
    assert later.diff(engine.call(), engine.inputs, engine.state, new).changes["model"].replace


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"inputPrice": None}, ""),
        ({"inputPrice": -1}, "inputPrice"),
        ({"providerType": "openai-compat"}, "providerType"),
        ({"model": ""}, "model"),
    ],
)
def test_prices_that_are_refused(
    later: CoderdProvider, price: dict[str, Any], change: dict[str, Any], path: str
) -> None:
    assert path in Engine(later, PRICE, "bad").failures(**{**price, **change})


@pytest.mark.parametrize("id", ["openrouter", "/model", "openrouter/"])
def test_an_import_of_a_price_is_by_its_type_and_model(later: CoderdProvider, id: str) -> None:
    engine = Engine(later, PRICE, "p")
    engine.id = id
    with pytest.raises(ProviderError, match="Expected an import ID of the form"):
        engine.refresh()


@pytest.fixture(scope="module")
def unlicensed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCoderd]:
    stand_in = LocalCoderd(tmp_path_factory.mktemp("unlicensed"), licensed=False)
    stand_in.start()
    try:
        yield stand_in
    finally:
        stand_in.stop()


def test_without_a_licence_there_are_providers_and_no_prices(
    later: CoderdProvider, unlicensed: LocalCoderd, anthropic: dict[str, Any], price: dict[str, Any]
) -> None:
    later.configure({"url": unlicensed.url, "token": Secret(unlicensed.token)})
    assert Engine(later, PROVIDER, "p").create(**anthropic)["enabled"] is True
    with pytest.raises(ProviderError, match="not entitled to use AI Gateway"):
        Engine(later, PRICE, "p").create(**price)
