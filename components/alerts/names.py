"""Names of the alerts there are; without Grafana's SDK, so that settings can be read quickly."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal

Evaluator = Literal["prometheus", "grafana"]
"""Who evaluates the alerts on metrics alone: Prometheus, by a PrometheusRule, or Grafana."""
EVALUATOR: Final[Evaluator] = "prometheus"

RULE_LABELS: Final[Mapping[str, str]] = MappingProxyType({"release": "kube-prometheus-stack"})
"""Labels by which the Prometheus of that chart selects a PrometheusRule."""

LABEL: Final = (
    "must be letters, digits and _, not beginning with a digit, and not severity or alertname, "
    "which are the alerts' own"
)
_LABEL: Final = r"[A-Za-z_][A-Za-z0-9_]*\Z"


def is_label(name: str) -> bool:
    """Whether a stack may give its alerts a label of this name; `LABEL` says which it may."""
    return re.match(_LABEL, name) is not None and name not in {"severity", "alertname"}


NAMES: Final = (
    "BoundaryAuditSilent",
    "BoundaryAuditUnreported",
    "CoderMetricsMissing",
    "BoundaryBatchesDropped",
    "BoundaryLogsDropped",
    "BoundaryDenySpike",
    "BoundaryHostUnknown",
    "NetworkPolicyGone",
    "ClaudeCodeUnjailed",
    "BoundaryPolicyForeign",
    "BoundaryAuditCut",
    "JailWatchSilent",
    "JailUnwatched",
    "AgentsAllowedBehindFirewall",
    "AIGatewayReloadFailed",
    "AIGatewayProviderError",
    "AIGatewayUnpricedUsage",
)
"""All of them, in the order of the catalogue."""
