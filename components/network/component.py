"""WorkspaceNetworkPolicy: what the cluster lets workspaces reach, whatever runs in them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pulumi
from pulumi_kubernetes.apiextensions import CustomResource
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs
from pulumi_kubernetes.networking.v1 import NetworkPolicy

from components.mark import marked
from components.network.args import WorkspaceNetworkPolicyArgs
from components.network.manifests import (
    CILIUM_KIND,
    CILIUM_VERSION,
    PREFIX,
    cilium_agents_policy,
    cilium_policies,
    network_policies,
)


class WorkspaceNetworkPolicy(pulumi.ComponentResource):
    """NetworkPolicies that close what a jail leaves open, for every workspace of a namespace.

    They hold for running workspaces as soon as the cluster's network plugin has read them. A
    plugin that enforces none ignores them without a word.

    Attributes:
        names: of the NetworkPolicies and of the CiliumNetworkPolicies.
    """

    names: pulumi.Output[list[str]]

    def __init__(
        self,
        name: str,
        args: WorkspaceNetworkPolicyArgs,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("firewalledcoder:index:WorkspaceNetworkPolicy", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        plain = network_policies(args)
        for manifest in plain:
            spec: Any = manifest["spec"]
            NetworkPolicy(
                f"{name}-{manifest['metadata']['name'].removeprefix(PREFIX)}",
                metadata=_metadata(manifest),
                spec=spec,
                opts=child,
            )
        named = {f"{name}-{key}": each for key, each in cilium_policies(args).items()}
        if agents := cilium_agents_policy(args):
            # No template is called so.
            named[f"{name}_agents"] = agents
        for resource, manifest in named.items():
            CustomResource(
                resource,
                api_version=CILIUM_VERSION,
                kind=CILIUM_KIND,
                metadata=_metadata(manifest),
                spec=manifest["spec"],
                opts=child,
            )
        every = (*plain, *named.values())
        self.names = pulumi.Output.from_input([each["metadata"]["name"] for each in every])
        # No resource says it, and reviews tell what changes of it.
        self.register_outputs({"names": self.names, "acceptedPolicies": args.accepted})


def _metadata(manifest: Mapping[str, Any]) -> ObjectMetaArgs:
    metadata = dict(manifest["metadata"])
    return ObjectMetaArgs(**{**metadata, "annotations": marked(metadata.get("annotations"))})
