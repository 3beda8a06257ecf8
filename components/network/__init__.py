"""What the cluster lets workspaces reach and take: network policies, Pod Security, quota."""

from components.network.args import (
    OUTSIDE,
    TEMPLATE_LABEL,
    WORKSPACE_LABELS,
    Coderd,
    Dns,
    Opening,
    WorkspaceNetworkPolicyArgs,
)
from components.network.manifests import cilium_policies, network_policies
from components.network.names import Translation, translate
from components.network.namespace_args import (
    Limits,
    PodSecurity,
    Quota,
    WorkspaceNamespaceArgs,
)
from components.network.reach import NetworkChange, Reached, network_change
from components.network.values import Fault, NetworkArgsError

__all__ = [
    "OUTSIDE",
    "TEMPLATE_LABEL",
    "WORKSPACE_LABELS",
    "Coderd",
    "Dns",
    "Fault",
    "Limits",
    "NetworkArgsError",
    "NetworkChange",
    "Opening",
    "PodSecurity",
    "Quota",
    "Reached",
    "Translation",
    "WorkspaceNamespaceArgs",
    "WorkspaceNetworkPolicyArgs",
    "cilium_policies",
    "network_change",
    "network_policies",
    "translate",
]
