"""What differs between stacks: where the data is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from components.coder import chart
from components.dashboards import logql
from components.dashboards.log_fields import StreamLabel
from components.observability import grafana_defaults
from components.workspace_template.values import NAMESPACE


@dataclass(frozen=True)
class DashboardContext:
    """Names that a dashboard's queries depend on.

    Attributes:
        coder_namespace: Namespace of coderd; its log holds the audit lines.
        coder_deployment: Deployment of coderd; its pods' names begin with it.
        coder_container: Container of coderd in its pods.
        workspaces_namespace: Namespace of the workspaces.
        prometheus_uid: Uid of the Prometheus data source.
        loki_uid: Uid of the Loki data source.
        postgres_uid: Uid of the data source of Coder's PostgreSQL.
        coder_stream: Further labels of coderd's log streams in Loki, so that a query reads
            fewer of them; the namespace is always compared.
        stream_labels: What the stack's Loki calls a label, where it is another name.
        dashboards: Uids of the dashboards the stack gets; None: all. A link to another is left
            out.
        names: What people call the templates and versions that logs name by id, by that id; one
            that is not among them is shown as it is.
        firewall_records: Whether Coder keeps the firewall's requests in its database too.
        gateway_tables: Whether it has what `releases.GATEWAY_TABLES_SINCE` brought; a panel that
            reads it says in words what it needs otherwise.
        uid_prefix: What the uid of each dashboard begins with in Grafana, for the links to it.
    """

    coder_namespace: str = chart.NAMESPACE
    coder_deployment: str = chart.DEPLOYMENT
    coder_container: str = chart.CONTAINER
    workspaces_namespace: str = NAMESPACE
    prometheus_uid: str = grafana_defaults.PROMETHEUS_UID
    loki_uid: str = grafana_defaults.LOKI_UID
    postgres_uid: str = grafana_defaults.POSTGRES_UID
    coder_stream: Mapping[StreamLabel, str] = field(default_factory=dict)
    stream_labels: Mapping[StreamLabel, str] = field(default_factory=dict)
    dashboards: tuple[str, ...] | None = None
    names: Mapping[str, str] = field(default_factory=dict)
    firewall_records: bool = False
    gateway_tables: bool = grafana_defaults.GATEWAY_TABLES
    uid_prefix: str = ""

    def has(self, uid: str) -> bool:
        """Whether the stack gets a dashboard."""
        return self.dashboards is None or uid in self.dashboards

    def label(self, label: StreamLabel) -> str:
        """Return what the stack's Loki calls a label."""
        return self.stream_labels.get(label, label.value)

    def stream(
        self,
        labels: Mapping[StreamLabel, str],
        patterns: Mapping[StreamLabel, str] | None = None,
    ) -> str:
        """Return a stream selector under the names of the stack's Loki; as `logql.stream`."""
        return logql.stream(
            {self.label(label): value for label, value in labels.items()},
            {self.label(label): pattern for label, pattern in (patterns or {}).items()},
        )

    @property
    def coder_logs(self) -> str:
        """The stream selector of coderd's log."""
        return self.stream({StreamLabel.NAMESPACE: self.coder_namespace, **self.coder_stream})

    @property
    def coder_namespace_logs(self) -> str:
        """The stream selector of all logs beside coderd's, external provisioners' among them."""
        return self.stream({StreamLabel.NAMESPACE: self.coder_namespace})

    @property
    def workspace_logs(self) -> str:
        """The stream selector of the workspaces' logs."""
        return self.stream({StreamLabel.NAMESPACE: self.workspaces_namespace})
