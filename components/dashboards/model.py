"""What the dashboards may read: every log field, table, column and metric, by name and type.

Queries are built from these values alone, so a name that does not exist is an attribute error
in Python and an error of the type checker, not an empty panel. Sources: `boundary_request` lines
are written by `coderd/agentapi/boundary_logs.go` of Coder v2.34, tables are Coder's
`coderd/database/dump.sql`, metrics and their labels are in `scripts/metricsdocgen` of Coder (from
which its Prometheus page is made), kube-state-metrics and cAdvisor.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import ClassVar, overload

# Log lines in Loki ---------------------------------------------------------------------------


class StreamLabel(StrEnum):
    """The labels of a log stream in Loki. There is no `logger` label."""

    APP = "app"
    NAMESPACE = "namespace"
    POD = "pod"
    CONTAINER = "container"
    NODE_NAME = "node_name"


class Decision(StrEnum):
    """What Boundary decided about one request."""

    ALLOW = "allow"
    DENY = "deny"


AUDIT_MESSAGE = "boundary_request"
"""The message of an audit line, under the key `msg` of coderd's JSON log."""


class AuditField(StrEnum):
    """A field of a `boundary_request` line; the value is its path in the JSON document."""

    MESSAGE = "msg"
    DECISION = "fields.decision"
    WORKSPACE_ID = "fields.workspace_id"
    TEMPLATE_ID = "fields.template_id"
    TEMPLATE_VERSION_ID = "fields.template_version_id"
    HTTP_METHOD = "fields.http_method"
    HTTP_URL = "fields.http_url"
    EVENT_TIME = "fields.event_time"
    MATCHED_RULE = "fields.matched_rule"
    OWNER = "fields.owner"
    WORKSPACE_NAME = "fields.workspace_name"
    AGENT_NAME = "fields.agent_name"

    @property
    def label(self) -> str:
        """The label a query gives the field: the last step of its path."""
        return self.value.rpartition(".")[2]


class BuildField(StrEnum):
    """A field of coderd's log lines about one workspace, as its provisioner writes them.

    Source: the logger's fields in `provisionerd/runner/runner.go` of Coder v2.34.
    """

    WORKSPACE_ID = "fields.workspace_id"
    WORKSPACE_NAME = "fields.workspace_name"
    TEMPLATE_NAME = "fields.template_name"

    @property
    def label(self) -> str:
        """The label a query gives the field: the last step of its path."""
        return self.value.rpartition(".")[2]


class UrlPart(StrEnum):
    """A part of `http_url` that a query takes out with a regular expression."""

    DOMAIN = "domain"
    PATH = "path"


# Tables in Coder's PostgreSQL ----------------------------------------------------------------


@dataclass(frozen=True)
class Column:
    """One column of a table under the alias it has in one query."""

    table: str
    alias: str
    name: str
    type: str

    def __str__(self) -> str:
        return f"{self.alias}.{self.name}"


class _Declared:
    """Declares a column in a `Table` and yields it under the table's alias."""

    def __init__(self, sql_type: str) -> None:
        self.type = sql_type
        self.name = ""

    def __set_name__(self, owner: type[Table], name: str) -> None:
        self.name = name

    @overload
    def __get__(self, instance: None, owner: type[Table]) -> _Declared: ...

    @overload
    def __get__(self, instance: Table, owner: type[Table]) -> Column: ...

    def __get__(self, instance: Table | None, owner: type[Table]) -> Column | _Declared:
        if instance is None:
            return self
        return Column(owner.NAME, instance.alias, self.name, self.type)


class Table:
    """A table that the role `grafana_ro` may read, under an alias.

    `str(table)` is what stands in a FROM clause.
    """

    NAME: ClassVar[str]
    COLUMN_GRANT: ClassVar[bool] = False
    """Whether the role may read only the columns named here, as the others hold credentials."""

    def __init__(self, alias: str) -> None:
        self.alias = alias

    def __str__(self) -> str:
        return f"{self.NAME} AS {self.alias}"

    @classmethod
    def columns(cls) -> Iterator[tuple[str, str]]:
        """Yield name and PostgreSQL type of every column declared."""
        for name, value in vars(cls).items():
            if isinstance(value, _Declared):
                yield name, value.type


_UUID = "uuid"
_TEXT = "text"
_TIME = "timestamp with time zone"
_COUNT = "bigint"


