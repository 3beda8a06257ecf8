"""What stands in a Coder deployment's cluster before this project comes to it.

The Deployment is the one Coder's Helm chart v2.34.1 renders with a few values of an operator's
own (helm/coder in github.com/coder/coder); its variables belong to the manager `helm`, and the
database's Secret that they name was made before. Of the Prometheus operator there is the
definition of PrometheusRule, v0.82, without descriptions.
"""

from typing import Any, Final

FIELD_MANAGER: Final = "helm"

_LABELS: Final = {
    "app.kubernetes.io/instance": "coder",
    "app.kubernetes.io/managed-by": "Helm",
    "app.kubernetes.io/name": "coder",
    "app.kubernetes.io/part-of": "coder",
    "app.kubernetes.io/version": "2.34.1",
    "helm.sh/chart": "coder-2.34.1",
}
_SELECTOR: Final = {
    "app.kubernetes.io/instance": "coder",
    "app.kubernetes.io/name": "coder",
}

ENVIRONMENT: Final[tuple[dict[str, Any], ...]] = (
    {"name": "CODER_HTTP_ADDRESS", "value": "0.0.0.0:8080"},
    {"name": "CODER_PROMETHEUS_ADDRESS", "value": "0.0.0.0:2112"},
    {"name": "CODER_PPROF_ADDRESS", "value": "0.0.0.0:6060"},
    {"name": "KUBE_POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
    {"name": "CODER_DERP_SERVER_RELAY_URL", "value": "http://$(KUBE_POD_IP):8080"},
    {"name": "GOMEMLIMIT", "valueFrom": {"resourceFieldRef": {"resource": "limits.memory"}}},
    {
        "name": "CODER_PG_CONNECTION_URL",
        "valueFrom": {"secretKeyRef": {"name": "coder-db-url", "key": "url"}},
    },
    {"name": "CODER_ACCESS_URL", "value": "https://coder.example.com"},
    {"name": "CODER_TELEMETRY_ENABLE", "value": "false"},
)
"""The chart's variables of the container `coder` and, last, those of an operator's values."""

_DEPLOYMENT: Final[dict[str, Any]] = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {
        "name": "coder",
        "namespace": "coder",
        "labels": _LABELS,
        # By these Helm 3 knows what it may change (pkg/action/validate.go).
        "annotations": {
            "meta.helm.sh/release-name": "coder",
            "meta.helm.sh/release-namespace": "coder",
        },
    },
    "spec": {
        "replicas": 1,
        "selector": {"matchLabels": _SELECTOR},
        "template": {
            "metadata": {
                "annotations": {"app.kubernetes.io/component": "coderd"},
                "labels": _LABELS,
            },
            "spec": {
                "affinity": {
                    "podAntiAffinity": {
                        "preferredDuringSchedulingIgnoredDuringExecution": [
                            {
                                "podAffinityTerm": {
                                    "labelSelector": {
                                        "matchExpressions": [
                                            {
                                                "key": "app.kubernetes.io/instance",
                                                "operator": "In",
                                                "values": ["coder"],
                                            }
                                        ]
                                    },
                                    "topologyKey": "kubernetes.io/hostname",
                                },
                                "weight": 1,
                            }
                        ]
                    }
                },
                "containers": [
                    {
                        "name": "coder",
                        "image": "ghcr.io/coder/coder:v2.34.1",
                        "imagePullPolicy": "IfNotPresent",
                        "command": ["/opt/coder"],
                        "args": ["server"],
                        "env": list(ENVIRONMENT),
                        "ports": [{"containerPort": 8080, "name": "http", "protocol": "TCP"}],
                        "readinessProbe": {
                            "httpGet": {"path": "/healthz", "port": "http", "scheme": "HTTP"},
                            "initialDelaySeconds": 0,
                        },
                        "resources": {
                            "limits": {"cpu": "2000m", "memory": "4096Mi"},
                            "requests": {"cpu": "2000m", "memory": "4096Mi"},
                        },
                        "securityContext": {
                            "allowPrivilegeEscalation": False,
                            "runAsGroup": 1000,
                            "runAsNonRoot": True,
                            "runAsUser": 1000,
                            "seccompProfile": {"type": "RuntimeDefault"},
                        },
                    }
                ],
                "restartPolicy": "Always",
                "serviceAccountName": "coder",
                "terminationGracePeriodSeconds": 60,
            },
        },
    },
}


_DATABASE: Final[dict[str, Any]] = {
    "apiVersion": "v1",
    "kind": "Secret",
    "metadata": {"name": "coder-db-url", "namespace": "coder"},
    "stringData": {"url": "postgres://coder@postgresql.coder.svc/coder"},
}


def _namespace(name: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


def _text(**more: str | int) -> dict[str, Any]:
    return {"type": "string", **more}


def _texts() -> dict[str, Any]:
    return {"type": "object", "additionalProperties": {"type": "string"}}


def _objects(required: str, properties: dict[str, Any]) -> dict[str, Any]:
    item = {"type": "object", "required": [required], "properties": properties}
    return {"type": "array", "items": item}


_DURATION: Final = _text(
    pattern=r"^(0|(([0-9]+)y)?(([0-9]+)w)?(([0-9]+)d)?(([0-9]+)h)?(([0-9]+)m)?(([0-9]+)s)?"
    r"(([0-9]+)ms)?)$"
)
_RULES: Final = _objects(
    "expr",
    {
        "alert": _text(),
        "record": _text(),
        "expr": {"anyOf": [{"type": "integer"}, _text()], "x-kubernetes-int-or-string": True},
        "for": _DURATION,
        "keep_firing_for": {**_DURATION, "minLength": 1},
        "labels": _texts(),
        "annotations": _texts(),
    },
)
_GROUPS: Final = _objects(
    "name",
    {
        "name": _text(minLength=1),
        "interval": _DURATION,
        "query_offset": _DURATION,
        "limit": {"type": "integer"},
        "labels": _texts(),
        "partial_response_strategy": _text(pattern="^(?i)(abort|warn)?$"),
        "rules": _RULES,
    },
)
_PROMETHEUS_RULE: Final[dict[str, Any]] = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "prometheusrules.monitoring.coreos.com"},
    "spec": {
        "group": "monitoring.coreos.com",
        "names": {
            "kind": "PrometheusRule",
            "listKind": "PrometheusRuleList",
            "plural": "prometheusrules",
            "singular": "prometheusrule",
            "shortNames": ["promrule"],
        },
        "scope": "Namespaced",
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "required": ["spec"],
                        "properties": {
                            "spec": {
                                "type": "object",
                                "properties": {
                                    "groups": {
                                        **_GROUPS,
                                        "x-kubernetes-list-type": "map",
                                        "x-kubernetes-list-map-keys": ["name"],
                                    }
                                },
                            }
                        },
                    }
                },
            }
        ],
    },
}


SEED: Final[tuple[tuple[str, dict[str, Any]], ...]] = (
    ("/api/v1/namespaces", _namespace("coder")),
    ("/api/v1/namespaces", _namespace("coder-workspaces")),
    ("/api/v1/namespaces", _namespace("monitoring")),
    ("/api/v1/namespaces/coder/secrets", _DATABASE),
    ("/apis/apps/v1/namespaces/coder/deployments", _DEPLOYMENT),
    ("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", _PROMETHEUS_RULE),
)
"""Where each object is created, and the object, in the order to create them in."""
