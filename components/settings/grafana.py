"""The section `grafana`: dashboards, data sources and the database role."""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from components.dashboards.uids import UIDS as DASHBOARDS
from components.observability import grafana_defaults
from components.observability.database import SslMode
from components.releases import (
    FIREWALL_RECORDS_SINCE,
    GATEWAY_TABLES_SINCE,
    Number,
    words,
)
from components.settings.section import Flag, SettingsSection, no_map
from components.settings.types import (
    DashboardUid,
    Database,
    DatabaseHost,
    Endpoint,
    GrafanaFolder,
    GrafanaPrefix,
    GrafanaUid,
    Image,
    KubernetesName,
    LokiLabel,
    LokiValue,
    NoDuplicates,
)
from components.syntax import is_prefix


class DatabaseRole(SettingsSection):
    """Who makes the role with which Grafana reads Coder's database."""

    delivery: Literal["file", "job", "none"] = Field(
        "file",
        description="file: the SQL in a ConfigMap, for the database's owner; job: a Job runs it.",
    )
    admin_url_secret: KubernetesName | None = Field(
        None, description="Secret in Grafana's namespace with the owner's connection URL; for job."
    )
    admin_url_key: str = Field(
        grafana_defaults.ADMIN_URL_KEY, min_length=1, description="Key in that Secret."
    )
    image: Image = Field(grafana_defaults.ROLE_IMAGE, description="Has psql 14 or newer, and sh.")
    wait: Flag = Field(True, description="Wait until the Job has ended.")


class GrafanaSettings(SettingsSection):
    """Dashboards and data sources."""

    namespace: KubernetesName = Field(
        grafana_defaults.NAMESPACE, description="Namespace of Grafana."
    )
    prefix: GrafanaPrefix | None = Field(
        None,
        description="Begins every name and uid that the stack makes, where two use one Grafana.",
    )
    folder: GrafanaFolder = Field(
        grafana_defaults.FOLDER, description="Folder in Grafana; with a prefix Coder PREFIX."
    )
    dashboards: Annotated[list[DashboardUid], NoDuplicates] = Field(
        default_factory=lambda: list(DASHBOARDS),
        description="Uids; all of them if unset. cej6jysyme22oa is Prebuilds.",
    )
    database_host: DatabaseHost = Field(
        "coder-db-rw.coder.svc:5432",
        description="host:port of Coder's PostgreSQL as Grafana reaches it.",
    )
    database: Database = Field(grafana_defaults.DATABASE, description="Name of that database.")
    database_ssl_mode: SslMode = Field(
        grafana_defaults.SSL_MODE, description="Of Grafana's connection to it."
    )
    database_ca_file: str | None = Field(
        None, description="Path in Grafana's pod of the CA for verify-ca and verify-full."
    )
    database_password_revision: str | None = Field(
        None, min_length=1, description="Any text; another one has a new password made."
    )
    database_role: DatabaseRole = Field(
        DatabaseRole.model_construct(), description="Who makes the role that reads it."
    )
    loki_url: Endpoint | None = Field(
        grafana_defaults.LOKI_URL, description="Loki; null: its data source is there."
    )
    prometheus_url: Endpoint | None = Field(
        None, description="Prometheus; null: kube-prometheus-stack brings its data source."
    )
    prometheus_uid: GrafanaUid = Field(
        grafana_defaults.PROMETHEUS_UID, description="Data source uid."
    )
    loki_uid: GrafanaUid = Field(grafana_defaults.LOKI_UID, description="Data source uid.")
    postgres_uid: GrafanaUid = Field(grafana_defaults.POSTGRES_UID, description="Data source uid.")
    loki_tenant: str | None = Field(
        None, description="Loki's tenant, sent as X-Scope-OrgID; two as a|b. No secret."
    )
    loki_labels: dict[LokiLabel, str] = Field(
        default_factory=no_map,
        description="What Loki calls a stream label, if otherwise: {node_name: node}.",
    )
    firewall_records: Flag | None = Field(
        None,
        description="Coder's database has the firewall's own records (boundary_logs); unset, "
        f"Coder's release decides: {words(FIREWALL_RECORDS_SINCE)} and newer.",
    )
    loki_selector: dict[LokiLabel, LokiValue] = Field(
        default_factory=no_map, description="More stream labels of coderd's log."
    )

    @model_validator(mode="before")
    @classmethod
    def _own(cls, values: Any) -> Any:
        """Give a stack with a prefix a folder and data sources of its own, where it names none."""
        prefix = values.get("prefix") if isinstance(values, dict) else None
        if not isinstance(prefix, str) or not is_prefix(prefix):
            return values
        uids = {"postgresUid": grafana_defaults.POSTGRES_UID}
        # What the stack does not make it shares.
        if values.get("lokiUrl", grafana_defaults.LOKI_URL) is not None:
            uids["lokiUid"] = grafana_defaults.LOKI_UID
        if values.get("prometheusUrl") is not None:
            uids["prometheusUid"] = grafana_defaults.PROMETHEUS_UID
        own = {key: grafana_defaults.named(prefix, uid) for key, uid in uids.items()}
        return {"folder": grafana_defaults.folder(prefix), **own, **values}

    def has_firewall_records(self, coder: Number | None) -> bool:
        """Return whether dashboards read the firewall's own records from Coder's database.

        What the stack says decides, else Coder's release. One that is not known counts as without
        them: a panel that asks for a table that is not there shows an error, and one that does not
        ask says what to do.

        Args:
            coder: the deployment's release; None if it is not known, or nobody asked.
        """
        if self.firewall_records is not None:
            return self.firewall_records
        return coder is not None and coder >= FIREWALL_RECORDS_SINCE

    def has_gateway_tables(self, coder: Number | None) -> bool:
        """Return whether Coder's database has prices, sessions and cached tokens.

        Argument as for `has_firewall_records`; a release that is not known counts as new, as all
        but the oldest that are served have them.
        """
        newest = coder is None or coder >= GATEWAY_TABLES_SINCE
        return newest or self.has_firewall_records(coder)
