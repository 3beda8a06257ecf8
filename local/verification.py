"""What a verification of the stack `local` cannot prove, since a stand-in answers."""

from collections.abc import Mapping
from typing import Final

_PODS: Final = "pods are processes of this machine, on its network"
_CLUSTER: Final = "the local cluster has no nodes, and runs nothing"
_GITLAB: Final = "there is no GitLab; the stand-in for coderd knows who has logged in"
_CLAUDE: Final = "Claude Code is a stand-in, which comes with this checkout"
_MCP: Final = "the key of the MCP server is made up"
_GRAFANA: Final = "there is no Grafana, no database of Coder's and no evaluator of rules"

STOOD_IN: Final[Mapping[str, str]] = {
    "preflight.kernel": _CLUSTER,
    "preflight.network": _CLUSTER,
    "preflight.gitlab": _GITLAB,
    "preflight.claude": _CLAUDE,
    "jail.udp": _PODS,
    "jail.peers": _PODS,
    "jail.metadata": _PODS,
    "agents.pod": _PODS,
    "agents.coderd": _PODS,
    "agents.dns": _PODS,
    "agents.public": _PODS,
    "agents.cluster": _PODS,
    "agents.metadata": _PODS,
    "mcp.handshake": _MCP,
    "mcp.tools": _MCP,
    "audit.sources": _GRAFANA,
    "audit.dashboards": _GRAFANA,
    "audit.role": _GRAFANA,
    "audit.alerts": _GRAFANA,
}
"""By id of the check, what stands in for what it asks."""
