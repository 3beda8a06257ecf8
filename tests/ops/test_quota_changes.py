"""What a report says of the namespace's quota and limits."""

from typing import Any

import pytest

from ops import report
from ops.assessment import StackPreview
from ops.changes import Step
from ops.tokens import LIMIT_RANGE, RESOURCE_QUOTA


def quota(**hard: str) -> dict[str, Any]:
    return {"metadata": {"namespace": "workspaces"}, "spec": {"hard": hard}}


def limits(cpu: str) -> dict[str, Any]:
    limit = {"type": "Container", "max": {"cpu": cpu}, "default": {"cpu": cpu}}
    return {"metadata": {"namespace": "workspaces"}, "spec": {"limits": [limit]}}


@pytest.mark.parametrize(
    ("op", "kind", "old", "new", "said"),
    [
        (
            "update",
            RESOURCE_QUOTA,
            quota(pods="10", storage="1Gi"),
            quota(pods="20", cpu="4"),
            [
                "- quota of `workspaces`",
                "  - `pods`: `10` → `20`",
                "  - `storage`: `1Gi` → **removed**",
                "  - `cpu`: not set → `4`",
            ],
        ),
        (
            "update",
            RESOURCE_QUOTA,
            quota(pods="20", memory="1536Gi"),
            quota(pods="2k", memory="2Ti"),
            [
                "- quota of `workspaces`",
                "  - `pods`: `20` → `2000`",
                "  - `memory`: `1536Gi` → `2Ti`",
            ],
        ),
        (
            "create",
            RESOURCE_QUOTA,
            {},
            quota(pods="10"),
            ["- quota of `workspaces`", "  - `pods`: not set → `10`"],
        ),
        (
            "delete",
            RESOURCE_QUOTA,
            quota(pods="10"),
            {},
            ["- quota of `workspaces`: **removed**", "  - `pods`: `10` → **removed**"],
        ),
        (
            "update",
            LIMIT_RANGE,
            limits("2"),
            limits("8"),
            ["- limits of `workspaces`", "  - `Container cpu`: `2` → `8`"],
        ),
    ],
)
def test_each_bound_that_changes_is_a_line(
    op: str, kind: str, old: dict[str, Any], new: dict[str, Any], said: list[str]
) -> None:
    step = Step(op, f"urn:pulumi:dev::p::{kind}::workspace-namespace", kind, old, new)
    text = report.to_markdown([StackPreview("dev", steps=(step,))])
    section = text.split("#### Quota and limits of workspaces\n\n")[1].split("\n\n")[0]
    assert section.splitlines() == said
