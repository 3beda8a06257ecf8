"""Coder's own agents in a pod of their own, held to what the cluster has of policies."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from components.network.manifests import network_policies
from components.settings.model import Settings
from ops.verification.model import Outcome, Result
from ops.verification.preflight import Preflight
from program import plan
from tests.ops.verification.fake_coderd import FakeCoderd
from tests.ops.verification.making import Making, deployment
from tests.ops.verification.test_cluster import Server, settings

POLICIES = "/apis/networking.k8s.io/v1/namespaces/coder-workspaces/networkpolicies"
OPEN = {
    "metadata": {"name": "somebodys"},
    "spec": {"podSelector": {}, "policyTypes": ["Egress"], "egress": [{}]},
}


def isolated(**network: Any) -> Settings:
    found = settings()
    templates = [
        each.model_copy(update={"agents_allowed": "isolated"})
        for each in found.templates
        if each.firewall is not None
    ]
    section = found.network.model_copy(update=network)
    return found.model_copy(update={"templates": templates, "network": section})


def declared(stack: Settings) -> list[dict[str, Any]]:
    """The stack's policies as a list of the API server has them: without their kind."""
    args = plan.network_policy(stack)
    assert args is not None
    return [{key: each[key] for key in ("metadata", "spec")} for each in network_policies(args)]


def look(folder: Path, server: Server, stack: Settings) -> Result:
    making = Making(folder)
    coderd = FakeCoderd()
    coderd.templates["firewalled"] = True
    run = making.run(chosen=lambda each: each == "preflight.agents")
    Preflight(run, deployment(coderd), stack, stack.templates, server.cluster()).look()
    return making.results["preflight.agents"]


def serving(policies: list[dict[str, Any]]) -> Server:
    server = Server()
    server.lists[POLICIES] = policies
    return server


@pytest.mark.parametrize("by_name", [False, True])
def test_the_stacks_policies_keep_them_to_what_they_open(tmp_path: Path, by_name: bool) -> None:
    stack = isolated(by_name=by_name)
    result = look(tmp_path, serving(declared(stack)), stack)
    assert result.outcome is Outcome.PASSED, result
    told = "agentsAllowed is isolated; their pods reach only pods "
    assert result.detail.startswith(told)
    assert "pods app.kubernetes.io/name=coder in namespace coder: TCP 8080, TCP" in result.detail


def test_no_policy_of_theirs(tmp_path: Path) -> None:
    stack = isolated()
    others = [each for each in declared(stack) if "agents" not in each["metadata"]["name"]]
    assert len(others) == 1
    result = look(tmp_path, serving(others), stack)
    assert result.outcome is Outcome.FAILED
    assert "no network policy selects the pods of Coder's own agents" in result.detail


def test_somebodys_policy_that_opens_what_the_stack_closes(tmp_path: Path) -> None:
    stack = isolated()
    result = look(tmp_path, serving([*declared(stack), OPEN]), stack)
    assert result.outcome is Outcome.FAILED
    assert "reach besides what is declared" in result.detail
    assert "every" in result.detail
    assert result.next_step.startswith("kubectl -n coder-workspaces describe networkpolicy")


def test_a_cluster_that_cannot_be_asked_is_not_checked(tmp_path: Path) -> None:
    server = Server()
    server.answer = lambda _: httpx.Response(403, json={})
    result = look(tmp_path, server, isolated())
    assert result.outcome is Outcome.NOT_CHECKED
    assert "may not list" in result.detail
    assert "the user has to list NetworkPolicies" in result.next_step


def test_a_template_without_a_firewall_is_looked_at_too(tmp_path: Path) -> None:
    stack = isolated(enabled=True)
    bare = [each.model_copy(update={"firewall": None}) for each in stack.templates]
    stack = stack.model_copy(update={"templates": bare})
    assert look(tmp_path, serving(declared(stack)), stack).outcome is Outcome.PASSED
