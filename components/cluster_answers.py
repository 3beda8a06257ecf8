"""Tells what an API server answers from what a proxy, a login page or a tired server does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlsplit

import httpx

from components.cluster import Cluster
from components.kubeconfig import ClusterError, message
from components.settings.model import Settings
from components.settings.problems import Problem, as_shown

_RIGHT: Final = "name a context of the kubeconfig at whose server the cluster's API answers"
# Who may not ask, and what is not there, is an answer.
_ANSWERS: Final = frozenset({HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND})


def ask(
    cluster: Cluster,
    path: str,
    is_answer: Callable[[Mapping[str, Any]], bool],
    *,
    absent: bool = False,
) -> httpx.Response:
    """Return the API server's answer to a GET; raises ClusterError when it is no such answer.

    Args:
        cluster: whom to ask.
        path: what to get.
        is_answer: whether an object is what stands there.
        absent: whether the path itself may be unknown to the server, which says so by a page.
    """
    answer = cluster.get(path)
    if answer.is_success:
        body = _body(answer)
        if isinstance(body, Mapping) and is_answer(body):
            return answer
    elif answer.status_code in _ANSWERS:
        unknown = absent and answer.status_code == HTTPStatus.NOT_FOUND
        if unknown or message(answer):
            return answer
    raise ClusterError(f"{path}: {_problem(answer)}")


def unreadable(settings: Settings, why: str) -> Problem:
    """Return the problem of a cluster that does not tell what the stack has to know."""
    context = settings.kubernetes.context
    return Problem("kubernetes.context", "" if context is None else as_shown(context), why)


def _problem(answer: httpx.Response) -> str:
    if answer.is_success:
        return f"the server does not answer as Kubernetes does: {_RIGHT}"
    if answer.is_redirect:
        return (
            f"the server redirects{_to(answer)}, as to a login, which no API server does: {_RIGHT}"
        )
    if answer.status_code == HTTPStatus.UNAUTHORIZED:
        return (
            "the cluster does not accept the kubeconfig's credentials (401): log in to it again, "
            "or renew them"
        )
    said = message(answer)
    if said:
        return f"the cluster answers {answer.status_code}: {said}: run this again when it answers"
    return (
        f"the server answers {answer.status_code}, and nothing that Kubernetes says: run this "
        f"again when the cluster answers, or {_RIGHT}"
    )


def _to(answer: httpx.Response) -> str:
    """Return the host of a redirect; what else its address says is for whoever it was made for."""
    try:
        host = urlsplit(answer.headers.get("location", "")).hostname
    except ValueError:
        host = None
    return f" to {host}" if host else ""


def _body(answer: httpx.Response) -> Any:
    try:
        return answer.json()
    except ValueError:
        return None
