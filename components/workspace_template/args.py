"""What a template can be told, checked before anything is rendered or registered."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path, PurePosixPath
from typing import Final, get_args

import pulumi

from components import syntax
from components.agent_env import JAIL_TYPES, AgentEnv
from components.claude_code import ClaudePolicy, tasks_problem
from components.coder.variables import GITLAB_ID
from components.coder_agents import ISOLATED, AgentsAllowed, allowed
from components.errors import ArgsError, refuse
from components.programs import Program
from components.workspace_template.start_script import script_problems
from components.workspace_template.values import (
    FEWEST_WEEKS,
    GIT_CREDENTIALS,
    ICON,
    MOST_WEEKS,
    PortShareLevel,
    Role,
    Sizes,
    Weekday,
    dormancy_problem,
    size_problems,
)
from components.workspace_template.wiring import (
    Firewall,
    ModuleVersions,
    ProviderVersions,
    firewall_problems,
    version_problems,
    wiring_problems,
)

_STACK_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*\Z")


@dataclass(frozen=True)
class GroupAccess:
    """What the members of one group may do with the template.

    Args:
        group_id: id of the group in Coder; that of everyone is the organization's.
        role: `use` (make workspaces) or `admin` (change the template, too).
        name: what people call the group, for reviews.
    """

    group_id: str
    role: Role = "use"
    name: str = ""


@dataclass(frozen=True)
class AutoStop:
    """Days on which every workspace is stopped in its owner's quiet hours, each `weeks` weeks."""

    days: tuple[Weekday, ...]
    weeks: int = FEWEST_WEEKS


@dataclass(frozen=True)
class Schedule:
    """When Coder stops, sleeps and deletes workspaces; None leaves Coder's own default.

    Args:
        default_ttl: a started workspace stops after this time.
        activity_bump: activity puts the stop off by this time.
        failure_ttl: a failed build is stopped after this time.
        dormant_after: an unused workspace is locked after this time.
        delete_dormant_after: a locked workspace is deleted after this time, home included.
        auto_stop: weekly stop, for updates.
        auto_start_days: days on which owners may have workspaces start by themselves.
        user_auto_start: owners may set an auto start.
        user_auto_stop: owners may change the time to live.
    """

    default_ttl: timedelta | None = None
    activity_bump: timedelta | None = None
    failure_ttl: timedelta | None = None
    dormant_after: timedelta | None = None
    delete_dormant_after: timedelta | None = None
    auto_stop: AutoStop | None = None
    auto_start_days: tuple[Weekday, ...] | None = None
    user_auto_start: bool | None = None
    user_auto_stop: bool | None = None


