"""A provider of the AI Gateway on the real engine: applied, lost, found again, removed."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from local.environment import Environment
from ops import adopt, tokens, up
from ops.steps import ForeseenStep
from tests.ops.adopt_world import World, changing, resources

PROVIDER = {"name": "claude", "type": "anthropic", "baseUrl": "https://api.anthropic.com"}
GATEWAY: dict[str, Any] = {"aiGateway": {"providers": [PROVIDER]}}
MOVED = {"aiGateway": {"providers": [{**PROVIDER, "type": "openai"}]}}


def test_an_adoption_looks_for_providers_and_not_for_prices() -> None:
    """Setting a price takes the place of what is there."""
    steps = [
        ForeseenStep("create", f"urn:pulumi:dev::p::{kind}::x", kind, {"name": "claude"}, {})
        for kind in (tokens.AI_PROVIDER, tokens.AI_MODEL_PRICE)
    ]
    assert [each.label for each in adopt.plan(steps).candidates] == ["AI provider claude"]


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Environment]:
    environment = Environment(state=tmp_path_factory.mktemp("state"))
    yield environment
    environment.remove()


@pytest.fixture
def world(deployment: Environment) -> World:
    world = World(deployment)
    world.up(GATEWAY)
    return world


@pytest.fixture
def api(world: World) -> Iterator[httpx.Client]:
    with world.environment.coderd.client() as client:
        client.base_url = f"{world.environment.coderd.url}/api/v2/"
        yield client


def test_it_is_there_and_its_key_is_in_no_state(world: World, api: httpx.Client) -> None:
    (there,) = api.get("ai/providers").json()
    assert there["base_url"] == PROVIDER["baseUrl"]
    with world.session(GATEWAY) as ready:
        assert changing(ready) == {}
        assert ready.stack.outputs()["aiProviders"].value == {"claude": there["id"]}
        key = ready.stack.get_config(
            "firewalled-coder:secrets.aiProviders.claude.apiKey", path=True
        ).value
    (masked,) = there["api_keys"]
    for file in (world.environment.state / "state").rglob("*.json"):
        text = file.read_text()
        assert key not in text
        assert masked["masked"] not in text


def test_another_type_takes_the_place_of_the_one_before(world: World, api: httpx.Client) -> None:
    with world.session(MOVED) as ready:
        assert changing(ready)["claude-provider"] == "replace"
        ready.stack.up()
        assert changing(ready) == {}
    assert [each["type"] for each in api.get("ai/providers").json()] == ["openai"]


def test_a_lost_one_is_taken_over_and_gets_its_key_once_more(
    world: World, api: httpx.Client
) -> None:
    before = api.get("ai/providers").json()
    world.lose_the_state()
    with world.session(GATEWAY) as ready:
        done = world.adopt(ready)
        assert set(done.taken) == world.made
        assert "AI provider claude" in done.taken
        assert done.differing == ("claude-provider: update apiKeyWoVersion",)
        assert any("AI provider claude: its key cannot be read" in line for line in world.said)
        ready.stack.up()
        assert changing(ready) == {}
    assert [each["id"] for each in api.get("ai/providers").json()] == [before[0]["id"]]


def test_one_that_was_being_made_is_known_again(world: World, api: httpx.Client) -> None:
    (file,) = (world.environment.state / "state").rglob("local.json")
    document = json.loads(file.read_text())
    latest = document["checkpoint"]["latest"]
    (made,) = [each for each in latest["resources"] if each["urn"].endswith("::claude-provider")]
    latest["resources"].remove(made)
    kept = {key: each for key, each in made.items() if key not in ("id", "outputs")}
    latest["pending_operations"] = [{"type": "creating", "resource": kept}]
    file.write_text(json.dumps(document))
    with world.session(GATEWAY) as ready:
        up.apply(ready, "local")
        assert changing(ready) == {}
        (known,) = [each for urn, each in resources(ready).items() if "claude-provider" in urn]
    assert known["id"] == api.get("ai/providers").json()[0]["id"]


def test_without_it_it_is_gone_and_so_is_the_output(world: World, api: httpx.Client) -> None:
    with world.session() as ready:
        ready.stack.up()
        assert "aiProviders" not in ready.stack.outputs()
    assert api.get("ai/providers").json() == []
