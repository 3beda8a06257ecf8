"""What the cluster holds of the network on the real engine and a real API server.

No controller and no network plugin run there: the API server stores, defaults, validates and, by
its own admission plugins, refuses pods; nothing enforces a policy.
"""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pulumi import automation

from components.network.args import TEMPLATE_LABEL, WORKSPACE_LABELS
from components.network.namespace_args import STACK_ANNOTATION
from components.network.reach import network_change
from local.environment import Environment
from ops import deployed, live_lines, live_network, preview, report, stacks, up
from ops.engine import Session
from program import plan
from tests.components.network.cilium import definition
from tests.components.network.semantics import Cluster, Pod, types
from tests.program.conftest import Ask, Open, Standing, opening, state

NAMESPACE = "/api/v1/namespaces/coder-workspaces"
POLICIES = "/apis/networking.k8s.io/v1/namespaces/coder-workspaces/networkpolicies"
CILIUM = "/apis/cilium.io/v2/namespaces/coder-workspaces/ciliumnetworkpolicies"
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
POLICY = "firewalled-coder-workspaces"
LABELS = {**WORKSPACE_LABELS, TEMPLATE_LABEL: "firewalled"}
STACK = "pulumi:pulumi:Stack"
MERGE = "application/merge-patch+json"
TEAM = {"metadata": {"labels": {"team": "platform"}}}


# What else a stack has is not looked at here.
OTHERS: dict[str, Any] = {"alerts": {"rules": []}, "mcpServers": []}


@pytest.fixture
def open_stack(open_stack: Open) -> Open:
    return opening(open_stack, OTHERS)


@pytest.fixture(scope="module")
def cilium(environment: Environment, foreign: Any) -> Iterator[None]:
    """Cilium's definition, as it is installed.

    A test that needs none of it asks for it long before the one that does: the garbage collector
    looks for new types twice a minute, and until then no object of one is deleted.
    """
    with environment.cluster.client() as client:
        client.post(DEFINITIONS, json=definition()).raise_for_status()
        deadline = time.monotonic() + 20
        while client.get(CILIUM).status_code == 404:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        yield
        client.delete(f"{DEFINITIONS}/ciliumnetworkpolicies.cilium.io").raise_for_status()


@pytest.fixture
def named(committed: Callable[[str, str], Any]) -> dict[str, Any]:
    """Settings by which names are reached through Cilium, and the jail is nsjail."""
    templates = committed("local", "templates")
    templates[0]["firewall"]["jail"] = "nsjail"
    return {"network": {"byName": True}, "templates": templates}


def stored(ask: Ask) -> dict[str, Any]:
    return {each["metadata"]["name"]: each for each in ask("GET", POLICIES)["items"]}


def changes(session: Session) -> dict[str, int]:
    """Read back what is there; return what an update would change."""
    found = session.stack.preview(refresh=True).change_summary
    names = {str(getattr(op, "value", op)): count for op, count in found.items()}
    return {op: count for op, count in names.items() if op != "same" and count}


def applied(session: Session, *, refresh: bool = False) -> dict[str, int]:
    """Bring the stack up; return what changed."""
    found = session.stack.up(refresh=refresh).summary.resource_changes or {}
    return {str(op): count for op, count in found.items() if op != "same"}


def test_without_cilium_nothing_of_it_is_left_half_made(
    up_somehow: Session, open_stack: Any, ask: Ask
) -> None:
    with open_stack(changes={"network": {"byName": True}}) as session:
        with pytest.raises(automation.CommandError) as error:
            session.stack.up()
        assert "CiliumNetworkPolicy" in str(error.value)
        assert "Traceback" not in str(error.value)
    with open_stack() as session:
        session.stack.up()
    assert set(stored(ask)) == {POLICY}


