"""Figures for the pictures of the dashboards about workspaces, of the same deployment.

Two templates with prebuilds, of which `claude-code / large` fails since its image was renamed.
Names and forms are those of docs/samples.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from docs.samples import Key, Span

PREBUILDS = "cej6jysyme22oa"

STATS: Mapping[Key, float] = {
    (PREBUILDS, "Desired"): 10,
    (PREBUILDS, "Running"): 8,
    (PREBUILDS, "Eligible"): 7,
    (PREBUILDS, "Missing"): 3,
    (PREBUILDS, "Failed builds"): 4,
    (PREBUILDS, "Share from the pool"): 0.71,
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
}

LEVELS: Mapping[Key, Mapping[str, Mapping[int, float]]] = {
    # Value from a step on.
    (PREBUILDS, "Pool capacity"): {
        "Desired": {0: 6, 16: 10},
        "Running": {0: 6, 6: 5, 8: 6, 17: 8, 22: 7, 25: 9, 33: 8},
        "Eligible": {0: 6, 6: 4, 9: 6, 17: 6, 18: 8, 22: 6, 26: 8, 33: 7},
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
}

_POOL = ("organization_name", "template_name", "preset_name", *(f"Value #{c}" for c in "ABCDEFG"))

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
}

LINES: Mapping[Key, Sequence[str]] = {}
