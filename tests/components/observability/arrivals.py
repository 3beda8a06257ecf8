"""Which release of Coder brought what dashboards and alerts read, where 2.30.0 had it not.

Coder 2.30.0 is the release whose metrics, tables and log lines were recorded
(tests/recordings/coderd-2.30.0): a test holds every name against it, and what it had not has to
stand here. A deployment of an earlier release than the one named shows nothing for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, order=True)
class Release:
    """A release of Coder, by the two numbers that bring anything new."""

    major: int
    minor: int

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}"


@dataclass(frozen=True)
class Arrival:
    """What a release brought.

    Attributes:
        name: of a metric, or of a column as `table.column`.
        release: the first release that is known to have it.
        source: how that is known.
    """

    name: str
    release: Release
    source: str


# Releases leave main in the first days of a month; a change is in the next one after its merge.
_QUEUE: Final = "coder/coder#21869, of February 2026"
_LOST_LINES: Final = "coder/coder#22521, of March 2026"
_SESSIONS: Final = "coder/coder#22470, of March 2026"
_RECORDS: Final = "migration 511, on main of August 2026; not looked for in earlier releases"
_DUMP: Final = "coderd/database/dump.sql of 2.34; not looked for in 2.31 to 2.33"
_GATEWAY: Final = "docs/ai-coder/ai-gateway/monitoring of 2.36: both names from 2.35 on"
_BUDGETS: Final = "docs/ai-coder/ai-governance, cost control, of 2.36"
_DOCS: Final = "scripts/metricsdocgen of 2.34; not looked for in 2.31 to 2.33"


def _columns(table: str, release: Release, source: str, *names: str) -> tuple[Arrival, ...]:
    return tuple(Arrival(f"{table}.{name}", release, source) for name in names)


_PROVIDERS: Final = (
    "provider_info",
    "providers_last_reload_timestamp_seconds",
    "providers_last_reload_success_timestamp_seconds",
)
_REQUESTS: Final = (
    "interceptions_total",
    "interceptions_inflight",
    "interceptions_duration_seconds",
    "tokens_total",
    "injected_tool_invocations_total",
    "non_injected_tool_selections_total",
    "circuit_breaker_state",
    "circuit_breaker_trips_total",
    "circuit_breaker_rejects_total",
)

ARRIVALS: Final[tuple[Arrival, ...]] = (
    Arrival("coderd_provisioner_job_queue_wait_seconds", Release(2, 31), _QUEUE),
    Arrival("agent_boundary_log_proxy_batches_forwarded_total", Release(2, 32), _LOST_LINES),
    Arrival("agent_boundary_log_proxy_batches_dropped_total", Release(2, 32), _LOST_LINES),
    Arrival("agent_boundary_log_proxy_logs_dropped_total", Release(2, 32), _LOST_LINES),
    *(Arrival(f"coder_aibridged_{name}", Release(2, 34), _DOCS) for name in _PROVIDERS),
    *(
        Arrival(f"coder_ai_gateway_{name}", Release(2, 35), _GATEWAY)
        for name in (*_PROVIDERS, *_REQUESTS)
    ),
    *(Arrival(f"coder_aibridged_{name}", Release(2, 35), _GATEWAY) for name in _REQUESTS),
    *(
        Arrival(f"coder_ai_gateway_cost_control_{name}", Release(2, 36), _BUDGETS)
        for name in (
            "blocked_requests_total",
            "blocked_users",
            "unpriced_token_usage_records_total",
        )
    ),
    *_columns("aibridge_interceptions", Release(2, 32), _SESSIONS, "session_id"),
    *_columns(
        "aibridge_interceptions",
        Release(2, 34),
        _DUMP,
        *("provider_name", "thread_root_id", "client", "credential_kind"),
    ),
    *_columns(
        "aibridge_interceptions",
        Release(2, 38),
        _RECORDS,
        *("agent_firewall_session_id", "agent_firewall_sequence_number"),
    ),
    *_columns(
        "boundary_logs",
        Release(2, 38),
        _RECORDS,
        *("id", "session_id", "owner_id", "sequence_number", "captured_at"),
        *("proto", "method", "detail", "matched_rule"),
    ),
    *_columns("boundary_sessions", Release(2, 38), _RECORDS, "owner_id"),
    *_columns(
        "aibridge_token_usages",
        Release(2, 34),
        _DUMP,
        *("cache_read_input_tokens", "cache_write_input_tokens"),
    ),
    *_columns(
        "aibridge_model_thoughts",
        Release(2, 34),
        _DUMP,
        *("interception_id", "content", "created_at"),
    ),
    *_columns(
        "boundary_sessions",
        Release(2, 34),
        _DUMP,
        *("id", "workspace_agent_id", "confined_process_name", "started_at", "updated_at"),
    ),
    *_columns(
        "ai_model_prices",
        Release(2, 34),
        _DUMP,
        *("provider", "model", "input_price", "output_price"),
        *("cache_read_price", "cache_write_price"),
    ),
)
"""Everything that dashboards and alerts read and Coder 2.30.0 had not."""