@pytest.mark.usefixtures("cilium")
def test_what_the_api_server_stored_decides_as_what_was_declared(
    stack: Session, environment: Environment, ask: Ask
) -> None:
    policies = stored(ask)
    (outputs,) = (
        each["outputs"] for each in state(environment)["resources"] if each["type"] == STACK
    )
    assert set(policies) == {POLICY} == set(outputs["networkPolicies"])
    declared = plan.network_policy(stacks.settings("local"))
    assert declared is not None
    names = ("coder", "coder-workspaces", "kube-system", "packages", "shop")
    namespaces = {name: {"kubernetes.io/metadata.name": name} for name in names}
    cluster = Cluster([*policies.values()], namespaces)
    workspace = Pod("coder-workspaces", LABELS)

    def reached(destination: Pod | str, protocol: str, *ports: int) -> list[int]:
        return [p for p in ports if cluster.passes(workspace, destination, protocol, p)]

    assert reached("140.82.112.3", "TCP", 22, 80, 443, 8087) == [80, 443]
    assert reached("140.82.112.3", "UDP", 53, 443) == []
    assert reached("169.254.169.254", "TCP", 80) == []
    assert reached("fd00:ec2::254", "TCP", 80) == []
    assert reached(Pod("kube-system", {"k8s-app": "kube-dns"}), "UDP", 53, 54) == [53]
    coderd = Pod("coder", {"app.kubernetes.io/name": "coder"})
    assert reached(coderd, "TCP", 2112, 8080, 8443) == [8080, 8443]
    assert reached(Pod("packages", {"app": "mirror"}), "TCP", 80, 8081) == [8081]
    assert not cluster.passes(Pod("shop"), workspace, "TCP", 8087)
    # The namespaces have the label that the policy selects them by, which nobody has to set.
    for name in ("coder", "kube-system"):
        labels = ask("GET", f"/api/v1/namespaces/{name}")["metadata"]["labels"]
        assert labels["kubernetes.io/metadata.name"] == name
    # A label of somebody else on the namespace is no change, either.
    ask("PATCH", NAMESPACE, TEAM, MERGE)
    found = preview.assess(stack, "local", refresh=True)
    assert (found.steps, found.verdict, bool(found.live)) == ((), "same", False)


@pytest.mark.parametrize(
    "spec",
    [
        {},
        {"egress": []},
        {"egress": [{}]},
        {"egress": [{"ports": [{"port": 1}]}]},
        {"ingress": [{}]},
        {"policyTypes": ["Egress"]},
    ],
)
def test_the_api_servers_defaults_are_the_evaluators(
    foreign: Any, ask: Ask, spec: dict[str, Any]
) -> None:
    policy = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "defaulted"},
        "spec": {"podSelector": {}, **spec},
    }
    path = "/apis/networking.k8s.io/v1/namespaces/default/networkpolicies"
    made = ask("POST", f"{path}?dryRun=All", policy)
    assert [each.lower() for each in made["spec"]["policyTypes"]] == types(policy["spec"])


def edited(ask: Ask, managed: bool) -> None:
    """Open everything in the stored policy, as whoever wrote it last or as somebody else."""
    there = stored(ask)[POLICY]
    owner = there["metadata"]["managedFields"][0]["manager"]
    change = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": POLICY, "annotations": there["metadata"]["annotations"]},
        "spec": {**there["spec"], "egress": [{}]},
    }
    manager = owner if managed else "somebody"
    path = f"{POLICIES}/{POLICY}?fieldManager={manager}&force=true"
    assert isinstance(ask("PATCH", path, change, "application/apply-patch+yaml"), dict)


def test_what_somebody_opened_is_closed_again(stack: Session, ask: Ask) -> None:
    declared = stored(ask)[POLICY]
    edited(ask, managed=True)
    opened = network_change([declared], [stored(ask)[POLICY]], LABELS)
    assert "every address" in {each.where for each in opened.opened}
    assert applied(stack, refresh=True) == {"update": 1}
    assert stored(ask)[POLICY]["spec"] == declared["spec"]


EVERYBODY = {"op": "add", "path": "/spec/ingress", "value": [{}]}
EVERYWHERE = {"op": "add", "path": "/spec/egress/-", "value": {}}
NOBODY = "/spec/podSelector/matchLabels/nobody"


def by_kubectl(ask: Ask, change: Any, kind: str) -> None:
    path = f"{POLICIES}/{POLICY}?fieldManager=kubectl-patch"
    assert isinstance(ask("PATCH", path, change, f"application/{kind}-patch+json"), dict)


def edited_by_kubectl(found: live_network.LiveNetwork, effect: str, where: str) -> None:
    assert found.effect == effect
    (edit,) = found.edits
    assert [each.manager for each in edit.editors] == ["kubectl-patch"]
    paths = [each.path for each in edit.changes]
    assert "spec.ingress" in paths
    assert any(path.startswith(where) for path in paths)


