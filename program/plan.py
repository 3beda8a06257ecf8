"""Turns a stack's settings into the Args of every component, before anything is declared.

A field of Args that settings have under the same name is taken from them as it is; what has
another name, or is made of several settings, is named here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pulumi

from components.ai_gateway import AiGatewayPricesArgs, AiGatewayProviderArgs
from components.alerts.component import RUNBOOK, AlertsArgs
from components.alerts.thresholds import Thresholds
from components.coder import variables
from components.coder.lookup import EVERYONE, Known
from components.coder_agents import ISOLATED
from components.coderd_env import AUDIT_VARIABLES, CoderdEnvironmentArgs
from components.dashboards.component import DashboardsArgs
from components.datasources import DataSourcesArgs
from components.external_auth import (
    GitLabExternalAuthArgs,
    GitLabProvider,
    login_variables,
)
from components.grafana_role import GrafanaRoleArgs, RoleJob
from components.mcp_server import McpServerArgs, OAuth2Client
from components.network.args import WorkspaceNetworkPolicyArgs
from components.network.manifests import network_policies
from components.network.namespace_args import WorkspaceNamespaceArgs
from components.observability import grafana_defaults
from components.releases import AUDIT_COUNTERS_SINCE, Number
from components.settings.confinement import firewall
from components.settings.mcp import McpServerSettings
from components.settings.model import Settings
from components.settings.network import surroundings
from components.settings.templates import Lifetime, TemplateSettings
from components.workspace_template.args import (
    AutoStop,
    GroupAccess,
    Schedule,
    WorkspaceTemplateArgs,
)
from components.workspace_template.values import SizeChoice, Sizes
from components.workspace_template.wiring import ModuleVersions, ProviderVersions
from program import ai_gateway
from program.taken import taken


@dataclass(frozen=True)
class StackArgs:
    """The Args of every component of a stack; None for what the stack does not declare.

    Attributes:
        external_auth: GitLab as the external login.
        coderd: coderd's variables, the external login's and the audit log's.
        workspace_namespace: the workspaces' namespace.
        network_policy: what workspaces reach at all.
        templates: by name.
        mcp_servers: by slug.
        ai_providers: providers of Coder's AI Gateway, by name.
        ai_prices: what its models cost.
        data_sources: Grafana's data sources.
        grafana_role: the database role with which Grafana reads.
        dashboards: the dashboards.
        alerts: the alerts.
    """

    external_auth: GitLabExternalAuthArgs | None
    coderd: CoderdEnvironmentArgs | None
    workspace_namespace: WorkspaceNamespaceArgs | None
    network_policy: WorkspaceNetworkPolicyArgs | None
    templates: Mapping[str, WorkspaceTemplateArgs]
    mcp_servers: Mapping[str, McpServerArgs]
    ai_providers: Mapping[str, AiGatewayProviderArgs]
    ai_prices: AiGatewayPricesArgs | None
    data_sources: DataSourcesArgs
    grafana_role: GrafanaRoleArgs | None
    dashboards: DashboardsArgs
    alerts: AlertsArgs


def plan(stack: str, settings: Settings, known: Known, root: Path) -> StackArgs:
    """Return the Args of every component of a stack.

    Args:
        stack: its name.
        settings: its settings, as `load` has accepted them.
        known: what the Coder deployment has of what they name.
        root: the project's root, below which templates are rendered.
    """
    login = external_auth(settings)
    network = network_policy(settings)
    return StackArgs(
        external_auth=login,
        coderd=coderd_environment(stack, settings, login),
        workspace_namespace=workspace_namespace(settings),
        network_policy=network,
        templates={
            template.name: workspace_template(stack, settings, template, known, root)
            for template in settings.templates
        },
        mcp_servers={
            server.slug: mcp_server(settings, server, known.organization_id)
            for server in settings.mcp_servers
        },
        ai_providers=ai_gateway.providers(settings),
        ai_prices=ai_gateway.prices(settings),
        data_sources=data_sources(settings),
        grafana_role=grafana_role(settings, known.release),
        dashboards=dashboards(settings, known.release),
        alerts=_alerts(settings, network, known),
    )


def workspace_template(
    stack: str,
    settings: Settings,
    template: TemplateSettings,
    known: Known,
    project_root: Path,
) -> WorkspaceTemplateArgs:
    """Return the arguments of one template."""
    shared = settings.workspaces
    sizes = shared.resources
    suspended = settings.suspended_policy_of(template)
    return taken(
        WorkspaceTemplateArgs,
        (template, shared, known),
        stack=stack,
        firewall=firewall(settings, template),
        switched_off=settings.switched_off if suspended else "",
        suspended_policy=suspended.to_json() if suspended else (),
        contract=json.dumps(demands) if (demands := settings.demands_of(template)) else "",
        gitlab_external_auth_id=template.gitlab or settings.external_auth.providers[0].id,
        sizes=Sizes(
            cpu=SizeChoice(tuple(sizes.cpu.options), sizes.cpu.default),
            memory=SizeChoice(tuple(sizes.memory.options), sizes.memory.default),
            disk_size=SizeChoice(tuple(sizes.disk.options), sizes.disk.default),
        ),
        agent_variables={**shared.agent_env, **template.agent_env},
        access=_access(template, known),
        schedule=_schedule(template.lifetime),
        require_active_version=template.require_active_version or None,
        module_versions=taken(
            ModuleVersions, (shared.modules,), claude_code=shared.claude_code_module(known.release)
        ),
        claude_program=shared.claude_code.program,
        provider_versions=taken(ProviderVersions, (shared.providers,)),
        agents_allowed=template.lets_agents_in,
        deprecation_message=template.deprecation_message or None,
        project_root=project_root,
    )


def external_auth(settings: Settings) -> GitLabExternalAuthArgs | None:
    """Return the arguments of the external login; a provider's index is its place in the list.

    None where the login is somebody else's.
    """
    coder, credentials = settings.coder, settings.secrets.external_auth
    if coder.variables == "none":
        return None
    return taken(
        GitLabExternalAuthArgs,
        (coder,),
        secret_name=variables.CREDENTIALS_SECRET if coder.variables == "chart" else None,
        providers=[
            taken(
                GitLabProvider,
                (provider,),
                index=index,
                client_id=_secret(credentials[provider.id].client_id.get_secret_value()),
                client_secret=_secret(credentials[provider.id].client_secret.get_secret_value()),
            )
            for index, provider in enumerate(settings.external_auth.providers)
        ],
    )


def coderd_environment(
    stack: str, settings: Settings, login: GitLabExternalAuthArgs | None
) -> CoderdEnvironmentArgs | None:
    """Return the arguments of coderd's variables, the external login's and the audit log's.

    None where the stack sets none.
    """
    coder = settings.coder
    if login is None or coder.variables not in {"patch", "secret"}:
        return None
    return taken(
        CoderdEnvironmentArgs,
        (coder,),
        secret_name=variables.secret_name(stack),
        patch=coder.variables == "patch",
        variables=[*login_variables(login), *(AUDIT_VARIABLES if coder.audit_logging else ())],
        skip_await=not coder.wait_for_rollout,
        force=settings.kubernetes.force_conflicts,
    )


def network_policy(settings: Settings) -> WorkspaceNetworkPolicyArgs | None:
    """Return the arguments of the workspaces' network policy, None for a stack without one."""
    return settings.network.args(surroundings(settings))


