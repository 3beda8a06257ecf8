"""Which services a verification can ask, where they are, and with which token.

A token comes from the environment, else from the stack's secrets. Loki and Prometheus are asked
through Grafana's data sources unless they have an address of their own, so that one token will do.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from components.dashboards.context import DashboardContext
from components.observability.loki import TENANT_HEADER
from components.settings.model import Settings
from ops.verification.clients.grafana import Grafana
from ops.verification.clients.loki import Loki
from ops.verification.clients.prometheus import Prometheus
from ops.verification.clients.service import Service, ServiceAccess
from ops.verification.model import NotChecked
from ops.verification.redaction import Redaction

GRAFANA_RULES: Final = "/api/prometheus/grafana/api/v1/rules"
"""Where Grafana tells its own rules as Prometheus tells its."""


def variables(service: str) -> tuple[str, str]:
    """Return the environment variables with a service's address and token."""
    return f"{service.upper()}_URL", f"{service.upper()}_TOKEN"


@dataclass(frozen=True)
class Services:
    """The services that can be asked; None for one that cannot.

    Attributes:
        queries: where the stack's data is.
        grafana: Grafana.
        loki: Loki.
        prometheus: Prometheus.
        grafana_rules: the rules that Grafana evaluates.
    """

    queries: DashboardContext
    grafana: Grafana | None = None
    loki: Loki | None = None
    prometheus: Prometheus | None = None
    grafana_rules: Prometheus | None = None

    @property
    def needs_grafana(self) -> Grafana:
        """Grafana; raises NotChecked if it cannot be asked."""
        if self.grafana is None:
            raise _unknown("grafana", "verify.grafanaUrl")
        return self.grafana

    @property
    def needs_loki(self) -> Loki:
        """Loki; raises NotChecked if it cannot be asked."""
        if self.loki is None:
            raise _unknown("loki", "verify.grafanaUrl or verify.lokiUrl")
        return self.loki

    @property
    def needs_prometheus(self) -> Prometheus:
        """Prometheus; raises NotChecked if it cannot be asked."""
        if self.prometheus is None:
            raise _unknown("prometheus", "verify.grafanaUrl or verify.prometheusUrl")
        return self.prometheus


def places(
    settings: Settings, environment: Mapping[str, str], secrets: Mapping[str, str]
) -> dict[str, ServiceAccess]:
    """Return where each service is that can be asked.

    Args:
        settings: the stack's.
        environment: may have GRAFANA_URL, GRAFANA_TOKEN and so on.
        secrets: tokens of the stack, by service.
    """
    verify, grafana = settings.verify, settings.grafana
    own = {
        "grafana": verify.grafana_url or settings.alerts.grafana_url,
        "loki": verify.loki_url,
        "prometheus": verify.prometheus_url,
    }
    tenant = verify.loki_tenant or grafana.loki_tenant
    found = {}
    for name, setting in own.items():
        address, token = variables(name)
        url = environment.get(address, "").strip() or setting
        if url:
            found[name] = ServiceAccess(
                name=name.capitalize(),
                url=url,
                token=environment.get(token, "").strip() or secrets.get(name, ""),
                headers={TENANT_HEADER: tenant} if tenant and name == "loki" else {},
                credentials=f"set {token}, or the stack's secret verify.{name}",
            )
    through = found.get("grafana")
    for name, uid in (("loki", grafana.loki_uid), ("prometheus", grafana.prometheus_uid)):
        if name not in found and through:
            found[name] = ServiceAccess(
                name=f"{name.capitalize()} through Grafana",
                url=f"{through.url.rstrip('/')}/api/datasources/proxy/uid/{uid}",
                token=through.token,
                credentials=through.credentials,
            )
    return found


def connected(
    there: Mapping[str, ServiceAccess], queries: DashboardContext, redaction: Redaction
) -> Services:
    """Return what asks the services at their places."""
    services = {name: Service(place, redaction) for name, place in there.items()}
    grafana, loki, prometheus = map(services.get, ("grafana", "loki", "prometheus"))
    return Services(
        queries,
        grafana=Grafana(grafana) if grafana else None,
        loki=Loki(loki) if loki else None,
        prometheus=Prometheus(prometheus) if prometheus else None,
        grafana_rules=Prometheus(grafana, GRAFANA_RULES) if grafana else None,
    )


def _unknown(name: str, setting: str) -> NotChecked:
    address, token = variables(name)
    return NotChecked(
        f"no address of {name.capitalize()}",
        f"set {setting}, or {address} and {token}: docs/verify.md",
    )
