"""What a preview means: reach of agents, dashboards by panel, login, what is lost.

Pure functions over plain data; `ops.report` turns the result into Markdown and JSON.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from components import boundary
from components.boundary import (
    Comparison,
    Own,
    Policy,
    PolicyRule,
    Rule,
    compare,
    exfiltration_report,
)
from components.network import NetworkChange, Translation
from ops import network
from ops.alerting import AlertChange, alert_changes
from ops.changes import Change, Step, differences, without_secrets
from ops.coderd import Coderd, coderd
from ops.panel_changes import Panels, panels
from ops.template_changes import (
    AccessChange,
    ClaudePolicyChange,
    Registered,
    access_changes,
    claude_policy_changes,
    pin_changes,
)
from ops.tokens import MCP_SERVER, TEMPLATE

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


@dataclass(frozen=True)
class Opened:
    """What becomes reachable: a host pattern, what may leave by it, and its worst use.

    Attributes:
        found: host pattern, methods and paths.
        grade: exfiltration grade of it alone, A (nobody else receives there) to H.
        why: who receives there or what it opens, empty for nothing.
        reason: why the rule is there, by its author; empty when several rules make the host.
    """

    found: boundary.Reach
    grade: str
    why: str
    reason: str = ""

    @property
    def risk(self) -> str:
        """The grade and who receives there; what opens besides a grade is told without one."""
        return f"grade {self.grade}: {self.why}" if self.grade > "A" else self.why


@dataclass(frozen=True)
class Reach:
    """What one template's agents may reach before and after; no policy is no firewall.

    Attributes:
        template: its name.
        before: whether the template is there now.
        after: whether it is there afterwards.
        old: policy now, None without a firewall.
        new: policy afterwards, None without a firewall.
        own: the deployment's own hosts.
        network: what the network policy changes for its workspaces.
        by_name: what of the policy Cilium holds them to as well, None where it does not.
        old_agents: whether Coder's own agents may use it now; None if nobody said.
        new_agents: whether they may afterwards.
    """

    template: str
    before: bool
    after: bool
    old: Policy | None
    new: Policy | None
    own: Own = field(default_factory=Own)
    network: NetworkChange = field(default_factory=NetworkChange)
    by_name: Translation | None = None
    old_agents: bool | None = None
    new_agents: bool | None = None

    @cached_property
    def comparison(self) -> Comparison:
        """What policies make of it; empty where a side has none."""
        if not self.after or (self.before and (self.old is None or self.new is None)):
            return Comparison((), ())
        return compare(self.old or Policy([]), self.new or Policy([]))

    @cached_property
    def opened(self) -> tuple[Opened, ...]:
        """What becomes reachable, the riskiest first."""
        there = set(self.old or ())
        reasons: dict[str, set[str]] = {}
        for each in self.new or ():
            if each not in there:
                host = "*" if each.rule.any_host else ".".join(each.rule.labels)
                reasons.setdefault(host, set()).add(each.why)
        # Of what opens alone nothing says whose hosts they are; the policy does.
        own = self.own | Own.named_by(self.new or Policy([]))
        opened = self.comparison.opened
        found = [_judged(entry, reasons.get(entry.host, set()), own) for entry in opened]
        return tuple(sorted(found, key=lambda each: each.grade, reverse=True))

    @property
    def firewall_removed(self) -> bool:
        """Whether agents that are confined now reach every host afterwards."""
        return self.before and self.after and self.old is not None and self.new is None

    @property
    def lets_agents_in(self) -> bool:
        """Whether Coder's own agents, whose tools run outside of the jail, pass the firewall."""
        there = self.old is not None and self.old_agents
        return self.after and self.new is not None and bool(self.new_agents) and not there

    @property
    def keeps_agents_out(self) -> bool:
        """Whether they did and do no longer."""
        return self.after and bool(self.old_agents) and self.new_agents is False

    @property
    def opens(self) -> bool:
        """Whether agents reach what they do not reach now."""
        if not self.after:
            return False
        return (
            self.firewall_removed
            or (not self.before and self.new is None)
            or bool(self.comparison.opened)
            or self.lets_agents_in
            or self.network.opens
        )

    @property
    def changed(self) -> bool:
        """Whether there is anything to say."""
        return (
            self.before != self.after
            or (self.old is None) != (self.new is None)
            or not self.comparison.empty
            or self.lets_agents_in
            or self.keeps_agents_out
            or self.network.changed
        )

    @cached_property
    def grades(self) -> tuple[str, str]:
        """The exfiltration grade before and after, `-` where there is no policy."""
        old, new = (
            exfiltration_report(policy, self.own).grade if policy is not None else "-"
            for policy in (self.old, self.new)
        )
        return old, new

    @property
    def grade_words(self) -> tuple[str, ...]:
        """What there is to say of the grade: that it changes, and that it is the worst."""
        old, new = self.grades
        grade = f"{old} → {new}" if self.old is not None else new
        change = (f"exfiltration grade {grade} (A: no host where anyone may receive)",)
        leaves = ("⛔ **an agent can leave the firewall**, through Coder itself",)
        return (change if old != new else ()) + (leaves if new == boundary.WORST else ())


