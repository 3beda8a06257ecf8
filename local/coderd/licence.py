"""The licence of the stand-in: which features are on, and what an unlicensed coderd refuses."""

from http import HTTPStatus
from typing import Any, Final

from local.coderd.rest import ApiError, RestCall
from local.coderd.store import Document, Store, now

# The features that Coder 2.30 names, recorded from GET /api/v2/entitlements.
FEATURES: Final = (
    *("access_control", "advanced_template_scheduling", "ai_governance_user_limit", "aibridge"),
    *("appearance", "audit_log", "boundary", "browser_only", "connection_log"),
    *("control_shared_ports", "custom_roles", "external_provisioner_daemons"),
    *("external_token_encryption", "high_availability", "managed_agent_limit"),
    *("multiple_external_auth", "multiple_organizations", "scim", "task_batch_actions"),
    *("template_rbac", "user_limit", "user_role_management", "workspace_batch_actions"),
    *("workspace_external_agent", "workspace_prebuilds", "workspace_proxy"),
)
# What coderd without a licence leaves as it is by default, whatever a request says.
_IGNORED: Final = (
    *("allow_user_autostart", "allow_user_autostop", "failure_ttl_ms", "time_til_dormant_ms"),
    *("time_til_dormant_autodelete_ms", "autostop_requirement", "autostart_requirement"),
    "require_active_version",
)


def seed(store: Store, licensed: bool) -> None:
    """Say whether the deployment has a licence; without one nothing of it is on."""
    store.put("licence", {"id": "licence", "licensed": licensed})


def is_licensed(store: Store) -> bool:
    """Whether the deployment has a licence, which then covers everything."""
    return bool((store.get("licence", "licence") or {}).get("licensed"))


def entitlements(call: RestCall) -> Any:
    """GET /entitlements."""
    licensed = is_licensed(call.store)
    feature = {
        "entitlement": "entitled" if licensed else "not_entitled",
        "enabled": licensed,
    }
    features: Document = {name: dict(feature) for name in FEATURES}
    features["user_limit"]["actual"] = len(call.store.all("user"))
    return {
        "features": features,
        "warnings": [],
        "errors": [],
        "has_license": licensed,
        "trial": False,
        "require_telemetry": False,
        "refreshed_at": now(),
    }


def require_access_lists(call: RestCall) -> None:
    """Refuse what has to do with groups and access lists without a licence."""
    if not is_licensed(call.store):
        raise ApiError(HTTPStatus.FORBIDDEN, "Template RBAC is a Premium feature. Contact sales!")


def heeded(store: Store, settings: Document) -> Document:
    """Return those of a template's settings that coderd heeds."""
    if is_licensed(store):
        return settings
    return {key: value for key, value in settings.items() if key not in _IGNORED}


def default_share_level(store: Store) -> str:
    """Return how widely ports may be shared where a template does not say."""
    return "owner" if is_licensed(store) else "public"