class Interceptions(Table):
    """One request to a model provider that the AI Gateway intercepted."""

    NAME = "aibridge_interceptions"
    id = _Declared(_UUID)
    initiator_id = _Declared(_UUID)
    provider = _Declared(_TEXT)
    provider_name = _Declared(_TEXT)
    model = _Declared(_TEXT)
    started_at = _Declared(_TIME)
    ended_at = _Declared(_TIME)
    session_id = _Declared(_TEXT)
    thread_root_id = _Declared(_UUID)
    client = _Declared("character varying")
    metadata = _Declared("jsonb")
    credential_kind = _Declared("credential_kind")


class TokenUsages(Table):
    """Tokens of one response; `input_tokens` leaves the cached ones out."""

    NAME = "aibridge_token_usages"
    interception_id = _Declared(_UUID)
    input_tokens = _Declared(_COUNT)
    output_tokens = _Declared(_COUNT)
    cache_read_input_tokens = _Declared(_COUNT)
    cache_write_input_tokens = _Declared(_COUNT)
    created_at = _Declared(_TIME)


class UserPrompts(Table):
    """The text a user sent."""

    NAME = "aibridge_user_prompts"
    interception_id = _Declared(_UUID)
    prompt = _Declared(_TEXT)
    created_at = _Declared(_TIME)


class ToolUsages(Table):
    """One tool call; `server_url` is null for a tool that the client brought."""

    NAME = "aibridge_tool_usages"
    interception_id = _Declared(_UUID)
    tool = _Declared(_TEXT)
    server_url = _Declared(_TEXT)
    injected = _Declared("boolean")
    invocation_error = _Declared(_TEXT)
    created_at = _Declared(_TIME)


class ModelThoughts(Table):
    """The reasoning a model returned. Granted, and shown on no dashboard."""

    NAME = "aibridge_model_thoughts"
    interception_id = _Declared(_UUID)
    content = _Declared(_TEXT)
    created_at = _Declared(_TIME)


class ModelPrices(Table):
    """Prices in 1e-12 USD a token (micro-USD a million tokens); null where there is none."""

    NAME = "ai_model_prices"
    provider = _Declared(_TEXT)
    model = _Declared(_TEXT)
    input_price = _Declared(_COUNT)
    output_price = _Declared(_COUNT)
    cache_read_price = _Declared(_COUNT)
    cache_write_price = _Declared(_COUNT)


class BoundarySessions(Table):
    """One run of a confined process behind the firewall."""

    NAME = "boundary_sessions"
    id = _Declared(_UUID)
    workspace_agent_id = _Declared(_UUID)
    confined_process_name = _Declared(_TEXT)
    started_at = _Declared(_TIME)
    updated_at = _Declared(_TIME)


class Users(Table):
    """The people behind the ids; the other columns hold e-mail addresses and password hashes."""

    NAME = "users"
    COLUMN_GRANT = True
    id = _Declared(_UUID)
    username = _Declared(_TEXT)


class WorkspaceAgents(Table):
    """The agents of workspaces; the other columns hold their tokens."""

    NAME = "workspace_agents"
    COLUMN_GRANT = True
    id = _Declared(_UUID)
    name = _Declared("character varying")


class AgentMetadata(Table):
    """What agents tell of their workspaces; the other columns hold the scripts that ask."""

    NAME = "workspace_agent_metadata"
    COLUMN_GRANT = True
    workspace_agent_id = _Declared(_UUID)
    key = _Declared("character varying")
    value = _Declared("character varying")
    error = _Declared("character varying")
    collected_at = _Declared(_TIME)


class Templates(Table):
    """The templates; whether Coder's own agents may use one came with 2.37, `agents_allowed`."""

    NAME = "templates"
    id = _Declared(_UUID)
    name = _Declared("character varying")
    deleted = _Declared("boolean")


GRANTED_TABLES: tuple[type[Table], ...] = (
    Interceptions,
    TokenUsages,
    UserPrompts,
    ToolUsages,
    ModelThoughts,
    BoundarySessions,
    ModelPrices,
    Users,
    WorkspaceAgents,
    AgentMetadata,
    Templates,
)
"""All that `grafana_ro` may read, in the order of the grants."""


# Metrics in Prometheus -----------------------------------------------------------------------


