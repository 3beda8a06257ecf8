"""Asks the cluster, before anything is declared, whether what the stack makes has a place there.

A preview does not find that a namespace or a kind of object is missing: pulumi-kubernetes takes a
missing namespace for one that the same update makes. The update would fail half-way.
"""

from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any, Final

import httpx

from components.cluster import Cluster
from components.kubeconfig import ClusterError, message
from components.settings.model import Settings
from components.settings.problems import Problem, as_shown

_RULES: Final = ("monitoring.coreos.com/v1", "PrometheusRule")
_BY_NAME: Final = ("cilium.io/v2", "CiliumNetworkPolicy")


def look_up(settings: Settings, cluster: Cluster, *, closes_network: bool) -> tuple[Problem, ...]:
    """Return which namespaces and kinds of objects the stack needs and the cluster has not.

    What the kubeconfig's user may not ask about is taken to be there.

    Args:
        settings: the stack's settings.
        cluster: whom to ask.
        closes_network: whether the stack declares a network policy.
    """
    try:
        return tuple(_problems(cluster, settings, closes_network))
    except ClusterError as error:
        if settings.coder.variables != "none":
            return ()  # told by whoever asks for coderd's Deployment
        context = settings.kubernetes.context
        return (
            Problem("kubernetes.context", "" if context is None else as_shown(context), str(error)),
        )


def _problems(cluster: Cluster, settings: Settings, closes_network: bool) -> Iterator[Problem]:
    missing: dict[str, str] = {}
    for key, name in _namespaces(settings, closes_network):
        if name not in missing:
            missing[name] = _namespace_problem(cluster.get(f"/api/v1/namespaces/{name}"))
        if missing[name]:
            yield Problem(key, as_shown(name), missing[name])
    if _makes_rules(settings) and not _serves(cluster, *_RULES):
        yield Problem(
            "alerts.evaluator",
            '"prometheus"',
            f"the cluster serves no {_RULES[1]} ({_RULES[0]}), which the Prometheus operator "
            "brings: install it, or use grafana",
        )
    if closes_network and settings.network.by_name and not _serves(cluster, *_BY_NAME):
        yield Problem(
            "network.byName",
            "true",
            f"the cluster serves no {_BY_NAME[1]} ({_BY_NAME[0]}), which Cilium brings: use false",
        )


def _namespaces(settings: Settings, closes_network: bool) -> Iterator[tuple[str, str]]:
    yield "grafana.namespace", settings.grafana.namespace
    if _makes_rules(settings):
        yield "alerts.namespace", settings.alerts.namespace
    if closes_network or settings.workspace_namespace:
        yield "workspaces.namespace", settings.workspaces.namespace


def _makes_rules(settings: Settings) -> bool:
    return bool(settings.alerts.rules) and settings.alerts.evaluator == "prometheus"


def _namespace_problem(answer: httpx.Response) -> str:
    if answer.status_code == HTTPStatus.NOT_FOUND and message(answer):
        return "the cluster has no such namespace: make it, or name the one that is meant"
    if answer.is_success and _status(answer).get("phase") == "Terminating":
        return "the namespace is being deleted, and takes nothing new"
    return ""


def _status(answer: httpx.Response) -> dict[str, Any]:
    try:
        return dict(answer.json()["status"])
    except (ValueError, KeyError, TypeError):
        return {}


def _serves(cluster: Cluster, version: str, kind: str) -> bool:
    """Return whether the API server serves a kind; what it does not tell, it may serve."""
    answer = cluster.get(f"/apis/{version}")
    # Not a Status but a page, as for every path that the server does not know.
    if answer.status_code == HTTPStatus.NOT_FOUND:
        return False
    try:
        return not answer.is_success or any(
            resource["kind"] == kind for resource in answer.json()["resources"]
        )
    except (ValueError, KeyError, TypeError):
        return True
