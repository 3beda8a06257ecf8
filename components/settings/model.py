"""Everything a stack may say: one typed model, with defaults and one-line meanings.

A stack's settings stand in `stacks/Pulumi.<stack>.yaml` under the keys `firewalled-coder:<key>`.
Every problem is found before the first resource is declared, all of them at once, each with its
stack, key, value and what would be right. Secrets stand under the one key `secrets`, encrypted by
`pulumi config set --secret --path`; their values are kept in `SecretStr` and never printed.
"""

from typing import Any

from pydantic import Field

from components.boundary import (
    WORST,
    Contract,
    ExtraRule,
    Finding,
    Own,
    Policy,
    audit,
    build_policy,
    host_of,
    with_own,
)
from components.boundary.releases import LATEST, has_audit, release_doubt, unaudited
from components.network.settings import NamespaceSettings, NetworkSettings
from components.releases import BOUNDARY
from components.settings.ai_gateway import AiGateway
from components.settings.alerts import AlertsSettings
from components.settings.coder import Coder, ExternalAuthSettings, Kubernetes
from components.settings.grafana import GrafanaSettings
from components.settings.mcp import McpServerSettings
from components.settings.policy import PolicySettings
from components.settings.secrets import Secrets
from components.settings.section import Flag, SettingsSection, no_list
from components.settings.templates import FirewallSwitch, TemplateFirewall, TemplateSettings
from components.settings.verify import VerifySettings
from components.settings.workspaces import WorkspacesSettings
from components.syntax import is_floating_image


