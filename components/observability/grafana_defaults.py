"""Where Grafana is and what it calls its data, unless a stack says otherwise; knows no Pulumi.

A stack with a prefix has names of its own, so that two may use one Grafana and one database.
"""

from __future__ import annotations

from typing import Final

from components.observability.database import SslMode

NAMESPACE: Final = "monitoring"
"""Of Grafana and Prometheus, as kube-prometheus-stack is usually installed."""
FOLDER: Final = "Coder"
"""Of dashboards and alerts."""

PROMETHEUS_UID: Final = "prometheus"
LOKI_UID: Final = "loki"
POSTGRES_UID: Final = "aibridge-postgres"
"""Uids of the data sources."""

LOKI_URL: Final = "http://loki.monitoring.svc:3100"
DATABASE: Final = "coder"
"""Name of Coder's database."""
SSL_MODE: Final[SslMode] = "require"
ROLE: Final = "grafana_ro"
"""The read-only role in it."""
ROLE_IMAGE: Final = "docker.io/library/postgres:15"
"""An image with psql 14 or newer and sh, which makes the role."""
ADMIN_URL_KEY: Final = "url"
"""Key of the owner's connection URL in its Secret."""

GATEWAY_TABLES: Final = True
AUDIT_COUNTERS: Final = True
"""A Coder whose release is not known has what newer ones brought (components/releases.py)."""

PASSWORD_SECRET: Final = "aigov-grafana-db"  # noqa: S105  the object's name
"""The Secret with that role's password."""
PASSWORD_VARIABLE: Final = "AIGOV_DB_PASSWORD"  # noqa: S105  the variable's name
"""Its key there, and by which Grafana and psql get it."""
ROLE_SCRIPT: Final = "grafana-ro-sql"
"""The ConfigMap with the SQL that makes the role."""

GROUP: Final = "firewalled-coder"
"""Of the alerts."""


def named(prefix: str, name: str) -> str:
    """Return a name of Kubernetes or Grafana as a stack with this prefix has it; empty is none."""
    return f"{prefix}-{name}" if prefix else name


def role(prefix: str) -> str:
    """Return the name of the database role: two stacks' passwords cannot be those of one."""
    return f"{ROLE}_{prefix.replace('-', '_')}" if prefix else ROLE


def group(prefix: str) -> str:
    """Return the name of the alerts' group, short as their uids are."""
    return f"{prefix}-coder" if prefix else GROUP


def folder(prefix: str) -> str:
    """Return the title of the folder, in which Grafana has an alert's title once."""
    return f"{FOLDER} {prefix}" if prefix else FOLDER
