"""Dashboards: one labelled ConfigMap for each, which Grafana's sidecar loads."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial

import pulumi
from pulumi_kubernetes.core.v1 import ConfigMap
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from components.coder import chart
from components.dashboards.catalogue import CATALOGUE
from components.dashboards.context import DashboardContext
from components.dashboards.log_fields import StreamLabel
from components.dashboards.uids import CONTENT, UIDS, WITH_IDS
from components.errors import refuse
from components.mark import marked
from components.observability import grafana_defaults
from components.observability.loki import is_selectable, label_problems
from components.syntax import FOLDER, is_folder, is_grafana_uid, is_subdomain
from components.workspace_template.values import NAMESPACE

CONFIG_MAP_LIMIT = 1024 * 1024
"""Bytes of data that Kubernetes allows in a ConfigMap."""


@dataclass(frozen=True)
class DashboardsArgs:
    """Which dashboards a stack gets, and where their data is.

    Attributes:
        namespace: Grafana's namespace, in which its sidecar looks for ConfigMaps.
        name_prefix: Begins the name of each ConfigMap; its dashboard's uid follows.
        uid_prefix: Begins the uid of each dashboard in Grafana, which keeps one of a uid.
        dashboards: Uids without it; all of the catalogue if not given.
        folder: The folder in Grafana.
        coder_namespace: Namespace of coderd.
        coder_deployment: Deployment of coderd.
        coder_container: Container of coderd in its pods.
        workspaces_namespace: Namespace of the workspaces.
        prometheus_uid: Uid of the Prometheus data source.
        loki_uid: Uid of the Loki data source.
        postgres_uid: Uid of the data source of Coder's PostgreSQL.
        firewall_records: Whether Coder's database has boundary_logs and what leads there, as
            `releases.FIREWALL_RECORDS_SINCE` and newer do; without it the dashboard says so in
            their place.
        gateway_tables: Whether it has the tables and columns that came with
            `releases.GATEWAY_TABLES_SINCE`, which most panels of the AI Gateway read.
        names: What people call a template or a version, by its id; other ids are shown as they are.
        loki_labels: What Loki calls a stream label, where its collector names it otherwise:
            `{"node_name": "node"}`.
        loki_selector: Value by Loki stream label of coderd's log, beside its namespace. The
            labels there are: app, namespace, pod, container, node_name.
    """

    namespace: pulumi.Input[str] = grafana_defaults.NAMESPACE
    name_prefix: str = "dashboard-"
    uid_prefix: str = ""
    dashboards: tuple[str, ...] = UIDS
    folder: str = grafana_defaults.FOLDER
    coder_namespace: str = chart.NAMESPACE
    coder_deployment: str = chart.DEPLOYMENT
    coder_container: str = chart.CONTAINER
    workspaces_namespace: str = NAMESPACE
    prometheus_uid: str = grafana_defaults.PROMETHEUS_UID
    loki_uid: str = grafana_defaults.LOKI_UID
    postgres_uid: str = grafana_defaults.POSTGRES_UID
    loki_selector: Mapping[str, str] = field(default_factory=dict)
    loki_labels: Mapping[str, str] = field(default_factory=dict)
    firewall_records: bool = False
    gateway_tables: bool = grafana_defaults.GATEWAY_TABLES
    names: pulumi.Input[Mapping[str, str]] | None = None

    def __post_init__(self) -> None:
        """Refuse what does not exist.

        Raises:
            ArgsError: A dashboard, a folder or a stream label that is none, or a dashboard twice.
        """
        problems = [
            f"{uid!r} is no dashboard; there are {', '.join(CATALOGUE)}"
            for uid in self.dashboards
            if uid not in CATALOGUE
        ]
        if len(set(self.dashboards)) != len(self.dashboards):
            problems.append("each dashboard may be named once")
        if not is_subdomain(f"{self.name_prefix}x"):
            problems.append(f"no Kubernetes name begins with {self.name_prefix!r}")
        if not all(is_grafana_uid(f"{self.uid_prefix}{uid}") for uid in CATALOGUE):
            problems.append(f"no uid of Grafana begins with {self.uid_prefix!r}, or it is too long")
        if not is_folder(self.folder):
            problems.append(f"folder {self.folder!r} {FOLDER}")
        for label, value in self.loki_selector.items():
            if label not in set(StreamLabel):
                problems.append(
                    f"Loki has no stream label {label!r}; it has {', '.join(StreamLabel)}"
                )
            elif not is_selectable(value):
                problems.append(f"no backtick, $ or line end may stand in {label}={value!r}")
        problems += label_problems(self.loki_labels)
        refuse("dashboards", problems)

    @property
    def context(self) -> DashboardContext:
        """What the queries depend on."""
        return DashboardContext(
            coder_namespace=self.coder_namespace,
            coder_deployment=self.coder_deployment,
            coder_container=self.coder_container,
            workspaces_namespace=self.workspaces_namespace,
            prometheus_uid=self.prometheus_uid,
            loki_uid=self.loki_uid,
            postgres_uid=self.postgres_uid,
            stream_labels={StreamLabel(k): v for k, v in sorted(self.loki_labels.items())},
            coder_stream={StreamLabel(k): v for k, v in sorted(self.loki_selector.items())},
            dashboards=self.dashboards,
            firewall_records=self.firewall_records,
            gateway_tables=self.gateway_tables,
            uid_prefix=self.uid_prefix,
        )

    def render(self) -> dict[str, str]:
        """Return the JSON of each dashboard by uid, ids of templates and versions as they are.

        Raises:
            ValueError: A dashboard is larger than a ConfigMap may be.
        """
        return {uid: self.rendered(uid, {}) for uid in self.dashboards}

    def rendered(self, uid: str, names: Mapping[str, str]) -> str:
        """Return the JSON of one dashboard with what is known of names; raises as `render`."""
        # By name: ids are new with each version, and the way here may lose an order.
        ordered = dict(sorted(names.items(), key=lambda each: (each[1], each[0])))
        text = CATALOGUE[uid].json(replace(self.context, names=ordered))
        if len(text.encode()) >= CONFIG_MAP_LIMIT:
            raise ValueError(f"dashboard {uid}: {len(text.encode())} bytes exceed 1 MiB")
        return text


class Dashboards(pulumi.ComponentResource):
    """The dashboards of a stack.

    Attributes:
        uids: Uids of the dashboards, in the order of the arguments.
    """

    uids: pulumi.Output[list[str]]

    def __init__(
        self, name: str, args: DashboardsArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("firewalledcoder:index:Dashboards", name, None, opts)
        for uid, plain in args.render().items():
            text: pulumi.Input[str] = plain
            annotations = marked({"grafana_folder": args.folder})
            # Only where an id is shown: the others stay known in a preview, whatever is not.
            if args.names is not None and uid in WITH_IDS:
                text = pulumi.Output.from_input(args.names).apply(partial(args.rendered, uid))
                annotations[CONTENT] = hashlib.sha256(plain.encode()).hexdigest()
            ConfigMap(
                f"{name}-{uid}",
                metadata=ObjectMetaArgs(
                    name=f"{args.name_prefix}{uid}",
                    namespace=args.namespace,
                    labels={"grafana_dashboard": "1"},
                    annotations=annotations,
                ),
                # The sidecar writes the files of a folder beside each other.
                data={f"{args.uid_prefix}{uid}.json": text},
                opts=pulumi.ResourceOptions(parent=self),
            )
        self.uids = pulumi.Output.from_input([f"{args.uid_prefix}{uid}" for uid in args.dashboards])
        self.register_outputs({"uids": self.uids})
