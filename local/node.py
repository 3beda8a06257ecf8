"""Stands in for the one node of the local cluster: `python -m local.node --state-dir DIRECTORY`.

Nothing runs. It does what controllers, and whoever waits for a rollout, learn from a scheduler and
a kubelet: a pod gets its node, its containers start, it becomes ready, or succeeds if it belongs to
a Job, and one that is deleted goes. Every image counts as there and working. What a kubelet refuses
because of the pod alone, it refuses in the same words: a pod that needs a Secret, a ConfigMap or a
key which is not there waits for it, so that its rollout does not end.
"""

import argparse
import json
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

import httpx

from local.cluster import LocalCluster

NODE: Final = "stand-in"
_AGAIN_SECONDS: Final = 1
"""How often a pod is looked at again that waits for something."""
_WATCH_SECONDS: Final = 300
"""How long changes are listened for at once while no pod waits."""
_RETRY_SECONDS: Final = 0.5
_TIMEOUT_SECONDS: Final = 10.0
_KINDS: Final = {"secret": ("secrets", "Secret"), "configMap": ("configmaps", "ConfigMap")}

Object = dict[str, Any]


class Node:
    """The node. Every method raises httpx.HTTPError if the API server is away or refuses.

    Args:
        client: reaches the API server, as an administrator.
    """

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def follow(self) -> None:
        """Settle the pods that are there, and for a while those that change.

        For a second if one waits, whose Secret or ConfigMap nobody tells of; else until one does.
        """
        pods = self._client.get("/api/v1/pods").raise_for_status().json()
        waiting = [pod for pod in pods["items"] if self.settle(pod, again=True)]
        seconds = _AGAIN_SECONDS if waiting else _WATCH_SECONDS
        since = {"watch": "1", "resourceVersion": pods["metadata"]["resourceVersion"]}
        params = {**since, "timeoutSeconds": str(seconds)}
        with self._client.stream(
            "GET", "/api/v1/pods", params=params, timeout=seconds + _TIMEOUT_SECONDS
        ) as answer:
            answer.raise_for_status()
            for line in answer.iter_lines():
                event = json.loads(line)
                if event["type"] not in ("ADDED", "MODIFIED"):
                    continue
                if self.settle(event["object"]) and not waiting:
                    return

    def settle(self, pod: Object, *, again: bool = False) -> bool:
        """Bring a pod one step on; return whether it waits for a Secret or a ConfigMap.

        Args:
            pod: as it is.
            again: say once more what it waits for: who waits for a rollout hears of changes alone,
                and may begin to listen after the first.
        """
        metadata, spec = pod["metadata"], pod["spec"]
        path = f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}"
        if metadata.get("deletionTimestamp"):
            now = {"gracePeriodSeconds": 0, "preconditions": {"uid": metadata["uid"]}}
            self._ask("DELETE", path, now)
        elif not spec.get("nodeName"):
            target = {"apiVersion": "v1", "kind": "Node", "name": NODE}
            self._ask("POST", f"{path}/binding", {"metadata": metadata, "target": target})
        else:
            status = self.status(pod)
            waits = any("waiting" in each["state"] for each in status.get("containerStatuses", ()))
            if _shown(status) != _shown(pod["status"]) or (again and waits):
                self._ask("PATCH", f"{path}/status", {"status": status})
            return waits
        return False

    def status(self, pod: Object) -> Object:
        """Return what a kubelet says of a pod that is on this node."""
        before = pod["status"]
        if before.get("phase") in ("Succeeded", "Failed"):
            return dict(before)
        needed = self._volume_problem(pod)
        ends = pod["spec"].get("restartPolicy", "Always") != "Always"
        started = before.get("startTime") or _now()
        containers = []
        for container in pod["spec"]["containers"]:
            waits = needed or self._container_problem(pod, container)
            reason = "ContainerCreating" if needed else "CreateContainerConfigError"
            state: Object = {"running": {"startedAt": started}}
            if waits:
                state = {"waiting": {"reason": reason, "message": waits}}
            elif ends:
                times = {"startedAt": started, "finishedAt": started}
                state = {"terminated": {"exitCode": 0, "reason": "Completed", **times}}
            containers.append(
                {
                    "name": container["name"],
                    "image": container["image"],
                    "imageID": "",
                    "ready": "running" in state,
                    "started": "running" in state,
                    "restartCount": 0,
                    "state": state,
                }
            )
        waiting = [each["name"] for each in containers if "waiting" in each["state"]]
        phase = "Pending" if waiting else "Succeeded" if ends else "Running"
        ready = phase == "Running"
        why: Object = {}
        if waiting:
            names = f"containers with unready status: [{' '.join(waiting)}]"
            why = {"reason": "ContainersNotReady", "message": names}
        elif ends:
            why = {"reason": "PodCompleted"}
        return {
            "phase": phase,
            "startTime": started,
            "containerStatuses": containers,
            "conditions": [
                _condition("PodScheduled", True),
                _condition("Initialized", True),
                _condition("ContainersReady", ready, **why),
                _condition("Ready", ready, **why),
            ],
        }

    def _volume_problem(self, pod: Object) -> str:
        for volume in pod["spec"].get("volumes") or ():
            for kind, key in (("secret", "secretName"), ("configMap", "name")):
                source = volume.get(kind)
                if source and not source.get("optional"):
                    problem = self._problem(pod, kind, source[key], None)
                    if problem:
                        return problem
        return ""

    def _container_problem(self, pod: Object, container: Object) -> str:
        for kind, source, key in _references(container):
            if not source.get("optional"):
                problem = self._problem(pod, kind, source["name"], key)
                if problem:
                    return problem
        return ""

    def _problem(self, pod: Object, kind: str, name: str, key: str | None) -> str:
        """Return in a kubelet's words what is missing, or ''."""
        plural, shown = _KINDS[kind]
        namespace = pod["metadata"]["namespace"]
        answer = self._client.get(f"/api/v1/namespaces/{namespace}/{plural}/{name}")
        if answer.status_code == HTTPStatus.NOT_FOUND:
            return f'{kind.lower()} "{name}" not found'
        found = answer.raise_for_status().json()
        if key is None or key in {**found.get("data", {}), **found.get("binaryData", {})}:
            return ""
        return f"couldn't find key {key} in {shown} {namespace}/{name}"

    def _ask(self, method: str, path: str, body: Object) -> None:
        kind = "application/strategic-merge-patch+json" if method == "PATCH" else "application/json"
        answer = self._client.request(
            method, path, content=json.dumps(body), headers={"Content-Type": kind}
        )
        # Somebody else was faster: the next event tells of it.
        if answer.status_code not in (HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT):
            answer.raise_for_status()


