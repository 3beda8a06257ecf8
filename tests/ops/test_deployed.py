"""What a state says of its templates and coderd, of this program and of those before it."""

import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from components.boundary import Policy, PolicyRule, Rule
from ops import deployed
from ops.assessment import StackPreview

BASE = "urn:pulumi:dev::firewalled-coder::"
STACK = f"{BASE}pulumi:pulumi:Stack::firewalled-coder-dev"
POLICY = Policy([PolicyRule(Rule.parse("domain=a.example"), "extra", "test")])
OTHER = Policy([PolicyRule(Rule.parse("domain=b.example"), "extra", "test")])


def component(name: str) -> str:
    return f"{BASE}firewalledcoder:index:WorkspaceTemplate::{name}"


def test_components_say_what_is_deployed() -> None:
    found = deployed.of(
        [
            (STACK, {"templates": {"t": {}}}),
            (component("t"), {"policy": json.dumps(POLICY.to_json()), "agentEnv": {"A": "b"}}),
            (component("open"), {"policy": "", "agentEnv": {}}),
            (f"{BASE}firewalledcoder:index:WorkspaceTemplate$coderd:a:T::t-template", {}),
            (f"{BASE}firewalledcoder:index:CoderdEnv::coderd", {"variables": {"C": "d"}}),
            (f"{BASE}firewalledcoder:index:Alerts::alerts", {"thresholds": {"denyShare": 0.3}}),
        ]
    )
    assert found.coderd == {"variables": {"C": "d"}}
    assert found.thresholds == {"denyShare": 0.3}
    assert found.policies == {"t": POLICY, "open": None}
    assert found.agent_env == {"t": {"A": "b"}, "open": {}}


def test_a_state_of_before_has_the_policy_as_a_list() -> None:
    found = deployed.of(
        [(component("t"), {"policy": POLICY.to_json()}), (component("open"), {"policy": []})]
    )
    assert found.policies == {"t": POLICY, "open": None}


def test_a_state_of_before_has_it_in_the_stacks_outputs() -> None:
    old = {"policies": {"t": POLICY.to_json(), "open": []}, "agentEnv": {"t": {"A": "b"}}}
    found = deployed.of([(STACK, old), (component("t"), {"directory": "build"})])
    assert found.policies == {"t": POLICY, "open": None}
    assert found.agent_env == {"t": {"A": "b"}}


def test_what_a_component_says_is_later_than_what_the_stack_said() -> None:
    # An update that failed half way leaves the stack's outputs as they were.
    old = {"policies": {"t": POLICY.to_json(), "u": POLICY.to_json()}, "agentEnv": {"t": {}}}
    new = {"policy": json.dumps(OTHER.to_json()), "agentEnv": {"A": "b"}}
    found = deployed.of([(component("t"), new), (STACK, old)])
    assert found.policies == {"t": OTHER, "u": POLICY}
    assert found.agent_env == {"t": {"A": "b"}}


def test_a_state_that_says_nothing_of_variables() -> None:
    assert deployed.of([]) == deployed.Deployed({}, None)
    assert deployed.of([(STACK, {"policies": None})]) == deployed.Deployed({}, None)
    assert deployed.of([(STACK, {"policies": {}, "agentEnv": {}})]).agent_env == {}


def test_a_state_is_read_with_its_secrets_as_they_are_kept() -> None:
    resources = [
        {"urn": component("t"), "outputs": {"policy": POLICY.to_json()}},
        {"urn": STACK},
    ]
    asked: list[list[str]] = []

    def run(words: list[str], *_: Any) -> SimpleNamespace:
        asked.append(words)
        return SimpleNamespace(stdout=json.dumps({"deployment": {"resources": resources}}))

    command = SimpleNamespace(run=run)
    workspace = SimpleNamespace(pulumi_command=command, work_dir=".", env_vars={})
    found = deployed.of_stack(SimpleNamespace(workspace=workspace, name="dev"))  # type: ignore[arg-type]
    assert found.policies == {"t": POLICY}
    assert asked == [["stack", "export", "--stack", "dev"]]


@pytest.mark.parametrize("registered", [json.dumps, list], ids=["text", "list"])
def test_a_policy_that_the_engine_masked_is_told_from_elsewhere(
    registered: Callable[[Any], Any],
) -> None:
    # A client id "example" is masked in every host of that word too.
    masked = json.loads(json.dumps(POLICY.to_json()).replace("example", "[secret]"))
    shown = registered(masked)
    resources = [
        (component("t"), {"policy": shown, "agentEnv": {"A": "[secret]"}}),
        (component("u"), {"policy": registered(OTHER.to_json())}),
        (component("gone"), {"policy": shown}),
        (component("open"), {"policy": []}),
    ]
    found = deployed.of(resources, lambda: {"t": POLICY, "u": POLICY, "open": POLICY})
    assert found.policies == {"t": POLICY, "u": OTHER, "open": None}
    assert found.agent_env == {"t": {"A": "[secret]"}}


def test_elsewhere_is_not_asked_without_need() -> None:
    def unmasked() -> dict[str, Policy | None]:
        raise AssertionError

    registered = json.dumps(POLICY.to_json())
    found = deployed.of([(component("t"), {"policy": registered})], unmasked)
    assert found.policies == {"t": POLICY}


def test_what_is_of_the_stack_as_a_whole_is_compared_by_its_names() -> None:
    old = deployed.Deployed({}, None, thresholds={"denyShare": 0.3}, logs="a")
    new = deployed.Deployed({}, None, guards={"protected": True}, logs="b")
    found = StackPreview("dev", **deployed.of_both(old, new))
    assert (found.old_thresholds, found.old_logs, found.new_logs) == ({"denyShare": 0.3}, "a", "b")
    assert found.new_guards == {"protected": True}
