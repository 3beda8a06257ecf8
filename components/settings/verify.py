"""The section `verify` of a stack's settings: what `python -m ops verify` asks, and where it is."""

from typing import Literal

from pydantic import Field

from components.settings.section import SettingsSection
from components.settings.types import Endpoint, Tenant

Service = Literal["grafana", "loki", "prometheus"]
"""What has a token of its own: the secret `verify.<service>`."""


class VerifySettings(SettingsSection):
    """What a verification asks besides Coder and the cluster."""

    grafana_url: Endpoint | None = Field(
        None, description="Grafana, from where verify runs; alerts.grafanaUrl if unset."
    )
    loki_url: Endpoint | None = Field(
        None, description="Loki, from where verify runs; through Grafana's data source if unset."
    )
    prometheus_url: Endpoint | None = Field(
        None, description="Prometheus; through Grafana's data source if unset."
    )
    loki_tenant: Tenant | None = Field(
        None, description="Loki's tenant where lokiUrl is set; grafana.lokiTenant if unset."
    )
    owner: str | None = Field(
        None, min_length=1, description="Another user for whom a workspace is made, too."
    )
