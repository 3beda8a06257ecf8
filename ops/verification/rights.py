"""What the stack's token has to be allowed in Coder, by what the stack declares.

Types and actions are those of coder/coder, coderd/rbac/policy/policy.go; of an organization's MCP
servers, those of docs/ai-coder/agents/platform-controls/organization-scope.md there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from components.settings.model import Settings


@dataclass(frozen=True)
class TokenRight:
    """An action on a kind of object.

    Attributes:
        kind: type of the object.
        action: what is done with it.
        of_organization: whether it belongs to the stack's organization.
        own: whether it is the user's own.
    """

    kind: str
    action: str
    of_organization: bool = False
    own: bool = False

    def asked(self, organization: str) -> dict[str, Any]:
        """Return the check that coderd is asked to make."""
        places = {"organization_id": organization} if self.of_organization else {}
        owner = {"owner_id": "me"} if self.own else {}
        return {"object": {"resource_type": self.kind, **places, **owner}, "action": self.action}


OPTIONAL: Final[Mapping[str, TokenRight]] = {
    "read the audit log": TokenRight("audit_log", "read", of_organization=True),
}
"""What verify can do without."""
UNNEEDED: Final[Mapping[str, TokenRight]] = {
    "change Coder's settings": TokenRight("deployment_config", "update"),
    "make users": TokenRight("user", "create"),
}
"""What no stack needs, of what an owner may."""

_ALWAYS: Final[Mapping[str, TokenRight]] = {
    "make templates": TokenRight("template", "create", of_organization=True),
    "update templates": TokenRight("template", "update", of_organization=True),
    "delete templates": TokenRight("template", "delete", of_organization=True),
    "make workspaces": TokenRight("workspace", "create", of_organization=True, own=True),
}
_WRITTEN: Final = (("make", "create"), ("update", "update"), ("delete", "delete"))


def needed(settings: Settings) -> dict[str, TokenRight]:
    """Return what the token has to be allowed, by what it is called."""
    gateway = settings.ai_gateway
    servers = {
        f"{word} MCP servers": TokenRight("mcp_server_config", action, of_organization=True)
        for word, action in _WRITTEN
    }
    providers = {
        f"{word} AI providers": TokenRight("ai_provider", action) for word, action in _WRITTEN
    }
    prices = {"set prices of AI models": TokenRight("ai_model_price", "update")}
    return {
        **_ALWAYS,
        **(servers if settings.mcp_servers else {}),
        **(providers if gateway.providers else {}),
        **(prices if gateway.prices else {}),
    }
