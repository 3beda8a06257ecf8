"""What an adoption looks for, and what has to stand in the state before it."""

from typing import Any

from ops import adopt, tokens
from ops.adoption import importing
from ops.steps import ForeseenStep


def step(op: str, kind: str, name: str, inputs: dict[str, Any], parent: str = "") -> ForeseenStep:
    return ForeseenStep(op, f"urn:pulumi:dev::p::{kind}::{name}", kind, inputs, {}, parent=parent)


def metadata(namespace: str, name: str) -> dict[str, Any]:
    return {"metadata": {"namespace": namespace, "name": name}}


def test_the_plan_looks_for_what_would_be_created() -> None:
    found = adopt.plan(
        [
            step("create", "firewalledcoder:index:Dashboards", "dashboards", {}),
            step("create", "random:index/randomPet:RandomPet", "pet", {}),
            step("create", "kubernetes:core/v1:ConfigMap", "a", metadata("monitoring", "a")),
            step("create", "kubernetes:core/v1:Secret", "b", metadata("coder", "b")),
            step("create", "kubernetes:batch/v1:Job", "j", metadata("monitoring", "j")),
            step("create", "kubernetes:x.example/v1:Rule", "r", metadata("monitoring", "r")),
            step("create", tokens.NETWORK_POLICY, "n", metadata("coder-workspaces", "n")),
            step("create", tokens.NAMESPACE_PATCH, "p", {"metadata": {"name": "coder-workspaces"}}),
            step("create", tokens.TEMPLATE, "t", {"name": "firewalled"}),
            step("create", tokens.MCP_SERVER, "s", {"slug": "github"}),
            step("create", tokens.DEPLOYMENT_PATCH, "d", metadata("coder", "coder")),
            step("update", "kubernetes:core/v1:ConfigMap", "c", metadata("monitoring", "c")),
        ]
    )
    assert [each.label for each in found.candidates] == [
        "ConfigMap monitoring/a",
        "Secret coder/b",
        "Job monitoring/j",
        "Rule monitoring/r",
        "NetworkPolicy coder-workspaces/n",
        "template firewalled",
        "MCP server github",
    ]
    assert [each.name for each in found.before] == ["dashboards", "pet"]


def test_an_adoption_looks_for_providers_and_not_for_prices() -> None:
    """Setting a price takes the place of what is there."""
    steps = [
        ForeseenStep("create", f"urn:pulumi:dev::p::{kind}::x", kind, {"name": "claude"}, {})
        for kind in (tokens.AI_PROVIDER, tokens.AI_MODEL_PRICE)
    ]
    assert [each.label for each in adopt.plan(steps).candidates] == ["AI provider claude"]


def part(kind: str, name: str, parent: str = "") -> ForeseenStep:
    return step("create", kind, name, metadata("n", name), parent)


def test_of_components_only_those_of_what_is_there_are_needed() -> None:
    root = part(tokens.STACK, "p-dev")
    there, missing = (
        part(tokens.WORKSPACE_TEMPLATE, name, root.urn) for name in ("there", "missing")
    )
    pet = part("random:index/randomPet:RandomPet", "pet", there.urn)
    other = part("random:index/randomPet:RandomPet", "other", missing.urn)
    login = part(tokens.LOGIN, "login", root.urn)
    templates = [part(tokens.TEMPLATE, each.name, each.urn) for each in (there, missing)]
    plan = adopt.AdoptionPlan(
        tuple(adopt.Candidate(each, "a template") for each in templates),
        (root, there, missing, pet, other, login),
    )
    assert plan.needed(templates[:1]) == [root.urn, there.urn, pet.urn, login.urn]
    assert plan.needed([]) == [root.urn, login.urn]


def test_a_resource_is_as_imported_until_an_update_records_it() -> None:
    assert importing.is_imported({"urn": "a", "importID": "1"})
    assert not importing.is_imported({"urn": "a", "id": "1"})
