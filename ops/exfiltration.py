"""The exfiltration report of a stack's policies, and what is doubtful in them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from components.boundary import WORST, Finding, Grade, Report, audit, exfiltration_report
from components.coder_agents import ISOLATED
from ops import past_policy
from ops.answers import Confinement

_AGENTS: Final = (
    "Coder's own agents reach every host from here: their tools run outside of the jail"
)
_ISOLATED: Final = "Coder's own agents have a pod of their own, which reaches only"


@dataclass(frozen=True)
class Assessed:
    """One confinement with its grade; without a firewall it is the worst."""

    confinement: Confinement

    @cached_property
    def report(self) -> Report | None:
        """The report, None without a firewall."""
        held = self.confinement
        if held.policy is None:
            return None
        return exfiltration_report(held.policy, held.own, held.release)

    @cached_property
    def findings(self) -> tuple[Finding, ...]:
        """What Boundary accepts in the policy but surely was not meant."""
        policy = self.confinement.policy
        return () if policy is None else audit(policy)

    @property
    def grade(self) -> Grade:
        """The grade of the worst host reached."""
        return self.report.grade if self.report else WORST

    @property
    def accepted(self) -> bool:
        """Whether the stack accepts the grade."""
        return self.grade <= self.confinement.highest_grade

    @property
    def excess(self) -> str:
        """Why the policy's grade is not accepted, empty where it is and without a policy."""
        return self.report.excess(self.confinement.highest_grade) if self.report else ""


def shown(assessed: Assessed) -> RenderableType:
    """Return the report for people."""
    confinement = assessed.confinement
    head = Text(f"{confinement.title}: exfiltration grade ", style="bold")
    head.append(assessed.grade, style="green" if assessed.accepted else "red")
    head.append(f", the stack accepts {confinement.highest_grade} at worst")
    if assessed.report is None:
        return Group(head, Text(f"every host is reached: {confinement.reason}"))
    parts: list[RenderableType] = [head]
    if assessed.report.entries:
        table = Table(box=None, pad_edge=False, header_style="bold", expand=True)
        table.add_column("Grade", no_wrap=True)
        table.add_column("Rule", overflow="fold", ratio=1)
        table.add_column("Group", no_wrap=True)
        table.add_column("What anyone may do there", overflow="fold", ratio=1)
        for entry in assessed.report.entries:
            rule = entry.rule
            row = (entry.grade, rule.rule.text or "(the empty rule)", rule.group, entry.why)
            table.add_row(*map(Text, row))
        parts.append(table)
    else:
        parts.append(Text("no rule reaches a host where anyone may publish or receive data"))
    if assessed.report.notes:
        parts.append(Text("What it opens besides", style="bold"))
        parts += [Text(f"{each.rule.rule.text}: {each.why}") for each in assessed.report.notes]
    for number, line in enumerate(past_policy.lines(confinement)):
        parts.append(Text(line, style="" if number else "bold"))
    if confinement.agents == ISOLATED:
        parts.append(Text(_ISOLATED, style="bold"))
        parts += [
            Text(f"{each.where}: {each.ports}{f' ({each.why})' if each.why else ''}")
            for each in confinement.agents_reach
        ]
    elif confinement.agents:
        parts.append(Text(_AGENTS, style="bold"))
    if assessed.findings:
        parts.append(Text("Findings", style="bold"))
        parts += [Text(f"{each.severity}: {each}") for each in assessed.findings]
    return Group(*parts)


def to_json(assessed: Assessed) -> dict[str, Any]:
    """Return the report as plain data."""
    return {
        "templates": list(assessed.confinement.templates),
        "firewall": assessed.report is not None,
        "reason": assessed.confinement.reason,
        "grade": assessed.grade,
        "highestGrade": assessed.confinement.highest_grade,
        "accepted": assessed.accepted,
        "coderAgents": assessed.confinement.agents,
        "coderAgentsReach": [
            {"where": each.where, "ports": each.ports, "reason": each.why}
            for each in assessed.confinement.agents_reach
        ],
        "entries": [
            {
                "grade": entry.grade,
                "rule": entry.rule.rule.text,
                "group": entry.rule.group,
                "hosts": list(entry.hosts),
                "why": entry.why,
            }
            for entry in (assessed.report.entries if assessed.report else ())
        ],
        "notes": [
            {"rule": note.rule.rule.text, "group": note.rule.group, "why": note.why}
            for note in (assessed.report.notes if assessed.report else ())
        ],
        "pastPolicy": past_policy.to_json(assessed.confinement),
        "findings": [
            {"severity": each.severity, "rule": each.rule, "reason": each.reason}
            for each in assessed.findings
        ],
    }
