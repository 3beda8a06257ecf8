"""The cluster as a verification sees it: its nodes, and what enforces network policies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final, TypeVar
from urllib.parse import urlencode

import httpx
from pydantic import BaseModel, Field, ValidationError

from components import kubeconfig
from components.kubeconfig import ClusterError
from ops.verification.model import note

PAGE: Final = 500
"""Items of a list that are asked for at once, as kubectl asks."""

_REFUSALS: Final[dict[int, str]] = {
    HTTPStatus.UNAUTHORIZED: "the cluster does not accept the kubeconfig's credentials",
    HTTPStatus.FORBIDDEN: "the kubeconfig's user may not list {path}",
}


class _NodeInfo(BaseModel):
    kernel: str = Field(alias="kernelVersion")
    image: str = Field(alias="osImage")


class _NodeStatus(BaseModel):
    info: _NodeInfo = Field(alias="nodeInfo")


class _Metadata(BaseModel):
    name: str
    namespace: str = ""


class _Node(BaseModel):
    metadata: _Metadata
    status: _NodeStatus


class _Daemon(BaseModel):
    metadata: _Metadata
    spec: dict[str, Any]


class _Policy(BaseModel):
    metadata: dict[str, Any]
    spec: dict[str, Any]


class _Page(BaseModel):
    class Metadata(BaseModel):
        rest: str = Field("", alias="continue")

    metadata: Metadata
    items: list[dict[str, Any]]


Item = TypeVar("Item", bound=BaseModel)


@dataclass(frozen=True)
class ClusterNode:
    """A node.

    Attributes:
        name: its name.
        kernel: release of its kernel, such as `6.12.40-63.114.amzn2023.x86_64`.
        image: its system, such as `Bottlerocket OS 1.52.0 (aws-k8s-1.36)`.
    """

    name: str
    kernel: str
    image: str


@dataclass(frozen=True)
class DaemonSet:
    """A DaemonSet.

    Attributes:
        name: its name.
        args: the arguments of its containers.
    """

    name: str
    args: tuple[str, ...] = ()


class ClusterReader:
    """Reads from the API server of a cluster.

    Args:
        connect: returns a client of it; raises ClusterError.
        page: items of a list that are asked for at once.
    """

    def __init__(self, connect: Callable[[], httpx.Client], page: int = PAGE) -> None:
        self._connect = connect
        self._page = page

    def nodes(self) -> list[ClusterNode]:
        """Return its nodes; raises ClusterError."""
        return [
            ClusterNode(each.metadata.name, each.status.info.kernel, each.status.info.image)
            for each in self._listed(_Node, "/api/v1/nodes")
        ]

    def daemons(self) -> list[DaemonSet]:
        """Return the DaemonSets of all namespaces; raises ClusterError."""
        return [
            DaemonSet(each.metadata.name, tuple(_args(each.spec)))
            for each in self._listed(_Daemon, "/apis/apps/v1/daemonsets")
        ]

    def network_policies(self, namespace: str) -> list[dict[str, Any]]:
        """Return the NetworkPolicies of a namespace, whoever made them; raises ClusterError."""
        path = f"/apis/networking.k8s.io/v1/namespaces/{namespace}/networkpolicies"
        return [each.model_dump() for each in self._listed(_Policy, path)]

    def _listed(self, kind: type[Item], path: str) -> list[Item]:
        """Return every item of a list, page by page."""
        items: list[dict[str, Any]] = []
        query: dict[str, str] = {"limit": str(self._page)}
        try:
            with self._connect() as client:
                while True:
                    response = _answer(client, path, query)
                    if response.status_code == HTTPStatus.GONE and "continue" in query:
                        # etcd was compacted meanwhile: only a list in one answer is one again.
                        items, query = [], {}
                        continue
                    page = _page(response, path)
                    items += page.items
                    if not page.metadata.rest:
                        return [kind.model_validate(each) for each in items]
                    query = {"limit": str(self._page), "continue": page.metadata.rest}
        except ValidationError:
            raise ClusterError(f"the API server answers {path} as none does") from None


def _answer(client: httpx.Client, path: str, query: dict[str, str]) -> httpx.Response:
    response = kubeconfig.get(client, f"{path}?{urlencode(query)}" if query else path)
    note(f"Kubernetes: GET {path}", str(response.status_code))
    return response


def _page(response: httpx.Response, path: str) -> _Page:
    if not response.is_success:
        status = response.status_code
        refusal = _REFUSALS.get(status, f"the API server answers {path} with {status}")
        raise ClusterError(refusal.format(path=path))
    return _Page.model_validate_json(response.content)


def _args(spec: dict[str, Any]) -> list[str]:
    pod = spec.get("template", {}).get("spec", {})
    return [str(word) for each in pod.get("containers", ()) for word in each.get("args") or ()]
