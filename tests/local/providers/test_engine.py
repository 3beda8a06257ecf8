"""The package kubernetes as a user meets it: programs on the real engine and API server."""

import json
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes
import pulumi_random as random
import pytest
from pulumi import automation

from local.cluster import Cluster
from local.seed import ENVIRONMENT
from tests.local.providers.conftest import Bench

SEEDED = [entry["name"] for entry in ENVIRONMENT]
SKIP = {"pulumi.com/skipAwait": "true"}


def _options(cluster: Cluster, **options: Any) -> pulumi.ResourceOptions:
    return pulumi.ResourceOptions(
        provider=kubernetes.Provider("cluster", kubeconfig=str(cluster.kubeconfig), **options)
    )


def _patch_coder(opts: pulumi.ResourceOptions, *env: dict[str, Any]) -> None:
    kubernetes.apps.v1.DeploymentPatch(
        "coder",
        metadata={"name": "coder", "namespace": "coder", "annotations": SKIP},
        spec={"template": {"spec": {"containers": [{"name": "coder", "env": list(env)}]}}},
        opts=opts,
    )


def _variables(cluster: Cluster) -> list[str]:
    with cluster.client() as client:
        coder = client.get("/apis/apps/v1/namespaces/coder/deployments/coder").json()
    return [entry["name"] for entry in coder["spec"]["template"]["spec"]["containers"][0]["env"]]


def test_a_stack_from_preview_to_destroy(bench: Bench, cluster: Cluster) -> None:
    """One life of a stack: made, unchanged, drifted, repaired, changed, destroyed."""
    text = {"title": "one"}
    made: dict[str, Any] = {}

    def program() -> None:
        opts = _options(cluster, enable_config_map_mutable=True)
        password = random.RandomPassword("password", length=20)
        secret = kubernetes.core.v1.Secret(
            "auth",
            metadata={"namespace": "coder"},
            string_data={"key": password.result},
            opts=opts,
        )
        board = kubernetes.core.v1.ConfigMap(
            "board", metadata={"name": "board", "namespace": "monitoring"}, data=text, opts=opts
        )
        reference = {"secret_key_ref": {"name": secret.metadata.name, "key": "key"}}
        _patch_coder(opts, {"name": "OURS", "value_from": reference})
        pulumi.export("secret", secret.metadata.name)
        pulumi.export("password", password.result)
        pulumi.export("uid", board.metadata.uid)

    stack = bench.stack(program)
    preview = stack.preview()
    assert preview.change_summary == {"create": 6}
    with cluster.client() as client:
        assert client.get("/api/v1/namespaces/monitoring/configmaps/board").status_code == 404

    made = {name: output.value for name, output in stack.up().outputs.items()}
    assert _variables(cluster) == [*SEEDED, "OURS"]
    assert made["secret"].startswith("auth-")
    assert made["password"] not in bench.state()
    assert made["password"] not in preview.stdout

    assert stack.up().summary.resource_changes == {"same": 6}
    assert stack.refresh().summary.resource_changes == {"same": 6}

    board = "/api/v1/namespaces/monitoring/configmaps/board"
    with cluster.client() as client:
        client.patch(
            board,
            json={"data": {"title": "drifted"}},
            headers={"Content-Type": "application/merge-patch+json"},
        ).raise_for_status()
        refreshed = stack.refresh()
        assert refreshed.summary.resource_changes == {"same": 5, "update": 1}
        # Somebody else owns the field now: it is theirs until we say otherwise.
        with pytest.raises(automation.CommandError) as conflict:
            stack.preview(diff=True)
        assert '"drifted" => "one"' in str(conflict.value)
        assert "field conflict" in str(conflict.value)
        assert ".data.title" in str(conflict.value)
        client.delete(board).raise_for_status()

    assert stack.refresh().summary.resource_changes == {"same": 5, "delete": 1}
    assert stack.up().summary.resource_changes == {"same": 5, "create": 1}
    text["title"] = "two"
    assert stack.up().summary.resource_changes == {"same": 5, "update": 1}
    with cluster.client() as client:
        assert client.get(board).json()["data"] == {"title": "two"}

    assert stack.destroy().summary.resource_changes == {"delete": 6}
    assert _variables(cluster) == SEEDED
    with cluster.client() as client:
        assert client.get(board).status_code == 404


