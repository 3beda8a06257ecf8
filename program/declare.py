"""Declares what a plan holds; outputs of one component reach another as constructor arguments."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

import pulumi
import pulumi_coderd as coderd
import pulumi_kubernetes as kubernetes

from components import kubeconfig
from components.ai_gateway import AiGatewayPrices, AiGatewayProvider
from components.alerts.component import Alerts
from components.coderd_env import CoderdEnvironment
from components.dashboards.component import Dashboards
from components.datasources import DataSources
from components.external_auth import GitLabExternalAuth
from components.grafana_role import GrafanaRole
from components.mcp_server import McpServer
from components.network.component import WorkspaceNetworkPolicy
from components.network.namespace import WorkspaceNamespace
from components.settings.model import Settings
from components.workspace_template.args import WorkspaceTemplateArgs
from components.workspace_template.component import WorkspaceTemplate
from program.plan import StackArgs
from program.settle import sent

A = TypeVar("A")
C = TypeVar("C", bound=pulumi.ComponentResource)


def cluster(settings: Settings) -> kubernetes.Provider:
    """Declare the provider of the stack's cluster.

    It finds its kubeconfig by itself, whenever it runs: the SDK would put the path of this machine
    into the state, where another one's refresh and destroy would look for it.
    """
    contents = kubeconfig.in_variable()
    return kubernetes.Provider(
        "cluster",
        kubeconfig=pulumi.Output.secret(contents) if contents else "",
        context=settings.kubernetes.context,
        # A changed dashboard is the same object; without it every change would replace one.
        enable_config_map_mutable=True,
        enable_secret_mutable=True,
    )


def coder(settings: Settings) -> coderd.Provider:
    """Declare the provider of the stack's Coder deployment."""
    return coderd.Provider(
        "coder",
        url=settings.coder.api,
        # Marked here: the package that the bridge writes does not know the option for a secret.
        token=pulumi.Output.secret(settings.secrets.coder_token.get_secret_value()),
    )


async def declare(
    args: StackArgs, on_cluster: pulumi.ResourceOptions, on_coder: pulumi.ResourceOptions
) -> Mapping[str, Any]:
    """Declare every component of a stack and return the stack's outputs.

    Args:
        args: of every component.
        on_cluster: what is declared in the cluster.
        on_coder: what is declared in the Coder deployment.
    """
    # The engine starts the providers' plugins meanwhile, the longest wait of a run.
    await sent()
    # First what others wait for: the engine takes one after the other.
    network = _made(WorkspaceNetworkPolicy, "network", args.network_policy, on_cluster)
    login = _made(GitLabExternalAuth, "external-auth", args.external_auth, on_cluster)
    # Who else sets the variables, the cluster has been asked before.
    _made(partial(CoderdEnvironment, asked=True), "coderd", args.coderd, on_cluster)
    _made(WorkspaceNamespace, "workspace-namespace", args.workspace_namespace, on_cluster)
    # What closes the network is there before a template that counts on it, and goes after it.
    closed = [network] if network else []
    templates = {
        name: WorkspaceTemplate(name, each, on_coder, after=closed)
        for name, each in args.templates.items()
    }
    servers = {slug: McpServer(slug, each, on_coder) for slug, each in args.mcp_servers.items()}
    providers = {
        name: AiGatewayProvider(name, each, on_coder) for name, each in args.ai_providers.items()
    }
    _made(AiGatewayPrices, "ai-prices", args.ai_prices, on_coder)
    await sent()
    sources = DataSources("data-sources", args.data_sources, on_cluster)
    role = (
        GrafanaRole(
            "grafana-role",
            args.grafana_role,
            on_cluster,
            password_secret=sources.password_secret,
            password=sources.password,
        )
        if args.grafana_role
        else None
    )
    named = replace(args.dashboards, names=_names(args.templates, templates))
    dashboards = Dashboards("dashboards", named, on_cluster)
    await sent()
    alerts = Alerts("alerts", args.alerts, on_cluster)
    return {
        "callbackUrls": login.callback_urls if login else {},
        "templates": {
            name: {
                "id": template.template_id,
                "activeVersionId": template.active_version_id,
                "versionName": template.version_name,
            }
            for name, template in templates.items()
        },
        "networkPolicies": network.names if network else [],
        "mcpServers": {slug: server.server_id for slug, server in servers.items()},
        **_only_with("aiProviders", {n: each.provider_id for n, each in providers.items()}),
        "dashboards": dashboards.uids,
        "dataSources": sources.uids,
        "databaseRole": {"script": role.script, "job": role.job} if role else None,
        "alerts": alerts.names,
    }


def _names(
    args: Mapping[str, WorkspaceTemplateArgs], made: Mapping[str, WorkspaceTemplate]
) -> pulumi.Output[Mapping[str, str]]:
    """Return what people call the stack's templates and their versions, by Coder's ids of them."""
    ids = [
        (known.template_id, known.active_version_id, args[name].name, known.version_name)
        for name, known in made.items()
    ]
    return pulumi.Output.all(*(pulumi.Output.all(*each) for each in ids)).apply(
        lambda known: {
            key: called
            for template, version, *names in known
            for key, called in zip((template, version), names, strict=True)
        }
    )


def _only_with(output: str, values: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return an output that a stack without any of it does not have."""
    return {output: values} if values else {}


def _made(
    component: Callable[[str, A, pulumi.ResourceOptions], C],
    name: str,
    args: A | None,
    options: pulumi.ResourceOptions,
) -> C | None:
    """Declare a component that not every stack has."""
    return None if args is None else component(name, args, options)
