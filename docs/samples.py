"""Figures for the pictures of panels whose data is in Prometheus: one small deployment, told once.

Three replicas of coderd, forty-one users of fifty, four provisioners, one replica that ran out of
memory in the morning. Keys are a dashboard's uid and a panel's title.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tests.components.dashboards.generated import END

Key = tuple[str, str]
Span = tuple[float, float]
"""The lowest and the highest value of a series; the same twice for one that stays."""

GIB = 2.0**30
_REPLICAS = ("coder-7d4f-2x9kq", "coder-7d4f-8hmzt", "coder-7d4f-q5n2c")
_PROVISIONERS = ("coder-provisioner-5c6d-7wq2m", "coder-provisioner-5c6d-zk84t")


def _each(names: Sequence[str], *spans: Span) -> Mapping[str, Span]:
    return dict(zip(names, spans, strict=True))


STATS: Mapping[Key, float] = {
    ("agent-firewall", "Batches forwarded"): 1_184,
    ("agent-firewall", "Batches dropped"): 0,
    ("agent-firewall", "Logs dropped"): 3,
    ("agent-firewall", "Active firewall agents"): 4,
    ("agent-firewall", "Agents without a firewall"): 1,
    ("ai-gateway", "Configured providers"): 3,
    ("ai-gateway", "Provider reload status"): 1,
    ("ai-gateway", "Last successful reload"): (END.timestamp() - 14 * 60) * 1000,
    ("coderd", "Replicas up"): 3,
    ("coderd", "Replicas down"): 0,
    ("coderd", "Licence in use"): 0.82,
    ("coderd", "Active users"): 41,
    ("coderd", "User limit"): 50,
    ("coderd", "User limit enforced"): 1,
    ("coderd", "Restarts"): 1,
    ("coderd", "Pubsub send median"): 0.0041,
    ("coderd", "Pubsub receive median"): 0.0063,
    ("coderd", "Pubsub send p90"): 0.0119,
    ("coderd", "Pubsub receive p90"): 0.0182,
    ("coderd", "Pubsub errors"): 0,
    ("provisionerd", "Built-in provisioners"): 0,
    ("provisionerd", "External provisioners"): 8,
    ("provisionerd", "Jobs running"): 3,
    ("provisionerd", "Daemons busy"): 0.375,
    ("provisionerd", "Time in queue, median"): 0.4,
    ("provisionerd", "Time in queue, p90"): 12.6,
    ("provisionerd", "Jobs finished"): 96,
    ("provisionerd", "Jobs failed"): 3,
    ("provisionerd", "Job time, median"): 41,
    ("provisionerd", "Job time, p90"): 87,
    ("provisionerd", "Restarts"): 1,
    ("coder-status", "Replicas up"): 3,
    ("coder-status", "Replicas down"): 0,
    ("coder-status", "Built-in provisioners"): 0,
    ("coder-status", "External provisioners"): 8,
    ("coder-status", "Running workspaces"): 27,
    ("coder-status", "Failed builds"): 2,
    ("coder-status", "Control plane CPU"): 2.13,
    ("coder-status", "Provisioner CPU"): 1.64,
    ("coder-status", "Control plane memory"): 4.7 * GIB,
    ("coder-status", "Provisioner memory"): 1.6 * GIB,
    ("coder-status", "PostgreSQL"): 1,
    ("coder-status", "Prometheus"): 1,
    ("coder-status", "Loki"): 1,
    ("coder-status", "Promtail"): 0,
}

SERIES: Mapping[Key, Mapping[str, Span]] = {
    ("agent-firewall", "Forwarded batches by workspace"): {
        "ada/dev": (0.01, 0.05),
        "ada/review-7": (0, 0.03),
        "o'brien/dev": (0.01, 0.04),
        "zoë.k+1/review-7": (0, 0.02),
    },
    ("agent-firewall", "Boundary log events"): {"events": (0.01, 0.12)},
    ("ai-gateway", "Gateway log events"): {"events": (0.02, 0.17)},
    ("coderd", "Replicas over time"): _each(_REPLICAS, (1, 1), (1, 1), (1, 1)),
    ("coderd", "Users against the licence"): {"Active users": (38, 41), "Limit": (50, 50)},
    ("coderd", "CPU"): {
        **_each(_REPLICAS, (0.2, 0.7), (0.3, 0.9), (0.2, 0.8)),
        "Requested": (1, 1),
        "Limit": (2, 2),
    },
    ("coderd", "Memory"): {
        **_each(_REPLICAS, (1.1 * GIB, 1.6 * GIB), (1.3 * GIB, 2 * GIB), (1.2 * GIB, 1.7 * GIB)),
        "Requested": (2 * GIB, 2 * GIB),
        "Limit": (4 * GIB, 4 * GIB),
    },
    ("coderd", "Pubsub latency to send"): {"median": (0.003, 0.005), "p90": (0.007, 0.013)},
    ("coderd", "Pubsub latency to receive"): {"median": (0.005, 0.008), "p90": (0.011, 0.02)},
    ("coderd", "API requests by replica"): _each(_REPLICAS, (6, 11), (7, 12), (6, 11)),
    ("coderd", "API requests by status"): {
        "2xx": (17, 28),
        "3xx": (1, 2),
        "4xx": (1, 3),
        "5xx": (0, 0.05),
    },
    ("coderd", "Share of requests that fail"): {"5xx": (0, 0.004)},
    ("provisionerd", "Job time over the last hour"): {"median": (35, 48), "p90": (70, 110)},
    ("provisionerd", "Time in queue, p90 of the last hour"): {
        "workspace_build": (1, 18),
        "template_version_import": (0.5, 4),
        "template_version_dry_run": (0.5, 1),
    },
    ("provisionerd", "CPU"): {
        **_each(_PROVISIONERS, (0.1, 0.8), (0.2, 0.9)),
        "Requested": (0.5, 0.5),
        "Limit": (2, 2),
    },
    ("provisionerd", "Memory"): {
        **_each(_PROVISIONERS, (0.3 * GIB, 0.8 * GIB), (0.3 * GIB, 0.9 * GIB)),
        "Requested": (GIB, GIB),
        "Limit": (2 * GIB, 2 * GIB),
    },
    ("coder-status", "Transactions"): {"all": (31, 52), "failed": (0, 0.2)},
    ("coder-status", "Transaction time"): {"median": (0.003, 0.006), "p99": (0.04, 0.11)},
    ("provisionerd", "Provisioner log events"): _each(_PROVISIONERS, (0.2, 1.6), (0.3, 1.4)),
}

LEVELS: Mapping[Key, Mapping[str, Mapping[int, float]]] = {
    # Value from a step on.
    ("provisionerd", "Jobs against daemons"): {
        "Jobs": {0: 1, 5: 3, 8: 2, 13: 5, 15: 6, 18: 4, 24: 2, 29: 6, 33: 3, 39: 1, 44: 3},
        "Daemons": {0: 6, 19: 8},
    },
    ("coder-status", "Workspaces over time"): {
        "running": {0: 19, 6: 22, 12: 26, 19: 25, 25: 29, 38: 27},
        "stopped": {0: 21, 6: 18, 12: 14, 19: 14, 25: 11, 38: 13},
        "failed": {0: 1, 19: 2},
    },
    ("coder-status", "Observability pods"): {
        "prometheus-k8s-0": {0: 1},
        "loki-0": {0: 1},
        "promtail-9xk2p": {0: 1},
        "promtail-c7d4v": {0: 1, 41: 0},
    },
    ("provisionerd", "Daemons by pod"): dict(
        zip(_PROVISIONERS, ({0: 3, 19: 4}, {0: 3, 19: 4}), strict=True)
    ),
}

EVENTS: Mapping[Key, Mapping[str, Mapping[int, float]]] = {
    # Value by step; all other steps are 0.
    ("agent-firewall", "Dropped batches and logs"): {"logs: boundary_channel_full": {31: 3}},
    ("coderd", "Terminations"): {"OOMKilled": {9: 1.0}},
    ("provisionerd", "Jobs by result"): {
        "success": {3: 11, 11: 19, 19: 22, 27: 14, 35: 17, 43: 10},
        "failed": {19: 2, 35: 1},
    },
    ("provisionerd", "Terminations"): {"Error": {19: 1}},
}

ROWS: Mapping[Key, Sequence[Mapping[str, object]]] = {
    ("agent-firewall", "Firewall agents"): [
        {"username": owner, "workspace_name": name, "agent_name": "main", "Value": batches}
        for owner, name, batches in (
            ("ada", "dev", 512),
            ("o'brien", "dev", 391),
            ("ada", "review-7", 204),
            ("zoë.k+1", "review-7", 77),
        )
    ],
    ("agent-firewall", "Workspaces without a firewall"): [
        {"username": "zoë.k+1", "workspace_name": "dev", "Value": 1}
    ],
    ("ai-gateway", "Provider inventory"): [
        {"provider_name": name, "provider_type": kind, "status": "enabled"}
        for name, kind in (
            ("anthropic", "anthropic"),
            ("bedrock-us-gov-west-1", "bedrock"),
            ("openai", "openai"),
        )
    ],
    ("coderd", "Last terminations"): [
        {"pod": _REPLICAS[1], "container": "coder", "reason": "OOMKilled"}
    ],
    ("coderd", "Failing routes"): [
        {"path": "/api/v2/workspaces/{workspace}/builds", "value": 7.0},
        {"path": "/api/v2/templates/{template}", "value": 2.0},
    ],
    ("coderd", "Busiest routes"): [
        {"path": "/api/v2/workspaceagents/me/metadata", "value": 412_000.0},
        {"path": "/api/v2/workspaces", "value": 61_300.0},
        {"path": "/api/v2/users/{user}", "value": 38_900.0},
        {"path": "/api/v2/buildinfo", "value": 22_400.0},
        {"path": "/api/v2/notifications/inbox", "value": 9_800.0},
    ],
    ("coder-status", "Latest builds"): [
        {"status": "succeeded", "value": 40},
        {"status": "failed", "value": 2},
        {"status": "running", "value": 1},
    ],
    ("provisionerd", "Last terminations"): [
        {"pod": _PROVISIONERS[0], "container": "coder", "reason": "Error"}
    ],
}

LINES: Mapping[Key, Sequence[str]] = {
    ("agent-firewall", "Boundary log stream"): [
        '15:12:40 level=INFO msg="boundary: jail started" jail=landjail pid=412',
        '15:12:40 level=INFO msg="boundary: proxy listening" port=8080',
        '14:03:27 level=INFO msg="boundary: jail stopped" exit=0',
        '13:52:31 level=WARN msg="boundary: log channel is full, dropped" dropped=3',
    ],
    ("ai-gateway", "Gateway log stream"): [
        "15:59:30 [info] coderd.aibridged: interception ended  model=claude-opus-4-7  tokens=18204",
        "15:59:02 [warn] coderd.aibridged: upstream answered 429, retrying  provider=anthropic",
        "15:46:00 [info] coderd.aibridged: providers reloaded  providers=3",
    ],
    ("provisionerd", "Provisioner log stream"): [
        f"15:{clock} [{level}] coderd.provisionerd-{pod}-{daemon}: {text}"
        for clock, level, pod, daemon, text in (
            (
                "59:41",
                "info",
                _PROVISIONERS[0],
                2,
                "acquired job  job_id=6f0c  provisioner=terraform",
            ),
            ("58:07", "info", _PROVISIONERS[1], 0, "completed job  job_id=a91e"),
            ("57:22", "warn", _PROVISIONERS[1], 0, "plan took long  job_id=a91e  seconds=38"),
            (
                "56:30",
                "info",
                _PROVISIONERS[1],
                0,
                "acquired job  job_id=a91e  provisioner=terraform",
            ),
            ("51:13", "erro", _PROVISIONERS[0], 3, "failed job  job_id=4b7d  error=exit status 1"),
        )
    ],
}
