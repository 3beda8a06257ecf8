"""The program: a stack's settings in, its resources declared, its outputs out."""

from pathlib import Path

import pulumi
import pulumi_coderd as coderd
import pulumi_kubernetes as kubernetes

from components import arguments, placement
from components.alerts.component import Alerts
from components.cluster import Cluster
from components.coder import deployment, package
from components.coder.lookup import look_up
from components.coderd_env import CoderdEnv
from components.dashboards.component import Dashboards
from components.datasources import DataSources
from components.errors import ArgsError
from components.external_auth import GitLabExternalAuth
from components.grafana_role import GrafanaRole
from components.mcp_server import McpServer
from components.network.component import WorkspaceNetworkPolicy
from components.network.namespace import WorkspaceNamespace
from components.settings import network as settings_network
from components.settings.load import from_engine
from components.settings.model import Settings
from components.settings.problems import SettingsError, refuse
from components.workspace_template import WorkspaceTemplate

STACK = pulumi.get_stack()


def main() -> None:
    """Declare the stack; raises pulumi.RunError, and nothing else, for wrong settings."""
    try:
        stack = from_engine(STACK)
        warn(stack)
        declare(stack, Path(pulumi.get_root_directory()))
    except (SettingsError, ArgsError) as error:
        raise pulumi.RunError(str(error)) from None


def warn(stack: Settings) -> None:
    """Say what is doubtful in the stack's own rules, what floats, and that the firewall is off."""
    for doubt in (*stack.findings(), *stack.floating()):
        pulumi.log.warn(str(doubt))
    if stack.switched_off:
        pulumi.log.warn(f"the firewall is off: {stack.switched_off}")
    if why := settings_network.without_policy(stack):
        pulumi.log.warn(f"there is no network policy: {why}")


def coderd_variables(stack: Settings, on_cluster: pulumi.ResourceOptions) -> dict[str, str]:
    """Declare the login's and coderd's variables; return the callback of each GitLab instance."""
    wanted = arguments.external_auth(stack)
    if wanted is None:
        return {}
    login = GitLabExternalAuth("external-auth", wanted, on_cluster)
    variables = arguments.coderd_env(STACK, stack, login)
    if variables is not None:
        CoderdEnv("coderd", variables, on_cluster)
    return login.callback_urls


def declare(stack: Settings, root: Path) -> None:
    """Declare every resource of the stack and export its outputs."""
    # What does not fit what is there stops the run before anything is declared, all at once.
    known, policy = look_up(stack), arguments.network_policy(stack)
    with Cluster(stack.kubernetes.context) as asked:
        found = deployment.look_up(STACK, stack, asked)
        missing = placement.look_up(stack, asked, closes_network=policy is not None)
    refuse(STACK, (*known.problems, *found.problems, *missing, *package.problems(stack)))
    for warning in found.warnings:
        pulumi.log.warn(warning)
    wanted_templates = {
        template.name: arguments.workspace_template(STACK, stack, template, known, root)
        for template in stack.templates
    }

    cluster = kubernetes.Provider(
        "cluster",
        context=stack.kubernetes.context,
        # A changed dashboard is the same object; without it every change would replace one.
        enable_config_map_mutable=True,
        enable_secret_mutable=True,
    )
    coder = coderd.Provider(
        "coder",
        url=stack.coder.api,
        # Marked here: the package that the bridge writes does not know the option for a secret.
        token=pulumi.Output.secret(stack.secrets.coder_token.get_secret_value()),
    )
    on_cluster = pulumi.ResourceOptions(providers=[cluster])
    on_coder = pulumi.ResourceOptions(providers=[coder])

    callbacks = coderd_variables(stack, on_cluster)

    limits = arguments.workspace_namespace(stack)
    if limits:
        WorkspaceNamespace("workspace-namespace", limits, on_cluster)
    network = WorkspaceNetworkPolicy("network", policy, on_cluster) if policy else None

    # What closes the network is there before a template that counts on it, and goes after it.
    after_network = pulumi.ResourceOptions(
        providers=[coder], depends_on=[network] if network else []
    )
    templates = {
        name: WorkspaceTemplate(name, args, after_network)
        for name, args in wanted_templates.items()
    }
    servers = {
        server.slug: McpServer(
            server.slug, arguments.mcp_server(stack, server, known.organization_id), on_coder
        )
        for server in stack.mcp_servers
    }

    sources = DataSources("data-sources", arguments.data_sources(stack), on_cluster)
    wanted = arguments.grafana_role(stack, sources)
    role = GrafanaRole("grafana-role", wanted, on_cluster) if wanted else None
    dashboards = Dashboards("dashboards", arguments.dashboards(stack), on_cluster)
    alerts = Alerts("alerts", arguments.alerts(stack), on_cluster)

    pulumi.export("callbackUrls", callbacks)
    pulumi.export(
        "templates",
        {
            name: {
                "id": template.template_id,
                "activeVersionId": template.active_version_id,
                "versionName": template.version_name,
            }
            for name, template in templates.items()
        },
    )
    pulumi.export("networkPolicies", network.names if network else [])
    pulumi.export("mcpServers", {slug: server.server_id for slug, server in servers.items()})
    pulumi.export("dashboards", dashboards.uids)
    pulumi.export("dataSources", sources.uids)
    pulumi.export("databaseRole", {"script": role.script, "job": role.job} if role else None)
    pulumi.export("alerts", alerts.names)


main()
