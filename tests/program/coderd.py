"""coderd's Deployment in a local cluster, and the variables that its container would start with."""

import base64
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx

from local.environment import Environment

DEPLOYMENT = "/apis/apps/v1/namespaces/coder/deployments/coder"
DEPLOYMENTS = "/apis/apps/v1/namespaces/coder/deployments"
SECRETS = "/api/v1/namespaces/coder/secrets"


def get(environment: Environment, path: str = DEPLOYMENT) -> dict[str, Any]:
    with environment.cluster.client() as client:
        found: dict[str, Any] = client.get(path).raise_for_status().json()
    return found


def pods(environment: Environment) -> dict[str, Any]:
    """Return the template of coderd's pods."""
    template: dict[str, Any] = get(environment)["spec"]["template"]
    return template


def container(deployment: Mapping[str, Any]) -> dict[str, Any]:
    """Return coderd's container."""
    containers = deployment["spec"]["template"]["spec"]["containers"]
    return next(dict(each) for each in containers if each["name"] == "coder")


def upgrade(environment: Environment, **coder: Any) -> None:
    """Change fields of coderd's container as Helm does: by a strategic merge patch."""
    patch = {"spec": {"template": {"spec": {"containers": [{"name": "coder", **coder}]}}}}
    with environment.cluster.client() as client:
        client.patch(
            f"{DEPLOYMENT}?fieldManager=helm",
            content=json.dumps(patch),
            headers={"Content-Type": "application/strategic-merge-patch+json"},
        ).raise_for_status()


def merge(environment: Environment, path: str, patch: Mapping[str, Any]) -> None:
    """Change an object by hand."""
    with environment.cluster.client() as client:
        client.patch(
            path,
            content=json.dumps(patch),
            headers={"Content-Type": "application/merge-patch+json"},
        ).raise_for_status()


def tamper(environment: Environment, secret: str, **variables: str) -> None:
    """Change values of a Secret as whoever wrote it last, so that no field changes its owner."""
    path = f"{SECRETS}/{secret}"
    there = get(environment, path)
    data = there["data"] | {key: encoded(value) for key, value in variables.items()}
    metadata = {key: there["metadata"][key] for key in ("name", "namespace")}
    with environment.cluster.client() as client:
        client.patch(
            path,
            params={"fieldManager": there["metadata"]["managedFields"][0]["manager"]},
            content=json.dumps(
                {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": data}
            ),
            headers={"Content-Type": "application/apply-patch+yaml"},
        ).raise_for_status()


def encoded(text: str) -> str:
    """Return a value as a Secret holds it."""
    return base64.b64encode(text.encode()).decode()


def variables(environment: Environment) -> dict[str, str]:
    """Return what kubelet would start the container with now; KeyError if it would not start."""
    listed = get(environment, SECRETS)["items"]
    return resolved(get(environment), {each["metadata"]["name"]: each for each in listed})


def resolved(
    deployment: Mapping[str, Any], secrets: Mapping[str, Mapping[str, Any]]
) -> dict[str, str]:
    """Return the variables of a container: its envFrom, then its env.

    Raises KeyError when a Secret or a key is missing: the container would not start.
    """
    coder, found = container(deployment), {}
    for source in coder.get("envFrom") or ():
        found |= _decoded(secrets[source["secretRef"]["name"]])
    for each in coder["env"]:
        reference = (each.get("valueFrom") or {}).get("secretKeyRef")
        # The chart's own, which no local cluster has.
        if reference and reference["name"] != "coder-db-url":
            found[each["name"]] = _decoded(secrets[reference["name"]])[reference["key"]]
        else:
            found[each["name"]] = each.get("value", "")
    return found


def _decoded(secret: Mapping[str, Any]) -> dict[str, str]:
    data = secret.get("data") or {}
    return {key: base64.b64decode(value).decode() for key, value in data.items()}


class Moments:
    """Every state that the Deployment and the namespace's Secrets were in, in order."""

    def __init__(self, deployment: dict[str, Any], secrets: list[dict[str, Any]]) -> None:
        self.events: list[tuple[int, str, dict[str, Any]]] = []
        self._deployment = deployment
        self._secrets = {each["metadata"]["name"]: each for each in secrets}

    def variables(self) -> Iterator[dict[str, str]]:
        """Yield the container's variables after every change; KeyError as in resolved."""
        deployment, secrets = self._deployment, dict(self._secrets)
        yield resolved(deployment, secrets)
        for _, kind, thing in sorted(self.events, key=lambda event: event[0]):
            name = thing["metadata"]["name"]
            if thing["kind"] == "Deployment":
                deployment = thing
            elif kind == "DELETED":
                del secrets[name]
            else:
                secrets[name] = thing
            yield resolved(deployment, secrets)


@contextmanager
def watched(environment: Environment) -> Iterator[Moments]:
    """Watch the Deployment and the Secrets, by the API server's own watches, for a while."""
    secrets, deployments = get(environment, SECRETS), get(environment, DEPLOYMENTS)
    (deployment,) = deployments["items"]
    moments = Moments({**deployment, "kind": "Deployment"}, secrets["items"])
    stopped = threading.Event()

    def watch(path: str, since: str) -> None:
        query = {"watch": "1", "resourceVersion": since, "timeoutSeconds": "600"}
        with (
            environment.cluster.client() as client,
            client.stream("GET", path, params=query, timeout=1.0) as answer,
        ):
            lines = answer.iter_lines()
            while True:
                try:
                    event = json.loads(next(lines))
                except httpx.ReadTimeout:
                    # Nothing happens any more.
                    return
                version = int(event["object"]["metadata"]["resourceVersion"])
                moments.events.append((version, event["type"], event["object"]))

    def watch_on(path: str, since: str) -> None:
        # A watch ends with the first second of silence; what follows is asked for from there.
        while not stopped.is_set():
            watch(path, since)
            mine = [e for e in moments.events if e[2]["kind"] in KINDS[path]]
            since = str(max((e[0] for e in mine), default=int(since)))

    threads = [
        threading.Thread(target=watch_on, args=(path, listed["metadata"]["resourceVersion"]))
        for path, listed in ((SECRETS, secrets), (DEPLOYMENTS, deployments))
    ]
    for thread in threads:
        thread.start()
    try:
        yield moments
    finally:
        stopped.set()
        for thread in threads:
            thread.join()


KINDS = {SECRETS: {"Secret"}, DEPLOYMENTS: {"Deployment"}}
