"""WorkspaceTemplate, for programs in other languages."""

from typing import Final, NotRequired, TypedDict

import pulumi

from components import boundary, releases
from components.errors import ArgsError, refuse
from components.package.inputs import build, known, model
from components.programs import Program
from components.settings.templates import TemplateFirewall
from components.workspace_template import component
from components.workspace_template.args import WorkspaceTemplateArgs
from components.workspace_template.wiring import Firewall

# Names of settings by those of inputs.
_JAIL: Final = {
    "jail_type": "jail",
    **{
        name: name
        for name in (
            "log_level",
            "proxy_port",
            "use_real_dns",
            "no_user_namespace",
            "seccomp_unconfined",
            "session_correlation",
        )
    },
}


class ProgramSource(TypedDict):
    """Where a program is: path in the image, or url with its sha256."""

    path: NotRequired[str]
    """Absolute path in the image."""
    url: NotRequired[str]
    """Address of the program, or of a .tar.gz that holds it under its name."""
    sha256: NotRequired[str]
    """Of the file at the address; another one is never run."""


class TemplateRule(TypedDict):
    """A rule of the template's own."""

    rule: str
    """In the grammar of Boundary: method=GET domain=a.b path=/c/*"""
    why: str
    """Why an agent needs it, never empty; shown in reviews."""


class FirewallInputs(TypedDict):
    """Boundary switched on, and what it lets through."""

    coder_url: str
    """The URL at which people reach Coder."""
    gitlab_hosts: NotRequired[list[str]]
    """Hosts of GitLab, for the groups that name them."""
    groups: NotRequired[list[str]]
    """Groups of the policy's catalogue; all but the read-only ones if not given, none if empty."""
    rules: NotRequired[list[TemplateRule]]
    """Rules besides the groups'."""
    accept_everything: NotRequired[bool]
    """Accept rules that open every host; an error otherwise."""
    jail_type: NotRequired[str]
    """landjail (Landlock, no capability) or nsjail (needs NET_ADMIN)."""
    log_level: NotRequired[str]
    """How much Boundary logs: error, warn, info or debug."""
    proxy_port: NotRequired[int]
    """Port of Boundary's proxy."""
    boundary_version: NotRequired[str]
    """Release of Boundary, such as v0.9.0."""
    program: NotRequired[ProgramSource]
    """A Boundary of that release; from GitHub if not given."""
    use_real_dns: NotRequired[bool]
    """nsjail looks names up outside, by which data can leave. From v0.7.0."""
    no_user_namespace: NotRequired[bool]
    """nsjail without a user namespace, but SYS_ADMIN. From v0.8.1."""
    seccomp_unconfined: NotRequired[bool]
    """The container has no seccomp profile: nsjail on Bottlerocket."""
    session_correlation: NotRequired[bool]
    """The AI Gateway is told each request's session. After v0.9.0."""


class SizeOptions(TypedDict):
    """The sizes that an owner can choose from."""

    options: list[int]
    """Whole numbers above zero, in the order in which they are offered."""
    default: int
    """The one chosen at first."""


class WorkspaceSizes(TypedDict):
    """The sizes of a workspace."""

    cpu: NotRequired[SizeOptions]
    """Cores."""
    memory: NotRequired[SizeOptions]
    """GB of memory."""
    disk_size: NotRequired[SizeOptions]
    """GB of home disk."""


class ClaudeHook(TypedDict):
    """A command that Claude Code runs at an event, inside its jail."""

    event: str
    """When it runs."""
    matcher: NotRequired[str]
    """Its tools, as a regular expression; all if empty."""
    command: str
    """A shell command; its exit status 2 stops what was to happen."""
    timeout_seconds: NotRequired[int]
    """It is ended after this."""


class ClaudeSettings(TypedDict):
    """Managed settings of Claude Code, above those of people and repositories."""

    allow: NotRequired[list[str]]
    """What it does without asking."""
    ask: NotRequired[list[str]]
    """What it asks for each time."""
    deny: NotRequired[list[str]]
    """What it never does."""
    only_these_rules: NotRequired[bool]
    """Rules of people and repositories are void."""
    bypass: NotRequired[bool]
    """People may start it without permissions."""
    hooks: NotRequired[list[ClaudeHook]]
    """Commands that it runs."""
    only_these_hooks: NotRequired[bool]
    """Hooks of people and repositories are void."""
    telemetry: NotRequired[bool]
    """It reports its use and errors to Anthropic."""


class RegistryModules(TypedDict):
    """Versions of the modules from Coder's registry."""

    claude_code: NotRequired[str]
    """Of claude-code."""
    code_server: NotRequired[str]
    """Of code-server."""


class TerraformProviders(TypedDict):
    """Versions of the Terraform providers, exactly as Terraform is to install them."""

    coder: NotRequired[str]
    """Of coder/coder."""
    kubernetes: NotRequired[str]
    """Of hashicorp/kubernetes."""


class TemplateGroup(TypedDict):
    """What the members of one group may do with the template."""

    group_id: str
    """Id of the group in Coder; that of everyone is the organization's."""
    role: NotRequired[str]
    """use (make workspaces) or admin (change the template, too)."""
    name: NotRequired[str]
    """What people call the group, for reviews."""


class WeeklyStop(TypedDict):
    """Days on which every workspace is stopped in the quiet hours of its owner."""

    days: list[str]
    """In lower case: monday to sunday."""
    weeks: NotRequired[int]
    """Weeks between two stops."""


