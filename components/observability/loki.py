"""Loki as a data source: what its tenant and labels may be; no Pulumi, as settings ask too."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from components.dashboards.log_fields import AuditField, BuildField, StreamLabel, UrlPart

TENANT_HEADER: Final = "X-Scope-OrgID"
_TENANT: Final = r"(?!\.{1,2}\Z)[A-Za-z0-9!\-_.*'()]{1,150}"


def tenant_problem(tenant: str | None, url: str | None) -> str | None:
    """Return what is wrong with the tenant of a Loki at a URL, None if nothing is.

    Loki refuses others (ValidTenantID in github.com/grafana/dskit/tenant).
    """
    if tenant is None:
        return None
    if url is None:
        return "is a header of the data source made here, and there is none: lokiUrl is null"
    if all(re.fullmatch(_TENANT, name) for name in tenant.split("|")):
        return None
    return "must be up to 150 of letters, digits and ! - _ . * ' ( ), several joined by |"


def is_selectable(value: str) -> bool:
    """Whether a query on a dashboard can ask for the value of a label."""
    # Backticks quote it, and Grafana takes a dollar for the beginning of a variable.
    return value != "" and value.isprintable() and not any(each in value for each in "`$")


_LABEL: Final = r"(?!__)[A-Za-z_][A-Za-z0-9_]*"
_TAKEN: Final = frozenset(
    {
        *(field.label for field in (*AuditField, *BuildField)),
        *UrlPart,
        # What `logql.newest` calls the time of a line.
        "seen",
    }
)


def label_problems(labels: Mapping[str, str]) -> Iterator[str]:
    """Yield what is wrong with the names that a Loki gives to stream labels.

    Args:
        labels: Name in Loki by `StreamLabel`; one that is not among them has its own.
    """
    for label, name in labels.items():
        if label not in set(StreamLabel):
            yield f"Loki has no stream label {label!r}; it has {', '.join(StreamLabel)}"
        elif not re.fullmatch(_LABEL, name):
            syntax = "letters, digits and _, without a digit or __ first"
            yield f"{label} cannot be called {name!r}: a label is {syntax}"
        elif name in _TAKEN:
            yield f"{label} cannot be called {name!r}, which queries call a field of the log"
    names = [labels.get(label, label.value) for label in StreamLabel]
    for name in sorted({name for name in names if names.count(name) > 1}):
        same = [label for label in StreamLabel if labels.get(label, label.value) == name]
        yield f"{' and '.join(same)} are both called {name!r}"
