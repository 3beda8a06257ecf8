"""Uids of the dashboards there are, each a part of its URL that never changes.

Names alone, and that of an annotation: settings can be read without Grafana's SDK, and dashboards
can link to each other.
"""

from __future__ import annotations

from typing import Final

AGENT_FIREWALL: Final = "agent-firewall"
AI_GATEWAY: Final = "ai-gateway"
CONTROL_PLANE: Final = "coderd"
PREBUILDS: Final = "cej6jysyme22oa"
"""Coder's own uid of it, kept so that links and bookmarks stay good."""
PROVISIONERS: Final = "provisionerd"
STATUS: Final = "coder-status"
WORKSPACES: Final = "workspaces"
WORKSPACE_DETAIL: Final = "workspace-detail"

UIDS: Final = (
    AGENT_FIREWALL,
    AI_GATEWAY,
    CONTROL_PLANE,
    PREBUILDS,
    PROVISIONERS,
    STATUS,
    WORKSPACES,
    WORKSPACE_DETAIL,
)
"""All of them, in the order of the catalogue."""

WITH_IDS: Final = frozenset({AGENT_FIREWALL})
"""Those that show ids of templates and versions, in place of which names can stand."""

CONTENT: Final = "firewalled-coder/content-sha256"
"""Annotation: digest of a dashboard without the names in it, which a preview may not know yet."""
