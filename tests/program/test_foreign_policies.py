"""Whom a real API server lets look at other people's network policies."""

import time
from pathlib import Path
from typing import Any

import yaml

from components.network.args import WORKSPACE_LABELS
from local.environment import Environment
from ops import live_network
from ops.live_network import LiveNetwork
from tests.program.conftest import Ask

PLACE = "looked-at"
POLICIES = f"/apis/networking.k8s.io/v1/namespaces/{PLACE}/networkpolicies"
ROLES = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{PLACE}"
DECLARED: dict[str, Any] = {
    "apiVersion": "networking.k8s.io/v1",
    "kind": "NetworkPolicy",
    "metadata": {"name": "fence", "namespace": PLACE},
    "spec": {
        "podSelector": {"matchLabels": dict(WORKSPACE_LABELS)},
        "policyTypes": ["Egress", "Ingress"],
    },
}
THEIRS = {"metadata": {"name": "allow-all"}, "spec": {"podSelector": {}, "ingress": [{}]}}


def role(*verbs: str) -> dict[str, Any]:
    """Return a role that reads policies, as docs/network.md has it with both verbs."""
    groups = {"networking.k8s.io": "networkpolicies", "cilium.io": "ciliumnetworkpolicies"}
    rules = [
        {"apiGroups": [group], "resources": [plural], "verbs": list(verbs)}
        for group, plural in groups.items()
    ]
    return {"metadata": {"name": "look"}, "rules": rules}


def test_with_get_alone_ours_are_read_and_with_list_others_too(
    foreign: Any, ask: Ask, environment: Environment, tmp_path: Path, monkeypatch: Any
) -> None:
    config = yaml.safe_load(environment.cluster.kubeconfig.read_text())
    config["users"][0]["user"]["as"] = "looker"
    (tmp_path / "kubeconfig").write_text(yaml.safe_dump(config))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))
    api = "rbac.authorization.k8s.io"
    bound = {
        "metadata": {"name": "look"},
        "roleRef": {"apiGroup": api, "kind": "Role", "name": "look"},
        "subjects": [{"apiGroup": api, "kind": "User", "name": "looker"}],
    }
    for path, body in (
        ("/api/v1/namespaces", {"metadata": {"name": PLACE}}),
        (POLICIES, DECLARED),
        (POLICIES, THEIRS),
        (f"{ROLES}/roles", role("get")),
        (f"{ROLES}/rolebindings", bound),
    ):
        assert isinstance(ask("POST", path, body), dict)

    def look(*, forbidden: int) -> LiveNetwork:
        """Look until the server has learned of a right, which takes it a moment."""
        deadline = time.monotonic() + 20
        while True:
            found = live_network.look([DECLARED], ["t"], None)
            if not found.unread and len(found.unlisted) == forbidden:
                return found
            assert time.monotonic() < deadline, found
            time.sleep(0.1)

    found = look(forbidden=1)
    # Cilium is not there, of which nobody has to have a right.
    assert found.unlisted == (f"list networkpolicies in namespace {PLACE}",)
    assert (found.unread, found.edits, found.foreign) == ("", (), ())
    ask("PUT", f"{ROLES}/roles/look", role("get", "list"))
    found = look(forbidden=0)
    assert ([each.name for each in found.opening], found.unlisted) == (["allow-all"], ())
    ask("DELETE", f"/api/v1/namespaces/{PLACE}")
