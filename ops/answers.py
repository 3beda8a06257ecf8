"""What a stack's policies answer to requests, as plain data for machines and tables for people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final

from rich.table import Table
from rich.text import Text

from components import boundary
from components.boundary import Contract, Decision, Grade, Own, Policy, printable, shown
from components.boundary.older import as_decided
from components.coder_agents import ISOLATED, AgentsAllowed
from components.network.reach import Reached
from components.settings.model import Settings
from components.settings.templates import TemplateSettings
from ops.boundary_release import Answered, answered
from ops.network import agents_change
from ops.stack_reach import manifests
from ops.traffic import InputError, Request

_JUDGED: Final = "Boundary judges the name in such a target and sends it to the header Host"
_STYLES: Final = {"ALLOW": "green", "DENY": "red"}


@dataclass(frozen=True)
class Confinement:
    """One policy and the templates whose agents it confines.

    Attributes:
        templates: names of templates with equal policies.
        policy: None when they run without a firewall.
        reason: why there is none, else empty.
        contract: what the stack demands of the policy.
        highest_grade: the worst exfiltration grade that the stack accepts.
        own: the deployment's own hosts.
        agents: whether and from where Coder's own agents, whom no policy holds, may use the
            templates.
        release: of Boundary that confines them; empty without a firewall.
        own_program: whether the stack names a program of Boundary itself, which may be mended.
        agents_reach: what the pods reach that Coder's own agents have of their own.
    """

    templates: tuple[str, ...]
    policy: Policy | None
    reason: str
    contract: Contract
    highest_grade: Grade
    own: Own
    agents: AgentsAllowed = False
    release: str = ""
    own_program: bool = False
    agents_reach: tuple[Reached, ...] = ()

    @property
    def title(self) -> str:
        """The templates, for a heading."""
        return f"Template{'s' * (len(self.templates) > 1)} {', '.join(self.templates)}"

    @cached_property
    def decided(self) -> Policy | None:
        """The rules by which the release decides, as far as that is known."""
        return None if self.policy is None else as_decided(self.policy, self.release)

    @cached_property
    def answered(self) -> Answered | None:
        """By which release the answers are; None without a firewall."""
        return None if self.policy is None else answered(self.release, self.policy)


def confinements(settings: Settings, wanted: Sequence[str] = ()) -> tuple[Confinement, ...]:
    """Return the confinements of the wanted templates; of all that have a firewall if none named.

    A template whose firewall the emergency switch has off is among them. Raises InputError for a
    name that no template has.
    """
    names = [template.name for template in settings.templates]
    if unknown := [name for name in wanted if name not in names]:
        raise InputError(f"--template {unknown[0]!r}: no such template; there are {_list(names)}")
    chosen = [
        template
        for template in settings.templates
        if (template.name in wanted if wanted else template.firewall is not None)
    ]
    names_of: dict[Confinement, list[str]] = {}
    for template in chosen or settings.templates:
        names_of.setdefault(_confinement(settings, template), []).append(template.name)
    return tuple(replace(each, templates=tuple(names)) for each, names in names_of.items())


def _confinement(settings: Settings, template: TemplateSettings) -> Confinement:
    policy, wanted = settings.policy_of(template), settings.policy_settings_of(template)
    reason = "" if policy is not None else "the template has no firewall"
    if policy is None and template.firewall is not None:
        switch = settings.firewall
        reason = f"the firewall is switched off until {switch.until}: {switch.reason}"
    contract = settings.contract_of(wanted)
    said = template.lets_agents_in
    agents = True if said is None else said
    release = "" if policy is None else settings.workspaces.boundary_version
    accepted = wanted.highest_grade
    reached: tuple[Reached, ...] = ()
    if agents == ISOLATED:
        reached = agents_change((), manifests(settings), template.name).opened
    mended = settings.workspaces.boundary is not None
    return Confinement(
        (), policy, reason, contract, accepted, settings.own, agents, release, mended, reached
    )


def _list(names: Iterable[str]) -> str:
    return ", ".join(names)


@dataclass(frozen=True)
class Explanation:
    """The answer to one request under one confinement.

    Attributes:
        request: what was asked.
        count: how often it was asked.
        confinement: whose policy answers.
        decision: None without a firewall, where everything passes.
    """

    request: Request
    count: int
    confinement: Confinement
    decision: Decision | None

    @property
    def allowed(self) -> bool:
        """Whether the request passes."""
        return self.decision is None or self.decision.allowed

    @property
    def word(self) -> str:
        """ALLOW or DENY, as Boundary's own log says."""
        return "ALLOW" if self.allowed else "DENY"

    @property
    def past_policy(self) -> bool:
        """Whether it passes, or did, and goes to another host than it is judged by."""
        passes = self.allowed or self.request.recorded == "ALLOW"
        return self.decision is not None and passes and not self.request.addressed

    @property
    def destination(self) -> str:
        """Where it goes, in words; empty where it goes to the host of its URL, or nowhere."""
        if not self.past_policy:
            return ""
        if self.request.recorded != "ALLOW":
            return f"sent so, it goes anywhere: {_JUDGED}"
        if self.request.sent_to:
            return f"it went to {self.request.sent_to}: {_JUDGED}"
        return f"where it went is not known: {_JUDGED}, which this log does not have"

    @cached_property
    def nearest(self) -> tuple[boundary.Miss, ...]:
        """The rules that come nearest to allowing a denied request."""
        policy = self.confinement.policy
        if self.allowed or policy is None:
            return ()
        return boundary.nearest(policy, self.request.method, self.request.url)

    @property
    def reason(self) -> str:
        """Why, in one line."""
        if self.decision is None:
            return self.confinement.reason
        if self.decision.rule is not None:
            rule = self.decision.rule
            policy, decided = self.confinement.policy, self.confinement.decided
            below = decided is not policy and rule not in (policy or ())
            rest = " (a host below the rule's)" if below else ""
            return f"{rule.group}: {rule.why}{rest}"
        if self.decision.unparsable is not None:
            return f"Boundary cannot parse the URL: {self.decision.unparsable}"
        return "no rule allows it"


