"""What a stack can pick by name: groups of rules, and sets of groups as they once were deployed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from components.boundary.groups import GROUPS, Group

CATALOGUE: Final[Mapping[str, Group]] = {group.name: group for group in GROUPS}
"""Every group by its name, in the order of the rules."""

_NOT_UNASKED: Final = ("gitlab-read", "version-control-read")

DEFAULT: Final = tuple(name for name in CATALOGUE if name not in _NOT_UNASKED)
"""The groups of a stack that picks none: all but those that narrow another one."""

# What the demonstration's rules were where the catalogue's are others now.
_AS_DEPLOYED: Final[Mapping[str, Group]] = {
    "coder": replace(
        CATALOGUE["coder"],
        why="An agent reports to Coder, and reaches models through its AI Gateway.",
        rules=("domain={coder_host}",),
    ),
    "telemetry": replace(
        CATALOGUE["telemetry"],
        rules=(
            "method=POST domain=http-intake.logs.datadoghq.com",
            "method=POST domain=http-intake.logs.us5.datadoghq.com",
        ),
    ),
    "anthropic": replace(
        CATALOGUE["anthropic"],
        why="Claude Code reaches its vendor for models, login and feature flags.",
        rules=(
            "domain=api.anthropic.com",
            "domain=statsig.anthropic.com",
            "domain=claude.ai",
            "domain=*.claude.ai",
        ),
    ),
}

SETS: Final[Mapping[str, tuple[Group, ...]]] = {
    "summit-2026": tuple(_AS_DEPLOYED.get(name, CATALOGUE[name]) for name in DEFAULT),
}
"""Groups under one name; `summit-2026` are the 175 rules of the Red Hat Summit 2026 demonstration.

With them an agent can leave the firewall: every path of Coder is open.
"""

NAMES: Final = (*CATALOGUE, *SETS)
"""What a stack's settings may call a group."""
