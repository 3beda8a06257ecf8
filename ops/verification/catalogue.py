"""The checks there are, in the order they are told, with the controls that each supports.

The controls are those of NIST SP 800-53 Rev. 5: AC-3 access enforcement, AC-4 information flow
enforcement, AC-6 least privilege, AU-2 event logging, AU-3 content of audit records, AU-5 response
to audit failures, AU-6 review and reporting, AU-9 protection of audit information, AU-12 record
generation, CA-7 continuous monitoring, CM-2 baseline, CM-3 change control, CM-6 settings, IA-8
identification of external users, SC-7 boundary protection with (5) deny by default, SC-39 process
isolation, SI-4 monitoring, SI-7 integrity.
"""

from __future__ import annotations

from typing import Final

from ops.verification.model import Check, CheckGroup

_CHECKS: Final = (
    Check("preflight.coder", "coderd answers", ()),
    Check("preflight.licence", "release and licence allow what the stack uses", ("CM-6",)),
    Check("preflight.token", "the token may do what verify and the stack do", ()),
    Check("preflight.agents", "Coder's own agents are kept out, or to what the network opens",
          ("AC-4", "CM-6")),
    Check("preflight.kernel", "the nodes' kernels have what the jail needs", ("SC-39", "CM-6")),
    Check("preflight.network", "the cluster enforces network policies", ("SC-7", "AC-4")),
    Check("preflight.gitlab", "GitLab and Coder's callback answer", ("IA-8",)),
    Check("preflight.images", "images have names that can be pulled", ("CM-2",)),
    Check("preflight.pins", "Boundary, the modules and the images are pinned",
          ("CM-2", "CM-6", "SI-7")),
    Check("preflight.claude", "Claude Code itself is pinned", ("CM-2", "CM-6", "SI-7")),
    Check("path.owner", "the owner is known and logged in to GitLab", ("IA-8", "AC-3")),
    Check("path.template", "the template's active version is imported", ("CM-2",)),
    Check("path.declared", "the active version is what the settings of this checkout make",
          ("CM-2", "CM-3", "CM-6", "SI-7")),
    Check("path.built", "a workspace of it is built and runs", ("CM-2",)),
    Check("path.agent", "its agent is connected and ready", ()),
    Check("path.inside", "coderd answers from inside", ()),
    Check("path.deleted", "the workspace is deleted", ()),
    Check("jail.started", "Boundary starts a jail in the workspace", ("SC-39", "SC-7")),
    Check("jail.policy", "Boundary's policy is the version's and the settings', byte for byte",
          ("AC-4", "CM-3", "CM-6", "SI-7")),
    Check("jail.claude", "Claude Code runs with Boundary above it", ("AC-4", "SC-7", "SC-39")),
    Check("jail.typed", "a typed claude runs in the jail", ("AC-4", "SC-7", "SC-39")),
    Check("jail.terminal", "no screen outside of the jail holds the workspace's terminals",
          ("AC-4", "SC-7", "SC-39")),
    Check("jail.allowed", "what must be allowed is allowed", ("AC-4",)),
    Check("jail.denied", "what must be denied is denied", ("AC-4", "SC-7", "SC-7(5)")),
    Check("jail.target", "a request goes to the host that it is judged by",
          ("AC-4", "SC-7", "SC-7(5)")),
    Check("jail.gateway", "Claude Code reaches the AI Gateway", ("AC-4",)),
    Check("jail.tcp", "the jail has no TCP but through Boundary", ("AC-4", "SC-7", "SC-7(5)")),
    Check("jail.bind", "the jail accepts no connections", ("SC-7", "SC-7(5)")),
    Check("jail.udp", "nothing outside answers the pod by UDP", ("AC-4", "SC-7", "SC-7(5)")),
    Check("jail.peers", "no other pod is reached, on the proxy's port neither", ("AC-4", "SC-7")),
    Check("jail.metadata", "the cloud's metadata service is not reached", ("AC-4", "AC-6", "SC-7")),
    Check("agents.pod", "Coder's own agents have a pod of their own", ("SC-39", "CM-6")),
    Check("agents.coderd", "Coder answers it", ()),
    Check("agents.dns", "Coder's name resolves in it", ()),
    Check("agents.public", "no public host answers it", ("AC-4", "SC-7", "SC-7(5)")),
    Check("agents.cluster", "the cluster's API does not answer it", ("AC-4", "AC-6", "SC-7")),
    Check("agents.metadata", "the cloud's metadata service does not answer it",
          ("AC-4", "AC-6", "SC-7")),
    Check("audit.denials", "the denials are in Loki within a minute, with who and what",
          ("AU-2", "AU-3", "AU-12")),
    Check("audit.metrics", "Prometheus has the agents' audit counters", ("AU-5", "AU-12", "SI-4")),
    Check("audit.sources", "Grafana's data sources are healthy", ("AU-6",)),
    Check("audit.dashboards", "every dashboard is the declared one, and its queries are answered",
          ("AU-6", "CA-7")),
    Check("audit.role", "the database role reads what it should and nothing else",
          ("AC-3", "AC-6", "AU-9")),
    Check("audit.coderd", "coderd's audit log has the version, the build and the MCP server",
          ("AU-2", "AU-12", "CM-3")),
    Check("audit.alerts", "the alerts are loaded", ("AU-5", "SI-4", "CA-7")),
    Check("mcp.registered", "the server is registered as the stack declares it, and enabled",
          ("AC-3", "CM-6")),
    Check("mcp.handshake", "the server speaks as Coder's client needs it", ()),
    Check("mcp.tools", "every allowed tool exists", ("AC-6", "CM-6")),
    Check("mcp.skipped", "coderd does not skip the server", ("SI-4",)),
)  # fmt: skip

CATALOGUE: Final = {check.id: check for check in _CHECKS}


def of(group: CheckGroup) -> tuple[Check, ...]:
    """Return the checks of a group, in order."""
    return tuple(check for check in _CHECKS if check.group is group)
