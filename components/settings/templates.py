"""The sections `templates` and `firewall`: each template, and the emergency switch of all."""

import datetime
from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from components import coder_agents
from components.boundary.build import host_of
from components.boundary.config import (
    JAIL_TYPE,
    LOG_LEVEL,
    PROXY_PORT,
    JailType,
    LogLevel,
    render_config,
)
from components.boundary.policy import Policy
from components.boundary.releases import key_problem
from components.settings.policy import PolicySettings
from components.settings.section import Flag, SettingsSection, no_list, no_map
from components.settings.types import (
    AgentsAllowed,
    AgentVariables,
    DisplayName,
    ExternalAuthId,
    GroupOfPeople,
    Hours,
    NoDuplicates,
    TemplateName,
)
from components.syntax import DESCRIPTION_LENGTH, LAST_PORT
from components.workspace_template.values import (
    FEWEST_WEEKS,
    GIT_CREDENTIALS,
    ICON,
    MOST_WEEKS,
    PortShareLevel,
    Weekday,
)


class TemplateFirewall(SettingsSection):
    """How a template's agents are confined."""

    jail: JailType = Field(
        JAIL_TYPE, description="landjail (Landlock, no capability) or nsjail (needs NET_ADMIN)."
    )
    log_level: LogLevel = Field(LOG_LEVEL, description="Boundary's.")
    proxy_port: int = Field(PROXY_PORT, ge=1, le=LAST_PORT, description="Port of Boundary's proxy.")
    use_real_dns: Flag = Field(
        False, description="nsjail looks names up outside, by which data can leave. From v0.7.0."
    )
    no_user_namespace: Flag = Field(
        False, description="nsjail without a user namespace, but SYS_ADMIN. From v0.8.1."
    )
    seccomp_unconfined: Flag = Field(
        False, description="The container has no seccomp profile: nsjail on Bottlerocket."
    )
    session_correlation: Flag = Field(
        False, description="The AI Gateway is told each request's session. After v0.9.0."
    )

    def config(self, policy: Policy, coder_url: str) -> str:
        """Return the text of Boundary's configuration file.

        Args:
            policy: what it lets through.
            coder_url: the address of Coder, which is told each request's session if that is on.
        """
        return render_config(
            policy,
            jail_type=self.jail,
            log_level=self.log_level,
            proxy_port=self.proxy_port,
            use_real_dns=self.use_real_dns,
            no_user_namespace=self.no_user_namespace,
            correlate_with=host_of(coder_url) if self.session_correlation else "",
        )

    def problems(self, release: str) -> Iterator[tuple[str, str]]:
        """Yield the keys that are on and the jail or Boundary's `release` has not, and why."""
        for key, written, nsjail_alone in (
            ("useRealDns", "use_real_dns", True),
            ("noUserNamespace", "no_user_namespace", True),
            ("seccompUnconfined", "seccomp_unconfined", True),
            ("sessionCorrelation", "session_correlation", False),
        ):
            if not getattr(self, written):
                continue
            if nsjail_alone and self.jail != "nsjail":
                yield key, "the jail landjail has no use for it: remove it, or set jail: nsjail"
            correlation = written == "session_correlation"
            if problem := key_problem(f"{written}_enabled" if correlation else written, release):
                yield key, f"{problem} (workspaces.boundaryVersion)"


class TemplateAccess(SettingsSection):
    """Who may use or administer a template, by the names of Coder's groups."""

    use: Annotated[list[GroupOfPeople], NoDuplicates] = Field(
        default_factory=no_list, description="Groups that may make workspaces."
    )
    admin: Annotated[list[GroupOfPeople], NoDuplicates] = Field(
        default_factory=no_list, description="Groups that may change the template."
    )


class Lifetime(SettingsSection):
    """When workspaces stop, sleep and go."""

    default_ttl_hours: Hours | None = Field(None, description="Stop this long after a start.")
    activity_bump_hours: Hours | None = Field(None, description="Longer by this when in use.")
    failure_ttl_hours: Hours | None = Field(None, description="Stop a failed start after this.")
    dormant_after_hours: Hours | None = Field(None, description="Unused this long: dormant.")
    delete_dormant_after_hours: Hours | None = Field(None, description="Dormant this long: gone.")
    stop_days: Annotated[list[Weekday], NoDuplicates] = Field(
        default_factory=no_list, description="Days of a required stop."
    )
    stop_every_weeks: int = Field(
        FEWEST_WEEKS, ge=FEWEST_WEEKS, le=MOST_WEEKS, description="Weeks between required stops."
    )


class TemplateSettings(SettingsSection):
    """One workspace template."""

    name: TemplateName = Field(description="Name in Coder.")
    display_name: DisplayName = Field("", description="Name that people see.")
    description: str = Field(
        "", max_length=DESCRIPTION_LENGTH, description="One line that people see."
    )
    icon: str = Field(ICON, description="Path or URL of its icon.")
    firewall: TemplateFirewall | None = Field(None, description="None: no firewall.")
    policy: PolicySettings | None = Field(None, description="In place of the stack's policy.")
    gitlab: ExternalAuthId | None = Field(
        None, description="Id of its external login; the first if unset."
    )
    git_credentials: Flag = Field(
        GIT_CREDENTIALS, description="Its agents get their owner's GitLab token."
    )
    agents_allowed: AgentsAllowed | None = Field(
        None,
        description="Coder's own agents may use it; isolated: from a pod of their own, which "
        "reaches what network.coderd opens. Unset: not with a firewall, else yes.",
    )
    capabilities: list[Literal["NET_ADMIN"]] = Field(
        default_factory=no_list, description="Capabilities of the container; nsjail has NET_ADMIN."
    )
    agent_env: AgentVariables = Field(
        default_factory=no_map, description="Variables besides the stack's."
    )
    access: TemplateAccess | None = Field(
        None, description="None: everyone in the organization may use it. Licensed."
    )
    lifetime: Lifetime = Field(
        Lifetime.model_construct(), description="When workspaces stop, sleep and go."
    )
    require_active_version: Flag = Field(
        False, description="Workspaces start on the active version only."
    )
    max_port_share_level: PortShareLevel | None = Field(
        None, description="How widely an owner may share a port; Coder's own if unset."
    )
    deprecation_message: str = Field(
        "", description="Shown to people; with one, nobody can make new workspaces."
    )

    @property
    def lets_agents_in(self) -> coder_agents.AgentsAllowed | None:
        """Whether and from where Coder's own agents may use it; None: Coder's default, yes."""
        return coder_agents.allowed(self.agents_allowed, confined=self.firewall is not None)


class FirewallSwitch(SettingsSection):
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
