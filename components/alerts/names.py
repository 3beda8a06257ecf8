"""Names of the alerts there are; without Grafana's SDK, so that settings can be read quickly."""

from __future__ import annotations

from typing import Final

NAMES: Final = (
    "BoundaryAuditSilent",
    "BoundaryAuditUnreported",
    "BoundaryBatchesDropped",
    "BoundaryLogsDropped",
    "BoundaryDenySpike",
    "NetworkPolicyGone",
    "ClaudeCodeUnjailed",
    "BoundaryPolicyForeign",
    "JailWatchSilent",
    "AgentsAllowedBehindFirewall",
    "AIGatewayReloadFailed",
    "AIGatewayProviderError",
    "AIGatewayUnpricedUsage",
)
"""All of them, in the order of the catalogue."""
