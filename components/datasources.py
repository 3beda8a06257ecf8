"""Grafana's data sources, and the credential with which it reads Coder's database.

Grafana's sidecar loads every ConfigMap labelled `grafana_datasource: "1"`. The password stands in
a Secret that Grafana's pod takes its environment from; the data source names the variable, so
the ConfigMap holds no secret.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_random as random
import yaml
from pulumi_kubernetes.core.v1 import ConfigMap, Secret
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from components import syntax
from components.boundary.credentials import masked
from components.errors import refuse
from components.mark import marked
from components.observability import grafana_defaults
from components.observability.database import SslMode, ca_problem, is_database_host
from components.observability.grafana_defaults import PASSWORD_SECRET, PASSWORD_VARIABLE
from components.observability.loki import TENANT_HEADER, tenant_problem
from components.observability.provisioning import KEEPS_ONE, ORGANIZATION, literal, repeated_uids

POSTGRES_MAJOR_VERSION = 15
LOKI_MAX_LINES = 1000
DATABASE_NAME = "AI Gateway DB"
_FIRST_UIDS = frozenset(
    {grafana_defaults.LOKI_UID, grafana_defaults.PROMETHEUS_UID, grafana_defaults.POSTGRES_UID}
)


@dataclass(frozen=True)
class DataSourcesArgs:
    """Where the data is. A data source whose address is None is already there, and left alone.

    Attributes:
        namespace: Grafana's namespace.
        database_host: `host:port` of Coder's PostgreSQL, as Grafana reaches it.
        database: Its database.
        database_role: The read-only role; see `components.grafana_role`.
        loki_url: Loki's base URL.
        prometheus_url: Prometheus' base URL; kube-prometheus-stack brings this data source.
        loki_uid: Uid of the Loki data source.
        loki_tenant: Tenant of a Loki that has many, sent as X-Scope-OrgID; `a|b` reads two.
        postgres_uid: Uid of the data source of Coder's PostgreSQL.
        prometheus_uid: Uid of the Prometheus data source.
        ssl_mode: How Grafana's connection to the database is protected.
        ca_file: Path in Grafana's pod of the CA that verify-ca and verify-full need.
        database_password_revision: Any text; another one has a new password made.
        prefix: Begins the Secret's name and stands in those of the data sources and of the
            variable with the password, so that Grafana may have those of another stack too.
    """

    database_host: str
    namespace: str = grafana_defaults.NAMESPACE
    database: str = grafana_defaults.DATABASE
    database_role: str = grafana_defaults.ROLE
    loki_url: str | None = grafana_defaults.LOKI_URL
    prometheus_url: str | None = None
    loki_uid: str = grafana_defaults.LOKI_UID
    loki_tenant: str | None = None
    postgres_uid: str = grafana_defaults.POSTGRES_UID
    prometheus_uid: str = grafana_defaults.PROMETHEUS_UID
    ssl_mode: SslMode = grafana_defaults.SSL_MODE
    ca_file: str | None = None
    database_password_revision: str | None = None
    prefix: str = ""

    def __post_init__(self) -> None:
        """Refuse what Grafana would not load, or would load over another.

        Raises:
            ArgsError: A uid that is none or is given to two, or an address that is none.
        """
        refuse("data sources", self._problems())

    @property
    def secret_name(self) -> str:
        """Name of the Secret with the database password."""
        return grafana_defaults.named(self.prefix, PASSWORD_SECRET)

    @property
    def variable(self) -> str:
        """The variable in which Grafana has that password."""
        ending = f"_{self.prefix.replace('-', '_').upper()}" if self.prefix else ""
        return f"{PASSWORD_VARIABLE}{ending}"

    def _problems(self) -> Iterator[str]:
        if self.prefix and not syntax.is_prefix(self.prefix):
            yield f"prefix {self.prefix!r} {syntax.PREFIX}"
        uids = {
            name: getattr(self, name) for name in ("prometheus_uid", "loki_uid", "postgres_uid")
        }
        for uid in dict.fromkeys(uids.values()):
            if not syntax.is_grafana_uid(uid):
                yield f"uid {uid!r} is not up to 40 of letters, digits, _ and -"
        for name, first in repeated_uids(uids):
            yield f"{name} {uids[name]!r} is also {first}: {KEEPS_ONE}"
        for url in (self.loki_url, self.prometheus_url):
            if url and (problem := syntax.endpoint_problem(url)):
                yield f"URL {masked(url)!r} {problem}"
        if problem := tenant_problem(self.loki_tenant, self.loki_url):
            yield f"Loki's tenant {masked(self.loki_tenant or '')!r} {problem}"
        if problem := ca_problem(self.ssl_mode, self.ca_file):
            yield problem
        if not syntax.is_database(self.database):
            yield f"database {self.database!r} is no name of one: printable, up to 63 bytes"
        if not is_database_host(self.database_host):
            yield f"database host {masked(self.database_host)!r} is not like db.example.com:5432"

    def provisioning(self) -> dict[str, str]:
        """Return Grafana's provisioning file of each data source, by the source's uid."""
        sources = [self._postgres()]
        if self.loki_url:
            sources.append(self._loki(self.loki_url))
        if self.prometheus_url:
            sources.append(
                self._proxied("Prometheus", "prometheus", self.prometheus_uid, self.prometheus_url)
            )
        escaped = {source["uid"]: literal(source) for source in sources}
        # The one variable that is meant: Grafana fills it in when it reads the file.
        escaped[self.postgres_uid]["secureJsonData"] = {"password": f"${{{self.variable}}}"}
        files: dict[str, dict[str, Any]] = {
            uid: {"apiVersion": 1, "datasources": [one]} for uid, one in escaped.items()
        }
        for source in sources:
            if source["uid"] not in _FIRST_UIDS:
                # Grafana finds a data source by its name and refuses another uid for it, and with
                # it what follows: the one of that name goes first.
                former = [{"orgId": ORGANIZATION, "name": source["name"]}]
                files[source["uid"]]["deleteDatasources"] = former
        return {uid: yaml.safe_dump(file, sort_keys=False) for uid, file in files.items()}

    def _loki(self, url: str) -> dict[str, Any]:
        source = self._proxied("Loki", "loki", self.loki_uid, url)
        source["jsonData"] = {"maxLines": LOKI_MAX_LINES}
        if self.loki_tenant:
            source["jsonData"]["httpHeaderName1"] = TENANT_HEADER
            source["secureJsonData"] = {"httpHeaderValue1": self.loki_tenant}
        return source

    def _postgres(self) -> dict[str, Any]:
        source = self._proxied(
            DATABASE_NAME, "grafana-postgresql-datasource", self.postgres_uid, self.database_host
        )
        return {
            **source,
            "user": self.database_role,
            "jsonData": {
                "database": self.database,
                "sslmode": self.ssl_mode,
                **({"sslRootCertFile": self.ca_file} if self.ca_file else {}),
                "postgresVersion": POSTGRES_MAJOR_VERSION * 100,
                "maxOpenConns": 5,
                "maxIdleConns": 2,
                "connMaxLifetime": 14400,
            },
        }

    def _proxied(self, name: str, plugin: str, uid: str, url: str) -> dict[str, Any]:
        return {
            # Grafana finds a data source by its name.
            "name": f"{name} ({self.prefix})" if self.prefix else name,
            "type": plugin,
            "uid": uid,
            "access": "proxy",
            "url": url,
            "isDefault": False,
            "editable": False,
        }


def object_name(uid: str) -> str:
    """Return the name of a data source's ConfigMap; Grafana's own uids have upper case."""
    name = f"datasource-{uid}"
    if syntax.is_subdomain(name):
        return name
    plain = re.sub(r"[^a-z0-9]+", "-", uid.lower()).strip("-")
    digest = hashlib.sha256(uid.encode()).hexdigest()[:8]
    return "-".join(filter(None, ("datasource", plain, digest)))


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


class DataSources(pulumi.ComponentResource):
    """The data sources of the dashboards, and the database password.

    Attributes:
        password: The database password, a Pulumi secret.
        password_secret: Name of the Secret, key `AIGOV_DB_PASSWORD`, in Grafana's namespace.
        uids: Uids of the data sources made here.
    """

    password: pulumi.Output[str]
    password_secret: pulumi.Output[str]
    uids: pulumi.Output[list[str]]

    def __init__(
        self, name: str, args: DataSourcesArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("firewalledcoder:index:DataSources", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        password = random.RandomPassword(
            # Letters and digits only: Grafana would expand a `$` in it.
            f"{name}-database",
            length=40,
            special=False,
            keepers=(
                {"revision": args.database_password_revision}
                if args.database_password_revision
                else None
            ),
            opts=child,
        )
        secret = Secret(
            f"{name}-database",
            metadata=ObjectMetaArgs(
                name=args.secret_name, namespace=args.namespace, annotations=marked()
            ),
            type="Opaque",
            # Not stringData, which no object that is read back has.
            data={PASSWORD_VARIABLE: password.result.apply(_base64)},
            opts=child,
        )
        files = args.provisioning()
        for uid, text in files.items():
            ConfigMap(
                f"{name}-{uid}",
                metadata=ObjectMetaArgs(
                    name=object_name(uid),
                    namespace=args.namespace,
                    labels={"grafana_datasource": "1"},
                    annotations=marked(),
                ),
                data={f"{uid}.yaml": text},
                # Grafana refuses a data source whose password variable is not there yet.
                opts=pulumi.ResourceOptions(parent=self, depends_on=[secret]),
            )
        self.password = password.result
        self.password_secret = secret.metadata.apply(lambda metadata: str(metadata.name))
        self.uids = pulumi.Output.from_input(list(files))
        self.register_outputs({"password_secret": self.password_secret, "uids": self.uids})
