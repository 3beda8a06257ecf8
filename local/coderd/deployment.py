"""What the stand-in's deployment may do: its licence and its experiments."""

from http import HTTPStatus
from typing import Any, Final

from local.coderd.people import organization_of
from local.coderd.rest import ApiError, Call
from local.coderd.store import now

# codersdk.FeatureNames.
_FEATURES: Final = (
    *("access_control", "advanced_template_scheduling", "ai_governance_user_limit", "aibridge"),
    *("appearance", "audit_log", "boundary", "browser_only", "connection_log"),
    *("control_shared_ports", "custom_roles", "external_provisioner_daemons"),
    *("external_token_encryption", "high_availability", "managed_agent_limit"),
    *("multiple_external_auth", "multiple_organizations", "scim", "task_batch_actions"),
    *("template_rbac", "user_limit", "user_role_management", "workspace_batch_actions"),
    *("workspace_external_agent", "workspace_prebuilds", "workspace_proxy"),
)


def entitlements(call: Call) -> Any:
    """GET /entitlements: a licence for everything."""
    features = {name: {"entitlement": "entitled", "enabled": True} for name in _FEATURES}
    users = len(call.store.all("user"))
    return {
        "features": {**features, "user_limit": {**features["user_limit"], "actual": users}},
        "warnings": [],
        "errors": [],
        "has_license": True,
        "trial": False,
        "require_telemetry": False,
        "refreshed_at": now(),
    }


def experiments(call: Call) -> Any:
    """GET /experiments: none."""
    return []


def sharing(call: Call) -> Any:
    """GET /organizations/{organization}/settings/workspace-sharing: an experiment that is off."""
    organization_of(call)
    raise ApiError(
        HTTPStatus.FORBIDDEN,
        "Workspace Sharing functionality requires enabling the 'workspace-sharing' experiment.",
    )