@dataclass(frozen=True)
class WorkspaceTemplateArgs:
    """One template of a Coder deployment.

    Args:
        stack: name of the stack.
        name: the template's name in Coder, part of URLs.
        namespace: Kubernetes namespace of the workspaces.
        image: container image of a workspace.
        firewall: Boundary and its policy, None for the un-firewalled sibling.
        contract: what is demanded of its policy, as JSON; kept in the state, as the policy.
        switched_off: why, by whom and until when the emergency switch has its firewall off; kept in
            the state, so that a later day is reviewed.
        suspended_policy: what confines its agents as soon as the emergency switch is on again, from
            Policy.to_json; kept in the state, so that rules edited meanwhile are reviewed.
        display_name: name shown to people.
        description: one line shown to people.
        icon: URL or path of an icon that coderd serves.
        use_kubeconfig: the provisioner reads ~/.kube/config instead of its service account.
        gitlab_external_auth_id: id of GitLab among coderd's external authentication providers.
        sizes: what an owner can choose.
        git_credentials: the agent's key may ask Coder for the owner's GitLab token and ssh key.
        tasks: wire Coder Tasks, which only module 4 has. Gone from Coder as of 2.38.
        claude_policy: managed settings of Claude Code, None for none.
        claude_program: a Claude Code in the image or at an address, None for its installer's.
        agent_variables: the stack's own agent variables; see AgentEnv for what is refused.
        module_versions: versions of the modules from Coder's registry.
        provider_versions: versions of the Terraform providers.
        access: groups that may use or administer the template; nobody but Coder's owners and
            template administrators if empty. None leaves the list alone: at first that is
            everyone in the organization, later whatever it was (an access list is licensed).
        schedule: when Coder stops, sleeps and deletes workspaces.
        organization_id: organization of the template and its groups, None for the provider's.
        max_port_share_level: how widely an owner may share a workspace's port.
        require_active_version: a workspace starts on the active version only (licensed).
        cancel_workspace_jobs: owners may cancel a build. None leaves Coder's default.
        classic_parameter_flow: the creation form without dynamic parameters.
        agents_allowed: Coder Agents, whose tools run outside of the jail, may use the template
            (Coder 2.37 or newer). `isolated`: by an agent in a pod of its own, which the network
            policy of WorkspaceNetworkPolicyArgs.isolated_agents keeps to coderd. None: not with a
            firewall, else Coder's own default, yes.
        deprecation_message: shown to people and stops new workspaces.
        provisioner_tags: which provisioners may build the template.
        directory: where the rendered template goes, relative to the project's root;
            build/templates/STACK/NAME if empty. What else is in it is removed; a directory with
            files and no template is refused, and one that another template of the run has.
        project_root: directory of Pulumi.yaml, in which programs and the coderd provider run.
    """

    stack: str
    name: str
    namespace: str
    image: str
    firewall: Firewall | None
    contract: str = ""
    switched_off: str = ""
    suspended_policy: Sequence[Mapping[str, str]] = ()
    display_name: str = ""
    description: str = ""
    icon: pulumi.Input[str] = ICON
    use_kubeconfig: bool = False
    gitlab_external_auth_id: str = GITLAB_ID
    sizes: Sizes = field(default_factory=Sizes)
    git_credentials: bool = GIT_CREDENTIALS
    tasks: bool = False
    claude_policy: ClaudePolicy | None = None
    claude_program: Program | None = None
    agent_variables: Mapping[str, str] = field(default_factory=dict)
    module_versions: ModuleVersions = field(default_factory=ModuleVersions)
    provider_versions: ProviderVersions = field(default_factory=ProviderVersions)
    access: tuple[GroupAccess, ...] | None = None
    schedule: Schedule = Schedule()
    organization_id: pulumi.Input[str] | None = None
    max_port_share_level: PortShareLevel | None = None
    require_active_version: pulumi.Input[bool] | None = None
    cancel_workspace_jobs: pulumi.Input[bool] | None = None
    classic_parameter_flow: pulumi.Input[bool] | None = None
    agents_allowed: AgentsAllowed | None = None
    deprecation_message: pulumi.Input[str] | None = None
    provisioner_tags: Mapping[str, str] = field(default_factory=dict)
    directory: str = ""
    project_root: Path = Path()

    def __post_init__(self) -> None:
        refuse(f"template {self.name!r}", self._problems())

    @property
    def lets_agents_in(self) -> AgentsAllowed | None:
        """Whether and from where Coder Agents may use it; None leaves it to Coder."""
        return allowed(self.agents_allowed, confined=self.firewall is not None)

    @property
    def agent_env(self) -> AgentEnv:
        """The variables of the agent, the firewall's included when it is on."""
        return AgentEnv(
            jail_type=self.firewall.jail_type if self.firewall else None,
            variables=self.agent_variables,
        )

    def _problems(self) -> list[str]:
        found = []
        if not syntax.is_coder_name(self.name):
            found.append(
                "the name takes letters and digits in groups joined by single hyphens, "
                "up to 32 characters"
            )
        if not syntax.is_display_name(self.display_name):
            found.append(
                f"the display name is longer than {syntax.DISPLAY_NAME_LENGTH} bytes, or white "
                "space stands around it"
            )
        if len(self.description) > syntax.DESCRIPTION_LENGTH:
            found.append(f"the description is longer than {syntax.DESCRIPTION_LENGTH} characters")
        if not _STACK_NAME.match(self.stack):
            found.append(f"stack {self.stack!r} is no stack name")
        if problem := _directory_problem(self.directory):
            found.append(f"directory {self.directory!r} {problem}")
        if not syntax.is_label(self.namespace):
            found.append(f"namespace {self.namespace!r} is no Kubernetes namespace")
        if not syntax.is_image(self.image):
            found.append(f"image {self.image!r} is no image reference such as HOST/NAME:TAG")
        if not syntax.is_external_auth_id(self.gitlab_external_auth_id):
            found.append(f"external auth id {self.gitlab_external_auth_id!r} is no id of coderd")
        if self.max_port_share_level not in (None, *get_args(PortShareLevel)):
            found.append(
                f"port share level {self.max_port_share_level!r} is not one of "
                + ", ".join(get_args(PortShareLevel))
            )
        if self.agents_allowed not in (None, True, False, ISOLATED):
            found.append(f"agents_allowed {self.agents_allowed!r} is not True, False or {ISOLATED}")
        found += firewall_problems(self.firewall)
        if problem := tasks_problem(self.claude_policy, tasks=self.tasks):
            found.append(problem)
        found += wiring_problems(
            self.module_versions, self.firewall, self.claude_program, tasks=self.tasks
        )
        found += script_problems(
            self.firewall, self.claude_policy, self.claude_program, self.module_versions
        )
        found += size_problems(self.sizes)
        found += version_problems(self.module_versions, self.provider_versions)
        found += _access_problems(self.access or ())
        found += _schedule_problems(self.schedule)
        if not self.firewall or self.firewall.jail_type in JAIL_TYPES:
            found += _agent_env_problems(self)
        return found


