"""Everything a stack may say: one typed model, with defaults and one-line meanings.

A stack's settings stand in `stacks/Pulumi.<stack>.yaml` under the keys `firewalled-coder:<key>`.
Every problem is found before the first resource is declared, all of them at once, each with its
stack, key, value and what would be right. Secrets stand under the one key `secrets`, encrypted by
`pulumi config set --secret --path`; their values are kept in `SecretStr` and never printed.
"""

import datetime
from typing import Annotated, Literal

from pydantic import Field, SecretStr

from components.alerts.names import NAMES as ALERTS
from components.boundary import (
    DEFAULT,
    WORST,
    Contract,
    Expectation,
    ExtraRule,
    Finding,
    Grade,
    Own,
    Policy,
    audit,
    build_policy,
    host_of,
    with_own,
)
from components.boundary.releases import LATEST, release_doubt
from components.coder.variables import Setter
from components.dashboards.uids import UIDS as DASHBOARDS
from components.network.settings import NamespaceSettings, NetworkSettings
from components.observability.database import SslMode
from components.releases import BOUNDARY, CODER_PROVIDER, KUBERNETES_PROVIDER
from components.section import Section, no_list, no_map
from components.settings_types import (
    AgentVariables,
    AlertLabel,
    AlertName,
    BoundaryRelease,
    ClaudeCodeRelease,
    CoderProviderRelease,
    DashboardUid,
    DatabaseHost,
    DisplayName,
    Endpoint,
    ExternalAuthId,
    GrafanaUid,
    GroupName,
    GroupOfPeople,
    Host,
    Hours,
    Image,
    KubernetesLabels,
    KubernetesName,
    KubernetesProviderRelease,
    LokiLabel,
    LokiValue,
    Minutes,
    NoDuplicates,
    Number,
    Release,
    RuleText,
    Slug,
    TemplateName,
    Url,
    Weekday,
)
from components.settings_verify import Service, VerifySettings
from components.syntax import DESCRIPTION_LENGTH, is_floating_image


class Coder(Section):
    """The Coder deployment that the stack configures."""

    access_url: Url = Field(description="URL by which people and workspaces reach Coder.")
    api_url: Url | None = Field(
        None, description="URL by which this program reaches Coder's API; the access URL if unset."
    )
    organization: str | None = Field(
        None,
        min_length=1,
        description="Name of the organization; the deployment's default one if unset.",
    )
    namespace: KubernetesName = Field("coder", description="Namespace of coderd.")
    deployment: KubernetesName = Field("coder", description="Deployment of coderd.")
    container: KubernetesName = Field("coder", description="Container of coderd in its pod.")
    wait_for_rollout: bool = Field(
        True, description="Wait until coderd has restarted with its new variables."
    )
    audit_logging: bool = Field(
        True, description="Switch on coderd's JSON log and metrics, which the dashboards read."
    )
    variables: Setter = Field(
        "patch",
        description="Who sets coderd's variables. patch: the stack, on the Deployment; secret: the "
        "stack makes their Secret, which the chart's coder.envFrom names; chart: the chart's "
        "coder.env, with credentials from a Secret of the stack's; none: somebody else, such as "
        "another stack.",
    )

    @property
    def api(self) -> str:
        """The URL of Coder's API."""
        return self.api_url or self.access_url


class Kubernetes(Section):
    """The cluster that runs Coder, workspaces and Grafana."""

    context: str | None = Field(
        None, description="Context in the kubeconfig (KUBECONFIG); the current one if unset."
    )
    force_conflicts: bool = Field(
        False, description="Take over fields that another field manager owns."
    )


class GitLab(Section):
    """One GitLab instance that people must have logged in to."""

    id: ExternalAuthId = Field("gitlab", description="Id of the provider in Coder.")
    host: Host = Field(description="Host of the GitLab instance.")
    display_name: DisplayName = Field(
        "GitLab", min_length=1, description="Name on Coder's login button."
    )


class ExternalAuth(Section):
    """External login; the order of the providers is their index in coderd's environment."""

    providers: list[GitLab] = Field(min_length=1, description="GitLab instances, in order.")


class Choice(Section):
    """The choices of a workspace's size."""

    options: Annotated[list[Annotated[int, Field(gt=0)]], NoDuplicates] = Field(
        min_length=1, description="What an owner may choose."
    )
    default: int = Field(gt=0, description="What is chosen if the owner does not.")


