"""The components as Pulumi's schema knows them, for programs in any of its languages.

Each is the component of the same name with inputs of the types that Pulumi infers a schema from.
"""

from typing import Final

import pulumi

from components.package.ai_gateway import AiGatewayPrices, AiGatewayProvider
from components.package.coder import CoderdEnvironment, GitLabExternalAuth
from components.package.mcp_server import McpServer
from components.package.observability import Alerts, Dashboards
from components.package.workspace_template import WorkspaceTemplate

NAME: Final = "firewalledcoder"
"""Of the package, first in the type of every component."""

COMPONENTS: Final[list[type[pulumi.ComponentResource]]] = [
    AiGatewayPrices,
    AiGatewayProvider,
    Alerts,
    CoderdEnvironment,
    Dashboards,
    GitLabExternalAuth,
    McpServer,
    WorkspaceTemplate,
]
