"""Providers and prices of the AI Gateway in the stand-in for coderd, and what it refuses."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from local.coderd import LocalCoderd
from local.coderd.ai_providers import masked

SECRET = "sk-ant-very-secret-key-of-ours"
BEDROCK = {"_type": "bedrock", "_version": 1}


def body(name: str, **more: Any) -> dict[str, Any]:
    url = "https://api.anthropic.com"
    return {"type": "anthropic", "name": name, "enabled": True, "base_url": url, **more}


def test_a_key_is_never_given_back(coderd: LocalCoderd, api: httpx.Client, name: str) -> None:
    made = api.post("ai/providers", json=body(name, api_keys=[SECRET]))
    assert made.status_code == 201
    (key,) = made.json()["api_keys"]
    assert key["masked"] == masked(SECRET) == "sk-a...ours"
    by_name, by_id = api.get(f"ai/providers/{name}"), api.get(f"ai/providers/{made.json()['id']}")
    assert by_name.json() == by_id.json() == made.json()
    assert made.json()["display_name"] == name
    kept = api.patch(
        f"ai/providers/{name}", json={"api_keys": [{"id": key["id"]}, {"api_key": "another"}]}
    )
    assert kept.json()["api_keys"][0] == key
    for answer in (made, kept, api.get("ai/providers"), api.get("audit", params={"limit": 100})):
        assert SECRET not in answer.text
    for file in filter(Path.is_file, coderd.directory.rglob("*")):
        assert SECRET.encode() not in file.read_bytes()
    assert api.post("ai/providers", json=body(name)).status_code == 409
    assert api.delete(f"ai/providers/{name}").status_code == 204
    assert api.get(f"ai/providers/{name}").status_code == 404
    assert api.get("ai/providers/No_Name").status_code == 400
    assert api.post("ai/providers", json=body(name)).status_code == 201, "a name is free again"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"type": ""}, "type"),
        ({"type": "mistral"}, "type"),
        ({"name": "A"}, "name"),
        ({"base_url": ""}, "base_url"),
        ({"base_url": "api.anthropic.com"}, "base_url"),
        ({"base_url": "ftp://a.example"}, "base_url"),
        ({"api_keys": [""]}, "api_keys[0]"),
        ({"api_keys": [" k"]}, "api_keys[0]"),
        ({"type": "bedrock"}, "settings"),
        ({"type": "bedrock", "settings": {**BEDROCK, "model": "m"}}, "settings"),
        ({"type": "openai", "settings": {**BEDROCK, "region": "r"}}, "settings"),
        ({"type": "copilot", "api_keys": ["k"]}, "api_keys"),
    ],
)
def test_providers_that_are_refused(api: httpx.Client, change: dict[str, Any], field: str) -> None:
    answer = api.post("ai/providers", json={**body("refused"), **change})
    assert answer.status_code == 400
    assert answer.json()["message"] == "Invalid AI provider request."
    assert field in [each["field"] for each in answer.json()["validations"]]


def test_bedrock_settings(api: httpx.Client, name: str) -> None:
    keys = {"access_key": "AKIA", "access_key_secret": SECRET}
    for settings in ({"region": "r"}, {"_type": "azure"}, {**BEDROCK, "_version": 2}):
        refused = api.post("ai/providers", json=body(name, settings=settings))
        assert (refused.status_code, "detail" in refused.json()) == (400, True)
    with_key = body(name, settings={**BEDROCK, "region": "r"}, api_keys=["k"])
    assert "do not accept api_keys" in api.post("ai/providers", json=with_key).json()["message"]
    made = api.post("ai/providers", json=body(name, settings={**BEDROCK, **keys})).json()
    assert made["settings"] == BEDROCK
    path = f"ai/providers/{name}"
    role = {**BEDROCK, "role_arn": "arn:x"}
    external = api.patch(path, json={"settings": role}).json()["settings"]["external_id"]
    for patch, message in (
        ({}, "At least one field"),
        ({"settings": None}, "At least one field"),
        ({"settings": {**role, "external_id": "mine"}}, "server-generated"),
        ({"api_keys": [{"api_key": "k"}]}, "do not accept api_keys"),
        ({"api_keys": [{"id": "x", "api_key": "k"}]}, "Invalid AI provider request"),
    ):
        refused = api.patch(path, json=patch)
        assert (refused.status_code, message in refused.json()["message"]) == (400, True), patch
    kept = api.patch(path, json={"settings": {**BEDROCK, "region": "r"}}).json()["settings"]
    assert kept["external_id"] == external


ALL = {"input_price": 1, "output_price": None, "cache_read_price": None, "cache_write_price": 0}


@pytest.mark.parametrize(
    ("prices", "field"),
    [
        ([], "prices"),
        ([{"model": "m", **ALL}], "prices[0].provider"),
        ([{"provider": "openai-compat", "model": "m", **ALL}], "prices[0].provider"),
        ([{"provider": "openai", **ALL}], "prices[0].model"),
        ([{"provider": "openai", "model": "m", "input_price": 1}], "prices[0].output_price"),
        ([{"provider": "openai", "model": "m", **ALL, "input_price": -1}], "prices[0].input_price"),
        ([{"provider": "openai", "model": "m", **dict.fromkeys(ALL)}], "prices[0]"),
        ([{"provider": "openai", "model": "m", **ALL}] * 2, "prices[1]"),
    ],
)
def test_prices_that_are_refused(
    coderd: LocalCoderd, api: httpx.Client, prices: list[dict[str, Any]], field: str
) -> None:
    url = f"{coderd.url}/api/experimental/ai/model-prices"
    good = {"provider": "openai", "model": "never", **ALL}
    answer = api.post(url, json={"prices": [*prices, good] if prices else []})
    assert answer.status_code == 400
    assert field in [each["field"] for each in answer.json()["validations"]]
    assert api.get(url, params={"model": "never"}).json() == [], "one that is wrong stops all"


def test_prices_by_what_is_asked(coderd: LocalCoderd, api: httpx.Client, name: str) -> None:
    url = f"{coderd.url}/api/experimental/ai/model-prices"
    price = {"provider": "openrouter", "model": f"vendor/{name}", **ALL}
    assert api.post(url, json={"prices": [price]}).status_code == 204
    (there,) = api.get(url, params={"provider": "openrouter", "model": price["model"]}).json()
    assert {key: there[key] for key in price} == price
    assert (there["source"], there["provider_id"]) == ("custom", None)
    assert api.get(url, params={"source": "default"}).json() == []
    assert api.get(url, params={"source": "mine"}).status_code == 400
    assert api.get(url, params={"provider": "mine"}).status_code == 400
