"""Asks the cluster, before anything is declared, whether what the stack makes has a place there.

A preview does not find that a namespace or a kind of object is missing: pulumi-kubernetes takes a
missing namespace for one that the same update makes. The update would fail half-way.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any, Final

import httpx

from components.cluster import Cluster
from components.cluster_answers import ask, unreadable
from components.kubeconfig import ClusterError
from components.network.namespace_args import STACK_ANNOTATION
from components.settings.model import Settings
from components.settings.problems import PROJECT, Problem, as_shown

_RULES: Final = ("monitoring.coreos.com/v1", "PrometheusRule")
_BY_NAME: Final = ("cilium.io/v2", "CiliumNetworkPolicy")


def look_up(
    stack: str, settings: Settings, cluster: Cluster, *, closes_network: bool, told: bool = False
) -> tuple[Problem, ...]:
    """Return which namespaces and kinds of objects the stack needs and the cluster has not.

    A namespace that another stack labels is not to be had either. What the kubeconfig's user may
    not ask about (403) is taken to be there; what is no answer of an API server is a problem.

    Args:
        stack: name of the stack.
        settings: the stack's settings.
        cluster: whom to ask.
        closes_network: whether the stack declares a network policy.
        told: whether somebody told already that the cluster does not answer.
    """
    try:
        return tuple(_problems(stack, cluster, settings, closes_network))
    except ClusterError as error:
        return () if told else (unreadable(settings, str(error)),)


def _problems(
    stack: str, cluster: Cluster, settings: Settings, closes_network: bool
) -> Iterator[Problem]:
    answers: dict[str, httpx.Response] = {}
    for key, name in _namespaces(settings, closes_network):
        if name not in answers:
            answers[name] = ask(cluster, f"/api/v1/namespaces/{name}", _is_namespace)
        if missing := _namespace_problem(answers[name]):
            yield Problem(key, as_shown(name), missing)
    if settings.workspace_namespace:
        name = settings.workspaces.namespace
        if other := _labelled_by_another(answers[name], f"{PROJECT}/{stack}"):
            yield Problem(
                "workspaces.namespace",
                as_shown(name),
                f"its Pod Security labels are of the stack {other}, and whichever of two stacks is "
                "destroyed takes them away: name another namespace, or leave workspaceNamespace "
                "out here; if that stack is gone, run "
                f"`kubectl annotate namespace {name} {STACK_ANNOTATION}-`",
            )
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


def _is_namespace(found: Mapping[str, Any]) -> bool:
    return found.get("kind") == "Namespace"


def _is_group(found: Mapping[str, Any]) -> bool:
    return isinstance(found.get("resources"), list)


def _namespace_problem(answer: httpx.Response) -> str:
    if answer.status_code == HTTPStatus.NOT_FOUND:
        return "the cluster has no such namespace: make it, or name the one that is meant"
    if answer.is_success and _status(answer).get("phase") == "Terminating":
        return "the namespace is being deleted, and takes nothing new"
    return ""


def _labelled_by_another(answer: httpx.Response, ours: str) -> str:
    """Return which other stack labels the namespace, "" if none does."""
    try:
        found = answer.json()["metadata"]["annotations"][STACK_ANNOTATION]
    except (ValueError, KeyError, TypeError):
        return ""
    return "" if found == ours else str(found)


def _status(answer: httpx.Response) -> dict[str, Any]:
    try:
        return dict(answer.json()["status"])
    except (ValueError, KeyError, TypeError):
        return {}


def _serves(cluster: Cluster, version: str, kind: str) -> bool:
    """Return whether the API server serves a kind; what it does not tell, it may serve."""
    answer = ask(cluster, f"/apis/{version}", _is_group, absent=True)
    if answer.status_code == HTTPStatus.NOT_FOUND:
        return False
    return not answer.is_success or any(
        resource["kind"] == kind for resource in answer.json()["resources"]
    )