class Settings(SettingsSection):
    """A stack's settings."""

    coder: Coder = Field(description="The Coder deployment.")
    kubernetes: Kubernetes = Field(Kubernetes.model_construct(), description="The cluster.")
    external_auth: ExternalAuthSettings = Field(
        description="GitLab as the required external login."
    )
    workspaces: WorkspacesSettings = Field(
        WorkspacesSettings.model_construct(), description="What all templates share."
    )
    templates: list[TemplateSettings] = Field(min_length=1, description="The workspace templates.")
    policy: PolicySettings = Field(
        default_factory=PolicySettings.model_construct, description="Egress policy."
    )
    firewall: FirewallSwitch = Field(
        FirewallSwitch.model_construct(), description="The emergency switch."
    )
    network: NetworkSettings = Field(
        default_factory=NetworkSettings.model_construct, description="What workspaces reach at all."
    )
    workspace_namespace: NamespaceSettings | None = Field(
        None, description="Pod Security, quota and limits of workspaces.namespace; none if unset."
    )
    grafana: GrafanaSettings = Field(
        default_factory=GrafanaSettings.model_construct, description="Dashboards, data sources."
    )
    alerts: AlertsSettings = Field(
        default_factory=AlertsSettings.model_construct,
        description="Alerts, and who evaluates them.",
    )
    mcp_servers: list[McpServerSettings] = Field(
        default_factory=no_list, description="MCP servers for agents."
    )
    ai_gateway: AiGateway = Field(
        default_factory=AiGateway.model_construct,
        description="Providers and prices of Coder's AI Gateway.",
    )
    verify: VerifySettings = Field(
        default_factory=VerifySettings.model_construct,
        description="What `ops verify` asks, and where it is.",
    )
    protected: Flag = Field(
        False,
        description="Bring the stack up from a plan and a clean commit of the main branch only.",
    )
    main_branch: str = Field(
        "origin/main",
        pattern=r"^[A-Za-z0-9_][A-Za-z0-9_./-]*$",
        description="The reviewed branch, as git names it here; matters to a protected stack.",
    )
    secrets: Secrets = Field(description="Secrets, encrypted.")

    def firewall_of(self, template: TemplateSettings) -> TemplateFirewall | None:
        """Return how `template` is confined now, the emergency switch considered."""
        switch = self.firewall
        off = switch.state == "off" and (not switch.templates or template.name in switch.templates)
        return None if off else template.firewall

    def policy_settings_of(self, template: TemplateSettings) -> PolicySettings:
        """Return the policy settings that hold for `template`."""
        return template.policy or self.policy

    def demands_of(self, template: TemplateSettings) -> dict[str, Any] | None:
        """Return what is demanded of the policy of `template` as plain data, for reviews.

        `stack` is what the stack demands where the template has a policy of its own, else None. A
        template whose firewall the emergency switch has off keeps its contract; one that has no
        firewall has none.
        """
        if template.firewall is None:
            return None
        stack = None if template.policy is None else self.policy.demands
        return {**self.policy_settings_of(template).demands, "stack": stack}

    def guards(self) -> dict[str, bool | str]:
        """Return, for reviews, what guards the stack and is in no resource, by its key."""
        return {
            "protected": self.protected,
            "mainBranch": self.main_branch,
            "kubernetes.forceConflicts": self.kubernetes.force_conflicts,
        }

    def policy_of(self, template: TemplateSettings) -> Policy | None:
        """Return the policy that confines `template`, None without a firewall.

        Raises PolicyError when the policy cannot be built.
        """
        if self.firewall_of(template) is None:
            return None
        return self.build_policy(self.policy_settings_of(template))

    def suspended_policy_of(self, template: TemplateSettings) -> Policy | None:
        """Return the policy that the emergency switch has off, None where it has none off.

        Raises PolicyError when the policy cannot be built.
        """
        if template.firewall is None or self.firewall_of(template) is not None:
            return None
        return self.build_policy(self.policy_settings_of(template))

    def build_policy(self, policy: PolicySettings) -> Policy:
        """Return the policy that `policy` makes; raises PolicyError when it cannot be built."""
        return build_policy(
            policy.groups,
            coder_host=host_of(self.coder.access_url),
            gitlab_hosts=[host_of(each.host) for each in self.external_auth.providers],
            extra=[ExtraRule(rule=added.rule, why=added.why) for added in policy.rules],
            accept_everything=policy.accept_everything,
        )

    @property
    def own(self) -> Own:
        """The deployment's own hosts and addresses, less what no rule can name."""
        # coderd's Service is called as its Deployment is, by Coder's chart.
        service = f"{self.coder.deployment}.{self.coder.namespace}"
        inside = [service, f"{service}.svc", f"{service}.svc.cluster.local"]
        if self.coder.namespace == self.workspaces.namespace:
            inside.append(self.coder.deployment)
        providers = [each.host for each in self.external_auth.providers]
        coder = (self.coder.access_url, self.coder.api, *inside)
        network = self.network
        return Own.of(coder, providers, network.coderd.addresses, network.cluster_ranges)

    def contract_of(self, policy: PolicySettings) -> Contract:
        """Return the demands on `policy`: the stack's and the catalogue's own."""
        if policy.highest_grade == WORST:
            return policy.contract
        return with_own(policy.contract, host_of(self.coder.access_url), self.own)

    def findings(self) -> tuple[Finding, ...]:
        """Return what is doubtful in Boundary's release and in the rules that the stack added."""
        rules = [self.policy_settings_of(template).rules for template in self.templates]
        own = {added.rule for stated in rules for added in stated}
        # Templates share policies: each is looked at once.
        every = dict.fromkeys(self.policy_of(template) for template in self.templates)
        policies = [policy for policy in every if policy is not None]
        release = release_doubt(self.workspaces.boundary_version) if policies else ""
        opened = [
            Finding(
                "warning",
                None,
                f"template {template.name}: firewall.useRealDns has names looked up outside of the "
                "jail, in which an agent can send data to whoever answers for them",
            )
            for template in self.templates
            if (walls := self.firewall_of(template)) is not None and walls.use_real_dns
        ]
        found = (finding for policy in policies for finding in audit(policy))
        doubts = dict.fromkeys(finding for finding in found if finding.rule in own)
        said = [release] if release else []
        if policies and not has_audit(self.workspaces.boundary_version):
            said.append(unaudited(self.workspaces.boundary_version))
        return (*(Finding("warning", None, each) for each in said), *opened, *doubts)

    def floating(self) -> tuple[str, ...]:
        """Return what may be another thing tomorrow although nothing here changed."""
        shared = self.workspaces
        confined = any(template.firewall is not None for template in self.templates)
        images = [("workspaces.image", shared.image)]
        if self.grafana.database_role.delivery == "job":
            images.append(("grafana.databaseRole.image", self.grafana.database_role.image))
        return (
            *(
                [
                    "workspaces.boundaryVersion is latest: a workspace gets whatever release of "
                    f"Boundary is newest when it starts; {BOUNDARY} would pin it"
                ]
                if confined and shared.boundary_version == LATEST
                else []
            ),
            *(
                f"{key} = {image} floats: name a tag that does not move, or a digest"
                for key, image in images
                if is_floating_image(image)
            ),
        )

    @property
    def switched_off(self) -> str:
        """Why and until when the firewall is off by the emergency switch, else nothing."""
        switch = self.firewall
        if switch.state == "on":
            return ""
        which = f" for {', '.join(switch.templates)}" if switch.templates else ""
        return f"{switch.reason}{which}, by {switch.who or 'unknown'}, until {switch.until}"
