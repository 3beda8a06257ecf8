"""The egress policy of Coder Boundary as a plain value: decide, prove, compare, render.

Knows neither Pulumi nor the stack; every rule and decision is that of coder/boundary v0.9.0. What
only some commands do with policies is looked up when it is first asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from components.boundary.audit import Finding, audit
from components.boundary.build import ExtraRule, PolicyError, build_policy, host_of
from components.boundary.catalogue import CATALOGUE, DEFAULT, NAMES, SETS
from components.boundary.groups import Group
from components.boundary.own import Own
from components.boundary.policy import Decision, Policy, PolicyRule
from components.boundary.redaction import printable, shown
from components.boundary.rule import Rule, RuleError
from components.boundary.url import UrlError

if TYPE_CHECKING:
    from components.boundary.comparison import Comparison, Reach, compare
    from components.boundary.config import render_config
    from components.boundary.contract import Breach, Contract, Expectation
    from components.boundary.demands import with_own
    from components.boundary.exfiltration import (
        WORST,
        Entry,
        Grade,
        Note,
        Report,
        exfiltration_report,
    )
    from components.boundary.nearness import Miss, nearest
    from components.boundary.suggestion import Suggestion, Unnamed, suggest

_MODULES: Final = {
    "Comparison": "comparison",
    "Reach": "comparison",
    "compare": "comparison",
    "render_config": "config",
    "Breach": "contract",
    "Contract": "contract",
    "Expectation": "contract",
    "with_own": "demands",
    "WORST": "exfiltration",
    "Entry": "exfiltration",
    "Grade": "exfiltration",
    "Note": "exfiltration",
    "Report": "exfiltration",
    "exfiltration_report": "exfiltration",
    "Miss": "nearness",
    "nearest": "nearness",
    "Suggestion": "suggestion",
    "Unnamed": "suggestion",
    "suggest": "suggestion",
}

__all__ = [
    "CATALOGUE",
    "DEFAULT",
    "NAMES",
    "SETS",
    "WORST",
    "Breach",
    "Comparison",
    "Contract",
    "Decision",
    "Entry",
    "Expectation",
    "ExtraRule",
    "Finding",
    "Grade",
    "Group",
    "Miss",
    "Note",
    "Own",
    "Policy",
    "PolicyError",
    "PolicyRule",
    "Reach",
    "Report",
    "Rule",
    "RuleError",
    "Suggestion",
    "Unnamed",
    "UrlError",
    "audit",
    "build_policy",
    "compare",
    "exfiltration_report",
    "host_of",
    "nearest",
    "printable",
    "render_config",
    "shown",
    "suggest",
    "with_own",
]


def __getattr__(name: str) -> Any:
    """Return a name of the public face from its module."""
    module = _MODULES.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{module}"), name)
