"""A cluster with coderd, DNS, neighbours and workspaces of two templates."""

from collections.abc import Callable
from typing import Any

import pytest

from components.network.args import TEMPLATE_LABEL, WORKSPACE_LABELS, WorkspaceNetworkPolicyArgs
from components.network.manifests import network_policies
from tests.components.network.semantics import Cluster, Pod

NAMES = ("coder", "coder-workspaces", "kube-system", "ingress-nginx", "monitoring", "shop")
NAME = "kubernetes.io/metadata.name"
NAMESPACES = {name: {NAME: name} for name in NAMES}

Make = Callable[..., Cluster]


def workspace(template: str, address: str = "10.244.1.7") -> Pod:
    return Pod("coder-workspaces", {**WORKSPACE_LABELS, TEMPLATE_LABEL: template}, address)


def of(args: WorkspaceNetworkPolicyArgs, *others: dict[str, Any], blocks: bool = True) -> Cluster:
    namespaces = {**NAMESPACES, args.dns.namespace: {NAME: args.dns.namespace}}
    return Cluster([*network_policies(args), *others], namespaces, blocks_match_pods=blocks)


@pytest.fixture
def cluster() -> Make:
    """Return the cluster of some arguments, with other people's policies beside."""
    return of