def workspace_namespace(settings: Settings) -> WorkspaceNamespaceArgs | None:
    """Return the arguments of the workspaces' namespace, None where the stack leaves it alone."""
    section = settings.workspace_namespace
    return None if section is None else section.args(surroundings(settings))


def dashboards(settings: Settings, coder: Number | None = None) -> DashboardsArgs:
    """Return the arguments of the dashboards.

    Args:
        settings: the stack's.
        coder: the deployment's release; None if it is not known, or nobody asked.
    """
    uid_prefix = grafana_defaults.named(settings.grafana.prefix or "", "")
    return taken(
        DashboardsArgs,
        (settings.grafana,),
        name_prefix=f"{DashboardsArgs.name_prefix}{uid_prefix}",
        uid_prefix=uid_prefix,
        coder_namespace=settings.coder.namespace,
        coder_deployment=settings.coder.deployment,
        coder_container=settings.coder.container,
        workspaces_namespace=settings.workspaces.namespace,
        firewall_records=settings.grafana.has_firewall_records(coder),
        gateway_tables=settings.grafana.has_gateway_tables(coder),
    )


def alerts(settings: Settings, known: Known | None = None) -> AlertsArgs:
    """Return the arguments of the alerts.

    Args:
        settings: the stack's.
        known: what the deployment has; None where nobody asks.
    """
    return _alerts(settings, network_policy(settings), known or Known())


