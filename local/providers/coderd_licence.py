"""What the provider refuses to make of a template when the deployment's licence lacks it.

CheckEntitlements in internal/provider/template_resource.go of coder/terraform-provider-coderd: it
looks when a template is made or changed, never at a preview, and names the first that is missing.
"""

from collections.abc import Mapping
from typing import Any, Final

from local.providers.base import ProviderError

_DAYS: Final = 7


def check(features: Mapping[str, Any], values: Mapping[str, Any], *, managed_acl: bool) -> None:
    """Refuse a template that needs what the licence does not have.

    Args:
        features: as GET /api/v2/entitlements names them.
        values: the template's properties as they are to become, defaults included.
        managed_acl: whether the access list is given.

    Raises:
        ProviderError: the first feature that is missing, and what needs it.
    """
    stop = values.get("autoStopRequirement") or {}
    scheduled = (
        bool(stop.get("daysOfWeeks"))
        or not values.get("allowUserAutoStart", True)
        or not values.get("allowUserAutoStop", True)
        or any(
            values.get(name)
            for name in ("failureTtlMs", "timeTilDormantMs", "timeTilDormantAutodeleteMs")
        )
        or len(values.get("autoStartPermittedDaysOfWeeks", range(_DAYS))) != _DAYS
    )
    shared = values.get("maxPortShareLevel")
    for needed, feature, what in (
        (scheduled, "advanced_template_scheduling", "advanced template scheduling"),
        (bool(values.get("requireActiveVersion")), "access_control", "access control"),
        (managed_acl, "template_rbac", "template access control"),
        (
            isinstance(shared, str) and shared not in ("", "public"),
            "control_shared_ports",
            "port sharing control",
        ),
    ):
        if needed and not (features.get(feature) or {}).get("enabled"):
            raise ProviderError(f"Feature not enabled: the licence does not cover {what}")
