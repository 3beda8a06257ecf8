"""A cluster in which one namespace is ours, with a Deployment that stands for coderd's."""

from __future__ import annotations

import time
from http import HTTPStatus
from typing import Any, Final

from kubernetes import client, config
from kubernetes.client.exceptions import ApiException
from urllib3.exceptions import HTTPError

LABEL: Final = "firewalled-coder/conformance"
DEPLOYMENT: Final = "coder"
_GONE_SECONDS: Final = 120.0
_SEEN_SECONDS: Final = 10.0
_RULES: Final = ("monitoring.coreos.com", "v1")
# Every namespace has it, made by the control plane.
_NOT_OURS: Final = frozenset({"kube-root-ca.crt"})

Object = dict[str, Any]


class NamespaceError(Exception):
    """The cluster cannot be used; the message says why and what to do."""


class OwnNamespace:
    """The namespace `name` of a cluster.

    Args:
        kubeconfig: path, or several joined as in KUBECONFIG.
        context: in it; the current one if None.
        name: of the namespace.
    """

    def __init__(self, kubeconfig: str, context: str | None, name: str) -> None:
        try:
            self._api = config.new_client_from_config(kubeconfig, context)
        except config.ConfigException as error:
            raise NamespaceError(f"KUBECONFIG={kubeconfig}: {error}") from None
        self.name = name
        self._core = client.CoreV1Api(self._api)
        self._apps = client.AppsV1Api(self._api)
        self._networking = client.NetworkingV1Api(self._api)
        self._custom = client.CustomObjectsApi(self._api)

    def version(self) -> str:
        """Return the API server's release; raises NamespaceError when it does not answer."""
        try:
            return str(client.VersionApi(self._api).get_code().git_version)
        except (ApiException, OSError, HTTPError) as error:
            raise NamespaceError(f"the cluster does not answer: {error}") from None

    def exists(self) -> bool:
        """Whether the namespace is there."""
        try:
            self._core.read_namespace(self.name)
        except ApiException as error:
            if error.status == HTTPStatus.NOT_FOUND:
                return False
            raise NamespaceError(f"namespace {self.name}: {error.reason}") from None
        return True

    def watchers(self) -> list[str]:
        """Return who would load what the walk makes: Grafana's sidecars and Prometheus operators.

        Only those that look into every namespace matter. Raises NamespaceError when it cannot be
        told.
        """
        try:
            pods = self._core.list_pod_for_all_namespaces().items
        except ApiException as error:
            raise NamespaceError(f"pods cannot be listed: {error.reason}") from None
        found = set()
        for pod in pods:
            for container in pod.spec.containers:
                variables = {each.name: each.value or "" for each in container.env or ()}
                label, where = variables.get("LABEL", ""), variables.get("NAMESPACE", "")
                if label.startswith("grafana_") and where == "ALL":
                    found.add(f"{pod.metadata.namespace}/{pod.metadata.name}")
        for each in self._custom_objects("prometheuses"):
            if each["spec"].get("ruleNamespaceSelector") is not None:
                found.add(f"{each['metadata']['namespace']}/{each['metadata']['name']}")
        return sorted(found)

    def has_rules(self) -> bool:
        """Whether the cluster knows the Prometheus operator's PrometheusRule."""
        try:
            self._custom.list_cluster_custom_object(*_RULES, "prometheusrules", limit=1)
        except ApiException:
            return False
        return True

    def _custom_objects(self, plural: str) -> list[Object]:
        try:
            return list(self._custom.list_cluster_custom_object(*_RULES, plural)["items"])
        except ApiException as error:
            if error.status == HTTPStatus.NOT_FOUND:
                return []
            raise NamespaceError(f"{plural} cannot be listed: {error.reason}") from None

    def make(self) -> None:
        """Make the namespace, and in it a Deployment without pods in coderd's place."""
        labels = {LABEL: self.name}
        self._core.create_namespace({"metadata": {"name": self.name, "labels": labels}})
        container = {
            "name": "coder",
            "image": "ghcr.io/coder/coder:v2.37.0",
            "env": [{"name": "CODER_HTTP_ADDRESS", "value": "0.0.0.0:8080"}],
        }
        deployment = {
            "metadata": {"name": DEPLOYMENT, "labels": labels},
            "spec": {
                # Nothing runs, and every rollout ends at once.
                "replicas": 0,
                "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
            },
        }
        self._apps.create_namespaced_deployment(self.name, deployment)

    def has_controllers(self) -> bool:
        """Whether anybody acts on the Deployment; without, no rollout ever ends."""
        deadline = time.monotonic() + _SEEN_SECONDS
        while time.monotonic() < deadline:
            found = self._apps.read_namespaced_deployment(DEPLOYMENT, self.name)
            if found.status.observed_generation:
                return True
            time.sleep(0.5)
        return False

    def deployment(self) -> Object:
        """Return what the Deployment says of its pods."""
        found = self._apps.read_namespaced_deployment(DEPLOYMENT, self.name)
        plain: Object = self._api.sanitize_for_serialization(found.spec)
        return plain

    def objects(self) -> set[str]:
        """Return what the namespace has of the kinds that a stack declares, by kind and name."""
        found = {
            f"ConfigMap {each.metadata.name}"
            for each in self._core.list_namespaced_config_map(self.name).items
            if each.metadata.name not in _NOT_OURS
        }
        found |= {
            f"Secret {each.metadata.name}"
            for each in self._core.list_namespaced_secret(self.name).items
            if each.type != "kubernetes.io/service-account-token"
        }
        found |= {f"NetworkPolicy {each['metadata']['name']}" for each in self.network_policies()}
        rules = self._custom_objects("prometheusrules")
        return found | {
            f"PrometheusRule {each['metadata']['name']}"
            for each in rules
            if each["metadata"]["namespace"] == self.name
        }

    def network_policies(self) -> list[Object]:
        """Return the namespace's network policies, whoever made them."""
        found = self._networking.list_namespaced_network_policy(self.name).items
        return [self._api.sanitize_for_serialization(each) for each in found]

    def delete_config_map(self, name: str) -> None:
        """Delete one ConfigMap, as someone by hand does."""
        self._core.delete_namespaced_config_map(name, self.name)

    def delete_network_policy(self, name: str) -> None:
        """Delete one network policy, as someone by hand does."""
        self._networking.delete_namespaced_network_policy(name, self.name)

    def delete(self) -> None:
        """Delete the namespace with all that is in it; raises NamespaceError while it is there."""
        try:
            labels = self._core.read_namespace(self.name).metadata.labels or {}
            if labels.get(LABEL) != self.name:
                raise NamespaceError(f"namespace {self.name} is not of a conformance run's making")
            self._core.delete_namespace(self.name)
        except ApiException as error:
            if error.status == HTTPStatus.NOT_FOUND:
                return
            raise NamespaceError(f"namespace {self.name}: {error.reason}") from None
        deadline = time.monotonic() + _GONE_SECONDS
        while self.exists():
            if time.monotonic() > deadline:
                raise NamespaceError(f"namespace {self.name} is still being deleted")
            time.sleep(0.5)