def test_what_somebody_added_is_told_and_restored(
    stack: Session, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the engine does not see of it, and what it is in conflict with."""
    declared = stored(ask)[POLICY]
    settings = stacks.settings("local", stack.work_dir)
    assert not live_network.against(settings)
    by_kubectl(ask, [{"op": "add", "path": NOBODY, "value": "x"}, EVERYBODY], "json")
    edited_by_kubectl(
        live_network.against(settings), "removed", "spec.podSelector.matchLabels.nobody"
    )
    by_kubectl(ask, [{"op": "remove", "path": NOBODY}, EVERYWHERE], "json")
    found = preview.assess(stack, "local", refresh=True)
    # An update would leave it.
    assert (found.steps, found.verdict) == ((), "changes")
    edited_by_kubectl(found.live, "opens", "spec.egress[")
    said: list[str] = []
    monkeypatch.setattr("ops.terminal.progress", said.append)
    told = up.differing(stack, "local")
    assert said == [], "the program was run, and no provider has changed"
    assert told[-1].strip() == live_lines.way_on(found.live, "local")
    assert told[-1].strip() == (
        f"kubectl --context {found.live.context} delete -n coder-workspaces "
        f"networkpolicy/{POLICY} && python -m ops refresh local && python -m ops up local"
    )
    assert live_network.against(settings).effect == "opens"
    by_kubectl(ask, {"spec": {"egress": [{}]}}, "merge")
    head = "; somebody opened the network policy: more is reached now than was declared\n"
    found = preview.assess(stack, "local", refresh=True)
    assert found.verdict == "fails"
    text = report.to_markdown([found])
    assert head in text
    assert "`every address`" in text
    assert 'conflict with "kubectl-patch"' in text
    # The state learns what was edited; the settings still tell.
    up.differing(stack, "local")
    found = preview.assess(stack, "local")
    assert found.verdict == "fails"
    assert head in report.to_markdown([found])

    # The way on that was told.
    ask("DELETE", f"{POLICIES}/{POLICY}")
    up.differing(stack, "local")
    assert applied(stack) == {"create": 1}
    assert stored(ask)[POLICY]["spec"] == declared["spec"]
    assert not live_network.against(settings)


def test_a_policy_of_somebody_else_is_told_until_the_settings_accept_it(
    stack: Session, open_stack: Any, committed: Any, ask: Ask
) -> None:
    theirs = {"metadata": {"name": "allow-all"}, "spec": {"podSelector": {}, "egress": [{}]}}
    ask("POST", f"{POLICIES}?fieldManager=helm", theirs)
    found = preview.assess(stack, "local", refresh=True)
    assert found.warnings == ("somebody else's network policy opens workspaces",)
    (policy,) = found.live.opening
    assert (policy.name, [each.manager for each in policy.makers]) == ("allow-all", ["helm"])
    assert "every address" in {way.where for way in policy.reaches[0].change.opened}
    live = live_network.against(stacks.settings("local", stack.work_dir))
    assert any("networkpolicy/allow-all" in line for line in live_lines.told(live, "local"))
    accepted = {"acceptedPolicies": [{"name": "allow-all", "reason": "a test"}]}
    network = {**committed("local", "network"), **accepted}
    with open_stack(changes={"network": network}) as session:
        found = preview.assess(session, "local", refresh=True)
        assert found.warnings == ("somebody else's network policy is newly accepted",)
        assert (found.steps, found.live.opening, len(found.live.foreign)) == ((), (), 1)
        assert applied(session) == {}
        assert deployed.of_stack(session.stack).accepted == {"NetworkPolicy/allow-all": "a test"}
        assert preview.assess(session, "local", refresh=True).verdict == "same"
    ask("DELETE", f"{POLICIES}/allow-all")
    with open_stack() as session:
        assert [each.new for each in preview.assess(session, "local").accepted] == [None]


def pod(name: str, *capabilities: str) -> dict[str, Any]:
    """Return a workspace's pod, its security as in workspace_template/terraform/kubernetes.tf."""
    own: dict[str, Any] = {"runAsUser": 1000, "allowPrivilegeEscalation": True}
    if capabilities:
        own["capabilities"] = {"add": list(capabilities)}
    limited = {"securityContext": own, "resources": {"limits": {"cpu": "8", "memory": "16Gi"}}}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": LABELS},
        "spec": {
            "securityContext": {"runAsUser": 1000, "fsGroup": 1000},
            "containers": [{"name": "dev", "image": "example/base:1", **limited}],
        },
    }


