"""Turns a stack's settings into the arguments of the components, one function a component."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import pulumi

from components import boundary
from components.alerts.component import RUNBOOK, AlertsArgs
from components.alerts.model import Thresholds
from components.coder import variables
from components.coder.lookup import EVERYONE, Known
from components.coder.mcp_headers import READ_ONLY_HEADER
from components.coderd_env import AUDIT_VARIABLES, CoderdEnvArgs
from components.dashboards.component import DashboardsArgs
from components.datasources import DataSources, DataSourcesArgs
from components.external_auth import (
    GitLabExternalAuth,
    GitLabExternalAuthArgs,
    GitLabProvider,
)
from components.grafana_role import GrafanaRoleArgs, RoleJob
from components.mcp_server import McpServerArgs, authorization
from components.network.args import WorkspaceNetworkPolicyArgs
from components.network.manifests import network_policies
from components.network.namespace_args import WorkspaceNamespaceArgs
from components.settings.mcp import McpServerSettings
from components.settings.model import Settings
from components.settings.network import surroundings
from components.settings.templates import Lifetime, Template
from components.workspace_template import (
    AutoStop,
    Firewall,
    GroupAccess,
    ModuleVersions,
    ProviderVersions,
    Schedule,
    SizeChoice,
    Sizes,
    WorkspaceTemplateArgs,
)


def workspace_template(
    stack: str,
    settings: Settings,
    template: Template,
    known: Known,
    project_root: Path,
) -> WorkspaceTemplateArgs:
    """Return the arguments of one template."""
    shared = settings.workspaces
    sizes = shared.resources
    return WorkspaceTemplateArgs(
        stack=stack,
        name=template.name,
        display_name=template.display_name,
        description=template.description,
        icon=template.icon,
        namespace=shared.namespace,
        image=shared.image,
        use_kubeconfig=shared.use_kubeconfig,
        firewall=firewall(settings, template),
        gitlab_external_auth_id=template.gitlab or settings.external_auth.providers[0].id,
        sizes=Sizes(
            cpu=SizeChoice(tuple(sizes.cpu.options), sizes.cpu.default),
            memory=SizeChoice(tuple(sizes.memory.options), sizes.memory.default),
            disk_size=SizeChoice(tuple(sizes.disk.options), sizes.disk.default),
        ),
        git_credentials=template.git_credentials,
        tasks=shared.tasks,
        claude_policy=shared.claude_policy,
        agent_variables={**shared.agent_env, **template.agent_env},
        access=_access(template, known),
        schedule=_schedule(template.lifetime),
        organization_id=known.organization_id,
        require_active_version=template.require_active_version or None,
        module_versions=ModuleVersions(
            claude_code=shared.modules.claude_code, code_server=shared.modules.code_server
        ),
        provider_versions=ProviderVersions(
            coder=shared.providers.coder, kubernetes=shared.providers.kubernetes
        ),
        max_port_share_level=template.max_port_share_level,
        agents_allowed=template.lets_agents_in,
        deprecation_message=template.deprecation_message or None,
        provisioner_tags=shared.provisioner_tags,
        project_root=project_root,
    )


def firewall(settings: Settings, template: Template) -> Firewall | None:
    """Return how the template is confined, None without a firewall."""
    confined = settings.firewall_of(template)
    policy = settings.policy_of(template)
    if confined is None or policy is None:
        return None
    return Firewall(
        config=boundary.render_config(
            policy,
            jail_type=confined.jail,
            log_level=confined.log_level,
            proxy_port=confined.proxy_port,
        ),
        jail_type=confined.jail,
        policy=policy.to_json(),
        boundary_version=settings.workspaces.boundary_version,
    )


def external_auth(settings: Settings) -> GitLabExternalAuthArgs | None:
    """Return the arguments of the external login; a provider's index is its place in the list.

    None where the login is somebody else's.
    """
    if settings.coder.variables == "none":
        return None
    credentials = settings.secrets.external_auth
    return GitLabExternalAuthArgs(
        namespace=settings.coder.namespace,
        access_url=settings.coder.access_url,
        secret_name=(variables.CREDENTIALS_SECRET if settings.coder.variables == "chart" else None),
        providers=[
            GitLabProvider(
                index=index,
                id=provider.id,
                host=provider.host,
                display_name=provider.display_name,
                client_id=_secret(credentials[provider.id].client_id.get_secret_value()),
                client_secret=_secret(credentials[provider.id].client_secret.get_secret_value()),
            )
            for index, provider in enumerate(settings.external_auth.providers)
        ],
    )


def coderd_env(stack: str, settings: Settings, login: GitLabExternalAuth) -> CoderdEnvArgs | None:
    """Return the arguments of coderd's variables, the external login's and the audit log's.

    None where the stack sets none.
    """
    coder = settings.coder
    if coder.variables not in {"patch", "secret"}:
        return None
    return CoderdEnvArgs(
        namespace=coder.namespace,
        deployment=coder.deployment,
        container=coder.container,
        secret_name=variables.secret_name(stack),
        patch=coder.variables == "patch",
        variables=[*login.variables, *(AUDIT_VARIABLES if coder.audit_logging else ())],
        skip_await=not coder.wait_for_rollout,
        force=settings.kubernetes.force_conflicts,
    )


def network_policy(settings: Settings) -> WorkspaceNetworkPolicyArgs | None:
    """Return the arguments of the workspaces' network policy, None for a stack without one."""
    return settings.network.args(surroundings(settings))