class TemplateSchedule(TypedDict):
    """When Coder stops, sleeps and deletes workspaces; durations are hours."""

    default_ttl: NotRequired[float]
    """A started workspace stops after this time."""
    activity_bump: NotRequired[float]
    """Activity puts the stop off by this time."""
    failure_ttl: NotRequired[float]
    """A failed build is stopped after this time."""
    dormant_after: NotRequired[float]
    """An unused workspace is locked after this time."""
    delete_dormant_after: NotRequired[float]
    """A locked workspace is deleted after this time, home included."""
    auto_stop: NotRequired[WeeklyStop]
    """Weekly stop, for updates."""
    auto_start_days: NotRequired[list[str]]
    """Days on which owners may have workspaces start by themselves."""
    user_auto_start: NotRequired[bool]
    """Owners may set an auto start."""
    user_auto_stop: NotRequired[bool]
    """Owners may change the time to live."""


class WorkspaceTemplateInputs(TypedDict):
    """One template of a Coder deployment."""

    name: str
    """Name of the template in Coder, part of URLs."""
    namespace: str
    """Kubernetes namespace of the workspaces."""
    image: str
    """Container image of a workspace."""
    firewall: NotRequired[FirewallInputs]
    """Boundary and its policy; none for a template whose agents run unconfined."""
    directory: NotRequired[str]
    """Where the rendered template goes, and no other's, relative to the program's project."""
    display_name: NotRequired[str]
    """Name shown to people."""
    description: NotRequired[str]
    """One line shown to people."""
    icon: NotRequired[pulumi.Input[str]]
    """URL or path of an icon that coderd serves."""
    use_kubeconfig: NotRequired[bool]
    """The provisioner reads ~/.kube/config instead of its service account."""
    gitlab_external_auth_id: NotRequired[str]
    """Id of GitLab among coderd's external authentication providers."""
    sizes: NotRequired[WorkspaceSizes]
    """What an owner can choose."""
    git_credentials: NotRequired[bool]
    """The agent's key may ask Coder for the GitLab token and ssh key of the owner."""
    tasks: NotRequired[bool]
    """Wire Coder Tasks."""
    claude_policy: NotRequired[ClaudeSettings]
    """Managed settings of Claude Code."""
    agent_variables: NotRequired[dict[str, str]]
    """Variables of the agent; never a secret."""
    claude_program: NotRequired[ProgramSource]
    """A Claude Code of one's own; its installer's if not given."""
    module_versions: NotRequired[RegistryModules]
    """Versions of the modules from Coder's registry."""
    provider_versions: NotRequired[TerraformProviders]
    """Versions of the Terraform providers."""
    access: NotRequired[list[TemplateGroup]]
    """Groups that may use or administer the template; left alone if not given (licensed)."""
    schedule: NotRequired[TemplateSchedule]
    """When Coder stops, sleeps and deletes workspaces."""
    organization_id: NotRequired[pulumi.Input[str]]
    """Organization of the template and its groups; the provider's if not given."""
    max_port_share_level: NotRequired[str]
    """How widely an owner may share a port: owner, authenticated, organization or public."""
    require_active_version: NotRequired[pulumi.Input[bool]]
    """A workspace starts on the active version only (licensed)."""
    cancel_workspace_jobs: NotRequired[pulumi.Input[bool]]
    """Owners may cancel a build."""
    classic_parameter_flow: NotRequired[pulumi.Input[bool]]
    """The creation form without dynamic parameters."""
    agents_allowed: NotRequired[bool]
    """Coder Agents, whose tools run outside of the jail, may use the template."""
    deprecation_message: NotRequired[pulumi.Input[str]]
    """Shown to people and stops new workspaces."""
    provisioner_tags: NotRequired[dict[str, str]]
    """Which provisioners may build the template."""


class WorkspaceTemplate(component.WorkspaceTemplate):
    """A Coder template in which Claude Code runs behind the agent firewall."""

    def __init__(
        self,
        name: str,
        args: WorkspaceTemplateInputs,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        known(WorkspaceTemplateInputs, args)
        if not isinstance(args.get("agents_allowed"), bool | None):
            # Their pod would reach every host: the policy that keeps it to Coder is not served.
            refuse("WorkspaceTemplate", ["agentsAllowed: must be true or false"])
        inputs = build(
            WorkspaceTemplateArgs,
            args,
            stack=pulumi.get_stack(),
            firewall=_firewall(args.get("firewall")),
            claude_program=_program(args.get("claude_program")),
        )
        super().__init__(name, inputs, opts)


def _firewall(given: FirewallInputs | None) -> Firewall | None:
    if given is None:
        return None
    groups = given.get("groups")
    try:
        policy = boundary.build_policy(
            # Given and empty is none: the template's own rules alone.
            boundary.DEFAULT if groups is None else groups,
            coder_host=boundary.host_of(given["coder_url"]),
            gitlab_hosts=[boundary.host_of(host) for host in given.get("gitlab_hosts") or ()],
            extra=[
                boundary.ExtraRule(rule.get("rule") or "", rule.get("why") or "")
                for rule in given.get("rules") or ()
            ],
            accept_everything=given.get("accept_everything") or False,
        )
    except boundary.PolicyError as error:
        raise ArgsError("firewall", error.problems) from None
    jail = model(
        TemplateFirewall,
        {name: value for key, value in given.items() if (name := _JAIL.get(key))},
    )
    release = given.get("boundary_version")
    problems = jail.problems(releases.BOUNDARY if release is None else release)
    refuse("firewall", (f"{key}: {problem}" for key, problem in problems))
    return build(
        Firewall,
        given,
        config=jail.config(policy, given["coder_url"]),
        jail_type=jail.jail,
        policy=policy.to_json(),
        program=_program(given.get("program")),
    )


def _program(given: ProgramSource | None) -> Program | None:
    return None if given is None else model(Program, given)
