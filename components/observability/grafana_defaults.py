"""Where Grafana is and what it calls its data, unless a stack says otherwise; knows no Pulumi."""

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
"""An image with psql 14 or newer, which makes the role."""
ADMIN_URL_KEY: Final = "url"
"""Key of the owner's connection URL in its Secret."""
