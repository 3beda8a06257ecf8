"""Figures for the pictures of the dashboards about workspaces, of the same deployment.

Two templates with prebuilds, of which `claude-code / large` fails since its image was renamed.
Names and forms are those of docs/samples.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from docs.samples import Key, Span

PREBUILDS = "cej6jysyme22oa"
ALL = "workspaces"
ONE = "workspace-detail"

GIB = 2.0**30
_IDS = {
    "ada/dev": "0f6c3b1e-52a7-4d0c-9a41-6f1e2d3c4b5a",
    "o'brien/review-7": "3d9a7e52-81b4-4c6f-b0d2-1a2b3c4d5e6f",
    "zoe/claude": "b47c1d90-6e35-4f28-8c19-9e8d7c6b5a40",
    "lin/data": "e25f8a63-0b9d-4a71-a3f6-5c4b3a291807",
}
_PODS = tuple(f"coder-{found}" for found in _IDS.values())
_ADA = _PODS[0]

STATS: Mapping[Key, float] = {
    (PREBUILDS, "Desired"): 10,
    (PREBUILDS, "Running"): 8,
    (PREBUILDS, "Eligible"): 7,
    (PREBUILDS, "Missing"): 3,
    (PREBUILDS, "Failed builds"): 4,
    (PREBUILDS, "Share from the pool"): 0.71,
    (ALL, "Workspaces"): 63,
    (ALL, "Running"): 38,
    (ALL, "Builds in progress"): 2,
    (ALL, "Latest build failed"): 3,
    (ALL, "Agents not connected"): 1,
    (ALL, "Pods not ready"): 1,
    (ONE, "Agents connected"): 1,
    (ONE, "Agents not ready"): 0,
    (ONE, "Startup script"): 74,
    (ONE, "Startup scripts failed"): 0,
    (ONE, "Latency"): 0.0412,
    (ONE, "Failed builds"): 1,
    (ONE, "Restarts"): 1,
}

SERIES: Mapping[Key, Mapping[str, Span]] = {
    (PREBUILDS, "Median build time"): {
        "Regular creation": (148, 182),
        "Prebuild creation": (151, 175),
        "Prebuild claim": (9, 14),
    },
    (PREBUILDS, "Build time, 95th percentile"): {
        "Regular creation": (240, 305),
        "Prebuild creation": (232, 290),
        "Prebuild claim": (16, 27),
    },
    (ALL, "CPU"): dict(zip(_PODS, ((0.4, 1.6), (1.9, 2), (0.1, 0.6), (0.2, 1.3)), strict=True)),
    (ALL, "Memory"): dict(
        zip(
            _PODS,
            (
                (2.1 * GIB, 3.9 * GIB),
                (3 * GIB, 3.4 * GIB),
                (1.2 * GIB, 1.5 * GIB),
                (5 * GIB, 7.5 * GIB),
            ),
            strict=True,
        )
    ),
    (ALL, "Connection latency, 95th percentile"): {"Coder Embedded Relay": (0.03, 0.06)},
    (ALL, "Traffic of agents"): {"received": (90e3, 410e3), "sent": (40e3, 160e3)},
    (ONE, "CPU"): {_ADA: (0.4, 1.6), "Requested": (0.5, 0.5), "Limit": (2, 2)},
    (ONE, "Memory"): {
        _ADA: (2.1 * GIB, 3.9 * GIB),
        "Requested": (2 * GIB, 2 * GIB),
        "Limit": (4 * GIB, 4 * GIB),
    },
    (ONE, "Latency by relay"): {"ada/dev: Coder Embedded Relay": (0.03, 0.06)},
    (ONE, "Traffic"): {"received: ada/dev": (4e3, 38e3), "sent: ada/dev": (2e3, 17e3)},
}

LEVELS: Mapping[Key, Mapping[str, Mapping[int, float]]] = {
    # Value from a step on.
    (PREBUILDS, "Pool capacity"): {
        "Desired": {0: 6, 16: 10},
        "Running": {0: 6, 6: 5, 8: 6, 17: 8, 22: 7, 25: 9, 33: 8},
        "Eligible": {0: 6, 6: 4, 9: 6, 17: 6, 18: 8, 22: 6, 26: 8, 33: 7},
    },
    (ALL, "Agents by template"): {
        "claude-code": {0: 9, 7: 11, 20: 12, 38: 11},
        "firewalled": {0: 19, 5: 22, 9: 25, 18: 27, 36: 26},
    },
    (ALL, "Agents by connection"): {
        "connected": {0: 28, 5: 31, 7: 33, 9: 36, 18: 38, 20: 39, 36: 37, 38: 36},
        "connecting": {0: 0, 5: 3, 6: 0, 9: 3, 10: 0, 18: 2, 19: 0},
        "disconnected": {0: 0, 31: 2, 33: 1},
    },
    (ONE, "Sessions"): {
        "VS Code": {0: 0, 8: 1, 20: 0, 26: 1},
        "JetBrains": {0: 0},
        "SSH": {0: 0, 12: 1, 15: 0},
        "Web terminal": {0: 0, 9: 1, 11: 2, 18: 0, 30: 1, 34: 0},
    },
}

EVENTS: Mapping[Key, Mapping[str, Mapping[int, float]]] = {
    (PREBUILDS, "Pool operations"): {
        "Created": {7: 2, 15: 1, 16: 4, 23: 2, 29: 2, 34: 2, 41: 1},
        "Claimed": {6: 2, 14: 1, 22: 2, 28: 2, 33: 2, 40: 1},
        "Failed": {17: 1, 23: 1, 34: 1, 41: 1},
    },
    (PREBUILDS, "Workspaces created"): {
        "Prebuilt": {6: 2, 14: 1, 22: 2, 28: 2, 33: 2, 40: 1},
        "Regular": {14: 1, 23: 1, 29: 1, 41: 1},
    },
    (ALL, "Restarts"): {_PODS[0]: {19: 1}, _PODS[3]: {11: 1, 27: 1, 39: 1}},
    (ALL, "Terminations"): {"OOMKilled": {11: 1, 19: 1, 27: 1, 39: 1}, "Completed": {33: 1}},
    (ALL, "Successful builds by transition"): {
        "START": {2: 1, 5: 3, 7: 4, 9: 5, 10: 2, 18: 3, 20: 2, 26: 1, 34: 2},
        "STOP": {3: 1, 16: 2, 30: 1, 36: 3, 38: 2, 44: 4},
        "DESTROY": {21: 1, 40: 2},
    },
    (ALL, "Failed builds by transition"): {
        "START": {17: 1, 18: 2, 23: 1, 29: 1, 34: 1, 41: 1},
        "STOP": {},
        "DESTROY": {40: 1},
    },
    (ONE, "Terminations"): {"OOMKilled": {19: 1}},
    (ONE, "Builds by transition"): {"START": {7: 1, 8: 1, 26: 1}, "STOP": {24: 1}},
}

_POOL = ("organization_name", "template_name", "preset_name", *(f"Value #{c}" for c in "ABCDEFG"))

_BUILD = (
    "workspace_owner",
    "workspace_name",
    "template_name",
    "template_version",
    "workspace_transition",
    "status",
    "Value",
)

ROWS: Mapping[Key, Sequence[Mapping[str, object]]] = {
    (PREBUILDS, "Presets"): [
        dict(zip(_POOL, row, strict=True))
        for row in (
            ("coder", "claude-code", "large", 3, 1, 0, 57, 31, 19, 22),
            ("coder", "firewalled", "large", 3, 3, 3, 112, 96, 2, 14),
            ("coder", "firewalled", "small", 4, 4, 4, 348, 327, 3, 41),
        )
    ],
    (PREBUILDS, "Prebuilt and regular workspaces"): [
        {"origin": "Prebuilt", "workspaces": 10},
        {"origin": "Regular", "workspaces": 4},
    ],
    (ALL, "Pods against their limits"): [
        {
            "pod": pod,
            "Value #A": cores,
            "Value #B": 2,
            "Value #C": memory * GIB,
            "Value #D": limit * GIB,
            "Value #E": memory / limit,
        }
        for pod, cores, memory, limit in zip(
            _PODS, (1.21, 1.98, 0.32, 0.74), (3.1, 3.3, 1.4, 7.4), (4, 4, 4, 8), strict=True
        )
    ],
    (ALL, "Failed builds by template version"): [
        {"version": "claude-code: 91d0c7aa-brave_hopper", "builds": 6},
        {"version": "firewalled: 5e2b81f4-calm_ritchie", "builds": 2},
    ],
    (ALL, "Failed builds by user"): [
        {"owner": "prebuilds", "builds": 4},
        {"owner": "lin", "builds": 3},
        {"owner": "ada", "builds": 1},
    ],
    (ALL, "Builds of the range"): [
        dict(zip(_BUILD, row, strict=True))
        for row in (
            ("ada", "dev", "firewalled", "5e2b81f4-calm_ritchie", "START", "success", 3),
            ("ada", "dev", "firewalled", "5e2b81f4-calm_ritchie", "START", "failed", 1),
            ("lin", "data", "claude-code", "91d0c7aa-brave_hopper", "START", "failed", 3),
            ("lin", "data", "claude-code", "3f44e0b2-quiet_noether", "START", "success", 1),
            ("o'brien", "review-7", "firewalled", "5e2b81f4-calm_ritchie", "STOP", "success", 2),
            ("zoe", "claude", "claude-code", "3f44e0b2-quiet_noether", "DESTROY", "success", 1),
        )
    ],
    (ALL, "Workspaces by user"): [
        {"owner": owner, "workspaces": workspaces}
        for owner, workspaces in (
            ("prebuilds", 8),
            ("ada", 6),
            ("lin", 5),
            ("o'brien", 4),
            ("zoe", 3),
            ("mika", 3),
        )
    ],
    (ALL, "Workspaces by user and template"): [
        {"owner": "prebuilds: firewalled", "workspaces": 7},
        {"owner": "ada: firewalled", "workspaces": 5},
        {"owner": "lin: claude-code", "workspaces": 4},
        {"owner": "o'brien: firewalled", "workspaces": 4},
        {"owner": "zoe: claude-code", "workspaces": 2},
    ],
    (ALL, "Workspaces by template"): [
        {"template": "firewalled", "workspaces": 44},
        {"template": "claude-code", "workspaces": 19},
    ],
    (ALL, "Workspaces by template version"): [
        {"version": "firewalled: 5e2b81f4-calm_ritchie", "workspaces": 37},
        {"version": "claude-code: 3f44e0b2-quiet_noether", "workspaces": 13},
        {"version": "firewalled: c07d9e15-bold_lovelace", "workspaces": 7},
        {"version": "claude-code: 91d0c7aa-brave_hopper", "workspaces": 6},
    ],
    (ALL, "Slowest startup scripts"): [
        {"workspace": "lin/data", "seconds": 212.0},
        {"workspace": "o'brien/review-7", "seconds": 96.0},
        {"workspace": "ada/dev", "seconds": 74.0},
        {"workspace": "zoe/claude", "seconds": 71.0},
    ],
    (ONE, "Agents"): [
        {
            "username": "ada",
            "workspace_name": "dev",
            "agent_name": "main",
            "status": "connected",
            "lifecycle_state": "ready",
        }
    ],
    (ONE, "Templates"): [
        {
            "username": "ada",
            "workspace_name": "dev",
            "template_name": "firewalled",
            "template_version": "5e2b81f4-calm_ritchie",
            "Value": 1,
        }
    ],
    (ONE, "Pods of the chosen workspaces"): [
        {"workspace_name": "dev", "workspace_id": _IDS["ada/dev"], "Lines": 1284}
    ],
    (ONE, "Last terminations"): [{"pod": _ADA, "container": "dev", "reason": "OOMKilled"}],
    (ONE, "Builds of the range"): [
        dict(zip(_BUILD, row, strict=True))
        for row in (
            ("ada", "dev", "firewalled", "5e2b81f4-calm_ritchie", "START", "success", 2),
            ("ada", "dev", "firewalled", "5e2b81f4-calm_ritchie", "START", "failed", 1),
            ("ada", "dev", "firewalled", "5e2b81f4-calm_ritchie", "STOP", "success", 1),
        )
    ],
}


def _build_lines(*builds: tuple[str, str, str, str]) -> list[str]:
    return [
        f"{clock}  {message}  workspace_name={name} workspace_owner={owner}"
        for clock, owner, name, message in builds
    ]


LINES: Mapping[Key, Sequence[str]] = {
    (ALL, "Provisioners' log"): _build_lines(
        ("15:11:40", "prebuilds", "prebuild-4c1", "terraform apply failed: image not found"),
        ("15:09:02", "prebuilds", "prebuild-4c1", "unpacking template source archive"),
        ("14:22:17", "lin", "data", "terraform apply failed: image not found"),
        ("14:20:31", "lin", "data", "unpacking template source archive"),
        ("13:15:05", "ada", "dev", "unpacking template source archive"),
    ),
    (ONE, "Provisioners' log"): _build_lines(
        ("13:15:05", "ada", "dev", "unpacking template source archive"),
        ("13:00:12", "ada", "dev", "unpacking template source archive"),
        ("10:58:44", "ada", "dev", "unpacking template source archive"),
        ("10:52:30", "ada", "dev", "terraform apply failed: quota exceeded"),
    ),
    (ONE, "Workspace log"): (
        "13:16:38  info  agent: lifecycle state changed to ready",
        "13:16:37  info  boundary: started, jail_type=landjail proxy_port=8087",
        "13:16:35  info  boundary: configuration read, 175 rules",
        "13:15:24  info  agent: running startup script",
        "13:15:21  info  agent: connected to coderd",
    ),
}
