"""The rights of docs/deployer-rbac.yaml in a local cluster, and a kubeconfig of who has them."""

import time
from pathlib import Path
from typing import Any

import httpx
import yaml

from local.environment import Environment
from ops.project import ROOT

PAGE = ROOT / "docs" / "deployer-rbac.yaml"
USER = "firewalled-coder-deployer"
_RBAC = "/apis/rbac.authorization.k8s.io/v1"
_REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
_SECONDS = 20.0


def objects() -> list[dict[str, Any]]:
    """Return the roles and their bindings."""
    return list(yaml.safe_load_all(PAGE.read_text(encoding="utf-8")))


def grant(environment: Environment, folder: Path) -> Path:
    """Give the user its rights, and return a kubeconfig by which one is that user."""
    with environment.cluster.client() as client:
        for each in objects():
            path = f"{_RBAC}/{_place(each)}{each['kind'].lower()}s/{each['metadata']['name']}"
            client.patch(
                path,
                params={"fieldManager": "administrator"},
                content=yaml.safe_dump(each),
                headers={"Content-Type": "application/apply-patch+yaml"},
            ).raise_for_status()
        for each in objects():
            for rule in each.get("rules", ()):
                _await(client, each["metadata"].get("namespace", ""), rule)
    config = yaml.safe_load(environment.cluster.kubeconfig.read_text())
    config["users"][0]["user"]["as"] = USER
    kubeconfig = folder / "kubeconfig"
    kubeconfig.write_text(yaml.safe_dump(config))
    return kubeconfig


def _place(found: dict[str, Any]) -> str:
    namespace = found["metadata"].get("namespace")
    return f"namespaces/{namespace}/" if namespace else ""


def _await(client: httpx.Client, namespace: str, rule: dict[str, Any]) -> None:
    """Wait until the server has learned of a right, which takes it a moment."""
    asked = {
        "namespace": namespace,
        "group": rule["apiGroups"][0],
        "resource": rule["resources"][0],
        "name": rule.get("resourceNames", [""])[0],
        "verb": rule["verbs"][-1],
    }
    deadline = time.monotonic() + _SECONDS
    while True:
        answer = client.post(
            _REVIEWS,
            json={"spec": {"resourceAttributes": asked}},
            headers={"Impersonate-User": USER},
        )
        if answer.raise_for_status().json()["status"]["allowed"]:
            return
        assert time.monotonic() < deadline, asked
        time.sleep(0.05)
