"""What one template's agents may reach before a change and after it."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

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
from components.boundary.older import as_decided
from components.boundary.staying import Staying
from components.coder_agents import ISOLATED, AgentsAllowed
from components.network.names import Translation
from components.network.reach import NetworkChange, Reached
from ops.boundary_release import ReleaseChange, release_change


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

    @property
    def weight(self) -> tuple[bool, bool, str]:
        """Sorts by grade; what opens besides a grade comes after the worst alone."""
        return self.grade == boundary.WORST, bool(self.why) and self.grade == "A", self.grade


@dataclass(frozen=True)
class TemplateReach:
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
        old_agents: whether and from where Coder's own agents may use it now; None if nobody said.
        new_agents: the same afterwards.
        agents_network: what the network policy changes for their pods, where they have some.
        agents_whole: all that such a pod reaches afterwards.
        old_release: release of Boundary now; None without one, or if that is not recorded.
        new_release: the same afterwards.
        old_namespace: of its pods now; None if that is not known.
        new_namespace: the same afterwards.
        left: what changes for pods that stay in the old namespace, if it is another.
        old_suspended: policy that the emergency switch has off now; None without, or not recorded.
        new_suspended: the same afterwards.
        off_unrecorded: whether nothing tells if the switch has one off now.
    """

    template: str
    before: bool
    after: bool
    old: Policy | None
    new: Policy | None
    own: Own = field(default_factory=Own)
    network: NetworkChange = field(default_factory=NetworkChange)
    by_name: Translation | None = None
    old_agents: AgentsAllowed | None = None
    new_agents: AgentsAllowed | None = None
    agents_network: NetworkChange = field(default_factory=NetworkChange)
    agents_whole: tuple[Reached, ...] = ()
    old_release: str | None = None
    new_release: str | None = None
    old_namespace: str | None = None
    new_namespace: str | None = None
    left: NetworkChange = field(default_factory=NetworkChange)
    old_suspended: Policy | None = None
    new_suspended: Policy | None = None
    off_unrecorded: bool = False

    @cached_property
    def release(self) -> ReleaseChange:
        """What another release of Boundary makes of it."""
        was = self.old if self.before else None
        return release_change(self.old_release, self.new_release, was=was, policy=self.new)

    @cached_property
    def comparison(self) -> Comparison:
        """What policies make of it; empty where a side has none."""
        if not self.after or (self.before and (self.old is None or self.new is None)):
            return Comparison((), ())
        return self._compared(self.old or Policy([]), self.new or Policy([]))

    @cached_property
    def while_off(self) -> Comparison:
        """What changes of rules that the emergency switch has off, now or afterwards.

        Agents reach every host meanwhile, so it opens nothing yet: it holds with the firewall.
        """
        old, new = self._rules
        confined = self.old is not None and self.new is not None
        if confined or not self.before or not self.after or old is None or new is None:
            return Comparison((), ())
        return self._compared(old, new)

    @property
    def _rules(self) -> tuple[Policy | None, Policy | None]:
        """The rules before and after, those too that the emergency switch has off."""
        old = self.old_suspended if self.old is None else self.old
        return old, self.new_suspended if self.new is None else self.new

    @property
    def off_unknown(self) -> bool:
        """Whether rules come or stay off that may be others than those that the switch put off."""
        there = self.before and self.after and self.old is None
        return there and self.off_unrecorded and self._rules[0] is None and bool(self._rules[1])

    @property
    def comes_on(self) -> bool:
        """Whether a firewall confines agents who reach every host now."""
        return self.before and self.after and self.old is None and self.new is not None

    def _compared(self, before: Policy, after: Policy) -> Comparison:
        old, new = self._releases
        return compare(as_decided(before, old), as_decided(after, new))

    @property
    def _releases(self) -> tuple[str | None, str | None]:
        """The releases that decide before and after."""
        # What is not recorded is taken for the other side's.
        return self.old_release or self.new_release, self.new_release or self.old_release

    def stays(self, closed: boundary.Reach) -> tuple[boundary.Reach, ...]:
        """Return what stays reached of requests that are not in all."""
        return self._staying.of(closed)

    @cached_property
    def _staying(self) -> Staying:
        new = self._rules[1] or Policy([])
        return Staying(as_decided(new, self._releases[1]))

    @cached_property
    def opened(self) -> tuple[Opened, ...]:
        """What becomes reachable, the riskiest first."""
        return self._opened(self.comparison)

    @cached_property
    def opened_while_off(self) -> tuple[Opened, ...]:
        """What becomes reachable by rules that the emergency switch has off."""
        return self._opened(self.while_off)

    def _opened(self, comparison: Comparison) -> tuple[Opened, ...]:
        old, new = self._rules
        there = set(old or ())
        reasons: dict[str, set[str]] = {}
        for each in new or ():
            if each not in there:
                host = "*" if each.rule.any_host else ".".join(each.rule.labels)
                reasons.setdefault(host, set()).add(each.why)
        # Of what opens alone nothing says whose hosts they are; the policy does.
        own = self.own | Own.named_by(new or Policy([]))
        opened = comparison.opened
        found = [_judged(entry, reasons.get(entry.host, set()), own) for entry in opened]
        return tuple(sorted(found, key=lambda each: each.weight, reverse=True))

    @property
    def firewall_removed(self) -> bool:
        """Whether agents that are confined now reach every host afterwards."""
        return self.before and self.after and self.old is not None and self.new is None

    @property
    def moves(self) -> bool:
        """Whether its pods go to another namespace, where nothing of those that are there goes."""
        places = self.old_namespace, self.new_namespace
        return self.before and self.after and all(places) and places[0] != places[1]

    @property
    def moved_to(self) -> str:
        """The namespace that its pods go to, if it is another."""
        return self.new_namespace or "" if self.moves else ""

    @property
    def leaves_open(self) -> bool:
        """Whether workspaces that are there lose their network policy by that."""
        return self.moves and self.left.opens

    @property
    def doubt_while_off(self) -> str:
        """What the headline says of rules that open more while the emergency switch has them off.

        Empty where they do not.
        """
        if not self.while_off.opened:
            return ""
        if self.new is None:
            return "the rules of a firewall that is off open more"
        return "a firewall comes back with rules that open more"

    @property
    def lets_agents_in(self) -> bool:
        """Whether Coder's own agents, whose tools run outside of the jail, pass the firewall."""
        now, then = self._isolated
        there = self.old is not None and bool(self.old_agents) and not now
        passes = self.new is not None and bool(self.new_agents) and not then
        return self.after and passes and not there

    @property
    def isolates_agents(self) -> bool:
        """Whether Coder's own agents get a pod of their own, and have none now."""
        now, then = self._isolated
        return self.after and then and not now

    @property
    def frees_agents(self) -> bool:
        """Whether pods of Coder's own agents that run lose the policy of their own."""
        now, _ = self._isolated
        return self.after and now and not self.agents_network.after

    @property
    def drops_projects(self) -> bool:
        """Whether the claims that workspaces share with Coder's own agents are deleted."""
        goes = self.old_agents == ISOLATED and self.new_agents != ISOLATED
        return self.before and self.after and goes

    @property
    def agents_reach(self) -> NetworkChange:
        """What changes for the pods of Coder's own agents; nothing where they have none."""
        _, then = self._isolated
        return self.agents_network if self.after and then else NetworkChange()

    @property
    def _isolated(self) -> tuple[bool, bool]:
        """Whether they have a pod of their own before and after; without a policy it is none."""
        policy = self.agents_network
        now = self.old_agents == ISOLATED and policy.before
        return now, self.new_agents == ISOLATED and policy.after

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
            or self.frees_agents
            or self.agents_reach.opens
            or self.network.opens
            or self.leaves_open
        )

    @property
    def gravity(self) -> tuple[bool, bool, bool]:
        """Sorts what opens everything first, then what opens something, then what changes."""
        everything = (
            self.firewall_removed,
            self.lets_agents_in,
            self.frees_agents,
            self.network.removed,
            self.leaves_open,
            self.release.doubt,
        )
        return not any(everything), not self.opens, not self.changed

    @property
    def changed(self) -> bool:
        """Whether there is anything to say."""
        return (
            self.before != self.after
            or (self.old is None) != (self.new is None)
            or not self.comparison.empty
            or not self.while_off.empty
            or self.off_unknown
            or self.lets_agents_in
            or self.keeps_agents_out
            or self.isolates_agents
            or self.frees_agents
            or self.drops_projects
            or self.agents_reach.changed
            or bool(self.release.doubt)
            or self.network.changed
            or self.moves
        )

    @cached_property
    def grades(self) -> tuple[str, str]:
        """The exfiltration grade before and after, `-` where there is no policy."""
        old, new = (report.grade if report else "-" for report in self._reports)
        return old, new

    @cached_property
    def _reports(self) -> tuple[boundary.Report | None, boundary.Report | None]:
        sides = zip((self.old, self.new), self._releases, strict=True)
        old, new = (
            None if policy is None else exfiltration_report(policy, self.own, release)
            for policy, release in sides
        )
        return old, new

    @property
    def grade_words(self) -> tuple[str, ...]:
        """What there is to say of the grade: that it changes, and that it is the worst."""
        old, new = self.grades
        grade = f"{old} → {new}" if self.old is not None else new
        change = (f"exfiltration grade {grade} (A: no host where anyone may receive)",)
        report = self._reports[1]
        ways = (
            [each.why for each in report.entries if each.grade == boundary.WORST] if report else []
        )
        leaves = tuple(f"⛔ **an agent can leave the firewall**: {why}" for why in ways[:1])
        return (change if old != new else ()) + leaves


def _judged(found: boundary.Reach, reasons: set[str], own: Own) -> Opened:
    rule = Rule(
        text="",
        methods=() if "*" in found.methods else found.methods,
        labels=() if found.host == "*" else tuple(found.host.split(".")),
        paths=() if "*" in found.paths else tuple(tuple(p[1:].split("/")) for p in found.paths),
    )
    report = exfiltration_report(Policy([PolicyRule(rule, "", "")]), own)
    worst = [each.why for each in report.entries[:1]]
    why = "; ".join((*worst, *(each.why for each in report.notes)))
    return Opened(found, report.grade, why, next(iter(reasons)) if len(reasons) == 1 else "")
