"""What is to be verified of a stack, by its settings alone."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from components.boundary import Contract, Policy
from components.coder_agents import ISOLATED
from components.settings.confinement import firewall
from components.settings.mcp import McpServerSettings
from components.settings.model import Settings
from components.settings.network import surroundings
from components.settings.templates import TemplateSettings


class SelectionError(Exception):
    """Something was asked for that this stack does not have; the message says which it has."""


@dataclass(frozen=True)
class FirewallPromise:
    """What a template's firewall promises.

    Attributes:
        jail: `landjail` or `nsjail`.
        policy: what confines the template by the stack's settings.
        contract: what the stack demands of it.
        config: Boundary's configuration as the settings make it.
    """

    jail: str
    policy: Policy
    contract: Contract
    config: str


@dataclass(frozen=True)
class Target:
    """One workspace to be made and looked at.

    Attributes:
        subject: what it is called in results, unlike any other of the run.
        template: name of its template.
        workspace: its name; it must not exist.
        owner: user name of its owner, `me` for the token's own.
        task: whether it is made as a Task.
        organization: name of the template's organization; None for the deployment's default.
        external_auth: id of GitLab in coderd.
        parameters: rich parameters of the build, such as cpu.
        firewall: what is promised of its jail, None without one.
        network_policy: whether the stack has a network policy for it.
        isolates_agents: whether Coder's own agents have a pod of their own beside it.
        access_url: URL by which workspaces reach coderd.
        seconds: how long each of the build, the agent and the deletion may take.
    """

    subject: str
    template: str
    workspace: str
    owner: str = "me"
    task: bool = False
    organization: str | None = None
    external_auth: str = "gitlab"
    parameters: Mapping[str, str] = field(default_factory=dict)
    firewall: FirewallPromise | None = None
    network_policy: bool = False
    isolates_agents: bool = False
    access_url: str = ""
    seconds: float = 600.0


def targets(
    settings: Settings,
    only: Sequence[str] = (),
    *,
    owner: str = "",
    parameters: Mapping[str, str] | None = None,
    minutes: float = 10.0,
) -> list[Target]:
    """Return the workspaces to make: for each template one, one as a Task, one for another owner.

    Args:
        settings: the stack's.
        only: names of templates; all of the stack's if empty.
        owner: user name of another owner, empty for none.
        parameters: rich parameters of the builds.
        minutes: how long each of a build, an agent's start and a deletion may take.

    Raises:
        SelectionError: a template that the stack does not have.
    """
    every = []
    for template in chosen(settings.templates, only):
        own = _target(settings, template, parameters or {}, minutes)
        every.append(own)
        if settings.workspaces.tasks:
            subject = f"{template.name} as a Task"
            every.append(replace(own, subject=subject, workspace=_name(), task=True))
        if owner:
            subject = f"{template.name} for {owner}"
            every.append(replace(own, subject=subject, workspace=_name(), owner=owner))
    return every


def mcp_servers(
    settings: Settings, stack: str, only: Sequence[str] = ()
) -> list[McpServerSettings]:
    """Return the MCP servers of a stack, or those named; raises SelectionError."""
    by_slug = {server.slug: server for server in settings.mcp_servers}
    if only and not by_slug:
        raise SelectionError(f"stack {stack} has no MCP servers")
    for slug in only:
        if slug not in by_slug:
            raise SelectionError(f"no MCP server {slug!r}; there are {', '.join(sorted(by_slug))}")
    return [by_slug[slug] for slug in dict.fromkeys(only)] or list(settings.mcp_servers)


def _target(
    settings: Settings, template: TemplateSettings, parameters: Mapping[str, str], minutes: float
) -> Target:
    return Target(
        subject=template.name,
        template=template.name,
        # Coder keeps the name of a deleted workspace in its audit log.
        workspace=_name(),
        organization=settings.coder.organization,
        external_auth=template.gitlab or settings.external_auth.providers[0].id,
        parameters=dict(parameters),
        firewall=_firewall(settings, template),
        network_policy=settings.network.is_on(surroundings(settings)),
        isolates_agents=template.lets_agents_in == ISOLATED,
        access_url=settings.coder.access_url,
        seconds=minutes * 60,
    )


def _name() -> str:
    return f"verify-{secrets.token_hex(4)}"


def _firewall(settings: Settings, template: TemplateSettings) -> FirewallPromise | None:
    walls, policy = settings.firewall_of(template), settings.policy_of(template)
    if walls is None or policy is None:
        return None
    made = firewall(settings, template)
    contract = settings.policy_settings_of(template).contract
    return FirewallPromise(walls.jail, policy, contract, made.config if made else "")


def chosen(templates: Sequence[TemplateSettings], only: Sequence[str]) -> list[TemplateSettings]:
    """Return the templates of these names, or all if there is none; raises SelectionError."""
    by_name = {template.name: template for template in templates}
    for name in only:
        if name not in by_name:
            raise SelectionError(f"no template {name!r}; there are {', '.join(sorted(by_name))}")
    return [by_name[name] for name in dict.fromkeys(only)] or list(templates)
