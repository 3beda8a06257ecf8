import json
from typing import Any

import pytest

from ops import deployed, report
from ops.assessment import StackPreview
from ops.headline import headline
from ops.tokens import STACK

NOW = {
    "protected": True,
    "mainBranch": "origin/main",
    "kubernetes.forceConflicts": False,
}
UNREVIEWED = "the stack is no longer protected: it takes an update unreviewed"
BRANCH = "the stack takes its updates from another branch"
FORCE = "what others own of the cluster's objects is taken over by force"


def preview(old: dict[str, Any], **new: Any) -> StackPreview:
    return StackPreview("dev", old_guards=old, new_guards={**NOW, **new})


@pytest.mark.parametrize(
    ("edit", "said", "line"),
    [
        ({"protected": False}, UNREVIEWED, f"- ⚠️ `protected`: `true` → `false`: **{UNREVIEWED}**"),
        (
            {"mainBranch": "origin/mine"},
            BRANCH,
            f"- ⚠️ `mainBranch`: `origin/main` → `origin/mine`: **{BRANCH}**",
        ),
        (
            {"kubernetes.forceConflicts": True},
            FORCE,
            f"- ⚠️ `kubernetes.forceConflicts`: `false` → `true`: **{FORCE}**",
        ),
    ],
)
def test_a_guard_that_goes_is_a_change_of_its_own(
    edit: dict[str, Any], said: str, line: str
) -> None:
    found = preview(NOW, **edit)
    assert found.verdict == "changes"
    assert headline([found]) == f"⚠️ {said}"
    assert f"#### What guards the stack\n\n{line}\n" in report.to_markdown([found])
    assert report.to_json([found])["stacks"][0]["guards"][0]["warning"] == said


def test_a_guard_that_comes_is_told_and_warned_of_by_nobody() -> None:
    found = preview({**NOW, "protected": False, "mainBranch": "origin/old"})
    assert headline([found]).startswith("changes;")
    assert "- `protected`: `false` → `true`\n" in report.to_markdown([found])


def test_what_an_earlier_release_did_not_record_is_no_change() -> None:
    assert preview({}, protected=False).verdict == "same"
    assert StackPreview("dev", old_guards=NOW).verdict == "same"


def test_the_state_tells_what_guards_the_stack() -> None:
    urn = f"urn:pulumi:dev::p::{STACK}::p-dev"
    assert deployed.of([(urn, {"guards": json.dumps(NOW)})]).guards == NOW
    assert deployed.of([(urn, {})]).guards == {}