class MetricKind(StrEnum):
    """Prometheus metric types."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


TARGET_LABELS = frozenset({"job", "instance", "namespace", "pod", "container", "service"})
"""Labels that the scrape adds to every series."""


@dataclass(frozen=True)
class Metric:
    """A metric and the labels it carries beside those of its scrape target.

    Attributes:
        name: As Prometheus knows it; of a histogram, without its suffixes.
        kind: Its type.
        own_labels: Labels beside those of the target.
        shared: It is one number, whichever replica of coderd reports it: each reads it from the
            database, or the one that an agent is connected to passes it on. A sum over replicas
            would count it as often as there are replicas, and a rollout would make it new.
    """

    name: str
    kind: MetricKind
    own_labels: frozenset[str] = frozenset()
    shared: bool = False

    @property
    def labels(self) -> frozenset[str]:
        """Every label a series of this metric may be selected or grouped by."""
        return self.own_labels | TARGET_LABELS


def _counter(name: str, *labels: str) -> Metric:
    return Metric(name, MetricKind.COUNTER, frozenset(labels))


def _gauge(name: str, *labels: str) -> Metric:
    return Metric(name, MetricKind.GAUGE, frozenset(labels))


def _histogram(name: str, *labels: str) -> Metric:
    return Metric(name, MetricKind.HISTOGRAM, frozenset(labels))


def _shared(metric: Metric) -> Metric:
    return replace(metric, shared=True)


_AGENT = ("username", "workspace_name", "agent_name")
# coderd adds these to what an agent reports, unless told to aggregate by fewer
# (CODER_PROMETHEUS_AGGREGATE_AGENT_STATS_BY; coderd/prometheusmetrics/aggregator.go).
_REPORTED = (*_AGENT, "template_name")
_PRESET = ("organization_name", "template_name", "preset_name")
_CONTAINER = ("namespace", "pod", "container")


class Metrics:
    """Every metric a dashboard or alert may name."""

    UP = _gauge("up")

    # Agent Firewall, re-exported by coderd from the workspace agents.
    BATCHES_FORWARDED = _shared(
        _counter("agent_boundary_log_proxy_batches_forwarded_total", *_REPORTED)
    )
    BATCHES_DROPPED = _shared(
        _counter("agent_boundary_log_proxy_batches_dropped_total", *_REPORTED, "reason")
    )
    LOGS_DROPPED = _shared(
        _counter("agent_boundary_log_proxy_logs_dropped_total", *_REPORTED, "reason")
    )

    # AI Gateway.
    PROVIDER_INFO = _gauge(
        "coder_aibridged_provider_info", "provider_name", "provider_type", "status"
    )
    PROVIDERS_LAST_RELOAD = _gauge("coder_aibridged_providers_last_reload_timestamp_seconds")
    PROVIDERS_LAST_RELOAD_SUCCESS = _gauge(
        "coder_aibridged_providers_last_reload_success_timestamp_seconds"
    )

    # coderd.
    LICENSE_ACTIVE_USERS = _gauge("coderd_license_active_users")
    LICENSE_LIMIT_USERS = _gauge("coderd_license_limit_users")
    LICENSE_USER_LIMIT_ENABLED = _gauge("coderd_license_user_limit_enabled")
    PUBSUB_RECEIVE_LATENCY = _gauge("coder_pubsub_receive_latency_seconds")
    PUBSUB_SEND_LATENCY = _gauge("coder_pubsub_send_latency_seconds")
    PUBSUB_LATENCY_ERRORS = _counter("coder_pubsub_latency_measure_errs_total")
    API_REQUESTS = _counter("coderd_api_requests_processed_total", "code", "method", "path")
    PROVISIONER_DAEMONS = _gauge("coderd_provisionerd_num_daemons")
    PROVISIONER_JOBS = _gauge("coderd_provisionerd_jobs_current", "provisioner")
    PROVISIONER_JOB_TIMINGS = _histogram(
        "coderd_provisionerd_job_timings_seconds", "provisioner", "status"
    )
    PROVISIONER_QUEUE_WAIT = _histogram(
        "coderd_provisioner_job_queue_wait_seconds",
        "provisioner_type",
        "job_type",
        "transition",
        "build_reason",
    )
    WORKSPACE_LATEST_BUILD_STATUS = _shared(
        _gauge(
            "coderd_workspace_latest_build_status",
            "status",
            "template_name",
            "template_version",
            "workspace_owner",
            "workspace_transition",
        )
    )
    WORKSPACE_BUILDS = _counter(
        "coderd_workspace_builds_total",
        "status",
        "template_name",
        "template_version",
        "workspace_name",
        "workspace_owner",
        "workspace_transition",
    )
    DB_TX_DURATION = _histogram("coderd_db_tx_duration_seconds", "success", "tx_id")

    PREBUILDS_DESIRED = _shared(_gauge("coderd_prebuilt_workspaces_desired", *_PRESET))
    PREBUILDS_ELIGIBLE = _shared(_gauge("coderd_prebuilt_workspaces_eligible", *_PRESET))
    PREBUILDS_RUNNING = _shared(_gauge("coderd_prebuilt_workspaces_running", *_PRESET))
    PREBUILDS_CLAIMED = _shared(_counter("coderd_prebuilt_workspaces_claimed_total", *_PRESET))
    PREBUILDS_CREATED = _shared(_counter("coderd_prebuilt_workspaces_created_total", *_PRESET))
    PREBUILDS_FAILED = _shared(_counter("coderd_prebuilt_workspaces_failed_total", *_PRESET))
    PREBUILD_CLAIM_DURATION = _histogram(
        "coderd_prebuilt_workspace_claim_duration_seconds", *_PRESET
    )
    WORKSPACE_CREATIONS = _shared(_counter("coderd_workspace_creation_total", *_PRESET))
    WORKSPACE_CREATION_DURATION = _histogram(
        "coderd_workspace_creation_duration_seconds", *_PRESET, "type"
    )

    AGENTS_UP = _shared(
        _gauge(
            "coderd_agents_up", "username", "workspace_name", "template_name", "template_version"
        )
    )
    AGENT_CONNECTIONS = _shared(
        _gauge("coderd_agents_connections", *_AGENT, "status", "lifecycle_state", "tailnet_node")
    )
    AGENT_LATENCIES = _shared(
        _gauge("coderd_agents_connection_latencies_seconds", *_AGENT, "derp_region", "preferred")
    )
    AGENT_STARTUP_SCRIPT = _shared(
        _gauge("coderd_agentstats_startup_script_seconds", *_REPORTED, "success")
    )
    AGENT_RX_BYTES = _shared(_gauge("coderd_agentstats_rx_bytes", *_AGENT))
    AGENT_TX_BYTES = _shared(_gauge("coderd_agentstats_tx_bytes", *_AGENT))
    AGENT_SESSIONS_JETBRAINS = _shared(_gauge("coderd_agentstats_session_count_jetbrains", *_AGENT))
    AGENT_SESSIONS_PTY = _shared(
        _gauge("coderd_agentstats_session_count_reconnecting_pty", *_AGENT)
    )
    AGENT_SESSIONS_SSH = _shared(_gauge("coderd_agentstats_session_count_ssh", *_AGENT))
    AGENT_SESSIONS_VSCODE = _shared(_gauge("coderd_agentstats_session_count_vscode", *_AGENT))

    # kube-state-metrics and cAdvisor.
    POD_REQUESTS = _gauge("kube_pod_container_resource_requests", *_CONTAINER, "resource", "unit")
    POD_LIMITS = _gauge("kube_pod_container_resource_limits", *_CONTAINER, "resource", "unit")
    POD_RESTARTS = _counter("kube_pod_container_status_restarts_total", *_CONTAINER)
    POD_TERMINATED_REASON = _gauge(
        "kube_pod_container_status_terminated_reason", *_CONTAINER, "reason"
    )
    POD_LAST_TERMINATED_REASON = _gauge(
        "kube_pod_container_status_last_terminated_reason", *_CONTAINER, "reason"
    )
    POD_READY = _gauge("kube_pod_status_ready", "namespace", "pod", "condition")
    NAMESPACE_CREATED = _gauge("kube_namespace_created", "namespace")
    NETWORK_POLICY_CREATED = _gauge("kube_networkpolicy_created", "namespace", "networkpolicy")
    CONTAINER_CPU = _counter("container_cpu_usage_seconds_total", *_CONTAINER, "image")
    CONTAINER_MEMORY = _gauge("container_memory_working_set_bytes", *_CONTAINER, "image")

    @classmethod
    def all(cls) -> Iterator[Metric]:
        """Yield every metric, in the order declared."""
        return (value for value in vars(cls).values() if isinstance(value, Metric))