def test_two_providers_of_one_stack(bench: Bench, cluster: Cluster) -> None:
    def program() -> None:
        for namespace in ("coder", "monitoring"):
            provider = kubernetes.Provider(
                namespace, kubeconfig=str(cluster.kubeconfig), namespace=namespace
            )
            kubernetes.core.v1.ConfigMap(
                f"in-{namespace}", data={}, opts=pulumi.ResourceOptions(provider=provider)
            )

    stack = bench.stack(program)
    stack.up()
    state = json.loads(bench.state())["checkpoint"]["latest"]["resources"]
    ids = {
        entry["urn"].rpartition("::in-")[2]: entry["id"]
        for entry in state
        if "::in-" in entry["urn"]
    }
    assert {namespace: id.partition("/")[0] for namespace, id in ids.items()} == {
        "coder": "coder",
        "monitoring": "monitoring",
    }
    stack.destroy()


def test_a_conflict_stops_the_preview(bench: Bench, cluster: Cluster) -> None:
    def program() -> None:
        _patch_coder(_options(cluster), {"name": "CODER_ACCESS_URL", "value": "https://x.example"})

    with pytest.raises(automation.CommandError) as failure:
        bench.stack(program).preview()
    text = str(failure.value)
    assert 'conflict with "helm"' in text
    assert "CODER_ACCESS_URL" in text
    assert "Traceback" not in text


def test_a_rollout_that_does_not_come_is_finished_later(bench: Bench, cluster: Cluster) -> None:
    annotations: dict[str, str] = {}

    def program() -> None:
        opts = _options(cluster)
        opts.custom_timeouts = pulumi.CustomTimeouts(create="1s", update="1s")
        kubernetes.apps.v1.Deployment(
            "web",
            metadata={"name": "web", "namespace": "monitoring", "annotations": annotations},
            spec={
                "selector": {"match_labels": {"app": "web"}},
                "template": {
                    "metadata": {"labels": {"app": "web"}},
                    "spec": {"containers": [{"name": "web", "image": "web:1"}]},
                },
            },
            opts=opts,
        )

    stack = bench.stack(program)
    with pytest.raises(automation.CommandError, match="Timed out after 1 s"):
        stack.up()
    assert "monitoring/web" in bench.state(), "what exists is in the state"
    annotations.update(SKIP)
    assert stack.up().summary.resource_changes == {"same": 2, "update": 1}
    stack.destroy()


@pytest.fixture
def own_cluster(tmp_path: Path) -> Iterator[Cluster]:
    cluster = Cluster(tmp_path / "api-server")
    cluster.start()
    yield cluster
    cluster.stop()


def test_a_server_that_is_away_costs_nothing(bench: Bench, own_cluster: Cluster) -> None:
    value = {"a": "1"}

    def program() -> None:
        kubernetes.core.v1.ConfigMap(
            "settings", metadata={"namespace": "default"}, data=value, opts=_options(own_cluster)
        )

    stack = bench.stack(program)
    with own_cluster.client() as client:
        client.post("/api/v1/namespaces", json={"metadata": {"name": "default"}})
    stack.up()
    before = json.loads(bench.state())["checkpoint"]["latest"]["resources"]
    os.kill(int((own_cluster.directory / "kube-apiserver.pid").read_text()), signal.SIGKILL)
    value["a"] = "2"
    attempts: tuple[Callable[[], Any], ...] = (stack.preview, stack.up, stack.refresh)
    for attempt in attempts:
        with pytest.raises(automation.CommandError) as failure:
            attempt()
        text = str(failure.value)
        assert f"{own_cluster.url} is unreachable" in text
        assert "Traceback" not in text
    after = json.loads(bench.state())["checkpoint"]["latest"]["resources"]
    assert [entry["id"] for entry in after if "id" in entry] == [
        entry["id"] for entry in before if "id" in entry
    ]
    own_cluster.start()
    assert stack.up().summary.resource_changes == {"same": 2, "replace": 1}


def test_import(bench: Bench, cluster: Cluster) -> None:
    with cluster.client() as client:
        client.post(
            "/api/v1/namespaces/monitoring/configmaps",
            json={"metadata": {"name": "theirs"}, "data": {"a": "1"}},
        ).raise_for_status()

    def program() -> None:
        opts = _options(cluster)
        opts.import_ = "monitoring/theirs"
        kubernetes.core.v1.ConfigMap(
            "theirs",
            metadata={"name": "theirs", "namespace": "monitoring"},
            data={"a": "1"},
            opts=opts,
        )

    stack = bench.stack(program)
    assert stack.up().summary.resource_changes == {"create": 2, "import": 1}
    assert stack.up().summary.resource_changes == {"same": 3}
    stack.destroy()
