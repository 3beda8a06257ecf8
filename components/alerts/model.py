"""What an alert is, before Prometheus or Grafana is told of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from components.alerts.thresholds import Thresholds
from components.dashboards.context import DashboardContext
from components.dashboards.layout import panel_id
from components.dashboards.queries import Query
from components.observability import grafana_defaults


class Severity(StrEnum):
    """The label `severity`, by which Alertmanager and Grafana route."""

    CRITICAL = "critical"
    WARNING = "warning"


@dataclass(frozen=True)
class AlertContext:
    """What the alerts' queries depend on.

    Attributes:
        queries: Where the data is.
        thresholds: When to fire.
        confined_templates: Names of the templates whose agents run behind the firewall.
        isolated_templates: Names of those that give Coder's own agents a pod of their own.
        network_policies: Names of the workspaces' NetworkPolicies.
        audit_counters: Whether agents export counters of their audit.
        organization_id: Id of the templates' organization; empty where it is not known.
    """

    queries: DashboardContext = field(default_factory=DashboardContext)
    thresholds: Thresholds = field(default_factory=Thresholds)
    confined_templates: tuple[str, ...] = ()
    isolated_templates: tuple[str, ...] = ()
    network_policies: tuple[str, ...] = ()
    audit_counters: bool = grafana_defaults.AUDIT_COUNTERS
    organization_id: str = ""

    @property
    def of_coder(self) -> str:
        """Matcher of the label `namespace` for what this deployment's coderd exports.

        Another deployment may be in the same Prometheus. A scrape that adds no such label is taken
        for this one's: an alert that sees too much is better than one that sees nothing.
        """
        return f"=~{self.queries.coder_namespace}|"


@dataclass(frozen=True)
class PanelLink:
    """The panel to look at first.

    Attributes:
        uid: Its dashboard.
        title: Its title.
        variables: Label of the alert by variable of the dashboard to fill in with it.
    """

    uid: str
    title: str
    variables: Mapping[str, str] = field(default_factory=dict)

    @property
    def id(self) -> int:
        """Its number on the dashboard."""
        return panel_id(self.title)

    def url(self, grafana: str, prefix: str = "") -> str:
        """Return its address, with labels of the alert as template expressions."""
        filled = "".join(
            f"&var-{name}={{{{ $labels.{label} }}}}" for name, label in self.variables.items()
        )
        return f"{grafana}/d/{prefix}{self.uid}?viewPanel={self.id}{filled}"


@dataclass(frozen=True)
class Alert:
    """One alert: it holds while its queries say so.

    Attributes:
        name: CamelCase, as Prometheus' own; its anchor in docs/alerts.md in lower case.
        severity: How bad it is.
        summary: One line; may name labels as `{{ $labels.username }}`, and `{{ $value }}`.
        description: What it means and what to do.
        panel: Where to look.
        queries: By letter. One PromQL query alone has a result exactly while the alert holds, of
            positive values; several, or LogQL, are Grafana's to evaluate.
        condition: For several queries: an expression of Grafana's over their letters.
        hold_minutes: How long it has to hold before it fires.
        window_minutes: How far back the queries look.
        labels: The labels that one alert differs from another in.
        interval_seconds: Between two evaluations by Grafana, a multiple of 10.
    """

    name: str
    severity: Severity
    summary: str
    description: str
    panel: PanelLink
    queries: Mapping[str, Query]
    labels: Sequence[str] = ()
    condition: str = ""
    hold_minutes: int = 0
    window_minutes: int = 15
    interval_seconds: int = 300

    @property
    def anchor(self) -> str:
        """Its heading in docs/alerts.md, as a fragment."""
        return self.name.lower()

    @property
    def only_promql(self) -> bool:
        """Whether Prometheus can evaluate it alone."""
        return [query.kind for query in self.queries.values()] == ["prometheus"]

    def annotations(
        self, runbook: str, grafana: str, dashboards: Sequence[str], prefix: str = ""
    ) -> dict[str, str]:
        """Return what people are told.

        Args:
            runbook: Address of docs/alerts.md.
            grafana: Address of Grafana; empty for a path alone.
            dashboards: Those that the stack has; no other is linked.
            prefix: What their uids begin with in Grafana.
        """
        told = {
            "summary": self.summary,
            "description": self.description,
            "runbook_url": f"{runbook}#{self.anchor}",
        }
        if self.panel.uid in dashboards:
            told["dashboard_url"] = self.panel.url(grafana, prefix)
        return told