class Resources(Section):
    """Sizes of a workspace."""

    cpu: Choice = Field(Choice.model_construct(options=[2, 4, 8], default=4), description="Cores.")
    memory: Choice = Field(
        Choice.model_construct(options=[4, 8, 16], default=8), description="Memory in GiB."
    )
    disk: Choice = Field(
        Choice.model_construct(options=[10, 20, 50], default=20), description="Home in GiB."
    )


class Modules(Section):
    """Versions of the Terraform modules from Coder's registry."""

    claude_code: ClaudeCodeRelease = Field("4.7.3", description="4.7.0 or a later 4.")
    code_server: Release = Field("1.3.1", description="Any release.")


class Providers(Section):
    """Versions of the Terraform providers, exactly."""

    coder: CoderProviderRelease = Field(CODER_PROVIDER, description="coder/coder, 2.13.0 or newer.")
    kubernetes: KubernetesProviderRelease = Field(
        KUBERNETES_PROVIDER, description="hashicorp/kubernetes, 2.23.0 or newer."
    )


class Workspaces(Section):
    """What all templates of the stack share."""

    namespace: KubernetesName = Field("coder-workspaces", description="Namespace of workspaces.")
    image: Image = Field(
        "codercom/enterprise-base:ubuntu-noble-20260601", description="Image of a workspace."
    )
    use_kubeconfig: bool = Field(
        False, description="The provisioner uses its own kubeconfig, not its service account."
    )
    resources: Resources = Field(
        Resources.model_construct(), description="Sizes an owner may choose from."
    )
    tasks: bool = Field(True, description="Coder Tasks wiring; deprecated as of Coder 2.34.")
    agent_env: AgentVariables = Field(
        default_factory=no_map, description="Variables of every agent; no secrets."
    )
    boundary_version: BoundaryRelease = Field(
        BOUNDARY, description="Release of Boundary; latest is another one without notice."
    )
    modules: Modules = Field(
        Modules.model_construct(), description="Versions of the registry's modules."
    )
    providers: Providers = Field(
        Providers.model_construct(), description="Versions of Terraform's providers."
    )
    provisioner_tags: dict[str, str] = Field(
        default_factory=no_map, description="Which provisioners build the templates, by their tags."
    )


