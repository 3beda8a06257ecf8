"""WorkspaceNamespace: Pod Security, quota and limits of a namespace that belongs to somebody else.

The namespace exists; only the labels given here are owned, and destroying the stack takes them
back. The API server enforces all of it when a pod is made: pods that run are not touched.
"""

from __future__ import annotations

from typing import Final

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi_kubernetes.core.v1 import (
    LimitRange,
    LimitRangeItemArgs,
    LimitRangeSpecArgs,
    NamespacePatch,
    ResourceQuota,
    ResourceQuotaSpecArgs,
)

from components.mark import marked
from components.network.namespace_args import Quota, WorkspaceNamespaceArgs

NAME: Final = "firewalled-coder-workspaces"
FIELD_MANAGER: Final = "firewalled-coder"
_REQUEST: Final = {"cpu": "500m", "memory": "1Gi"}


class WorkspaceNamespace(pulumi.ComponentResource):
    """Labels of an existing namespace, a ResourceQuota and a LimitRange in it.

    Attributes:
        enforced: the Pod Security level that pods are held to.
    """

    enforced: str

    def __init__(
        self, name: str, args: WorkspaceNamespaceArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("firewalledcoder:index:WorkspaceNamespace", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        annotations = marked({"pulumi.com/patchFieldManager": FIELD_MANAGER})
        if args.force:
            annotations["pulumi.com/patchForce"] = "true"
        NamespacePatch(
            f"{name}-labels",
            metadata=kubernetes.meta.v1.ObjectMetaPatchArgs(
                name=args.namespace, labels=args.labels, annotations=annotations
            ),
            opts=child,
        )
        place = kubernetes.meta.v1.ObjectMetaArgs(name=NAME, namespace=args.namespace)
        if args.quota and (hard := _hard(args.quota)):
            ResourceQuota(
                f"{name}-quota",
                metadata=place,
                spec=ResourceQuotaSpecArgs(hard=hard),
                opts=child,
            )
        if args.limits:
            most = {"cpu": str(args.limits.cpu), "memory": gibibytes(args.limits.memory)}
            claim = {"storage": gibibytes(args.limits.storage)}
            LimitRange(
                f"{name}-limits",
                metadata=place,
                spec=LimitRangeSpecArgs(
                    limits=[
                        # Said in full, as the API server would fill it in, so that what is there
                        # can be told from drift.
                        LimitRangeItemArgs(
                            type="Container", max=most, default=most, default_request=_REQUEST
                        ),
                        LimitRangeItemArgs(type="PersistentVolumeClaim", max=claim),
                    ]
                ),
                opts=child,
            )
        self.enforced = args.enforced
        self.register_outputs({"enforced": args.enforced})


def _hard(quota: Quota) -> dict[str, str]:
    found = {
        "pods": None if quota.pods is None else str(quota.pods),
        "limits.cpu": None if quota.cpu is None else str(quota.cpu),
        "limits.memory": None if quota.memory is None else gibibytes(quota.memory),
        "requests.storage": None if quota.storage is None else gibibytes(quota.storage),
    }
    return {key: value for key, value in found.items() if value is not None}


def gibibytes(number: int) -> str:
    """Return GiB as the API server writes them, which tells drift from another spelling."""
    units = ["Gi", "Ti", "Pi", "Ei"]
    while number and number % 1024 == 0 and len(units) > 1:
        number //= 1024
        units.pop(0)
    return f"{number}{units[0]}"