def answers(confinement: Confinement, requests: Mapping[Request, int]) -> tuple[Explanation, ...]:
    """Return what one confinement answers to requests with their counts."""
    policy = confinement.decided

    def decide(asked: Request) -> Decision | None:
        return None if policy is None else policy.decide(asked.method, asked.url)

    return tuple(
        Explanation(each, count, confinement, decide(each)) for each, count in requests.items()
    )


def table(found: Sequence[Explanation]) -> Table:
    """Return answers as a table; nothing in a URL is taken for markup or obeyed by a terminal."""
    shown_table = Table(box=None, pad_edge=False, header_style="bold", expand=True)
    shown_table.add_column("", no_wrap=True)
    many = any(each.count > 1 for each in found)
    if many:
        shown_table.add_column("Times", justify="right", no_wrap=True)
    shown_table.add_column("Method", no_wrap=True)
    shown_table.add_column("URL", overflow="fold", ratio=4)
    shown_table.add_column("Rule, group and why", overflow="fold", ratio=3)
    for each in found:
        word = Text(each.word, style=_STYLES[each.word])
        before = each.request.recorded
        if before and before != each.word:
            word.append(f"\nwas {before}", style="bold yellow")
        if each.past_policy:
            word.append("\npast policy", style="bold red")
        times = [Text(str(each.count))] if many else []
        asked = (Text(each.request.method), Text(shown(each.request.url)))
        shown_table.add_row(word, *times, *asked, _why(each))
    return shown_table


def _why(answer: Explanation) -> Text:
    rule = answer.decision.rule if answer.decision else None
    text = Text()
    if rule is not None:
        text.append(f"{printable(rule.rule.text) or '(the empty rule)'}\n", style="bold")
    text.append(printable(answer.reason))
    if answer.destination:
        text.append(f"\n{printable(answer.destination)}", style="bold red")
    near: dict[str, list[str]] = {}
    for miss in answer.nearest:
        near.setdefault(miss.reason, []).append(printable(miss.rule.rule.text))
    for reason, rules in near.items():
        text.append(f"\nnear {' and '.join(rules)}: {reason}", style="dim")
    return text


def to_json(answer: Explanation) -> dict[str, Any]:
    """Return an answer as plain data; credentials in the URL are hidden."""
    rule = answer.decision.rule if answer.decision else None
    return {
        "decision": answer.word,
        "method": answer.request.method,
        "url": shown(answer.request.url),
        "count": answer.count,
        "recorded": answer.request.recorded,
        "rule": rule.rule.text if rule else None,
        "group": rule.group if rule else None,
        "why": rule.why if rule else None,
        "reason": answer.reason,
        "pastPolicy": answer.past_policy,
        "destination": answer.destination or None,
        "nearest": [
            {"rule": miss.rule.rule.text, "group": miss.rule.group, "reason": miss.reason}
            for miss in answer.nearest
        ],
    }