class Expected(Section):
    """One URL of the policy's contract."""

    method: str = Field("GET", pattern=r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$", description="HTTP method.")
    url: str = Field(min_length=1, description="URL that the agent asks for.")
    reason: str = Field(min_length=1, description="Why it must be so; shown when it is broken.")


class AddedRule(Section):
    """A rule of the stack's own."""

    rule: RuleText = Field(description="In Boundary's grammar: method=GET domain=a.b path=/c/*")
    why: str = Field(min_length=1, description="Why an agent needs it; shown in reviews.")


class PolicySettings(Section):
    """The egress policy."""

    groups: Annotated[list[GroupName], NoDuplicates] = Field(
        default_factory=lambda: list(DEFAULT),
        description="Groups of the catalogue; all but the read-only ones if unset.",
    )
    rules: list[AddedRule] = Field(
        default_factory=no_list, description="Rules besides the groups'."
    )
    must_allow: list[Expected] = Field(default_factory=no_list, description="Must be allowed.")
    must_deny: list[Expected] = Field(default_factory=no_list, description="Must be denied.")
    accept_everything: bool = Field(
        False, description="Accept rules that open every host; an error otherwise."
    )
    highest_grade: Grade = Field(
        "G", description="The worst exfiltration grade accepted; H: agents can leave the firewall."
    )

    @property
    def contract(self) -> Contract:
        """What the stack demands of its policy."""
        return Contract(
            must_allow=tuple(Expectation(e.method, e.url, e.reason) for e in self.must_allow),
            must_deny=tuple(Expectation(e.method, e.url, e.reason) for e in self.must_deny),
        )


class TemplateFirewall(Section):
    """How a template's agents are confined."""

    jail: Literal["landjail", "nsjail"] = Field(
        "landjail", description="landjail (Landlock, no capability) or nsjail (needs NET_ADMIN)."
    )
    log_level: Literal["error", "warn", "info", "debug"] = Field("warn", description="Boundary's.")
    proxy_port: int = Field(8087, ge=1, le=65535, description="Port of Boundary's proxy.")


class Access(Section):
    """Who may use or administer a template, by the names of Coder's groups."""

    use: Annotated[list[GroupOfPeople], NoDuplicates] = Field(
        default_factory=no_list, description="Groups that may make workspaces."
    )
    admin: Annotated[list[GroupOfPeople], NoDuplicates] = Field(
        default_factory=no_list, description="Groups that may change the template."
    )


class Lifetime(Section):
    """When workspaces stop, sleep and go."""

    default_ttl_hours: Hours | None = Field(None, description="Stop this long after a start.")
    activity_bump_hours: Hours | None = Field(None, description="Longer by this when in use.")
    failure_ttl_hours: Hours | None = Field(None, description="Stop a failed start after this.")
    dormant_after_hours: Hours | None = Field(None, description="Unused this long: dormant.")
    delete_dormant_after_hours: Hours | None = Field(None, description="Dormant this long: gone.")
    stop_days: Annotated[list[Weekday], NoDuplicates] = Field(
        default_factory=no_list, description="Days of a required stop."
    )
    stop_every_weeks: int = Field(1, ge=1, le=16, description="Weeks between required stops.")


class Template(Section):
    """One workspace template."""

    name: TemplateName = Field(description="Name in Coder.")
    display_name: DisplayName = Field("", description="Name that people see.")
    description: str = Field(
        "", max_length=DESCRIPTION_LENGTH, description="One line that people see."
    )
    icon: str = Field("/icon/claude.svg", description="Path or URL of its icon.")
    firewall: TemplateFirewall | None = Field(None, description="None: no firewall.")
    policy: PolicySettings | None = Field(None, description="In place of the stack's policy.")
    gitlab: ExternalAuthId | None = Field(
        None, description="Id of its external login; the first if unset."
    )
    git_credentials: bool = Field(True, description="Its agents get their owner's GitLab token.")
    capabilities: list[Literal["NET_ADMIN"]] = Field(
        default_factory=no_list, description="Capabilities of the container; nsjail has NET_ADMIN."
    )
    agent_env: AgentVariables = Field(
        default_factory=no_map, description="Variables besides the stack's."
    )
    access: Access | None = Field(
        None, description="None: everyone in the organization may use it. Licensed."
    )
    lifetime: Lifetime = Field(
        Lifetime.model_construct(), description="When workspaces stop, sleep and go."
    )
    require_active_version: bool = Field(
        False, description="Workspaces start on the active version only."
    )
    max_port_share_level: Literal["owner", "authenticated", "organization", "public"] | None = (
        Field(None, description="How widely an owner may share a port; Coder's own if unset.")
    )
    deprecation_message: str = Field(
        "", description="Shown to people; with one, nobody can make new workspaces."
    )


class FirewallSwitch(Section):
    """The emergency switch of every template's firewall."""

    state: Literal["on", "off"] = Field("on", description="off: templates run unconfined.")
    reason: str | None = Field(None, min_length=1, description="Why it is off; required then.")
    until: datetime.date | None = Field(
        None, description="Last day (UTC) it may be off, 7 days ahead at most; then previews fail."
    )
    who: str | None = Field(None, min_length=1, description="Who switched it off.")
    templates: Annotated[list[TemplateName], NoDuplicates] = Field(
        default_factory=no_list, description="Templates that run unconfined; all of them if empty."
    )


class DatabaseRole(Section):
    """Who makes the role with which Grafana reads Coder's database."""

    delivery: Literal["file", "job", "none"] = Field(
        "file",
        description="file: the SQL in a ConfigMap, for the database's owner; job: a Job runs it.",
    )
    admin_url_secret: KubernetesName | None = Field(
        None, description="Secret in Grafana's namespace with the owner's connection URL; for job."
    )
    admin_url_key: str = Field("url", min_length=1, description="Key in that Secret.")
    image: Image = Field("docker.io/library/postgres:15", description="Has psql 14 or newer.")
    wait: bool = Field(True, description="Wait until the Job has ended.")


class Grafana(Section):
    """Dashboards and data sources."""

    namespace: KubernetesName = Field("monitoring", description="Namespace of Grafana.")
    folder: str = Field("Coder", min_length=1, description="Folder in Grafana.")
    dashboards: Annotated[list[DashboardUid], NoDuplicates] = Field(
        default_factory=lambda: list(DASHBOARDS),
        description="Uids; all of them if unset. cej6jysyme22oa is Prebuilds.",
    )
    database_host: DatabaseHost = Field(
        "coder-db-rw.coder.svc:5432",
        description="host:port of Coder's PostgreSQL as Grafana reaches it.",
    )
    database: str = Field("coder", min_length=1, description="Name of that database.")
    database_ssl_mode: SslMode = Field("require", description="Of Grafana's connection to it.")
    database_ca_file: str | None = Field(
        None, description="Path in Grafana's pod of the CA for verify-ca and verify-full."
    )
    database_role: DatabaseRole = Field(
        DatabaseRole.model_construct(), description="Who makes the role that reads it."
    )
    loki_url: Endpoint | None = Field(
        "http://loki.monitoring.svc:3100", description="Loki; null: its data source is there."
    )
    prometheus_url: Endpoint | None = Field(
        None, description="Prometheus; null: kube-prometheus-stack brings its data source."
    )
    prometheus_uid: GrafanaUid = Field("prometheus", description="Data source uid.")
    loki_uid: GrafanaUid = Field("loki", description="Data source uid.")
    postgres_uid: GrafanaUid = Field("aibridge-postgres", description="Data source uid.")
    loki_selector: dict[LokiLabel, LokiValue] = Field(
        default_factory=no_map, description="More stream labels of coderd's log."
    )


class AlertThresholds(Section):
    """When the alerts fire; see docs/alerts.md."""

    silent_minutes: Minutes = Field(15, description="Batches without an audit line in Loki.")
    unreported_minutes: Minutes = Field(30, description="Agents that report no audit counters.")
    loss_minutes: Minutes = Field(15, description="Time over which losses are counted.")
    dropped_batches: Number = Field(0, ge=0, description="Lost batches accepted in that time.")
    dropped_logs: Number = Field(0, ge=0, description="Lost audit lines accepted in that time.")
    deny_minutes: Minutes = Field(15, description="Time over which denials are counted.")
    deny_share: Number = Field(0.3, gt=0, lt=1, description="Denied share that is too much.")
    deny_requests: int = Field(20, ge=1, description="With fewer requests no spike.")
    deny_growth: Number = Field(2.0, ge=1, description="So many times the share before.")
    deny_baseline_hours: int = Field(24, ge=1, le=720, description="How long before is.")
    reload_minutes: Minutes = Field(10, description="A failed provider reload accepted so long.")
    provider_minutes: Minutes = Field(10, description="A refused provider accepted so long.")


class Alerts(Section):
    """Alerts on the audit, the policy and the AI Gateway."""

    rules: Annotated[list[AlertName], NoDuplicates] = Field(
        default_factory=lambda: list(ALERTS), description="Names; all of them if unset."
    )
    evaluator: Literal["prometheus", "grafana"] = Field(
        "prometheus",
        description="Of alerts on metrics: Prometheus, by a PrometheusRule, or Grafana.",
    )
    namespace: KubernetesName = Field("monitoring", description="Namespace of the PrometheusRule.")
    rule_labels: KubernetesLabels = Field(
        default_factory=lambda: {"release": "kube-prometheus-stack"},
        description="Labels of the PrometheusRule, by which Prometheus selects it.",
    )
    labels: dict[AlertLabel, str] = Field(
        default_factory=no_map, description="Labels of every alert, to route by."
    )
    runbook_url: Endpoint | None = Field(
        None, description="Where docs/alerts.md is read; its path in the repository if unset."
    )
    grafana_url: Endpoint | None = Field(
        None, description="Grafana's address in links to dashboards; a path alone if unset."
    )
    thresholds: AlertThresholds = Field(
        AlertThresholds.model_construct(), description="When the alerts fire."
    )


class McpServerSettings(Section):
    """One MCP server for agents; its key is the secret `mcp.<slug>`."""

    slug: Slug = Field(description="Slug in Coder.")
    display_name: DisplayName = Field(min_length=1, description="Name that people see.")
    url: Endpoint = Field(description="Its streamable HTTP endpoint.")
    description: str = Field("", description="One line that people see.")
    read_only: bool = Field(True, description="Send X-MCP-Readonly: true.")
    tools: Annotated[list[Annotated[str, Field(min_length=1)]], NoDuplicates] = Field(
        default_factory=no_list, description="Tools allowed; all if empty."
    )
    availability: Literal["force_on", "default_on", "default_off"] = Field(
        "default_off", description="Whether chats start with it."
    )


class ClientCredentials(Section):
    """OAuth application of a GitLab instance."""

    client_id: SecretStr = Field(description="Application id.")
    client_secret: SecretStr = Field(description="Application secret.")


class Secrets(Section):
    """Every secret of the stack; each set by `pulumi config set --secret --path`."""

    coder_token: SecretStr = Field(description="Session token of a Coder template admin.")
    external_auth: dict[str, ClientCredentials] = Field(
        default_factory=no_map, description="By the id of the provider."
    )
    mcp: dict[str, SecretStr] = Field(
        default_factory=no_map, description="Authorization header by the slug of the MCP server."
    )
    verify: dict[Service, SecretStr] = Field(
        default_factory=no_map, description="Tokens with which verify asks, by service."
    )


class Settings(Section):
    """A stack's settings."""

    coder: Coder = Field(description="The Coder deployment.")
    kubernetes: Kubernetes = Field(Kubernetes.model_construct(), description="The cluster.")
    external_auth: ExternalAuth = Field(description="GitLab as the required external login.")
    workspaces: Workspaces = Field(
        Workspaces.model_construct(), description="What all templates share."
    )
    templates: list[Template] = Field(min_length=1, description="The workspace templates.")
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
    grafana: Grafana = Field(
        default_factory=Grafana.model_construct, description="Dashboards, data sources."
    )
    alerts: Alerts = Field(
        default_factory=Alerts.model_construct, description="Alerts, and who evaluates them."
    )
    mcp_servers: list[McpServerSettings] = Field(
        default_factory=no_list, description="MCP servers for agents."
    )
    verify: VerifySettings = Field(
        default_factory=VerifySettings.model_construct,
        description="What `ops verify` asks, and where it is.",
    )
    protected: bool = Field(
        False,
        description="Bring the stack up from a plan and a clean commit of the main branch only.",
    )
    main_branch: str = Field(
        "origin/main",
        pattern=r"^[A-Za-z0-9_][A-Za-z0-9_./-]*$",
        description="The reviewed branch, as git names it here; matters to a protected stack.",
    )
    secrets: Secrets = Field(description="Secrets, encrypted.")

    def firewall_of(self, template: Template) -> TemplateFirewall | None:
        """Return how `template` is confined now, the emergency switch considered."""
        switch = self.firewall
        off = switch.state == "off" and (not switch.templates or template.name in switch.templates)
        return None if off else template.firewall

    def policy_settings_of(self, template: Template) -> PolicySettings:
        """Return the policy settings that hold for `template`."""
        return template.policy or self.policy

    def policy_of(self, template: Template) -> Policy | None:
        """Return the policy that confines `template`, None without a firewall.

        Raises PolicyError when the policy cannot be built.
        """
        if self.firewall_of(template) is None:
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
        """The deployment's own hosts, less addresses, which no rule can name."""
        # coderd's Service is called as its Deployment is, by Coder's chart.
        service = f"{self.coder.deployment}.{self.coder.namespace}"
        inside = (service, f"{service}.svc", f"{service}.svc.cluster.local")
        providers = [each.host for each in self.external_auth.providers]
        return Own.of((self.coder.access_url, self.coder.api, *inside), providers)

    def contract_of(self, policy: PolicySettings) -> Contract:
        """Return the demands on `policy`: the stack's and the catalogue's own."""
        if policy.highest_grade == WORST:
            return policy.contract
        return with_own(policy.contract, host_of(self.coder.access_url))

    def findings(self) -> tuple[Finding, ...]:
        """Return what is doubtful in Boundary's release and in the rules that the stack added."""
        rules = [self.policy_settings_of(template).rules for template in self.templates]
        own = {added.rule for stated in rules for added in stated}
        # Templates share policies: each is looked at once.
        every = dict.fromkeys(self.policy_of(template) for template in self.templates)
        policies = [policy for policy in every if policy is not None]
        release = release_doubt(self.workspaces.boundary_version) if policies else ""
        found = (finding for policy in policies for finding in audit(policy))
        doubts = dict.fromkeys(finding for finding in found if finding.rule in own)
        return (*([Finding("warning", None, release)] if release else []), *doubts)

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