def _alerts(
    settings: Settings, network: WorkspaceNetworkPolicyArgs | None, known: Known
) -> AlertsArgs:
    section, grafana = settings.alerts, settings.grafana
    policies = network_policies(network) if network else ()
    return taken(
        AlertsArgs,
        (section,),
        alerts=tuple(section.rules),
        group=grafana_defaults.group(grafana.prefix or ""),
        grafana_namespace=grafana.namespace,
        folder=grafana.folder,
        runbook=section.runbook_url or RUNBOOK,
        grafana_url=(section.grafana_url or "").rstrip("/"),
        dashboards=tuple(grafana.dashboards),
        queries=dashboards(settings).context,
        thresholds=taken(Thresholds, (section.thresholds,)),
        confined_templates=tuple(
            template.name
            for template in settings.templates
            if settings.firewall_of(template) is not None
        ),
        isolated_templates=tuple(
            template.name for template in settings.templates if template.lets_agents_in == ISOLATED
        ),
        network_policies=tuple(policy["metadata"]["name"] for policy in policies),
        organization_id=known.organization_id,
        audit_counters=known.release is None or known.release >= AUDIT_COUNTERS_SINCE,
    )


def data_sources(settings: Settings) -> DataSourcesArgs:
    """Return the arguments of the data sources."""
    grafana = settings.grafana
    return taken(
        DataSourcesArgs,
        (grafana,),
        ssl_mode=grafana.database_ssl_mode,
        ca_file=grafana.database_ca_file,
        # Settings have who makes the role under that name.
        database_role=grafana_defaults.role(grafana.prefix or ""),
        prefix=grafana.prefix or "",
    )


def grafana_role(settings: Settings, coder: Number | None = None) -> GrafanaRoleArgs | None:
    """Return the arguments of the database role, None where something else makes it.

    Arguments as for `dashboards`.
    """
    role = settings.grafana.database_role
    if role.delivery == "none":
        return None
    job = role.delivery == "job" and role.admin_url_secret
    prefix = settings.grafana.prefix or ""
    return GrafanaRoleArgs(
        namespace=settings.grafana.namespace,
        script_name=grafana_defaults.named(prefix, GrafanaRoleArgs.script_name),
        job_name=grafana_defaults.named(prefix, GrafanaRoleArgs.job_name),
        role=grafana_defaults.role(prefix),
        job=taken(RoleJob, (role,), skip_await=not role.wait) if job else None,
        firewall_records=settings.grafana.has_firewall_records(coder),
        gateway_tables=settings.grafana.has_gateway_tables(coder),
    )


def mcp_server(
    settings: Settings, server: McpServerSettings, organization_id: str | None
) -> McpServerArgs:
    """Return the arguments of one MCP server."""
    secret = settings.secrets.mcp.get(server.slug) if server.takes_secret else None
    key = secret.get_secret_value() if secret else None
    return taken(
        McpServerArgs,
        (server,),
        auth_type=server.auth_type if server.personal else "headers",
        headers=server.headers(key),
        oauth2=server.oauth2
        and taken(
            OAuth2Client,
            (server.oauth2,),
            client_secret=key,
            scopes=tuple(server.oauth2.scopes),
        ),
        tool_allow_list=tuple(server.tools),
        organization_id=organization_id,
    )


def _secret(value: str) -> pulumi.Output[str]:
    return pulumi.Output.secret(value)


def _access(template: TemplateSettings, known: Known) -> tuple[GroupAccess, ...] | None:
    if not known.access_lists:
        return None
    if template.access is None:
        # Said, and not left out: a list that is no longer given stays as it was.
        return (GroupAccess(known.organization_id, "use", EVERYONE),)
    return (
        *(GroupAccess(known.groups[name], "use", name) for name in template.access.use),
        *(GroupAccess(known.groups[name], "admin", name) for name in template.access.admin),
    )


def _schedule(lifetime: Lifetime) -> Schedule:
    return Schedule(
        default_ttl=_hours(lifetime.default_ttl_hours),
        activity_bump=_hours(lifetime.activity_bump_hours),
        failure_ttl=_hours(lifetime.failure_ttl_hours),
        dormant_after=_hours(lifetime.dormant_after_hours),
        delete_dormant_after=_hours(lifetime.delete_dormant_after_hours),
        auto_stop=(
            AutoStop(tuple(lifetime.stop_days), lifetime.stop_every_weeks)
            if lifetime.stop_days
            else None
        ),
    )


def _hours(hours: float | None) -> timedelta | None:
    # Rounded to what Coder keeps, whole milliseconds.
    return None if hours is None else timedelta(milliseconds=round(hours * 3_600_000))
