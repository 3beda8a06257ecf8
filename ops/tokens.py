"""Type tokens of the resources that commands know by their kind."""

from __future__ import annotations

from typing import Final

STACK: Final = "pulumi:pulumi:Stack"
WORKSPACE_TEMPLATE: Final = "firewalledcoder:index:WorkspaceTemplate"
TEMPLATE: Final = "coderd:index/template:Template"
MCP_SERVER: Final = "coderd:index/agentsMcpServer:AgentsMcpServer"
DEPLOYMENT_PATCH: Final = "kubernetes:apps/v1:DeploymentPatch"
SECRET: Final = "kubernetes:core/v1:Secret"  # noqa: S105  a type token
LOGIN: Final = "firewalledcoder:index:GitLabExternalAuth"
CODERD_ENV: Final = "firewalledcoder:index:CoderdEnv"
