"""A template that gives Coder's own agents a pod of their own: what is in it and what is not."""

import json
from typing import Any

import pytest

from components.agent_env import AgentEnv
from components.coder_agents import is_chat_agent
from components.network.args import AGENTS_LABELS, TEMPLATE_LABEL, WORKSPACE_LABELS
from components.workspace_template.render import render
from components.workspace_template.wiring import ModuleVersions
from tests.components.workspace_template.manifests import (
    ISOLATED,
    KUBERNETES,
    START,
    Deployment,
    applied,
    block,
    deployment,
    made_before,
    manifest,
)
from tests.components.workspace_template.planning import (
    BUILD,
    SESSION_TOKEN,
    Make,
    Plan,
    Run,
    Write,
    every,
    outputs,
    resources,
)

__all__ = ["deployment", "made_before"]

PROBE = """
output "container" {
  value = { labels = local.labels, agents = local.coder_agents_labels }
}
"""


def container(made: dict[str, Any]) -> dict[str, Any]:
    (found,) = made["spec"]["template"]["spec"]["containers"]
    return dict(found)


def test_one_file_or_the_other(template_args: Make) -> None:
    agents = {"coder_agents.tf", "coder_agents_kubernetes.tf"}
    for given in (False, True, None):
        files = render(template_args(agents_allowed=given)).files.keys()
        assert not files & agents
        assert "without_coder_agents.tf" in files
    files = render(template_args(**ISOLATED)).files.keys()
    assert files >= agents
    assert "without_coder_agents.tf" not in files


def test_a_second_agent_of_the_name_that_coder_looks_for(plan: Plan) -> None:
    planned = plan(probe=PROBE, **ISOLATED)
    tree = planned["planned_values"]["root_module"]["resources"]
    names = [each["name"] for each in tree if each["type"] == "coder_agent"]
    assert sorted(names) == ["dev-coderd-chat", "main"]
    assert [name for name in names if is_chat_agent(name)] == ["dev-coderd-chat"]
    people, chat = sorted(resources(planned, "coder_agent"), key=lambda each: each["order"] or 0)
    # Coder counts an agent without an order as the first.
    assert (people["order"], chat["order"]) == (None, 1)
    assert people["api_key_scope"] == "all"
    assert chat["api_key_scope"] == "no_user_data"
    assert chat["dir"] == "/home/coder/project"
    assert set(chat["display_apps"][0].values()) == {False}


def test_without_isolation_there_is_the_one_agent(plan: Plan) -> None:
    assert len(resources(plan(agents_allowed=True), "coder_agent")) == 1


@pytest.mark.parametrize(
    "module", [{}, {"module_versions": ModuleVersions("5.4.0"), "tasks": False}], ids=["4", "5"]
)
def test_what_is_the_owners_or_the_jails_is_the_other_agents_alone(
    write: Write, terraform: Run, module: dict[str, Any]
) -> None:
    """Variables, scripts and modules name the agent that people work in."""
    given = {**ISOLATED, **module, "agent_variables": {"TEAM": "blue"}}
    directory, rendered = write(**given)
    variables = [f"-var={name}={value}" for name, value in rendered.variables.items()]
    found = {"people": "${coder_agent.main.id}", "chat": "${coder_agent.dev-coderd-chat.id}"}
    ids = applied(terraform, directory, found, variables, BUILD)
    state = json.loads(terraform("show", "-json", cwd=directory).stdout)
    planned = {"planned_values": state["values"]}
    of = {
        kind: {each["agent_id"] for each in every(planned, kind)}
        for kind in ("coder_env", "coder_script")
    }
    assert of == {"coder_env": {ids["people"]}, "coder_script": {ids["people"]}}
    assert ids["chat"] != ids["people"]


