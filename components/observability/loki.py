"""Loki as a data source: what its tenant may be; without Pulumi, as settings ask too."""

from __future__ import annotations

import re
from typing import Final

TENANT_HEADER: Final = "X-Scope-OrgID"
_TENANT: Final = re.compile(r"(?!\.{1,2}\Z)[A-Za-z0-9!\-_.*'()]{1,150}")


def tenant_problem(tenant: str | None, url: str | None) -> str | None:
    """Return what is wrong with the tenant of a Loki at a URL, None if nothing is.

    Loki refuses others (ValidTenantID in github.com/grafana/dskit/tenant).
    """
    if tenant is None:
        return None
    if url is None:
        return "is a header of the data source made here, and there is none: lokiUrl is null"
    if all(_TENANT.fullmatch(name) for name in tenant.split("|")):
        return None
    return "must be up to 150 of letters, digits and ! - _ . * ' ( ), several joined by |"
