"""pulumi-kubernetes' own provider on the local cluster: what the program relies on of the two."""

from collections.abc import Mapping
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes
import pulumi_random as random
import pytest
from pulumi import automation

from local.cluster import LocalCluster
from tests.local.providers.conftest import Bench

CODER = "/apis/apps/v1/namespaces/coder/deployments/coder"
SELECTOR = {"match_labels": {"app": "web"}}


def _options(cluster: LocalCluster, **options: Any) -> pulumi.ResourceOptions:
    return pulumi.ResourceOptions(
        provider=kubernetes.Provider("cluster", kubeconfig=str(cluster.kubeconfig), **options)
    )


def _pods(cluster: LocalCluster) -> dict[str, Any]:
    with cluster.client() as client:
        template: dict[str, Any] = client.get(CODER).raise_for_status().json()["spec"]["template"]
    return template


def _patch_coder(
    opts: pulumi.ResourceOptions,
    *,
    annotations: Mapping[str, pulumi.Input[str]] | None = None,
    **container: Any,
) -> None:
    kubernetes.apps.v1.DeploymentPatch(
        "coder",
        metadata={
            "name": "coder",
            "namespace": "coder",
            "annotations": {"pulumi.com/patchFieldManager": "ours"},
        },
        spec={
            "template": {
                "metadata": {"annotations": annotations},
                "spec": {"containers": [{"name": "coder", **container}]},
            }
        },
        opts=opts,
    )


def test_a_stack_from_preview_to_destroy(bench: Bench, cluster: LocalCluster) -> None:
    """One life of a stack: made, unchanged, drifted, repaired, changed, destroyed."""
    text = {"title": "one"}
    before = _pods(cluster)

    def program() -> None:
        opts = _options(cluster, enable_config_map_mutable=True)
        password = random.RandomPassword("password", length=20)
        secret = kubernetes.core.v1.Secret(
            "auth",
            metadata={"namespace": "coder"},
            string_data={"OURS": password.result},
            opts=opts,
        )
        kubernetes.core.v1.ConfigMap(
            "board", metadata={"name": "board", "namespace": "monitoring"}, data=text, opts=opts
        )
        _patch_coder(
            opts,
            annotations={"ours/revision": text["title"]},
            envFrom=[{"secretRef": {"name": secret.metadata.name}}],
        )
        pulumi.export("secret", secret.metadata.name)
        pulumi.export("password", password.result)

    stack = bench.stack(program)
    preview = stack.preview()
    assert preview.change_summary == {"create": 6}
    board = "/api/v1/namespaces/monitoring/configmaps/board"
    with cluster.client() as client:
        assert client.get(board).status_code == 404

    made = {name: output.value for name, output in stack.up().outputs.items()}
    after = _pods(cluster)
    (container,) = after["spec"]["containers"]
    assert container["envFrom"] == [{"secretRef": {"name": made["secret"]}}]
    assert container["env"] == before["spec"]["containers"][0]["env"]
    assert after["metadata"]["annotations"]["ours/revision"] == "one"
    assert made["password"] not in bench.state()
    assert made["password"] not in preview.stdout

    # Read back first.
    assert stack.up(refresh=True).summary.resource_changes == {"same": 6}

    with cluster.client() as client:
        client.patch(
            board,
            json={"data": {"title": "drifted"}},
            headers={"Content-Type": "application/merge-patch+json"},
        ).raise_for_status()
        assert stack.refresh().summary.resource_changes == {"same": 5, "update": 1}
        # Somebody else owns the field now: it is theirs until we say otherwise.
        with pytest.raises(automation.CommandError) as conflict:
            stack.preview(diff=True)
        assert '"drifted" => "one"' in str(conflict.value)
        assert "field conflict" in str(conflict.value)
        assert ".data.title" in str(conflict.value)
        client.delete(board).raise_for_status()

    assert stack.up(refresh=True).summary.resource_changes == {"same": 5, "create": 1}
    text["title"] = "two"
    assert stack.up().summary.resource_changes == {"same": 4, "update": 2}
    with cluster.client() as client:
        assert client.get(board).json()["data"] == {"title": "two"}

    assert stack.destroy().summary.resource_changes == {"delete": 6}
    assert _pods(cluster) == before
    with cluster.client() as client:
        assert client.get(board).status_code == 404


def test_a_field_of_another_manager_stops_the_update(bench: Bench, cluster: LocalCluster) -> None:
    def program() -> None:
        entry = {"name": "CODER_ACCESS_URL", "value": "https://x.example"}
        _patch_coder(_options(cluster), env=[entry])

    stack = bench.stack(program)
    # The provider does not try a new patch in a preview.
    assert stack.preview().change_summary == {"create": 3}
    with pytest.raises(automation.CommandError) as failure:
        stack.up()
    assert 'conflict with "helm"' in str(failure.value)
    assert "CODER_ACCESS_URL" in str(failure.value)


def test_a_rollout_that_cannot_come_says_why_and_is_finished_later(
    bench: Bench, cluster: LocalCluster
) -> None:
    def program() -> None:
        opts = _options(cluster)
        opts.custom_timeouts = pulumi.CustomTimeouts(create="8s", update="120s")
        reference = {"secret_ref": {"name": "of-later"}}
        container = {"name": "web", "image": "web:1", "env_from": [reference]}
        kubernetes.apps.v1.Deployment(
            "web",
            metadata={"name": "web", "namespace": "monitoring"},
            spec={
                "selector": SELECTOR,
                "template": {
                    "metadata": {"labels": SELECTOR["match_labels"]},
                    "spec": {"containers": [container]},
                },
            },
            opts=opts,
        )

    stack = bench.stack(program)
    with pytest.raises(automation.CommandError) as failure:
        stack.up()
    assert 'secret "of-later" not found' in str(failure.value)
    assert "monitoring/web" in bench.state(), "what exists is in the state"
    with cluster.client() as client:
        secret: dict[str, Any] = {"metadata": {"name": "of-later"}}
        client.post("/api/v1/namespaces/monitoring/secrets", json=secret).raise_for_status()
    assert stack.up().summary.resource_changes == {"same": 2, "update": 1}
    with cluster.client() as client:
        web = client.get("/apis/apps/v1/namespaces/monitoring/deployments/web").json()
        assert web["status"]["availableReplicas"] == 1
        stack.destroy()
        left = client.get("/api/v1/namespaces/monitoring/pods").json()["items"]
        assert left == [], "what a Deployment made goes with it"


def test_an_import_brings_the_content(bench: Bench, cluster: LocalCluster) -> None:
    kinds: dict[type[pulumi.CustomResource], dict[str, Any]] = {
        kubernetes.core.v1.ConfigMap: {"data": {"a": "1"}},
        kubernetes.core.v1.Secret: {"data": {"a": "MQ=="}, "type": "Opaque"},
    }
    with cluster.client() as client:
        for kind, content in kinds.items():
            path = f"/api/v1/namespaces/monitoring/{kind.__name__.lower()}s"
            there = {"metadata": {"name": "theirs"}, **content}
            client.post(path, json=there).raise_for_status()

    def program() -> None:
        opts = _options(cluster)
        opts.import_ = "monitoring/theirs"
        metadata = {"name": "theirs", "namespace": "monitoring"}
        for kind, content in kinds.items():
            kind("theirs", metadata=metadata, **content, opts=opts)  # type: ignore[call-arg]

    stack = bench.stack(program)
    assert stack.up().summary.resource_changes == {"create": 2, "import": 2}
    assert stack.up().summary.resource_changes == {"same": 4}
