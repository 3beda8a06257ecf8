"""What a stack is made of, for this program and for others: components and their Args.

A name is looked up in its module when it is first asked for, so that importing one part of
`components` loads neither Pulumi's SDK nor Grafana's.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from components.ai_gateway import (
        AiGatewayPrices,
        AiGatewayPricesArgs,
        AiGatewayProvider,
        AiGatewayProviderArgs,
        Bedrock,
        ModelPrice,
    )
    from components.alerts.component import Alerts, AlertsArgs
    from components.alerts.thresholds import Thresholds
    from components.boundary import ExtraRule, Policy, PolicyError, build_policy, render_config
    from components.claude_code import ClaudePolicy, Hook
    from components.coderd_env import (
        AUDIT_VARIABLES,
        CoderdEnvironment,
        CoderdEnvironmentArgs,
        EnvVar,
    )
    from components.dashboards.component import Dashboards, DashboardsArgs
    from components.dashboards.context import DashboardContext
    from components.datasources import DataSources, DataSourcesArgs
    from components.errors import ArgsError
    from components.external_auth import (
        GitLabExternalAuth,
        GitLabExternalAuthArgs,
        GitLabProvider,
    )
    from components.grafana_role import GrafanaRole, GrafanaRoleArgs, RoleJob
    from components.mcp_server import McpServer, McpServerArgs, OAuth2Client, authorization
    from components.network.args import WorkspaceNetworkPolicyArgs
    from components.network.component import WorkspaceNetworkPolicy
    from components.network.namespace import WorkspaceNamespace
    from components.network.namespace_args import WorkspaceNamespaceArgs
    from components.workspace_template.args import (
        AutoStop,
        GroupAccess,
        Schedule,
        WorkspaceTemplateArgs,
    )
    from components.workspace_template.component import WorkspaceTemplate
    from components.workspace_template.values import SizeChoice, Sizes
    from components.workspace_template.wiring import Firewall, ModuleVersions, ProviderVersions

VERSION: Final = "0.1.0"
"""Of the package, without the v of its tag."""

_NAMES: Final = {
    "components.ai_gateway": (
        "AiGatewayPrices",
        "AiGatewayPricesArgs",
        "AiGatewayProvider",
        "AiGatewayProviderArgs",
        "Bedrock",
        "ModelPrice",
    ),
    "components.alerts.component": ("Alerts", "AlertsArgs"),
    "components.alerts.thresholds": ("Thresholds",),
    "components.boundary": (
        "ExtraRule",
        "Policy",
        "PolicyError",
        "build_policy",
        "render_config",
    ),
    "components.claude_code": ("ClaudePolicy", "Hook"),
    "components.coderd_env": (
        "AUDIT_VARIABLES",
        "CoderdEnvironment",
        "CoderdEnvironmentArgs",
        "EnvVar",
    ),
    "components.dashboards.component": ("Dashboards", "DashboardsArgs"),
    "components.dashboards.context": ("DashboardContext",),
    "components.datasources": ("DataSources", "DataSourcesArgs"),
    "components.errors": ("ArgsError",),
    "components.external_auth": (
        "GitLabExternalAuth",
        "GitLabExternalAuthArgs",
        "GitLabProvider",
    ),
    "components.grafana_role": ("GrafanaRole", "GrafanaRoleArgs", "RoleJob"),
    "components.mcp_server": ("McpServer", "McpServerArgs", "OAuth2Client", "authorization"),
    "components.network.args": ("WorkspaceNetworkPolicyArgs",),
    "components.network.component": ("WorkspaceNetworkPolicy",),
    "components.network.namespace": ("WorkspaceNamespace",),
    "components.network.namespace_args": ("WorkspaceNamespaceArgs",),
    "components.workspace_template.args": (
        "AutoStop",
        "GroupAccess",
        "Schedule",
        "WorkspaceTemplateArgs",
    ),
    "components.workspace_template.component": ("WorkspaceTemplate",),
    "components.workspace_template.values": ("SizeChoice", "Sizes"),
    "components.workspace_template.wiring": ("Firewall", "ModuleVersions", "ProviderVersions"),
}
_MODULES: Final = {name: module for module, names in _NAMES.items() for name in names}

__all__ = [
    "AUDIT_VARIABLES",
    "VERSION",
    "AiGatewayPrices",
    "AiGatewayPricesArgs",
    "AiGatewayProvider",
    "AiGatewayProviderArgs",
    "Alerts",
    "AlertsArgs",
    "ArgsError",
    "AutoStop",
    "Bedrock",
    "ClaudePolicy",
    "CoderdEnvironment",
    "CoderdEnvironmentArgs",
    "DashboardContext",
    "Dashboards",
    "DashboardsArgs",
    "DataSources",
    "DataSourcesArgs",
    "EnvVar",
    "ExtraRule",
    "Firewall",
    "GitLabExternalAuth",
    "GitLabExternalAuthArgs",
    "GitLabProvider",
    "GrafanaRole",
    "GrafanaRoleArgs",
    "GroupAccess",
    "Hook",
    "McpServer",
    "McpServerArgs",
    "ModelPrice",
    "ModuleVersions",
    "OAuth2Client",
    "Policy",
    "PolicyError",
    "ProviderVersions",
    "RoleJob",
    "Schedule",
    "SizeChoice",
    "Sizes",
    "Thresholds",
    "WorkspaceNamespace",
    "WorkspaceNamespaceArgs",
    "WorkspaceNetworkPolicy",
    "WorkspaceNetworkPolicyArgs",
    "WorkspaceTemplate",
    "WorkspaceTemplateArgs",
    "authorization",
    "build_policy",
    "render_config",
]


def __getattr__(name: str) -> Any:
    """Return a name of the public face from its module."""
    module = _MODULES.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(module), name)
