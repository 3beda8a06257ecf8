"""WorkspaceTemplate: a Coder template rendered from the HCL of this package."""

import json
from collections.abc import Sequence
from datetime import timedelta

import pulumi
import pulumi_coderd as coderd
import pulumi_random as random

from components.workspace_template import directories
from components.workspace_template.args import Schedule, WorkspaceTemplateArgs
from components.workspace_template.render import RenderedTemplate, render


class WorkspaceTemplate(pulumi.ComponentResource):
    """A Coder template with one active version.

    Workspaces that run keep running: they take a new version at their next start.

    Attributes:
        template_id: id of the template in Coder.
        active_version_id: id of the version that new builds use.
        version_name: name of that version; changes exactly when its content does.
        policy: the firewall's rules as data, empty with the firewall off.
        agent_env: the agent's variables by name.
        access: role by group of who may use or administer it, None if that is left to Coder.
        directory: the rendered template, relative to the project's root.
    """

    template_id: pulumi.Output[str]
    active_version_id: pulumi.Output[str]
    version_name: pulumi.Output[str]
    policy: pulumi.Output[list[dict[str, str]]]
    agent_env: dict[str, str]
    access: dict[str, str] | None
    directory: str

    def __init__(
        self,
        name: str,
        args: WorkspaceTemplateArgs,
        opts: pulumi.ResourceOptions | None = None,
        *,
        after: Sequence[pulumi.Resource] = (),
    ) -> None:
        """Declare it.

        Args:
            name: of the component, and the beginning of its resources' names.
            args: what it is.
            opts: of the component.
            after: what is there before Coder has the template, and goes after it. As depends_on
                in opts it would hold back the version's name as well.

        Raises:
            OSError: The rendered template cannot be written.
            ArgsError: Another template of the run is rendered into that directory.
        """
        rendered = render(args)
        directories.take(
            args.project_root / rendered.directory, f"template {args.name!r} (component {name})"
        )
        super().__init__("firewalledcoder:index:WorkspaceTemplate", name, None, opts)
        rendered.write(args.project_root)
        self.directory = str(rendered.directory)

        version = random.RandomPet(
            f"{name}-version",
            keepers={"content": rendered.digest},
            # Words alone repeat after some hundred versions, and Coder refuses a name used before.
            prefix=rendered.digest[:8],
            opts=pulumi.ResourceOptions(parent=self),
        )
        template = coderd.Template(
            f"{name}-template",
            name=args.name,
            display_name=args.display_name or args.name,
            description=args.description,
            icon=args.icon,
            organization_id=args.organization_id,
            acl=_acl(args),
            versions=[_version(args, rendered, version.id)],
            max_port_share_level=args.max_port_share_level,
            require_active_version=args.require_active_version,
            allow_user_cancel_workspace_jobs=args.cancel_workspace_jobs,
            use_classic_parameter_flow=args.classic_parameter_flow,
            deprecation_message=args.deprecation_message,
            default_ttl_ms=_milliseconds(args.schedule.default_ttl),
            activity_bump_ms=_milliseconds(args.schedule.activity_bump),
            failure_ttl_ms=_milliseconds(args.schedule.failure_ttl),
            time_til_dormant_ms=_milliseconds(args.schedule.dormant_after),
            time_til_dormant_autodelete_ms=_milliseconds(args.schedule.delete_dormant_after),
            auto_stop_requirement=_auto_stop(args.schedule),
            auto_start_permitted_days_of_weeks=args.schedule.auto_start_days,
            allow_user_auto_start=args.schedule.user_auto_start,
            allow_user_auto_stop=args.schedule.user_auto_stop,
            **_agents_allowed(args),
            opts=pulumi.ResourceOptions(parent=self, depends_on=list(after)),
        )
        self.template_id = template.id
        self.active_version_id = template.versions.apply(lambda versions: versions[0].id)
        self.version_name = version.id
        policy = [dict(rule) for rule in args.firewall.policy] if args.firewall else []
        # Output.from_input makes an output of every text of every rule; one for all is enough.
        self.policy = pulumi.Output.from_input(None).apply(lambda _: policy)
        self.access = (
            None
            if args.access is None
            else {each.name or each.group_id: each.role for each in args.access}
        )
        self.agent_env = args.agent_env.entries()
        self.register_outputs(
            {
                "templateId": self.template_id,
                "activeVersionId": self.active_version_id,
                "versionName": self.version_name,
                "directory": self.directory,
                "access": self.access,
                "agentsAllowed": args.lets_agents_in,
                "claudePolicy": list(args.claude_policy.statements()) if args.claude_policy else [],
                "pins": dict(rendered.pins),
                "sizes": json.dumps(args.sizes.options()),
                "tasks": args.tasks,
                # Reviews read from the state what is deployed now. One text: the SDK serializes
                # each part of a list by itself, and a hundred templates have 17,500 rules.
                "policy": json.dumps(policy) if policy else "",
                "agentEnv": self.agent_env,
                **({"contract": args.contract} if args.contract else {}),
                **_suspended(args),
                "source": json.dumps(dict(rendered.source)),
                **({"boundary": json.dumps(dict(rendered.boundary))} if rendered.boundary else {}),
            }
        )


def _agents_allowed(args: WorkspaceTemplateArgs) -> dict[str, bool]:
    # Packages of coder/coderd before 0.0.25 do not know the argument.
    if args.lets_agents_in is None or not hasattr(coderd.Template, "agents_allowed"):
        return {}
    return {"agents_allowed": bool(args.lets_agents_in)}


def _suspended(args: WorkspaceTemplateArgs) -> dict[str, str]:
    rules = [dict(rule) for rule in args.suspended_policy]
    policy = {"suspendedPolicy": json.dumps(rules)} if rules else {}
    return {**policy, **({"switchedOff": args.switched_off} if args.switched_off else {})}


def _acl(args: WorkspaceTemplateArgs) -> coderd.TemplateAclArgs | None:
    if args.access is None:
        return None
    return coderd.TemplateAclArgs(
        groups=[
            coderd.TemplateAclGroupArgs(id=entry.group_id, role=entry.role)
            for entry in sorted(args.access, key=lambda entry: entry.group_id)
        ],
        users=[],
    )


def _version(
    args: WorkspaceTemplateArgs, rendered: RenderedTemplate, name: pulumi.Output[str]
) -> coderd.TemplateVersionArgs:
    return coderd.TemplateVersionArgs(
        name=name,
        message=f"content {rendered.digest[:12]}",
        directory=str(rendered.directory),
        active=True,
        tf_vars=[
            coderd.TemplateVersionTfVarArgs(name=key, value=value)
            for key, value in rendered.variables.items()
        ],
        provisioner_tags=[
            coderd.TemplateVersionProvisionerTagArgs(name=key, value=value)
            for key, value in sorted(args.provisioner_tags.items())
        ]
        or None,
    )


def _auto_stop(schedule: Schedule) -> coderd.TemplateAutoStopRequirementArgs | None:
    if schedule.auto_stop is None:
        return None
    return coderd.TemplateAutoStopRequirementArgs(
        days_of_weeks=list(schedule.auto_stop.days), weeks=schedule.auto_stop.weeks
    )


def _milliseconds(span: timedelta | None) -> int | None:
    return None if span is None else span // timedelta(milliseconds=1)
