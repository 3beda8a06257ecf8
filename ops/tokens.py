"""Type tokens of the resources that commands know by their kind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

STACK: Final = "pulumi:pulumi:Stack"
WORKSPACE_TEMPLATE: Final = "firewalledcoder:index:WorkspaceTemplate"
TEMPLATE: Final = "coderd:index/template:Template"
MCP_SERVER: Final = "coderd:index/agentsMcpServer:AgentsMcpServer"
AI_PROVIDER: Final = "coderd:index/aiProvider:AiProvider"
AI_MODEL_PRICE: Final = "coderd:index/aiModelPrice:AiModelPrice"
DEPLOYMENT_PATCH: Final = "kubernetes:apps/v1:DeploymentPatch"
SECRET_KIND: Final = "kubernetes:core/v1:Secret"  # noqa: S105  a type token
LOGIN: Final = "firewalledcoder:index:GitLabExternalAuth"
WORKSPACE_NETWORK: Final = "firewalledcoder:index:WorkspaceNetworkPolicy"
CODERD_ENV: Final = "firewalledcoder:index:CoderdEnv"
ALERTS: Final = "firewalledcoder:index:Alerts"
DATA_SOURCES: Final = "firewalledcoder:index:DataSources"
GRAFANA_ROLE: Final = "firewalledcoder:index:GrafanaRole"
NAMESPACE_PATCH: Final = "kubernetes:core/v1:NamespacePatch"
PATCHED: Final[Mapping[str, str]] = {
    DEPLOYMENT_PATCH: "kubernetes:apps/v1:Deployment",
    NAMESPACE_PATCH: "kubernetes:core/v1:Namespace",
}
"""Of what a patch owns some fields."""
RANDOM_PASSWORD: Final = "random:index/randomPassword:RandomPassword"  # noqa: S105  a type token
RESOURCE_QUOTA: Final = "kubernetes:core/v1:ResourceQuota"
LIMIT_RANGE: Final = "kubernetes:core/v1:LimitRange"
NETWORK_POLICY: Final = "kubernetes:networking.k8s.io/v1:NetworkPolicy"
CILIUM_POLICY: Final = "kubernetes:cilium.io/v2:CiliumNetworkPolicy"

SIGNATURE: Final = "4dabf18193072939515e22adb298388d"
"""The key by which the engine tells a special value (pulumi/sdk, resource.SigKey)."""
SECRET_SIGNATURE: Final = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105  what its value is
"""What stands there for a secret (resource.SecretSig)."""
