"""Type tokens of the resources that both previews and adoption know."""

from __future__ import annotations

from typing import Final

TEMPLATE: Final = "coderd:index/template:Template"
MCP_SERVER: Final = "coderd:index/agentsMcpServer:AgentsMcpServer"
DEPLOYMENT_PATCH: Final = "kubernetes:apps/v1:DeploymentPatch"
