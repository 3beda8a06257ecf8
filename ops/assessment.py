"""What a preview means: reach of agents, dashboards by panel, login, what is lost.

Pure functions over plain data; `ops.report` turns the result into Markdown and JSON.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from components.boundary import (
    Own,
    Policy,
)
from ops import drift, in_use
from ops.accepted_changes import AcceptedChange, accepted_changes, accepted_warnings
from ops.alert_labels import LabelChange, label_changes, label_warnings
from ops.alerting import AlertChange, alert_changes, alert_warnings
from ops.boundary_release import registered
from ops.changes import Change, Step, differences, without_secrets
from ops.coderd import CoderdChanges, coderd
from ops.contract_changes import Contracts, contract_changes
from ops.datasource_changes import SourceOfData, datasource_changes, datasource_warnings
from ops.drift import Drift
from ops.gateway_changes import ProviderChange, provider_changes, provider_warnings
from ops.gateway_drift import WRITTEN, WrittenProvider
from ops.guard_changes import GuardChange, guard_changes, guard_warnings
from ops.live_network import LiveNetwork
from ops.marks import is_only_marked
from ops.mcp_changes import ServerChange, server_changes, server_warnings
from ops.namespace_changes import Move, Places, move_warnings, moves
from ops.not_known import NotKnown, not_known
from ops.panel_changes import Panels, panels
from ops.program_changes import floating_warnings, pin_warnings
from ops.provider_changes import ElsewhereChange, elsewhere_changes, elsewhere_warnings
from ops.reach import TemplateReach
from ops.role_changes import role_changes, role_warnings, runs_again
from ops.size_changes import SizeChange, size_changes, size_warnings
from ops.source_changes import SourceChange, source_changes, source_warnings
from ops.stack_reach import StackReach, compared, off_unrecorded
from ops.template_changes import (
    AccessChange,
    ClaudePolicyChange,
    Registered,
    access_changes,
    claude_policy_changes,
    pin_changes,
)
from ops.template_terms import term_warnings
from ops.tokens import TEMPLATE
from ops.told import Told
from ops.variable_changes import of_new, variable_warnings
from ops.wall_changes import WallChange, wall_changes, wall_warnings

Verdict = Literal["fails", "opens", "destroys", "changes", "same"]

_CONFIG_MAP = "kubernetes:core/v1:ConfigMap"
_DASHBOARDS = "firewalledcoder:index:Dashboards"
# They hold no data: a new one marks new content, a template's version or a secret that was rotated,
# so every release replaces some, and loses nothing.
_MARKERS = frozenset(
    {
        "random:index/randomPet:RandomPet",
        "random:index/randomId:RandomId",
        "random:index/randomInteger:RandomInteger",
    }
)
_COMPONENT = re.compile(r"firewalledcoder:")
# The engine's own providers (pkg/resource/deploy/providers IsDefaultProvider).
_UNCOUNTED = re.compile(r".*::pulumi:providers:[^:]*::default[^:]*$")


@dataclass(frozen=True)
class StackPreview:
    """What is known of one stack's preview.

    Attributes:
        name: name of the stack.
        old: policy of every template by the last update, None for one without a firewall; empty
            for a stack that is not there yet.
        new: the same by the settings.
        steps: what the engine would do.
        policies: the same of every network policy, also of one that does not change.
        old_variables: variables of each template's agents by the last update, None if it has not
            recorded them.
        new_variables: the same by the settings.
        failure: why the preview failed; then nothing else is known.
        old_suspended: policies that the emergency switch has off now, by template, if recorded.
        new_suspended: the same afterwards.
        old_templates: what each template registered of itself at the last update.
        new_templates: the same by the settings.
        old_coderd: what the component of coderd's variables registered at the last update.
        new_coderd: the same by the settings.
        old_thresholds: when the alerts fire by the last update, empty if it has not recorded it.
        new_thresholds: the same by the settings.
        old_logs: in which logs alerts look for the audit by the last update, empty if it has not
            recorded it.
        new_logs: the same by the settings.
        old_guards: what guards the stack by the last update, empty if it has not recorded it.
        new_guards: the same by the settings.
        old_accepted: the reason of each policy of others that was accepted at the last update.
        new_accepted: the same by the settings.
        switched_off: why, by whom and until when the firewall is off by the emergency switch.
        without_network_policy: why there is none beside a firewall.
        doubts: what is doubtful in the rules that the stack added itself.
        floating: what may be another thing tomorrow although the stack did not change.
        own: the deployment's own hosts.
        deleted: what somebody else deleted, as far as the preview read back what is there.
        in_use: the templates that go and that people have workspaces of.
        live: what somebody else edited of the network policies, as far as they were looked at.
        places: the namespaces of the templates' pods.
        kept: the MCP servers and AI providers that nothing changes; their settings may leave out
            what Coder keeps.
        written: the AI providers that somebody wrote in Coder, as far as they were read back.
        unrecorded: what is deployed and stands in no record, a line each.
    """

    name: str
    old: Mapping[str, Policy | None] = field(default_factory=dict)
    new: Mapping[str, Policy | None] = field(default_factory=dict)
    steps: tuple[Step, ...] = ()
    policies: tuple[Step, ...] = ()
    old_suspended: Mapping[str, Policy] = field(default_factory=dict)
    new_suspended: Mapping[str, Policy] = field(default_factory=dict)
    old_variables: Mapping[str, Mapping[str, str]] | None = None
    new_variables: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    old_templates: Mapping[str, Registered] = field(default_factory=dict)
    new_templates: Mapping[str, Registered] = field(default_factory=dict)
    old_coderd: Mapping[str, Any] | None = None
    new_coderd: Mapping[str, Any] | None = None
    old_thresholds: Mapping[str, float] = field(default_factory=dict)
    new_thresholds: Mapping[str, float] = field(default_factory=dict)
    old_logs: str = ""
    new_logs: str = ""
    old_guards: Mapping[str, Any] = field(default_factory=dict)
    new_guards: Mapping[str, Any] = field(default_factory=dict)
    old_accepted: Mapping[str, str] | None = None
    new_accepted: Mapping[str, str] | None = None
    failure: str = ""
    switched_off: str = ""
    without_network_policy: str = ""
    doubts: tuple[str, ...] = ()
    floating: tuple[str, ...] = ()
    own: Own = field(default_factory=Own)
    deleted: tuple[Drift, ...] = ()
    in_use: tuple[in_use.Used, ...] = ()
    live: LiveNetwork = field(default_factory=LiveNetwork)
    places: Places = field(default_factory=Places)
    kept: tuple[Step, ...] = ()
    written: tuple[WrittenProvider, ...] = ()
    unrecorded: tuple[str, ...] = ()

    @cached_property
    def reaches(self) -> tuple[TemplateReach, ...]:
        """Every template, the gravest first."""
        old, new = (
            StackReach(
                policies,
                {name: each.agents_allowed for name, each in templates.items()},
                network,
                registered({name: each.pins for name, each in templates.items()}),
                namespaces=places,
                suspended=suspended,
                unrecorded=off_unrecorded(policies, templates),
            )
            for policies, templates, suspended, network, places in (
                (
                    self.old,
                    self.old_templates,
                    self.old_suspended,
                    tuple(step.old for step in self.policies if step.op != "create"),
                    self.places.old,
                ),
                (
                    self.new,
                    self.new_templates,
                    self.new_suspended,
                    tuple(step.new for step in self.policies if step.op != "delete"),
                    self.places.new,
                ),
            )
        )
        found = compared(old, new, self.own)
        return tuple(sorted(found, key=lambda reach: reach.gravity))

    @property
    def destroyed(self) -> tuple[Step, ...]:
        """What is deleted or replaced and lost by it."""
        return tuple(
            step
            for step in self.steps
            if step.op in {"delete", "replace", "discard"}
            and step.type not in _MARKERS
            and not _COMPONENT.match(step.type)
            and not runs_again(step)
        )

    @property
    def counted(self) -> dict[str, int]:
        """How many resources of any kind of step, as an update counts them: components too."""
        counts: dict[str, int] = {}
        for step in self.steps:
            if not _UNCOUNTED.match(step.urn):
                counts[step.op] = counts.get(step.op, 0) + 1
        return dict(sorted(counts.items()))

    @property
    def verdict(self) -> Verdict:
        """The one word that says how much care the change needs."""
        if self.failure:
            return "fails"
        if any(reach.opens for reach in self.reaches):
            return "opens"
        if self.destroyed:
            return "destroys"
        # Rules of a firewall that is off, and the day until which it is, stand in no resource.
        off = any(not reach.while_off.empty for reach in self.reaches)
        told = self.contract.changed or self.guards or self.live or self.accepted or off
        return "changes" if self.steps or told or self.walls else "same"

    @cached_property
    def warnings(self) -> tuple[str, ...]:
        """What else must not be overlooked, in words for the headline."""
        said = {
            drift.OPEN_NOW: self.is_open,
            in_use.WARNING: bool(self.in_use),
            "something is deployed that stands in no record": bool(self.unrecorded),
            "somebody deleted what the stack made": bool(self.deleted) and not self.is_open,
        }
        told = (warning for warning, holds in said.items() if holds)
        doubts = dict.fromkeys(reach.release.doubt for reach in self.reaches)
        return (
            *told,
            *self.live.warnings,
            *guard_warnings(self.guards),
            *elsewhere_warnings(self.elsewhere),
            *move_warnings(self.moves),
            *accepted_warnings(self.accepted),
            *wall_warnings(self.walls),
            *pin_warnings(self.pins),
            *floating_warnings(self.old_templates, self.new_templates, self.steps),
            *variable_warnings(self.variables),
            *source_warnings(self.source),
            *filter(None, doubts),
            *filter(None, dict.fromkeys(reach.doubt_while_off for reach in self.reaches)),
            *self.contract.warnings,
            *term_warnings(
                self.steps, self.access.values(), self.claude_policies, self.old_templates
            ),
            *size_warnings(self.sizes),
            *alert_warnings(self.alerts),
            *label_warnings(self.labels),
            *datasource_warnings(self.sources),
            *role_warnings(self.database_role),
            *server_warnings(self.servers),
            *provider_warnings(self.providers),
            *((WRITTEN,) if self.written else ()),
            *self.coderd.warnings,
        )

    @property
    def is_open(self) -> bool:
        """Whether workspaces have no network policy now because somebody deleted it."""
        return drift.is_open(self.deleted, self.reaches)

    @cached_property
    def contract(self) -> Contracts:
        """What is demanded of each template's policy, where that changes."""
        return contract_changes(self.old_templates, self.new_templates, self.old, self.own)

    @cached_property
    def guards(self) -> tuple[GuardChange, ...]:
        """What guards the stack, where that changes."""
        return guard_changes(self.old_guards, self.new_guards)

    @cached_property
    def elsewhere(self) -> tuple[ElsewhereChange, ...]:
        """The cluster and the Coder deployment, where they are named otherwise."""
        return elsewhere_changes(self.steps)

    @cached_property
    def moves(self) -> tuple[Move, ...]:
        """Templates whose pods go to another namespace."""
        return moves(self.reaches, self.steps)

    @cached_property
    def walls(self) -> tuple[WallChange, ...]:
        """What holds an agent beside the rules, where that changes."""
        found = wall_changes(self.steps, self.old_templates, self.new_templates, self.old)
        return (*found, *of_new(self.old_variables, self.new_variables))

    @cached_property
    def accepted(self) -> tuple[AcceptedChange, ...]:
        """Network policies of others that are accepted newly, no longer or for another reason."""
        return accepted_changes(self.old_accepted, self.new_accepted)

    @cached_property
    def source(self) -> tuple[SourceChange, ...]:
        """Files of the templates' source that differ."""
        return source_changes(self.old_templates, self.new_templates)

    @property
    def templates(self) -> tuple[Step, ...]:
        """Steps on templates."""
        return tuple(step for step in self.steps if step.type == TEMPLATE)

    @cached_property
    def access(self) -> dict[str, AccessChange]:
        """Who may use or administer a template, where that changes; by template."""
        return access_changes(self.old_templates, self.new_templates)

    @cached_property
    def pins(self) -> dict[str, tuple[Change, ...]]:
        """Releases that move, by template; those of a template that is new do not move."""
        return pin_changes(self.old_templates, self.new_templates)

    @cached_property
    def sizes(self) -> dict[str, tuple[SizeChange, ...]]:
        """Sizes that an owner can newly or no longer choose, by template."""
        return size_changes(self.old_templates, self.new_templates)

    @cached_property
    def not_known(self) -> tuple[NotKnown, ...]:
        """What of the templates that change one side does not record."""
        return not_known(self.templates, self.old_templates, self.new_templates)

    @cached_property
    def claude_policies(self) -> dict[str, ClaudePolicyChange]:
        """What changes of Claude Code's managed settings, by template."""
        return claude_policy_changes(self.old_templates, self.new_templates)

    @cached_property
    def servers(self) -> tuple[ServerChange, ...]:
        """MCP servers that differ, or of which Coder keeps what the settings lack."""
        return server_changes((*self.steps, *self.kept))

    @cached_property
    def providers(self) -> tuple[ProviderChange, ...]:
        """Providers of the AI Gateway that differ."""
        return provider_changes(self.steps)

    @cached_property
    def variables(self) -> dict[str, tuple[Change, ...]]:
        """Agent variables that differ, by template; empty if the old ones are not known."""
        if self.old_variables is None:
            return {}
        found = {
            name: tuple(differences(*map(without_secrets, (self.old_variables[name], variables))))
            for name, variables in self.new_variables.items()
            if name in self.old_variables
        }
        return {name: changes for name, changes in found.items() if changes}

    @cached_property
    def coderd(self) -> CoderdChanges:
        """Variables of coderd that differ, and whether it restarts."""
        return coderd(self.steps, self.old_coderd, self.new_coderd)

    @cached_property
    def dashboards(self) -> tuple[Panels, ...]:
        """Dashboards that differ."""
        return tuple(
            panels(step)
            for step in self.steps
            if step.type == _CONFIG_MAP and step.parent == _DASHBOARDS and not is_only_marked(step)
        )

    @cached_property
    def sources(self) -> tuple[SourceOfData, ...]:
        """Where Grafana's data comes from, where that changes."""
        return datasource_changes(self.steps, self.old_logs, self.new_logs)

    @cached_property
    def database_role(self) -> tuple[Told, ...]:
        """What Grafana may read of Coder's database, and the Job that makes its role."""
        return role_changes(self.steps)

    @cached_property
    def alerts(self) -> tuple[AlertChange, ...]:
        """Alerts that differ, those no longer watched first."""
        return alert_changes(self.steps, self.old_thresholds, self.new_thresholds)

    @cached_property
    def labels(self) -> tuple[LabelChange, ...]:
        """Labels of alerts that differ, of what stays."""
        return label_changes(self.steps)
