"""An adoption learns what is there, and takes nothing of the settings for it."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from local.environment import Environment
from ops import adopt, deployed, tokens
from ops.adoption import importing
from ops.engine import Session
from ops.state import StackState
from ops.steps import ForeseenStep
from tests.ops.adopt_world import World, changing

CONFINED = {"name": "confined", "firewall": {"jail": "landjail"}}
UP: dict[str, Any] = {"templates": [{"name": "open"}, CONFINED]}
WIDER: dict[str, Any] = {
    "templates": [{"name": "open"}, CONFINED, {**CONFINED, "name": "second"}],
    "policy": {"rules": [{"rule": "method=GET domain=wide.example", "why": "a test needs it"}]},
}
"""What the settings say then: another rule, and one more template."""


def step(op: str, kind: str, name: str, parent: str = "") -> ForeseenStep:
    inputs = {"metadata": {"namespace": "n", "name": name}}
    return ForeseenStep(op, f"urn:pulumi:dev::p::{kind}::{name}", kind, inputs, {}, parent=parent)


def test_of_components_only_those_of_what_is_there_are_needed() -> None:
    root = step("create", tokens.STACK, "p-dev")
    there, missing = (
        step("create", tokens.WORKSPACE_TEMPLATE, name, root.urn) for name in ("there", "missing")
    )
    pet = step("create", "random:index/randomPet:RandomPet", "pet", there.urn)
    other = step("create", "random:index/randomPet:RandomPet", "other", missing.urn)
    login = step("create", tokens.LOGIN, "login", root.urn)
    templates = [step("create", tokens.TEMPLATE, each.name, each.urn) for each in (there, missing)]
    plan = adopt.AdoptionPlan(
        tuple(adopt.Candidate(each, "a template") for each in templates),
        (root, there, missing, pet, other, login),
    )
    assert plan.needed(templates[:1]) == [root.urn, there.urn, pet.urn, login.urn]
    assert plan.needed([]) == [root.urn, login.urn]


def test_a_resource_is_as_imported_until_an_update_records_it() -> None:
    assert importing.is_imported({"urn": "a", "importID": "1"})
    assert not importing.is_imported({"urn": "a", "id": "1"})


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    environment = Environment(state=tmp_path_factory.mktemp("state"))
    world = World(environment)
    try:
        world.up(UP)
        yield world
    finally:
        environment.remove()


def policies(ready: Session) -> dict[str, str]:
    """Return what the state says of each template's policy."""
    return {
        name: json.dumps(policy.to_json()) if policy else ""
        for name, policy in deployed.of_stack(ready.stack).policies.items()
    }


def test_where_all_is_known_nothing_is_recorded(world: World) -> None:
    with world.session(UP) as ready:
        before = policies(ready)
        assert before.keys() == {"confined", "open"}
    with world.session(WIDER) as ready:
        state = StackState(ready.stack).resources
        pending = changing(ready)
        assert pending["second-template"] == "create"
        done = world.adopt(ready)
        assert (done.taken, done.missing) == ((), ("template second",))
        assert "second-template: create" in done.differing
        assert StackState(ready.stack).resources == state
        assert (policies(ready), changing(ready)) == (before, pending)


def test_what_is_taken_over_leaves_the_policy_that_is_deployed(world: World) -> None:
    forgotten = "data-sources-loki"
    with world.session(WIDER) as ready:
        before, pending = policies(ready), changing(ready)
        state = StackState(ready.stack)
        resources = state._deployment["resources"]
        resources[:] = [each for each in resources if not each["urn"].endswith(f"::{forgotten}")]
        state.save()
        done = world.adopt(ready)
        assert done.taken == ("ConfigMap monitoring/datasource-loki",)
        assert not importing.unfinished(StackState(ready.stack)), "the adoption is finished"
        assert (policies(ready), changing(ready)) == (before, pending)
        named = {each.rpartition("::")[2] for each in StackState(ready.stack).resources}
        assert "second" not in named
        # What waits for another still does, and goes before it.
        source = next(
            each
            for urn, each in StackState(ready.stack).resources.items()
            if urn.endswith("::data-sources-aibridge-postgres")
        )
        assert any(urn.endswith("::data-sources-database") for urn in source["dependencies"])


def test_of_another_content_no_policy_is_claimed(world: World) -> None:
    world.lose_the_state()
    with world.session(WIDER) as ready:
        done = world.adopt(ready)
        assert "template confined" in done.taken
        assert policies(ready).keys() == {"open"}, "what runs has a policy that nobody looked at"
        ready.stack.up()
        assert changing(ready) == {}
        assert {name for name, policy in policies(ready).items() if "wide.example" in policy} == {
            "confined",
            "second",
        }