def test_the_namespace_refuses_what_no_workspace_needs(up_somehow: Session, ask: Ask) -> None:
    labels = ask("GET", NAMESPACE)["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "baseline"
    pods = f"{NAMESPACE}/pods?dryRun=All"
    assert isinstance(ask("POST", pods, pod("workspace")), dict)
    assert ask("POST", pods, pod("nsjail", "NET_ADMIN")) == 403
    # On the host's network no policy would hold it.
    host = pod("host")
    host["spec"]["hostNetwork"] = True
    assert ask("POST", pods, host) == 403
    larger = pod("larger")
    larger["spec"]["containers"][0]["resources"]["limits"]["memory"] = "17Gi"
    assert ask("POST", pods, larger) == 403
    quota = ask("GET", f"{NAMESPACE}/resourcequotas/{POLICY}")["spec"]["hard"]
    limits = {"limits.cpu": "80", "limits.memory": "160Gi"}
    assert quota == {"pods": "20", **limits, "requests.storage": "500Gi"}


def test_restricted_would_refuse_every_workspace(foreign: Any, ask: Ask) -> None:
    """Why the settings refuse to enforce it: the API server's own Pod Security says so."""
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    name = "restricted-pods"
    assert isinstance(
        ask("POST", "/api/v1/namespaces", {"metadata": {"name": name, "labels": labels}}), dict
    )
    assert ask("POST", f"/api/v1/namespaces/{name}/pods?dryRun=All", pod("workspace")) == 403


def test_destroying_gives_the_labels_back_and_a_policy_is_there_before_a_template_and_goes_after(
    up_somehow: Session, open_stack: Any, named: dict[str, Any], ask: Ask
) -> None:
    ask("PATCH", NAMESPACE, TEAM, MERGE)
    order: dict[str, list[str]] = {"create": [], "delete": []}

    def on_event(event: automation.EngineEvent) -> None:
        if event.res_outputs_event:
            step = event.res_outputs_event.metadata
            op = str(getattr(step.op, "value", step.op))
            if op in order:
                order[op].append(str(step.urn).rpartition("::")[2])

    up_somehow.stack.destroy(on_event=on_event, refresh=True)
    metadata = ask("GET", NAMESPACE)["metadata"]
    assert metadata["labels"] == {
        "kubernetes.io/metadata.name": "coder-workspaces",
        "team": "platform",
    }
    assert metadata.get("annotations", {}) == {}
    assert stored(ask) == {}
    for kind in ("resourcequotas", "limitranges"):
        assert ask("GET", f"{NAMESPACE}/{kind}")["items"] == []
    # Meanwhile another stack labels it.
    others: dict[str, str | None] = {STACK_ANNOTATION: "firewalled-coder/other"}
    ask("PATCH", NAMESPACE, {"metadata": {"annotations": others}}, MERGE)
    with open_stack(changes=named) as session:
        with pytest.raises(automation.CommandError, match="of the stack firewalled-coder/other"):
            session.stack.preview()
        others[STACK_ANNOTATION] = None
        ask("PATCH", NAMESPACE, {"metadata": {"annotations": others}}, MERGE)
        session.stack.up(on_event=on_event)
    made, gone = order["create"], order["delete"]
    assert made.index("network-workspaces") < made.index("firewalled-template")
    assert gone.index("firewalled-template") < gone.index("network-workspaces")


def test_nsjail_chooses_the_level_that_lets_it_start(
    cilium: None, open_stack: Any, standing: Standing, named: dict[str, Any], ask: Ask
) -> None:
    with open_stack(changes=named) as session:
        standing.bring_up(session)
    labels = ask("GET", NAMESPACE)["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "privileged"
    assert labels["pod-security.kubernetes.io/warn"] == "baseline"
    pods = f"{NAMESPACE}/pods?dryRun=All"
    assert isinstance(ask("POST", pods, pod("nsjail", "NET_ADMIN")), dict)


def test_names_are_taken_by_ciliums_own_definition(
    cilium: None, open_stack: Any, standing: Standing, named: dict[str, Any], ask: Ask
) -> None:
    with open_stack(changes=named) as session:
        standing.bring_up(session)
        (made,) = ask("GET", CILIUM)["items"]
        assert made["metadata"]["name"] == f"{POLICY}-firewalled"
        hosts = {tuple(each.items()) for each in made["spec"]["egress"][-1]["toFQDNs"]}
        assert (("matchName", "github.com"),) in hosts
        assert set(stored(ask)) == {POLICY, "firewalled-coder-web"}
        assert changes(session) == {}
        settings = stacks.settings("local", session.work_dir)
        assert not live_network.against(settings)
        everything = {"op": "add", "path": "/spec/egress/-", "value": {"toEntities": ["all"]}}
        path = f"{CILIUM}/{made['metadata']['name']}?fieldManager=kubectl-patch"
        ask("PATCH", path, [everything], "application/json-patch+json")
        found = live_network.against(settings)
        assert found.effect == "unclear"
        assert [each.manager for each in found.edits[0].editors] == ["kubectl-patch"]
    with open_stack() as session:
        session.stack.up()
    assert ask("GET", CILIUM)["items"] == []
    assert set(stored(ask)) == {POLICY}
    wrong = {**made, "metadata": {"name": "wrong"}, "spec": {**made["spec"]}}
    wrong["spec"]["egress"] = [{"toFQDNs": [{"matchName": "a b"}]}]
    assert ask("POST", CILIUM, wrong) == 422
