"""Everything a stack may say: one typed model, with defaults and one-line meanings.

A stack's settings stand in `stacks/Pulumi.<stack>.yaml` under the keys `firewalled-coder:<key>`.
Every problem is found before the first resource is declared, all of them at once, each with its
stack, key, value and what would be right. Secrets stand under the one key `secrets`, encrypted by
`pulumi config set --secret --path`; their values are kept in `SecretStr` and never printed.
"""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any, Literal, TypeVar
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    WithJsonSchema,
)
from pydantic.alias_generators import to_camel

from components import releases
from components.agent_env import AgentEnv
from components.alerts import CATALOGUE as ALERTS
from components.boundary import (
    CATALOGUE,
    Contract,
    Expectation,
    ExtraRule,
    Finding,
    Policy,
    PolicyError,
    Rule,
    RuleError,
    audit,
    build_policy,
    exfiltration_report,
    host_of,
)
from components.dashboards import CATALOGUE as DASHBOARDS
from components.errors import ArgsError
from components.settings_verify import Service, VerifySettings

PROJECT = "firewalled-coder"
HIDDEN = "[secret]"
LONGEST_OFF = datetime.timedelta(days=7)

_TEMPLATE_NAME = re.compile(r"[A-Za-z0-9]+(-[A-Za-z0-9]+)*\Z")
_KUBERNETES_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?\Z")
_HOST = re.compile(r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*(:\d+)?\Z")
_LABEL_PART = re.compile(r"(?=.{1,63}\Z)[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?\Z")
_LABEL_PREFIX = re.compile(r"([a-z0-9]([-a-z0-9.]*[a-z0-9])?)?\Z")
_ALERT_LABEL = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_IMAGE = re.compile(r"[a-z0-9][\w.:/@-]*\Z")


def _url(value: str) -> str:
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError:
        raise ValueError("must be a URL such as https://coder.example.com") from None
    if parts.scheme not in {"http", "https"} or not parts.hostname or port == 0:
        raise ValueError("must be a URL such as https://coder.example.com, http or https")
    if parts.username or parts.password:
        raise ValueError("must hold no user or password")
    if parts.query or parts.fragment or parts.path not in {"", "/"}:
        raise ValueError("must end after the host and port: no path, query or fragment")
    return value.rstrip("/")


def _endpoint(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.password:
        raise ValueError("must be a URL such as https://host.example.com/path, without password")
    return value


def _kubernetes_name(value: str) -> str:
    if len(value) > 63 or not _KUBERNETES_NAME.match(value):
        raise ValueError("must be a Kubernetes name: up to 63 of a-z, 0-9 and - inside")
    return value


def _template_name(value: str) -> str:
    if len(value) > 32 or not _TEMPLATE_NAME.match(value):
        raise ValueError("must be letters and digits in groups joined by single hyphens, up to 32")
    return value


def _host(value: str) -> str:
    if not _HOST.match(value):
        raise ValueError("must be a host name such as gitlab.example.com, without scheme or path")
    return value


def _image(value: str) -> str:
    if not _IMAGE.match(value):
        raise ValueError("must be a container image such as registry.example.com/base:tag")
    return value


def _release(value: str) -> str:
    if not releases.is_release(value):
        raise ValueError("must be a release such as 1.3.1")
    return value


def _claude_code_release(value: str) -> str:
    if not releases.is_claude_code_module(value):
        raise ValueError("must be 4.7.0 or a later 4: 5.0 drops what Coder Tasks needs")
    return value


def _boundary_release(value: str) -> str:
    if not releases.is_boundary(value):
        raise ValueError("must be a release such as v0.9.0, or latest")
    return value


def _rule(value: str) -> str:
    try:
        Rule.parse(value)
    except RuleError as error:
        raise ValueError(str(error)) from None
    return value


def _group(value: str) -> str:
    if value not in CATALOGUE:
        raise ValueError(f"unknown group; there are {', '.join(CATALOGUE)}")
    return value


def _dashboard(value: str) -> str:
    if value not in DASHBOARDS:
        raise ValueError(f"unknown dashboard; there are {', '.join(DASHBOARDS)}")
    return value


def _alert(value: str) -> str:
    if value not in ALERTS:
        raise ValueError(f"unknown alert; there are {', '.join(ALERTS)}")
    return value


def _alert_label(value: str) -> str:
    if not _ALERT_LABEL.match(value) or value in {"severity", "alertname"}:
        raise ValueError(
            "must be letters, digits and _, not beginning with a digit, and not severity or "
            "alertname, which are the alerts' own"
        )
    return value


def _kubernetes_labels(value: dict[str, str]) -> dict[str, str]:
    for key, text in value.items():
        prefix, _, name = key.rpartition("/")
        if not _LABEL_PART.match(name) or not _LABEL_PREFIX.match(prefix):
            raise ValueError(f"{key!r} is no Kubernetes label such as release or example.com/team")
        if text and not _LABEL_PART.match(text):
            raise ValueError(
                f"{text!r} of {key} is no label value: up to 63 of letters, digits and -_. inside"
            )
    return value


def _agent_variables(value: dict[str, str]) -> dict[str, str]:
    try:
        AgentEnv(variables=value)
    except ArgsError as error:
        raise ValueError("; ".join(error.problems)) from None
    return value


T = TypeVar("T")


def _no_duplicates(values: list[T]) -> list[T]:
    seen: list[T] = []
    for value in values:
        if value in seen:
            raise ValueError(f"{value!r} stands there twice; name each once")
        seen.append(value)
    return values


Url = Annotated[str, AfterValidator(_url)]
Endpoint = Annotated[str, AfterValidator(_endpoint)]
KubernetesName = Annotated[str, AfterValidator(_kubernetes_name)]
TemplateName = Annotated[str, AfterValidator(_template_name)]
Host = Annotated[str, AfterValidator(_host)]
Image = Annotated[str, AfterValidator(_image)]
Release = Annotated[str, AfterValidator(_release)]
ClaudeCodeRelease = Annotated[str, AfterValidator(_claude_code_release)]
BoundaryRelease = Annotated[str, AfterValidator(_boundary_release)]
RuleText = Annotated[str, AfterValidator(_rule)]
GroupName = Annotated[str, AfterValidator(_group)]
DashboardUid = Annotated[
    str,
    AfterValidator(_dashboard),
    # For editors; the validator's message names what there is.
    WithJsonSchema({"type": "string", "enum": list(DASHBOARDS)}),
]
AlertName = Annotated[str, AfterValidator(_alert)]
AlertLabel = Annotated[str, AfterValidator(_alert_label)]
Minutes = Annotated[int, Field(ge=1)]
Hours = Annotated[float, Field(ge=0)]
Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]


class _Model(BaseModel):
    model_config = ConfigDict(
        extra="forbid", frozen=True, alias_generator=to_camel, populate_by_name=True
    )


class Coder(_Model):
    """The Coder deployment that the stack configures."""

    access_url: Url = Field(description="URL by which people and workspaces reach Coder.")
    api_url: Url | None = Field(
        None, description="URL by which this program reaches Coder's API; the access URL if unset."
    )
    organization: str = Field("default", min_length=1, description="Name of the organization.")
    namespace: KubernetesName = Field("coder", description="Namespace of coderd.")
    deployment: KubernetesName = Field("coder", description="Deployment of coderd.")
    container: KubernetesName = Field("coder", description="Container of coderd in its pod.")
    wait_for_rollout: bool = Field(
        True, description="Wait until coderd has restarted with its new variables."
    )
    audit_logging: bool = Field(
        True, description="Switch on coderd's JSON log and metrics, which the dashboards read."
    )

    @property
    def api(self) -> str:
        """The URL of Coder's API."""
        return self.api_url or self.access_url


class Kubernetes(_Model):
    """The cluster that runs Coder, workspaces and Grafana."""

    context: str | None = Field(
        None, description="Context in the kubeconfig (KUBECONFIG); the current one if unset."
    )
    force_conflicts: bool = Field(
        False, description="Take over fields that another field manager owns."
    )


class GitLab(_Model):
    """One GitLab instance that people must have logged in to."""

    id: KubernetesName = Field("gitlab", description="Id of the provider in Coder.")
    host: Host = Field(description="Host of the GitLab instance.")
    display_name: str = Field("GitLab", min_length=1, description="Name on Coder's login button.")


class ExternalAuth(_Model):
    """External login; the order of the providers is their index in coderd's environment."""

    providers: list[GitLab] = Field(min_length=1, description="GitLab instances, in order.")


class Choice(_Model):
    """The choices of a workspace's size."""

    options: Annotated[list[Annotated[int, Field(gt=0)]], AfterValidator(_no_duplicates)] = Field(
        min_length=1, description="What an owner may choose."
    )
    default: int = Field(gt=0, description="What is chosen if the owner does not.")


class Resources(_Model):
    """Sizes of a workspace."""

    cpu: Choice = Field(Choice(options=[2, 4, 8], default=4), description="Cores.")
    memory: Choice = Field(Choice(options=[4, 8, 16], default=8), description="Memory in GiB.")
    disk: Choice = Field(Choice(options=[10, 20, 50], default=20), description="Home in GiB.")


class Modules(_Model):
    """Versions of the Terraform modules from Coder's registry."""

    claude_code: ClaudeCodeRelease = Field("4.7.3", description="4.7.0 or a later 4.")
    code_server: Release = Field("1.3.1", description="Any release.")


class Workspaces(_Model):
    """What all templates of the stack share."""

    namespace: KubernetesName = Field("coder-workspaces", description="Namespace of workspaces.")
    image: Image = Field(
        "codercom/enterprise-base:ubuntu-noble-20260601", description="Image of a workspace."
    )
    use_kubeconfig: bool = Field(
        False, description="The provisioner uses its own kubeconfig, not its service account."
    )
    resources: Resources = Field(Resources(), description="Sizes an owner may choose from.")
    tasks: bool = Field(True, description="Coder Tasks wiring; deprecated as of Coder 2.34.")
    agent_env: Annotated[dict[str, str], AfterValidator(_agent_variables)] = Field(
        default_factory=dict, description="Variables of every agent; no secrets."
    )
    boundary_version: BoundaryRelease = Field("latest", description="Release of Boundary.")
    modules: Modules = Field(Modules(), description="Versions of the registry's modules.")
    provisioner_tags: dict[str, str] = Field(
        default_factory=dict, description="Which provisioners build the templates, by their tags."
    )


class Expected(_Model):
    """One URL of the policy's contract."""

    method: str = Field("GET", pattern=r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$", description="HTTP method.")
    url: str = Field(min_length=1, description="URL that the agent asks for.")
    reason: str = Field(min_length=1, description="Why it must be so; shown when it is broken.")


class AddedRule(_Model):
    """A rule of the stack's own."""

    rule: RuleText = Field(description="In Boundary's grammar: method=GET domain=a.b path=/c/*")
    why: str = Field(min_length=1, description="Why an agent needs it; shown in reviews.")


class PolicySettings(_Model):
    """The egress policy."""

    groups: Annotated[list[GroupName], AfterValidator(_no_duplicates)] = Field(
        default_factory=lambda: list(CATALOGUE),
        description="Groups of the catalogue; all if unset.",
    )
    rules: list[AddedRule] = Field(default_factory=list, description="Rules besides the groups'.")
    must_allow: list[Expected] = Field(default_factory=list, description="Must be allowed.")
    must_deny: list[Expected] = Field(default_factory=list, description="Must be denied.")
    accept_everything: bool = Field(
        False, description="Accept rules that open every host; an error otherwise."
    )
    highest_grade: Literal["A", "B", "C", "D", "E", "F"] = Field(
        "F", description="The worst exfiltration grade that the stack accepts."
    )

    @property
    def contract(self) -> Contract:
        """What the stack demands of its policy."""
        return Contract(
            must_allow=tuple(Expectation(e.method, e.url, e.reason) for e in self.must_allow),
            must_deny=tuple(Expectation(e.method, e.url, e.reason) for e in self.must_deny),
        )


class TemplateFirewall(_Model):
    """How a template's agents are confined."""

    jail: Literal["landjail", "nsjail"] = Field(
        "landjail", description="landjail (Landlock, no capability) or nsjail (needs NET_ADMIN)."
    )
    log_level: Literal["error", "warn", "info", "debug"] = Field("warn", description="Boundary's.")
    proxy_port: int = Field(8087, ge=1, le=65535, description="Port of Boundary's proxy.")


class Access(_Model):
    """Who may use or administer a template, by the names of Coder's groups."""

    use: Annotated[list[str], AfterValidator(_no_duplicates)] = Field(
        default_factory=list, description="Groups that may make workspaces."
    )
    admin: Annotated[list[str], AfterValidator(_no_duplicates)] = Field(
        default_factory=list, description="Groups that may change the template."
    )


class Lifetime(_Model):
    """When workspaces stop, sleep and go."""

    default_ttl_hours: Hours | None = Field(None, description="Stop this long after a start.")
    activity_bump_hours: Hours | None = Field(None, description="Longer by this when in use.")
    failure_ttl_hours: Hours | None = Field(None, description="Stop a failed start after this.")
    dormant_after_hours: Hours | None = Field(None, description="Unused this long: dormant.")
    delete_dormant_after_hours: Hours | None = Field(None, description="Dormant this long: gone.")
    stop_days: list[Weekday] = Field(default_factory=list, description="Days of a required stop.")
    stop_every_weeks: int = Field(1, ge=1, le=16, description="Weeks between required stops.")


class Template(_Model):
    """One workspace template."""

    name: TemplateName = Field(description="Name in Coder.")
    display_name: str = Field("", max_length=64, description="Name that people see.")
    description: str = Field("", max_length=128, description="One line that people see.")
    icon: str = Field("/icon/claude.svg", description="Path or URL of its icon.")
    firewall: TemplateFirewall | None = Field(None, description="None: no firewall.")
    policy: PolicySettings | None = Field(None, description="In place of the stack's policy.")
    gitlab: str | None = Field(None, description="Id of its external login; the first if unset.")
    capabilities: list[Literal["NET_ADMIN"]] = Field(
        default_factory=list, description="Capabilities of the container; nsjail has NET_ADMIN."
    )
    agent_env: Annotated[dict[str, str], AfterValidator(_agent_variables)] = Field(
        default_factory=dict, description="Variables besides the stack's."
    )
    access: Access | None = Field(None, description="None: everyone in the organization.")
    lifetime: Lifetime = Field(Lifetime(), description="When workspaces stop, sleep and go.")
    require_active_version: bool = Field(
        False, description="Workspaces start on the active version only."
    )
    max_port_share_level: Literal["owner", "authenticated", "organization", "public"] | None = (
        Field(None, description="How widely an owner may share a port; Coder's own if unset.")
    )
    deprecation_message: str = Field(
        "", description="Shown to people; with one, nobody can make new workspaces."
    )


class FirewallSwitch(_Model):
    """The emergency switch of every template's firewall."""

    state: Literal["on", "off"] = Field("on", description="off: templates run unconfined.")
    reason: str | None = Field(None, min_length=1, description="Why it is off; required then.")
    until: datetime.date | None = Field(
        None, description="Last day (UTC) it may be off, 7 days ahead at most; then previews fail."
    )
    who: str | None = Field(None, min_length=1, description="Who switched it off.")
    templates: Annotated[list[TemplateName], AfterValidator(_no_duplicates)] = Field(
        default_factory=list, description="Templates that run unconfined; all of them if empty."
    )


class DatabaseRole(_Model):
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


class Grafana(_Model):
    """Dashboards and data sources."""

    namespace: KubernetesName = Field("monitoring", description="Namespace of Grafana.")
    folder: str = Field("Coder", min_length=1, description="Folder in Grafana.")
    dashboards: Annotated[list[DashboardUid], AfterValidator(_no_duplicates)] = Field(
        default_factory=lambda: list(DASHBOARDS),
        description="Uids; all of them if unset. cej6jysyme22oa is Prebuilds.",
    )
    database_host: str = Field(
        "coder-db-rw.coder.svc:5432",
        pattern=r"^[A-Za-z0-9.-]+:\d+$",
        description="host:port of Coder's PostgreSQL as Grafana reaches it.",
    )
    database: str = Field("coder", min_length=1, description="Name of that database.")
    database_role: DatabaseRole = Field(
        DatabaseRole(), description="Who makes the role that reads it."
    )
    loki_url: Endpoint | None = Field(
        "http://loki.monitoring.svc:3100", description="Loki; null: its data source is there."
    )
    prometheus_url: Endpoint | None = Field(
        None, description="Prometheus; null: kube-prometheus-stack brings its data source."
    )
    prometheus_uid: str = Field("prometheus", min_length=1, description="Data source uid.")
    loki_uid: str = Field("loki", min_length=1, description="Data source uid.")
    postgres_uid: str = Field("aibridge-postgres", min_length=1, description="Data source uid.")
    loki_selector: dict[str, str] = Field(
        default_factory=dict, description="More stream labels of coderd's log."
    )


class AlertThresholds(_Model):
    """When the alerts fire; see docs/alerts.md."""

    silent_minutes: Minutes = Field(15, description="Batches without an audit line in Loki.")
    unreported_minutes: Minutes = Field(30, description="Agents that report no audit counters.")
    loss_minutes: Minutes = Field(15, description="Time over which losses are counted.")
    dropped_batches: float = Field(0, ge=0, description="Lost batches accepted in that time.")
    dropped_logs: float = Field(0, ge=0, description="Lost audit lines accepted in that time.")
    deny_minutes: Minutes = Field(15, description="Time over which denials are counted.")
    deny_share: float = Field(0.3, gt=0, lt=1, description="Denied share that is too much.")
    deny_requests: int = Field(20, ge=1, description="With fewer requests no spike.")
    deny_growth: float = Field(2.0, ge=1, description="So many times the share before.")
    deny_baseline_hours: int = Field(24, ge=1, le=720, description="How long before is.")
    reload_minutes: Minutes = Field(10, description="A failed provider reload accepted so long.")
    provider_minutes: Minutes = Field(10, description="A refused provider accepted so long.")


class Alerts(_Model):
    """Alerts on the audit, the policy and the AI Gateway."""

    rules: Annotated[list[AlertName], AfterValidator(_no_duplicates)] = Field(
        default_factory=lambda: list(ALERTS), description="Names; all of them if unset."
    )
    evaluator: Literal["prometheus", "grafana"] = Field(
        "prometheus",
        description="Of alerts on metrics: Prometheus, by a PrometheusRule, or Grafana.",
    )
    namespace: KubernetesName = Field("monitoring", description="Namespace of the PrometheusRule.")
    rule_labels: Annotated[dict[str, str], AfterValidator(_kubernetes_labels)] = Field(
        default_factory=lambda: {"release": "kube-prometheus-stack"},
        description="Labels of the PrometheusRule, by which Prometheus selects it.",
    )
    labels: dict[AlertLabel, str] = Field(
        default_factory=dict, description="Labels of every alert, to route by."
    )
    runbook_url: Endpoint | None = Field(
        None, description="Where docs/alerts.md is read; its path in the repository if unset."
    )
    grafana_url: Endpoint | None = Field(
        None, description="Grafana's address in links to dashboards; a path alone if unset."
    )
    thresholds: AlertThresholds = Field(AlertThresholds(), description="When the alerts fire.")


class McpServerSettings(_Model):
    """One MCP server for agents; its key is the secret `mcp.<slug>`."""

    slug: KubernetesName = Field(description="Slug in Coder.")
    display_name: str = Field(min_length=1, description="Name that people see.")
    url: Endpoint = Field(description="Its streamable HTTP endpoint.")
    description: str = Field("", description="One line that people see.")
    read_only: bool = Field(True, description="Send X-MCP-Readonly: true.")
    tools: list[str] = Field(default_factory=list, description="Tools allowed; all if empty.")
    availability: Literal["force_on", "default_on", "default_off"] = Field(
        "default_off", description="Whether chats start with it."
    )


class ClientCredentials(_Model):
    """OAuth application of a GitLab instance."""

    client_id: SecretStr = Field(description="Application id.")
    client_secret: SecretStr = Field(description="Application secret.")


class Secrets(_Model):
    """Every secret of the stack; each set by `pulumi config set --secret --path`."""

    coder_token: SecretStr = Field(description="Session token of a Coder template admin.")
    external_auth: dict[str, ClientCredentials] = Field(
        default_factory=dict, description="By the id of the provider."
    )
    mcp: dict[str, SecretStr] = Field(
        default_factory=dict, description="Authorization header by the slug of the MCP server."
    )
    verify: dict[Service, SecretStr] = Field(
        default_factory=dict, description="Tokens with which verify asks, by service."
    )


class Settings(_Model):
    """A stack's settings."""

    coder: Coder = Field(description="The Coder deployment.")
    kubernetes: Kubernetes = Field(Kubernetes(), description="The cluster.")
    external_auth: ExternalAuth = Field(description="GitLab as the required external login.")
    workspaces: Workspaces = Field(Workspaces(), description="What all templates share.")
    templates: list[Template] = Field(min_length=1, description="The workspace templates.")
    policy: PolicySettings = Field(default_factory=PolicySettings, description="Egress policy.")
    firewall: FirewallSwitch = Field(FirewallSwitch(), description="The emergency switch.")
    grafana: Grafana = Field(default_factory=Grafana, description="Dashboards, data sources.")
    alerts: Alerts = Field(default_factory=Alerts, description="Alerts, and who evaluates them.")
    mcp_servers: list[McpServerSettings] = Field(
        default_factory=list, description="MCP servers for agents."
    )
    verify: VerifySettings = Field(
        default_factory=VerifySettings, description="What `ops verify` asks, and where it is."
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
        return _policy(self, self.policy_settings_of(template))

    def findings(self) -> tuple[Finding, ...]:
        """Return what is doubtful in the rules that the stack added to its policies itself."""
        own = {
            added.rule
            for template in self.templates
            for added in self.policy_settings_of(template).rules
        }
        # Templates share policies: each is looked at once.
        every = dict.fromkeys(self.policy_of(template) for template in self.templates)
        doubts = (finding for policy in every if policy is not None for finding in audit(policy))
        return tuple(dict.fromkeys(finding for finding in doubts if finding.rule in own))

    @property
    def switched_off(self) -> str:
        """Why and until when the firewall is off by the emergency switch, else nothing."""
        switch = self.firewall
        if switch.state == "on":
            return ""
        which = f" for {', '.join(switch.templates)}" if switch.templates else ""
        return f"{switch.reason}{which}, by {switch.who or 'unknown'}, until {switch.until}"


def _policy(settings: Settings, policy: PolicySettings) -> Policy:
    return _built(
        tuple(policy.groups),
        host_of(settings.coder.access_url),
        tuple(host_of(p.host) for p in settings.external_auth.providers),
        tuple(ExtraRule(rule=added.rule, why=added.why) for added in policy.rules),
        policy.accept_everything,
    )


@lru_cache(maxsize=64)  # templates share policies
def _built(
    groups: tuple[str, ...],
    coder_host: str,
    gitlab_hosts: tuple[str, ...],
    extra: tuple[ExtraRule, ...],
    accept_everything: bool,
) -> Policy:
    return build_policy(
        groups,
        coder_host=coder_host,
        gitlab_hosts=gitlab_hosts,
        extra=extra,
        accept_everything=accept_everything,
    )


@dataclass(frozen=True)
class Problem:
    """One wrong setting: its key, the value as shown, and what would be right."""

    key: str
    value: str
    right: str

    def __str__(self) -> str:
        shown = f" = {self.value}" if self.value else ""
        return f"{self.key}{shown}: {self.right}"


class SettingsError(ValueError):
    """A stack's settings are wrong; the message names every problem. Nothing was applied."""

    def __init__(self, stack: str, problems: Sequence[Problem]) -> None:
        self.stack = stack
        self.problems = tuple(problems)
        count = "1 setting is" if len(problems) == 1 else f"{len(problems)} settings are"
        lines = "\n".join(f"  {PROJECT}:{problem}" for problem in problems)
        super().__init__(f"stack {stack}: {count} wrong, nothing was applied\n{lines}")


def load(
    stack: str, values: Mapping[str, Any], *, encrypted: bool = True, proven: bool = True
) -> Settings:
    """Return the settings of `stack`.

    Args:
        stack: name of the stack, for messages.
        values: plain data by top-level key, secrets decrypted or as placeholders.
        encrypted: whether the key `secrets` is stored encrypted; an error when it is not.
        proven: whether a policy must keep its contract and grade. Not to be deployed otherwise.

    Raises SettingsError with every problem found.
    """
    problems: list[Problem] = []
    settings: Settings | None = None
    try:
        settings = Settings.model_validate(dict(values))
    except ValidationError as error:
        problems.extend(_problems(error))
    if "secrets" in values and not encrypted:
        problems.append(
            Problem("secrets", HIDDEN, "stored in clear; use pulumi config set --secret --path")
        )
    problems.extend(_relations(values))
    if settings is not None and not problems:
        problems.extend(_policies(settings, proven))
    if problems or settings is None:
        unique = {str(problem): problem for problem in problems}
        raise SettingsError(stack, list(unique.values()))
    return settings


def from_pulumi(stack: str, config: Mapping[str, str], secret_keys: Iterable[str]) -> Settings:
    """Return the settings from the engine's configuration of a run.

    `config` holds text by full key, structured values as JSON; raises SettingsError.
    """
    prefix = f"{PROJECT}:"
    values = {
        key.removeprefix(prefix): _structured(text)
        for key, text in config.items()
        if key.startswith(prefix)
    }
    return load(stack, values, encrypted=f"{prefix}secrets" in set(secret_keys))


def from_engine(stack: str) -> Settings:
    """Return the settings of the run that the engine has started; raises SettingsError."""
    # Only the whole map shows a key that nobody asks for: an unknown one.
    from pulumi.runtime import config  # noqa: PLC0415  ops reads settings without Pulumi

    values = config.CONFIG.get() or config.get_config_env()
    keys = config._SECRET_KEYS.get() or config.get_config_secret_keys_env()
    return from_pulumi(stack, values, keys)


def _structured(text: Any) -> Any:
    if not isinstance(text, str):
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text


_RIGHT = {
    "bool_parsing": "must be true or false",
    "bool_type": "must be true or false",
    "int_parsing": "must be a whole number",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_parsing": "must be a number",
    "float_type": "must be a number",
    "string_type": "must be text",
    "list_type": "must be a list",
    "dict_type": "must be a map of keys and values",
    "model_type": "must be a map of keys and values",
    "model_attributes_type": "must be a map of keys and values",
    "date_from_datetime_parsing": "must be a date such as 2026-12-31",
    "date_parsing": "must be a date such as 2026-12-31",
    "date_type": "must be a date such as 2026-12-31",
}


def _problems(error: ValidationError) -> list[Problem]:
    problems = []
    for found in error.errors(include_url=False):
        location = found["loc"]
        key = _key(location)
        secret = bool(location) and location[0] == "secrets"
        value = "" if found["type"] == "missing" else _shown(found["input"], secret)
        if found["type"] == "missing":
            right = _missing(location)
        elif found["type"] == "extra_forbidden":
            right = f"unknown key; known here: {', '.join(_known(location[:-1]))}"
        elif found["type"] == "value_error":
            right = str(found["ctx"]["error"])
        elif found["type"] in _RIGHT:
            right = _RIGHT[found["type"]]
        else:
            right = found["msg"].replace("Input should", "must").replace("String should", "must")
        problems.append(Problem(key, value, right))
    return problems


def _missing(location: Sequence[str | int]) -> str:
    if location and location[0] == "secrets":
        path = _key(location)
        if len(location) == 1:
            path = "secrets.coderToken"
        return f"missing; pulumi config set --secret --path '{PROJECT}:{path}'"
    return "missing; it is required"


def _key(location: Sequence[str | int]) -> str:
    key = ""
    for part in location:
        key += f"[{part}]" if isinstance(part, int) else f".{part}" if key else str(part)
    return key


def _shown(value: Any, secret: bool) -> str:
    if secret:
        return HIDDEN
    try:
        text = json.dumps(value, ensure_ascii=False, default=str)
    except (TypeError, ValueError):
        text = repr(value)
    return text if len(text) <= 120 else text[:117] + "..."


def _known(location: Sequence[str | int]) -> list[str]:
    """Return the keys known at a place of the model."""
    schema = Settings.model_json_schema(by_alias=True)
    definitions = schema.get("$defs", {})
    place: dict[str, Any] = schema
    for part in location:
        place = _resolve(place, definitions)
        if isinstance(part, int):
            place = place.get("items", {})
        else:
            place = place.get("properties", {}).get(part) or place.get("additionalProperties", {})
    return sorted(_resolve(place, definitions).get("properties", {}))


def _resolve(place: dict[str, Any], definitions: Mapping[str, Any]) -> dict[str, Any]:
    for option in place.get("anyOf", []):
        if option.get("type") != "null":
            place = option
            break
    for option in place.get("allOf", []):
        place = option
    reference = place.get("$ref")
    return definitions[reference.rsplit("/", 1)[1]] if reference else place


def _relations(values: Mapping[str, Any]) -> list[Problem]:
    """Check what one key says about another, on whatever part of the data is well-formed."""
    problems: list[Problem] = []
    templates = [t for t in _list(values.get("templates")) if isinstance(t, Mapping)]
    problems += _twice("templates", "name", templates)
    problems += _twice("mcpServers", "slug", _list(values.get("mcpServers")))
    authentication = values.get("externalAuth")
    providers = (
        _list(authentication.get("providers")) if isinstance(authentication, Mapping) else []
    )
    problems += _twice("externalAuth.providers", "id", providers, default="gitlab")
    ids = [p.get("id", "gitlab") for p in providers if isinstance(p, Mapping)]
    for index, template in enumerate(_list(values.get("templates"))):
        if not isinstance(template, Mapping):
            continue
        firewall = template.get("firewall")
        jail = firewall.get("jail", "landjail") if isinstance(firewall, Mapping) else None
        if "NET_ADMIN" in _list(template.get("capabilities")) and jail != "nsjail":
            problems.append(
                Problem(
                    f"templates[{index}].capabilities",
                    '"NET_ADMIN"',
                    "only the jail nsjail needs NET_ADMIN; set firewall.jail: nsjail or remove it",
                )
            )
        wanted = template.get("gitlab")
        if wanted is not None and ids and wanted not in ids:
            problems.append(
                Problem(
                    f"templates[{index}].gitlab",
                    _shown(wanted, False),
                    f"no such provider; externalAuth.providers has {', '.join(map(str, ids))}",
                )
            )
        problems += _access(f"templates[{index}].access", template.get("access"))
        problems += _lifetime(f"templates[{index}].lifetime", template.get("lifetime"))
    problems += _missing_secrets(values, ids)
    problems += _database_role(values.get("grafana"))
    problems += _switch(values.get("firewall"))
    problems += _switched(values.get("firewall"), templates)
    problems += _choices(values.get("workspaces"))
    return problems


def _access(key: str, access: Any) -> list[Problem]:
    if not isinstance(access, Mapping):
        return []
    admins = _list(access.get("admin"))
    return [
        Problem(
            f"{key}.use[{index}]",
            _shown(name, False),
            "also under admin, who may use it anyway: name it once",
        )
        for index, name in enumerate(_list(access.get("use")))
        if name in admins
    ]


def _lifetime(key: str, lifetime: Any) -> list[Problem]:
    if not isinstance(lifetime, Mapping) or not lifetime.get("deleteDormantAfterHours"):
        return []
    if lifetime.get("dormantAfterHours"):
        return []
    shown = _shown(lifetime["deleteDormantAfterHours"], False)
    right = "needs dormantAfterHours: no workspace becomes dormant without it"
    return [Problem(f"{key}.deleteDormantAfterHours", shown, right)]


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _twice(key: str, name: str, entries: list[Any], default: str | None = None) -> list[Problem]:
    problems, seen = [], set()
    for index, entry in enumerate(entries):
        value = entry.get(name, default) if isinstance(entry, Mapping) else None
        if not isinstance(value, str):
            continue
        if value.lower() in seen:
            problems.append(
                Problem(f"{key}[{index}].{name}", _shown(value, False), "duplicate; must be unique")
            )
        seen.add(value.lower())
    return problems


def _missing_secrets(values: Mapping[str, Any], ids: Iterable[Any]) -> list[Problem]:
    secrets = values.get("secrets")
    secrets = secrets if isinstance(secrets, Mapping) else {}
    wanted: list[tuple[str, ...]] = []
    for identifier in ids:
        wanted += [("externalAuth", str(identifier), part) for part in ("clientId", "clientSecret")]
    wanted += [
        ("mcp", str(server["slug"]))
        for server in _list(values.get("mcpServers"))
        if isinstance(server, Mapping) and "slug" in server
    ]
    problems = []
    for path in wanted:
        place: Any = secrets
        for part in path:
            place = place.get(part) if isinstance(place, Mapping) else None
        if place in (None, ""):
            location = ("secrets", *path)
            problems.append(Problem(_key(location), "", _missing(location)))
    return problems


def _database_role(grafana: Any) -> list[Problem]:
    role = grafana.get("databaseRole") if isinstance(grafana, Mapping) else None
    if not isinstance(role, Mapping) or role.get("delivery") != "job":
        return []
    if role.get("adminUrlSecret") not in (None, ""):
        return []
    right = (
        "required with delivery: job: a Secret in Grafana's namespace with the connection URL of "
        "the owner of Coder's tables"
    )
    return [Problem("grafana.databaseRole.adminUrlSecret", "", right)]


def _switch(firewall: Any) -> list[Problem]:
    if not isinstance(firewall, Mapping) or firewall.get("state") not in ("off", False):
        return []
    problems = [
        Problem(f"firewall.{key}", "", f"required while the firewall is off: {what}")
        for key, what in (("reason", "why it is off"), ("until", "its last day, as 2026-12-31"))
        if firewall.get(key) in (None, "")
    ]
    try:
        until = datetime.date.fromisoformat(str(firewall.get("until")))
    except ValueError:
        return problems
    today = datetime.datetime.now(datetime.UTC).date()
    if until > today + LONGEST_OFF:
        problems.append(
            Problem(
                "firewall.until",
                f'"{until}"',
                f"must be {today + LONGEST_OFF} or earlier: the firewall may be off for "
                f"{LONGEST_OFF.days} days at a time",
            )
        )
    if until < today:
        problems.append(
            Problem(
                "firewall.until",
                f'"{until}"',
                "the emergency switch has expired; turn the firewall on with `python -m ops "
                "firewall STACK on`, or extend it with `... off --reason WHY --until DAY`",
            )
        )
    return problems


def _switched(firewall: Any, templates: Sequence[Mapping[str, Any]]) -> list[Problem]:
    names = [str(template.get("name")) for template in templates]
    wanted = _list(firewall.get("templates")) if isinstance(firewall, Mapping) else []
    return [
        Problem(
            f"firewall.templates[{index}]",
            _shown(name, False),
            f"no such template; there are {', '.join(names)}",
        )
        for index, name in enumerate(wanted)
        if name not in names
    ]


def _choices(workspaces: Any) -> list[Problem]:
    resources = workspaces.get("resources") if isinstance(workspaces, Mapping) else None
    problems = []
    for name, choice in resources.items() if isinstance(resources, Mapping) else ():
        if not isinstance(choice, Mapping):
            continue
        options, default = _list(choice.get("options")), choice.get("default")
        if options and isinstance(default, int) and default not in options:
            problems.append(
                Problem(
                    f"workspaces.resources.{name}.default",
                    str(default),
                    f"must be one of the options {', '.join(map(str, options))}",
                )
            )
    return problems


def _policies(settings: Settings, proven: bool) -> list[Problem]:
    """Build every policy the stack has, firewall on or off; if `proven`, hold its contract."""
    places = [("policy", settings.policy)]
    places += [
        (f"templates[{index}].policy", template.policy)
        for index, template in enumerate(settings.templates)
        if template.policy is not None
    ]
    problems = []
    for key, wanted in places:
        try:
            policy = _policy(settings, wanted)
        except PolicyError as error:
            problems += [Problem(key, "", str(problem)) for problem in error.problems]
            continue
        if not proven:
            continue
        problems += [Problem(key, "", str(breach)) for breach in wanted.contract.check(policy)]
        report = exfiltration_report(policy)
        if report.grade > wanted.highest_grade:
            worst = report.entries[0]
            right = (
                f"the policy's exfiltration grade is {report.grade}, by rule "
                f"{worst.rule.rule.text!r} of group {worst.rule.group} ({worst.why})"
            )
            problems.append(Problem(f"{key}.highestGrade", f'"{wanted.highest_grade}"', right))
    return problems


def json_schema() -> dict[str, Any]:
    """Return the JSON schema of a stack file, for editors."""
    inner = Settings.model_json_schema(by_alias=True, ref_template="#/$defs/{model}")
    secure = {
        "type": "object",
        "properties": {"secure": {"type": "string"}},
        "required": ["secure"],
        "additionalProperties": False,
        "description": "Encrypted by pulumi config set --secret.",
    }
    definitions = inner.pop("$defs")
    definitions["ClientCredentials"]["properties"] = dict.fromkeys(
        definitions["ClientCredentials"]["properties"], secure
    )
    definitions["Secrets"]["properties"]["coderToken"] = secure
    for name in ("mcp", "verify"):
        definitions["Secrets"]["properties"][name]["additionalProperties"] = secure
    properties = {f"{PROJECT}:{key}": value for key, value in inner["properties"].items()}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Settings of a firewalled-coder stack",
        "type": "object",
        "properties": {
            "secretsprovider": {"type": "string"},
            "encryptionsalt": {"type": "string"},
            "encryptedkey": {"type": "string"},
            "config": {
                "type": "object",
                "properties": properties,
                "patternProperties": {f"^{PROJECT}:": False, "^pulumi:": {}},
            },
        },
        "required": ["config"],
        "$defs": definitions,
    }