def _directory_problem(directory: str) -> str:
    path = PurePosixPath(directory)
    if path.is_absolute():
        return "is absolute: another machine would make another template of it"
    if ".." in path.parts:
        return "leads out of the project"
    if directory and not path.parts:
        return "is the project itself, whose other files would be removed"
    return ""


def _agent_env_problems(args: WorkspaceTemplateArgs) -> Sequence[str]:
    try:
        args.agent_env  # noqa: B018  checked by being made
    except ArgsError as error:
        return error.problems
    return ()


def _access_problems(access: Sequence[GroupAccess]) -> list[str]:
    found = []
    names = [entry.group_id for entry in access]
    found += [
        f"group {name!r} has two roles" for name in sorted(set(names)) if names.count(name) > 1
    ]
    found += ["a group has no id"] if "" in names else []
    found += [
        f"role {entry.role!r} of group {entry.group_id!r} is neither admin nor use"
        for entry in access
        if entry.role not in get_args(Role)
    ]
    return found


def _schedule_problems(schedule: Schedule) -> list[str]:
    found = []
    for what in (
        "default_ttl",
        "activity_bump",
        "failure_ttl",
        "dormant_after",
        "delete_dormant_after",
    ):
        span: timedelta | None = getattr(schedule, what)
        if span is not None and (span < timedelta() or span % timedelta(milliseconds=1)):
            found.append(f"{what} {span} is not a whole number of milliseconds, zero or more")
    if problem := dormancy_problem(schedule.dormant_after, schedule.delete_dormant_after):
        found.append(f"delete_dormant_after needs dormant_after: {problem}")
    if schedule.auto_stop:
        found += _day_problems("auto_stop", schedule.auto_stop.days)
        weeks = schedule.auto_stop.weeks
        if not FEWEST_WEEKS <= weeks <= MOST_WEEKS:
            found.append(f"auto_stop weeks {weeks} is not from {FEWEST_WEEKS} to {MOST_WEEKS}")
    found += _day_problems("auto_start_days", schedule.auto_start_days or ())
    return found


def _day_problems(what: str, days: Sequence[str]) -> list[str]:
    return [
        f"{what}: {day!r} is no day of the week" for day in days if day not in get_args(Weekday)
    ]