def workspace_namespace(settings: Settings) -> WorkspaceNamespaceArgs | None:
    """Return the arguments of the workspaces' namespace, None where the stack leaves it alone."""
    wanted = settings.workspace_namespace
    return None if wanted is None else wanted.args(surroundings(settings))


def dashboards(settings: Settings) -> DashboardsArgs:
    """Return the arguments of the dashboards."""
    grafana = settings.grafana
    return DashboardsArgs(
        namespace=grafana.namespace,
        dashboards=tuple(grafana.dashboards),
        folder=grafana.folder,
        coder_namespace=settings.coder.namespace,
        coder_deployment=settings.coder.deployment,
        coder_container=settings.coder.container,
        workspaces_namespace=settings.workspaces.namespace,
        prometheus_uid=grafana.prometheus_uid,
        loki_uid=grafana.loki_uid,
        postgres_uid=grafana.postgres_uid,
        loki_selector=grafana.loki_selector,
        loki_labels=grafana.loki_labels,
        firewall_records=grafana.firewall_records,
    )


def alerts(settings: Settings) -> AlertsArgs:
    """Return the arguments of the alerts."""
    wanted, grafana = settings.alerts, settings.grafana
    network = network_policy(settings)
    return AlertsArgs(
        alerts=tuple(wanted.rules),
        evaluator=wanted.evaluator,
        namespace=wanted.namespace,
        rule_labels=wanted.rule_labels,
        grafana_namespace=grafana.namespace,
        folder=grafana.folder,
        labels=wanted.labels,
        runbook=wanted.runbook_url or RUNBOOK,
        grafana_url=(wanted.grafana_url or "").rstrip("/"),
        dashboards=tuple(grafana.dashboards),
        queries=dashboards(settings).context,
        thresholds=Thresholds(**wanted.thresholds.model_dump()),
        confined_templates=tuple(
            template.name
            for template in settings.templates
            if settings.firewall_of(template) is not None
        ),
        network_policies=tuple(
            policy["metadata"]["name"] for policy in (network_policies(network) if network else ())
        ),
    )


def data_sources(settings: Settings) -> DataSourcesArgs:
    """Return the arguments of the data sources."""
    grafana = settings.grafana
    return DataSourcesArgs(
        namespace=grafana.namespace,
        database_host=grafana.database_host,
        database=grafana.database,
        loki_url=grafana.loki_url,
        prometheus_url=grafana.prometheus_url,
        prometheus_uid=grafana.prometheus_uid,
        loki_uid=grafana.loki_uid,
        loki_tenant=grafana.loki_tenant,
        postgres_uid=grafana.postgres_uid,
        ssl_mode=grafana.database_ssl_mode,
        ca_file=grafana.database_ca_file,
    )


def grafana_role(settings: Settings, sources: DataSources) -> GrafanaRoleArgs | None:
    """Return the arguments of the database role, None where something else makes it."""
    role = settings.grafana.database_role
    if role.delivery == "none":
        return None
    job = None
    if role.delivery == "job" and role.admin_url_secret:
        job = RoleJob(
            admin_url_secret=role.admin_url_secret,
            admin_url_key=role.admin_url_key,
            image=role.image,
            skip_await=not role.wait,
        )
    return GrafanaRoleArgs(
        namespace=settings.grafana.namespace,
        job=job,
        password_secret=sources.password_secret,
        password=sources.password,
    )


def mcp_server(
    settings: Settings, server: McpServerSettings, organization_id: str | None
) -> McpServerArgs:
    """Return the arguments of one MCP server."""
    headers: Mapping[str, pulumi.Input[str]] = {
        "Authorization": authorization(settings.secrets.mcp[server.slug].get_secret_value()),
        **({READ_ONLY_HEADER: "true"} if server.read_only else {}),
    }
    return McpServerArgs(
        slug=server.slug,
        display_name=server.display_name,
        url=server.url,
        headers=headers,
        tool_allow_list=tuple(server.tools),
        availability=server.availability,
        description=server.description,
        organization_id=organization_id,
    )


def _secret(value: str) -> pulumi.Output[str]:
    return pulumi.Output.secret(value)


def _access(template: Template, known: Known) -> tuple[GroupAccess, ...] | None:
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
