"""What a stack may name as the release of something it does not build itself."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from components.boundary.releases import LATEST, NEWEST

BOUNDARY: Final = NEWEST
"""Release of the standalone binary that the policy is proven against; 2026-04-24."""
CODER_PROVIDER: Final = "2.20.0"
KUBERNETES_PROVIDER: Final = "3.2.1"
"""Releases of coder/coder and hashicorp/kubernetes that the HCL names and was tried with."""
CLAUDE_CODE: Final[Mapping[int, str]] = {4: "4.7.3", 5: "5.4.0"}
"""Release of the module claude-code that the HCL names, by the wiring it belongs to."""
CLAUDE_CODE_PIN: Final = "module claude-code"
"""What a template registers its release of the module as."""
CODE_SERVER: Final = "1.3.1"
"""Release of the module code-server that the HCL names."""

Number = tuple[int, int, int]
MODULE_5_SINCE: Final[Number] = (2, 37, 0)
"""Coder from which on templates get module 5 unless the stack says otherwise."""
AGENTS_SINCE: Final[Number] = (2, 37, 0)
"""Coder Agents, their MCP servers, and whether they may use a template."""
AI_PROVIDERS_SINCE: Final[Number] = (2, 34, 0)
"""The AI Gateway's providers by Coder's API, not by its variables."""
BEDROCK_ROLE_SINCE: Final[Number] = (2, 35, 0)
"""A provider's IAM role for AWS Bedrock; an older Coder drops it in silence."""
BEDROCK_PROTOCOL_SINCE: Final[Number] = (2, 36, 0)
"""A provider's protocol for AWS Bedrock; an older Coder drops it in silence."""
AI_PRICES_SINCE: Final[Number] = (2, 37, 0)
"""Prices of models by Coder's API; with a licence for the AI Gateway."""
FIREWALL_RECORDS_SINCE: Final[Number] = (2, 35, 0)
"""The firewall's own records: boundary_logs, owners of sessions, an interception's session.

Inferred: Coder merged them after 2.34 (2 June 2026) and mended them for 2.35 (7 July 2026); its
documentation names no release.
"""
OLDEST_SERVED: Final[Number] = (2, 30, 0)
"""The first release of Coder that is served."""
AUDIT_COUNTERS_SINCE: Final[Number] = (2, 32, 0)
"""The agents' counters of forwarded and lost audit batches.

Inferred: Coder merged them (coder/coder#22521) in March 2026, and a release leaves main in the
first days of a month.
"""
GATEWAY_TABLES_SINCE: Final[Number] = (2, 34, 0)
"""The AI Gateway's prices, names of providers and cached tokens, and the firewall's sessions.

The release whose coderd/database/dump.sql has all of them; migrations 489 (prices) and 502
(sessions) are of May 2026.
"""
TASKS_UNTIL: Final[Number] = (2, 38, 0)
"""The first Coder without Tasks; 2.36 and 2.37 have them with CODER_ENABLE_AI_TASKS=true alone."""

_RELEASE: Final = r"(\d+)\.(\d+)\.(\d+)\Z"


def words(release: Number) -> str:
    """Return a release as people write it: 2.37.0."""
    return ".".join(map(str, release))


def is_release(text: str) -> bool:
    """Return whether `text` is three numbers, such as 1.3.1."""
    return re.match(_RELEASE, text) is not None


CLAUDE_CODE_MODULES: Final = "4.7.0 or a later 4, or 5.4.0 or a later 5"
"""The releases of the module claude-code that the HCL has a wiring for, in words."""


def is_claude_code_module(text: str) -> bool:
    """Return whether the HCL has a wiring for release `text`: 4.7 to 4.9, 5.4 and later.

    5.0 renames enable_aibridge and drops Boundary and Coder Tasks; 5.4 is the first whose managed
    settings, gateway and scripts are those of the wiring.
    """
    match = re.match(_RELEASE, text)
    number = (int(match[1]), int(match[2])) if match else (0, 0)
    return (4, 7) <= number < (5, 0) or (5, 4) <= number < (6, 0)


def wiring_of(text: str) -> int:
    """Return the wiring that a release of the module claude-code belongs to: 4 or 5."""
    return int(text.partition(".")[0])


def is_coder_provider(text: str) -> bool:
    """Return whether `text` is a release of coder/coder that has what the HCL reads: 2.13.0 on."""
    return _is_at_least(text, (2, 13, 0))


def is_kubernetes_provider(text: str) -> bool:
    """Return whether `text` is a release of hashicorp/kubernetes with its _v1 types: 2.23.0 on."""
    return _is_at_least(text, (2, 23, 0))


def _is_at_least(text: str, least: tuple[int, int, int]) -> bool:
    match = re.match(_RELEASE, text)
    return match is not None and (int(match[1]), int(match[2]), int(match[3])) >= least


def is_boundary(text: str) -> bool:
    """Return whether `text` is a release with or without `v` before it, or `latest`."""
    return text == LATEST or is_release(text.removeprefix("v"))


def boundary_tag(text: str) -> str:
    """Return a release of Boundary as its makers tag it: v0.9.0; `latest` stays."""
    return text if text == LATEST or text.startswith("v") else f"v{text}"
