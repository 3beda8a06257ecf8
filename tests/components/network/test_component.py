"""The components on Pulumi's mocks: what they register, and nothing else."""

from typing import Any

from components.boundary import Policy, PolicyRule, Rule
from components.network.args import Opening, WorkspaceNetworkPolicyArgs
from components.network.component import WorkspaceNetworkPolicy
from components.network.manifests import cilium_policies, network_policies
from components.network.namespace import WorkspaceNamespace
from components.network.namespace_args import (
    STACK_ANNOTATION,
    Limits,
    Quota,
    WorkspaceNamespaceArgs,
)
from tests.components.recording import Recorder, record


def network(args: WorkspaceNetworkPolicyArgs) -> tuple[Recorder, list[str]]:
    recorder, values = record(lambda: {"names": WorkspaceNetworkPolicy("network", args).names})
    return recorder, values["names"]


def sent(recorder: Recorder, kind: str) -> list[dict[str, Any]]:
    """What was registered, by name: Pulumi registers resources of a component in any order."""
    sent = [{key: each[key] for key in ("metadata", "spec")} for each in recorder.of(kind)]
    return sorted(sent, key=lambda each: str(each["metadata"]["name"]), reverse=True)


def bare(manifest: dict[str, Any]) -> dict[str, Any]:
    """What is evaluated, and whose it is."""
    metadata = manifest["metadata"]
    annotations = {**metadata.get("annotations", {}), STACK_ANNOTATION: "firewalled-coder/test"}
    return {"metadata": {**metadata, "annotations": annotations}, "spec": manifest["spec"]}


def test_one_policy_and_what_is_evaluated_is_what_is_sent() -> None:
    allow = [Opening(ports=["8000-8100"], why="mirrors", to="10.20.0.0/16")]
    args = WorkspaceNetworkPolicyArgs(namespace="ws", allow=allow, cluster_ranges=["10.20.1.0/24"])
    recorder, names = network(args)
    assert sent(recorder, "NetworkPolicy") == [bare(each) for each in network_policies(args)]
    assert recorder.of("CiliumNetworkPolicy") == []
    assert names == ["firewalled-coder-workspaces"]
    # An empty list would not come back from the API server, and look like drift.
    assert "ingress" not in recorder.of("NetworkPolicy")[0]["spec"]


def test_with_names_a_second_policy_and_one_of_ciliums_for_each_template() -> None:
    rules = Policy([PolicyRule(Rule.parse("domain=*.a.example"), "extra", "test")])
    args = WorkspaceNetworkPolicyArgs(by_name={"firewalled": rules})
    recorder, names = network(args)
    assert sent(recorder, "NetworkPolicy") == [bare(each) for each in network_policies(args)]
    (made,) = recorder.of("CiliumNetworkPolicy")
    assert made["apiVersion"] == "cilium.io/v2"
    assert {key: made[key] for key in ("metadata", "spec")} == bare(
        cilium_policies(args)["firewalled"]
    )
    assert names == [
        "firewalled-coder-workspaces",
        "firewalled-coder-web",
        "firewalled-coder-workspaces-firewalled",
    ]


def namespace(args: WorkspaceNamespaceArgs) -> Recorder:
    def program() -> dict[str, Any]:
        WorkspaceNamespace("workspace-namespace", args)
        return {}

    return record(program)[0]


def test_labels_alone_of_a_namespace_that_is_somebody_elses() -> None:
    recorder = namespace(WorkspaceNamespaceArgs(namespace="ws"))
    (patch,) = recorder.of("NamespacePatch")
    assert patch["metadata"] == {
        "name": "ws",
        "labels": {
            "pod-security.kubernetes.io/enforce": "baseline",
            "pod-security.kubernetes.io/enforce-version": "latest",
            "pod-security.kubernetes.io/warn": "baseline",
            "pod-security.kubernetes.io/warn-version": "latest",
            "pod-security.kubernetes.io/audit": "baseline",
            "pod-security.kubernetes.io/audit-version": "latest",
        },
        "annotations": {
            "pulumi.com/patchFieldManager": "firewalled-coder",
            "firewalled-coder/stack": "firewalled-coder/test",
        },
    }
    assert recorder.of("ResourceQuota") == recorder.of("LimitRange") == []
    assert recorder.of("Namespace") == []


def test_quota_limits_and_taking_over() -> None:
    recorder = namespace(
        WorkspaceNamespaceArgs(
            quota=Quota(pods=40, memory=2048),
            limits=Limits(cpu=8, memory=16, storage=1000),
            force=True,
        )
    )
    (patch,) = recorder.of("NamespacePatch")
    assert patch["metadata"]["annotations"]["pulumi.com/patchForce"] == "true"
    (quota,) = recorder.of("ResourceQuota")
    assert quota["spec"]["hard"] == {"pods": "40", "limits.memory": "2Ti"}
    (limits,) = recorder.of("LimitRange")
    assert limits["spec"]["limits"] == [
        {
            "type": "Container",
            "max": {"cpu": "8", "memory": "16Gi"},
            "default": {"cpu": "8", "memory": "16Gi"},
            "defaultRequest": {"cpu": "500m", "memory": "1Gi"},
        },
        {"type": "PersistentVolumeClaim", "max": {"storage": "1000Gi"}},
    ]


def test_a_quota_that_bounds_nothing_is_no_object() -> None:
    assert namespace(WorkspaceNamespaceArgs(quota=Quota())).of("ResourceQuota") == []