def _judged(found: boundary.Reach, reasons: set[str], own: Own) -> Opened:
    rule = Rule(
        text="",
        methods=() if "*" in found.methods else found.methods,
        labels=() if found.host == "*" else tuple(found.host.split(".")),
        paths=() if "*" in found.paths else tuple(tuple(p[1:].split("/")) for p in found.paths),
    )
    report = exfiltration_report(Policy([PolicyRule(rule, "", "")]), own)
    why = [*(each.why for each in report.entries), *(each.why for each in report.notes), ""][0]
    return Opened(found, report.grade, why, next(iter(reasons)) if len(reasons) == 1 else "")


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
        old_templates: what each template registered of itself at the last update.
        new_templates: the same by the settings.
        old_coderd: what the component of coderd's variables registered at the last update.
        new_coderd: the same by the settings.
        switched_off: why, by whom and until when the firewall is off by the emergency switch.
        without_network_policy: why there is none beside a firewall.
        doubts: what is doubtful in the rules that the stack added itself.
        floating: what may be another thing tomorrow although the stack did not change.
        own: the deployment's own hosts.
    """

    name: str
    old: Mapping[str, Policy | None] = field(default_factory=dict)
    new: Mapping[str, Policy | None] = field(default_factory=dict)
    steps: tuple[Step, ...] = ()
    policies: tuple[Step, ...] = ()
    old_variables: Mapping[str, Mapping[str, str]] | None = None
    new_variables: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    old_templates: Mapping[str, Registered] = field(default_factory=dict)
    new_templates: Mapping[str, Registered] = field(default_factory=dict)
    old_coderd: Mapping[str, Any] | None = None
    new_coderd: Mapping[str, Any] | None = None
    failure: str = ""
    switched_off: str = ""
    without_network_policy: str = ""
    doubts: tuple[str, ...] = ()
    floating: tuple[str, ...] = ()
    own: Own = field(default_factory=Own)

    @cached_property
    def reaches(self) -> tuple[Reach, ...]:
        """Every template, those that open something first."""
        names = [*self.new, *(name for name in self.old if name not in self.new)]
        old, new = (
            {name: each.agents_allowed for name, each in templates.items()}
            for templates in (self.old_templates, self.new_templates)
        )
        found = [
            Reach(
                name,
                before=name in self.old,
                after=name in self.new,
                old=self.old.get(name),
                new=self.new.get(name),
                own=self.own,
                network=network.change(self.policies, name),
                by_name=network.by_name(self.policies, name, self.new.get(name)),
                old_agents=old.get(name),
                new_agents=new.get(name),
            )
            for name in names
        ]
        return tuple(sorted(found, key=lambda reach: (not reach.opens, not reach.changed)))

    @property
    def destroyed(self) -> tuple[Step, ...]:
        """What is deleted or replaced and lost by it."""
        return tuple(
            step
            for step in self.steps
            if step.op in {"delete", "replace", "discard"}
            and step.type not in _MARKERS
            and not _COMPONENT.match(step.type)
        )

    @property
    def counted(self) -> dict[str, int]:
        """How many resources of any kind of step; components, which are only names, left out."""
        counts: dict[str, int] = {}
        for step in self.steps:
            if not _COMPONENT.match(step.type):
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
        return "changes" if self.steps else "same"

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
    def claude_policies(self) -> dict[str, ClaudePolicyChange]:
        """What changes of Claude Code's managed settings, by template."""
        return claude_policy_changes(self.old_templates, self.new_templates)

    @property
    def servers(self) -> tuple[Step, ...]:
        """Steps on MCP servers."""
        return tuple(step for step in self.steps if step.type == MCP_SERVER)

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
    def coderd(self) -> Coderd:
        """Variables of coderd that differ, and whether it restarts."""
        return coderd(self.steps, self.old_coderd, self.new_coderd)

    @cached_property
    def dashboards(self) -> tuple[Panels, ...]:
        """Dashboards that differ."""
        return tuple(
            panels(step)
            for step in self.steps
            if step.type == _CONFIG_MAP and step.parent == _DASHBOARDS
        )

    @cached_property
    def alerts(self) -> tuple[AlertChange, ...]:
        """Alerts that differ, those no longer watched first."""
        return alert_changes(self.steps)
