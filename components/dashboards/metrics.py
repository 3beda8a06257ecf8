"""What the dashboards may read of Prometheus: every metric with its labels and kind.

Queries are built from these values alone, so a name that does not exist is an attribute error
in Python and an error of the type checker, not an empty panel. Source: `scripts/metricsdocgen` of
Coder (from which its Prometheus page is made), kube-state-metrics, cAdvisor and kubelet.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum


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
        former: Its name in earlier releases, empty if it had none. For some releases the same
            process exports both, alike; a query reads either, and never adds them up.
    """

    name: str
    kind: MetricKind
    own_labels: frozenset[str] = frozenset()
    shared: bool = False
    former: str = ""

    @property
    def names(self) -> tuple[Metric, ...]:
        """The metric under each of its names, the newest first."""
        former = (replace(self, name=self.former, former=""),) if self.former else ()
        return (replace(self, former=""), *former)

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


def _gateway(metric: Metric) -> Metric:
    """Return a metric of the AI Gateway's, whose prefix was `coder_aibridged_` until 2.36."""
    return replace(metric, former=metric.name.replace("coder_ai_gateway_", "coder_aibridged_"))


_AGENT = ("username", "workspace_name", "agent_name")
# coderd adds these to what an agent reports, unless told to aggregate by fewer
# (CODER_PROMETHEUS_AGGREGATE_AGENT_STATS_BY; coderd/prometheusmetrics/aggregator.go).
_REPORTED = (*_AGENT, "template_name")
_PRESET = ("organization_name", "template_name", "preset_name")
_CONTAINER = ("namespace", "pod", "container")
_BREAKER = ("endpoint", "model", "provider")
_CLAIM = ("namespace", "persistentvolumeclaim")


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

    # AI Gateway, in coderd and alone; budgets are kept in coderd, and came after the new names.
    PROVIDER_INFO = _gateway(
        _gauge("coder_ai_gateway_provider_info", "provider_name", "provider_type", "status")
    )
    PROVIDERS_LAST_RELOAD = _gateway(
        _gauge("coder_ai_gateway_providers_last_reload_timestamp_seconds")
    )
    PROVIDERS_LAST_RELOAD_SUCCESS = _gateway(
        _gauge("coder_ai_gateway_providers_last_reload_success_timestamp_seconds")
    )
    INTERCEPTIONS = _gateway(
        _counter(
            "coder_ai_gateway_interceptions_total",
            *("client", "initiator_id", "method", "model", "provider", "route", "status"),
        )
    )
    INTERCEPTIONS_INFLIGHT = _gateway(
        _gauge("coder_ai_gateway_interceptions_inflight", "model", "provider", "route")
    )
    INTERCEPTION_DURATION = _gateway(
        _histogram("coder_ai_gateway_interceptions_duration_seconds", "model", "provider")
    )
    TOKENS = _gateway(
        _counter(
            "coder_ai_gateway_tokens_total", "client", "initiator_id", "model", "provider", "type"
        )
    )
    INJECTED_TOOLS = _gateway(
        _counter(
            "coder_ai_gateway_injected_tool_invocations_total",
            *("model", "name", "provider", "server"),
        )
    )
    CLIENT_TOOLS = _gateway(
        _counter("coder_ai_gateway_non_injected_tool_selections_total", "model", "name", "provider")
    )
    BREAKER_STATE = _gateway(_gauge("coder_ai_gateway_circuit_breaker_state", *_BREAKER))
    BREAKER_TRIPS = _gateway(_counter("coder_ai_gateway_circuit_breaker_trips_total", *_BREAKER))
    BREAKER_REJECTS = _gateway(
        _counter("coder_ai_gateway_circuit_breaker_rejects_total", *_BREAKER)
    )
    BUDGET_BLOCKED_REQUESTS = _counter(
        "coder_ai_gateway_cost_control_blocked_requests_total", "group_id"
    )
    BUDGET_BLOCKED_USERS = _shared(
        _gauge("coder_ai_gateway_cost_control_blocked_users", "group_id")
    )
    UNPRICED_USAGE = _counter(
        "coder_ai_gateway_cost_control_unpriced_token_usage_records_total",
        *("model", "provider", "provider_type"),
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

    # kube-state-metrics, cAdvisor and kubelet.
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
    VOLUME_USED = _gauge("kubelet_volume_stats_used_bytes", *_CLAIM)
    VOLUME_CAPACITY = _gauge("kubelet_volume_stats_capacity_bytes", *_CLAIM)
    NAMESPACE_CREATED = _gauge("kube_namespace_created", "namespace")
    NETWORK_POLICY_CREATED = _gauge("kube_networkpolicy_created", "namespace", "networkpolicy")
    CONTAINER_CPU = _counter("container_cpu_usage_seconds_total", *_CONTAINER, "image")
    CONTAINER_MEMORY = _gauge("container_memory_working_set_bytes", *_CONTAINER, "image")

    @classmethod
    def all(cls) -> Iterator[Metric]:
        """Yield every metric, in the order declared."""
        return (value for value in vars(cls).values() if isinstance(value, Metric))