def test_the_pods_environment_is_its_agents_alone(deployment: Deployment) -> None:
    variables = {"ANTHROPIC_MODEL": "opus"}
    made = deployment(agent_variables=variables)
    env = {each["name"]: each["value"] for each in container(made)["env"]}
    assert env.keys() == {
        "CODER_AGENT_TOKEN",
        "CODER_AGENT_URL",
        "CODER_AGENT_EXP_MCP_CONFIG_FILES",
    }
    # Coder's provider makes one for each agent.
    assert len(env["CODER_AGENT_TOKEN"]) > 20
    text = json.dumps(made)
    assert SESSION_TOKEN not in text
    for name in (*AgentEnv("landjail").entries(), *variables, "CLAUDE_API_KEY", "BOUNDARY"):
        assert name not in text


def test_it_starts_an_agent_and_nothing_else(deployment: Deployment) -> None:
    assert container(deployment())["command"] == ["sh", "-c", START]


def test_labels_that_only_this_pod_has(plan: Plan, deployment: Deployment) -> None:
    labels = outputs(plan(probe=PROBE, **ISOLATED), "container")
    assert labels["labels"].items() >= WORKSPACE_LABELS.items()
    assert labels["agents"] == {**labels["labels"], **AGENTS_LABELS}
    # The policy of the workspaces, which opens the web, would add up.
    assert not labels["agents"].items() >= WORKSPACE_LABELS.items()
    assert labels["agents"][TEMPLATE_LABEL] == "firewalled"
    spec = deployment()["spec"]
    assert spec["template"]["metadata"]["labels"] == labels["agents"]
    assert spec["selector"]["matchLabels"] == labels["agents"]
    (term,) = spec["template"]["spec"]["affinity"]["podAffinity"][
        "requiredDuringSchedulingIgnoredDuringExecution"
    ]
    # One claim of one node: beside the workspace's own pod, of which only that has these labels.
    assert term["labelSelector"]["matchLabels"] == labels["labels"]
    assert term["topologyKey"] == "kubernetes.io/hostname"


def test_of_files_it_shares_the_projects_alone(deployment: Deployment) -> None:
    made = deployment()
    spec = made["spec"]["template"]["spec"]
    claims = [each for each in spec["volumes"] if "persistentVolumeClaim" in each]
    assert claims == [
        {"name": "project", "persistentVolumeClaim": {"claimName": "the-project-claim"}}
    ]
    mounts = {each["mountPath"]: each["name"] for each in container(made)["volumeMounts"]}
    assert mounts == {
        "/home/coder": "home",
        "/home/coder/project": "project",
        "/tmp": "tmp",
        "/etc/coder": "mcp",
    }
    kinds = {each["name"]: next(key for key in each if key != "name") for each in spec["volumes"]}
    assert kinds == {
        "home": "emptyDir",
        "project": "persistentVolumeClaim",
        "tmp": "emptyDir",
        "mcp": "downwardAPI",
    }
    # A file of MCP servers that nobody can write.
    annotations = made["spec"]["template"]["metadata"]["annotations"]
    assert json.loads(annotations["firewalled-coder/mcp"]) == {"mcpServers": {}}


def test_it_has_no_right_that_it_does_not_need(deployment: Deployment) -> None:
    made = deployment()
    spec = made["spec"]["template"]["spec"]
    assert spec["automountServiceAccountToken"] is False
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert container(made)["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "runAsNonRoot": True,
        "capabilities": {"drop": ["ALL"]},
    }


def test_the_claim_is_never_replaced() -> None:
    claim = block(KUBERNETES, "kubernetes_persistent_volume_claim_v1")
    assert claim["lifecycle"][0]["ignore_changes"] == "all"
    assert claim["wait_until_bound"] is False
    assert manifest(claim)["spec"]["accessModes"] == ["ReadWriteOnce"]


def test_it_runs_while_the_workspace_does_and_no_build_waits_for_it() -> None:
    found = block(KUBERNETES, "kubernetes_deployment_v1")
    assert found["count"] == "${data.coder_workspace.me.start_count}"
    assert found["wait_for_rollout"] is False
    assert found["lifecycle"][0]["ignore_changes"] == "all"
    spec = manifest(found)["spec"]
    # Two at a time would be one agent twice.
    assert (spec["replicas"], spec["strategy"]) == (1, {"type": "Recreate"})
