"""The cluster as a verification sees it: its nodes, and what enforces network policies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import httpx
from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from ops.verification.model import note

T = TypeVar("T")

_MOST: Final = "500"


class ClusterError(Exception):
    """The cluster cannot be asked; the message says why."""


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


class _Nodes(BaseModel):
    items: list[_Node]


class _Daemon(BaseModel):
    metadata: _Metadata
    spec: dict[str, Any]


class _Daemons(BaseModel):
    items: list[_Daemon]


@dataclass(frozen=True)
class Node:
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
class Daemon:
    """A DaemonSet.

    Attributes:
        name: its name.
        args: the arguments of its containers.
    """

    name: str
    args: tuple[str, ...] = ()


class Cluster:
    """Reads from the API server of a cluster.

    Args:
        connect: returns a client of it; raises ClusterError.
    """

    def __init__(self, connect: Callable[[], httpx.Client]) -> None:
        self._connect = connect

    def nodes(self) -> list[Node]:
        """Return its nodes; raises ClusterError."""
        items = self._listed(_Nodes, "/api/v1/nodes").items
        return [Node(i.metadata.name, i.status.info.kernel, i.status.info.image) for i in items]

    def daemons(self) -> list[Daemon]:
        """Return the DaemonSets of all namespaces; raises ClusterError."""
        items = self._listed(_Daemons, "/apis/apps/v1/daemonsets").items
        return [Daemon(item.metadata.name, tuple(_args(item.spec))) for item in items]

    def _listed(self, kind: type[T], path: str) -> T:
        try:
            with self._connect() as client:
                response = client.get(path, params={"limit": _MOST})
        except httpx.HTTPError as error:
            raise ClusterError(f"the API server cannot be asked: {type(error).__name__}") from None
        note(f"Kubernetes: GET {path}", str(response.status_code))
        if not response.is_success:
            raise ClusterError(f"the API server answers {path} with {response.status_code}")
        try:
            return TypeAdapter(kind).validate_json(response.content)
        except ValidationError:
            raise ClusterError(f"the API server answers {path} as none does") from None


def _args(spec: dict[str, Any]) -> list[str]:
    pod = spec.get("template", {}).get("spec", {})
    return [str(word) for each in pod.get("containers", ()) for word in each.get("args") or ()]
