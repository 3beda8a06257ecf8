"""Coder's own agents in a pod of their own, as the real API server takes pod and policy."""

from typing import Any

import pytest

from components.network.args import AGENTS_LABELS, TEMPLATE_LABEL
from ops.engine import Session
from tests.components.network.semantics import Cluster, Pod
from tests.components.workspace_template.conftest import template_args
from tests.components.workspace_template.manifests import Deployment, deployment, made_before
from tests.components.workspace_template.planning import terraform, write
from tests.program.conftest import Ask
from tests.program.test_network import NAMESPACE, changes, stored

__all__ = ["deployment", "made_before", "template_args", "terraform", "write"]

DEPLOYMENTS = "/apis/apps/v1/namespaces/{}/deployments?dryRun=All&fieldValidation=Strict"


@pytest.fixture
def restricted(foreign: Any, ask: Ask) -> str:
    """A namespace that enforces the strictest of the Pod Security Standards."""
    name = "restricted-agents"
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    ask("POST", "/api/v1/namespaces", {"metadata": {"name": name, "labels": labels}})
    return name


def test_the_deployment_is_one_and_its_pod_restricted(
    deployment: Deployment, restricted: str, ask: Ask
) -> None:
    made = {**deployment(), "apiVersion": "apps/v1", "kind": "Deployment"}
    made["metadata"]["namespace"] = restricted
    stored = ask("POST", DEPLOYMENTS.format(restricted), made)
    assert isinstance(stored, dict), stored
    assert stored["spec"]["replicas"] == 1
    # An unknown field would be refused, so every name of the HCL is the API's.
    wrong = {**made, "spec": {**made["spec"], "replica": 1}}
    assert ask("POST", DEPLOYMENTS.format(restricted), wrong) == 400
    template = made["spec"]["template"]
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {**template["metadata"], "name": "agents"},
        "spec": template["spec"],
    }
    path = f"/api/v1/namespaces/{restricted}/pods?dryRun=All"
    assert isinstance(ask("POST", path, pod), dict)
    privileged = {**template["spec"]["containers"][0], "securityContext": {}}
    refused = {**pod, "spec": {**pod["spec"], "containers": [privileged]}}
    assert ask("POST", path, refused) == 403


def test_a_stack_that_isolates_them_has_their_policy_and_gives_it_back(
    up_somehow: Session, open_stack: Any, committed: Any, ask: Ask
) -> None:
    templates = committed("local", "templates")
    (firewalled,) = (each for each in templates if "firewall" in each)
    firewalled["agentsAllowed"] = "isolated"
    with open_stack(changes={"templates": templates}) as session:
        session.stack.up()
        found = stored(ask)
        assert set(found) == {"firewalled-coder-workspaces", "firewalled-coder-agents"}
        names = ("coder", "coder-workspaces", "kube-system")
        namespaces = {name: {"kubernetes.io/metadata.name": name} for name in names}
        cluster = Cluster([*found.values()], namespaces)
        agents = Pod("coder-workspaces", {**AGENTS_LABELS, TEMPLATE_LABEL: "firewalled"})
        coderd = Pod("coder", {"app.kubernetes.io/name": "coder"})
        assert cluster.passes(agents, coderd, "TCP", 8080)
        assert not cluster.passes(agents, "140.82.112.3", "TCP", 443)
        assert changes(session) == {}
    assert isinstance(ask("GET", NAMESPACE), dict)
    with open_stack() as session:
        session.stack.up()
    assert set(stored(ask)) == {"firewalled-coder-workspaces"}
