"""What acts on objects in the local cluster: deletions end, pods do as where everything runs."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from local.cluster import LocalCluster

PODS = "/api/v1/namespaces/{}/pods"


@pytest.fixture
def client(cluster: LocalCluster) -> Iterator[httpx.Client]:
    with cluster.client() as client:
        yield client


@pytest.fixture
def namespace(client: httpx.Client, request: pytest.FixtureRequest) -> str:
    name = f"ns-{abs(hash(request.node.nodeid)) % 10**12}"
    make(client, "/api/v1/namespaces", metadata={"name": name})
    return name


def make(client: httpx.Client, path: str, **manifest: Any) -> dict[str, Any]:
    made: dict[str, Any] = client.post(path, json=manifest).raise_for_status().json()
    return made


def pod(client: httpx.Client, namespace: str, name: str, **spec: Any) -> None:
    container = {"name": "main", "image": "main:1", **spec.pop("container", {})}
    path = PODS.format(namespace)
    make(client, path, metadata={"name": name}, spec={"containers": [container], **spec})


def until(look: Callable[[], Any], good: Callable[[Any], bool], seconds: float = 60.0) -> Any:
    deadline = time.monotonic() + seconds
    while not good(found := look()):
        assert time.monotonic() < deadline, found
        time.sleep(0.1)
    return found


def status(client: httpx.Client, namespace: str, name: str) -> dict[str, Any]:
    found: dict[str, Any] = client.get(f"{PODS.format(namespace)}/{name}").json()["status"]
    return found


def waiting(client: httpx.Client, namespace: str, name: str) -> tuple[str, str]:
    """Return why a pod's container does not start, as reason and message."""

    def look() -> dict[str, Any]:
        containers = status(client, namespace, name).get("containerStatuses") or [{"state": {}}]
        state: dict[str, Any] = containers[0]["state"]
        return state

    state = until(look, bool)["waiting"]
    return state["reason"], state["message"]


def is_ready(found: dict[str, Any]) -> bool:
    return {"type": "Ready", "status": "True"}.items() <= {
        key: value
        for condition in found.get("conditions", ())
        if condition["type"] == "Ready"
        for key, value in condition.items()
    }.items()


def test_a_deletion_in_the_foreground_ends(client: httpx.Client, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    make(client, path, metadata={"name": "x"})
    client.request("DELETE", f"{path}/x", json={"propagationPolicy": "Foreground"})
    until(lambda: client.get(f"{path}/x").status_code, lambda code: code == 404)


def test_a_namespace_goes_with_what_is_in_it(client: httpx.Client, namespace: str) -> None:
    make(client, f"/api/v1/namespaces/{namespace}/configmaps", metadata={"name": "x"})
    pod(client, namespace, "p")
    client.delete(f"/api/v1/namespaces/{namespace}").raise_for_status()
    until(
        lambda: client.get(f"/api/v1/namespaces/{namespace}").status_code,
        lambda code: code == 404,
    )


def test_a_custom_resource_goes_with_its_owner(client: httpx.Client, namespace: str) -> None:
    owner = make(client, f"/api/v1/namespaces/{namespace}/configmaps", metadata={"name": "owner"})[
        "metadata"
    ]
    reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": owner["uid"]}
    rules = f"/apis/monitoring.coreos.com/v1/namespaces/{namespace}/prometheusrules"
    rule = {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "owned", "ownerReferences": [reference]},
        "spec": {"groups": []},
    }
    make(client, rules, **rule)
    client.delete(f"/api/v1/namespaces/{namespace}/configmaps/owner").raise_for_status()
    until(lambda: client.get(f"{rules}/owned").status_code, lambda code: code == 404)


def test_the_deployment_of_coder_rolls_out(client: httpx.Client) -> None:
    path = "/apis/apps/v1/namespaces/coder/deployments/coder"
    found = until(
        lambda: client.get(path).json()["status"], lambda it: it.get("availableReplicas") == 1
    )
    assert found["readyReplicas"] == 1


def test_pods_run_jobs_end_and_deleted_pods_go(client: httpx.Client, namespace: str) -> None:
    pod(client, namespace, "serves")
    pod(client, namespace, "ends", restartPolicy="Never")
    until(lambda: status(client, namespace, "serves"), is_ready)
    ended = until(lambda: status(client, namespace, "ends"), lambda it: it["phase"] == "Succeeded")
    assert not is_ready(ended)
    serves = f"{PODS.format(namespace)}/serves"
    client.delete(serves).raise_for_status()
    until(lambda: client.get(serves).status_code, lambda code: code == 404)


@pytest.mark.parametrize(
    ("container", "volumes", "reason", "message"),
    [
        (
            {"envFrom": [{"secretRef": {"name": "none"}}]},
            [],
            "CreateContainerConfigError",
            'secret "none" not found',
        ),
        (
            {"env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "s", "key": "no"}}}]},
            [],
            "CreateContainerConfigError",
            "couldn't find key no in Secret {}/s",
        ),
        (
            {"envFrom": [{"configMapRef": {"name": "none"}}]},
            [],
            "CreateContainerConfigError",
            'configmap "none" not found',
        ),
        (
            {},
            [{"name": "v", "configMap": {"name": "none"}}],
            "ContainerCreating",
            'configmap "none" not found',
        ),
    ],
)
def test_a_pod_waits_for_what_it_refers_to(
    client: httpx.Client,
    namespace: str,
    container: dict[str, Any],
    volumes: list[dict[str, Any]],
    reason: str,
    message: str,
) -> None:
    make(client, f"/api/v1/namespaces/{namespace}/secrets", metadata={"name": "s"})
    pod(client, namespace, "waits", container=container, volumes=volumes)
    assert waiting(client, namespace, "waits") == (reason, message.format(namespace))
    assert status(client, namespace, "waits")["phase"] == "Pending"
    for kind in ("secrets", "configmaps"):
        path = f"/api/v1/namespaces/{namespace}/{kind}"
        make(client, path, metadata={"name": "none"})
    client.patch(
        f"/api/v1/namespaces/{namespace}/secrets/s",
        json={"data": {"no": "MQ=="}},
        headers={"Content-Type": "application/merge-patch+json"},
    ).raise_for_status()
    until(lambda: status(client, namespace, "waits"), is_ready, 30)


def test_a_pod_does_not_wait_for_what_is_optional(client: httpx.Client, namespace: str) -> None:
    reference = {"name": "none", "optional": True}
    pod(
        client,
        namespace,
        "starts",
        container={
            "envFrom": [{"secretRef": reference}],
            "env": [{"name": "A", "valueFrom": {"configMapKeyRef": {**reference, "key": "k"}}}],
        },
        volumes=[{"name": "v", "secret": {"secretName": "none", "optional": True}}],
    )
    until(lambda: status(client, namespace, "starts"), is_ready)


def test_a_quota_says_how_much_may_be_used(client: httpx.Client, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/resourcequotas"
    make(client, path, metadata={"name": "x"}, spec={"hard": {"pods": "2"}})
    found = until(
        lambda: client.get(f"{path}/x").json().get("status") or {}, lambda status: "hard" in status
    )
    assert found["hard"] == {"pods": "2"}
    pod(client, namespace, "one")
    until(lambda: client.get(f"{path}/x").json()["status"]["used"], {"pods": "1"}.__eq__)