def _shown(status: Mapping[str, Any]) -> Object:
    """Return what of a status is news."""
    containers = {each["name"]: each["state"] for each in status.get("containerStatuses") or ()}
    return {"phase": status.get("phase"), **containers}


def _references(container: Object) -> Iterator[tuple[str, Mapping[str, Any], str | None]]:
    """Yield what a container's variables are from: kind, reference, key or None for all keys."""
    for entry in container.get("envFrom") or ():
        for kind in _KINDS:
            if f"{kind}Ref" in entry:
                yield kind, entry[f"{kind}Ref"], None
    for variable in container.get("env") or ():
        for kind in _KINDS:
            source = (variable.get("valueFrom") or {}).get(f"{kind}KeyRef")
            if source:
                yield kind, source, source["key"]


def _condition(kind: str, holds: bool, **why: str) -> Object:
    status = "True" if holds else "False"
    return {"type": kind, "status": status, "lastTransitionTime": _now(), **why}


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def main() -> None:
    """Serve as the node of the cluster in a state directory for as long as that is there."""
    parser = argparse.ArgumentParser(prog="python -m local.node")
    parser.add_argument("--state-dir", type=Path, required=True)
    cluster = LocalCluster(parser.parse_args().state_dir)
    with cluster.client() as client:
        node = Node(client)
        while cluster.kubeconfig.exists():
            try:
                node.follow()
            except httpx.HTTPError:
                time.sleep(_RETRY_SECONDS)


if __name__ == "__main__":
    main()
