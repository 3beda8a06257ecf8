"""The mark of the stack that comes onto its objects is told once, and as no change of them."""

from typing import Any

import pytest

from components.dashboards.uids import CONTENT
from components.network.namespace_args import STACK_ANNOTATION
from ops import report
from ops.assessment import StackPreview
from ops.changes import Step

CONFIG_MAP = "kubernetes:core/v1:ConfigMap"


def step(old: dict[str, str], new: dict[str, str], name: str = "one", **data: str) -> Step:
    def inputs(annotations: dict[str, str], **data: str) -> dict[str, Any]:
        annotated = {"annotations": annotations} if annotations else {}
        return {"metadata": {"name": name, **annotated}, "data": data}

    urn = f"urn:pulumi:dev::p::firewalledcoder:index:Dashboards${CONFIG_MAP}::{name}"
    before = {"a.json": '{"title": "Firewall"}'}
    return Step("update", urn, CONFIG_MAP, inputs(old, **before), inputs(new, **before, **data))


MARK = {STACK_ANNOTATION: "firewalled-coder/dev"}
FOLDER = {"grafana_folder": "Coder", CONTENT: "a"}


@pytest.mark.parametrize("old", [{}, FOLDER])
def test_a_mark_that_comes_is_no_change_of_a_dashboard(old: dict[str, str]) -> None:
    found = StackPreview("dev", steps=(step(old, {**old, **MARK}), step(old, old | MARK, "two")))
    assert found.dashboards == ()
    told = report.to_markdown([found])
    assert "- 2 objects get the annotation `firewalled-coder/stack`, and no other change" in told
    assert "#### Dashboards" not in told


def test_what_else_changes_is_told_as_ever_and_without_the_mark() -> None:
    moved = step(FOLDER, {**FOLDER, **MARK, "grafana_folder": "Mine"})
    found = StackPreview("dev", steps=(moved,))
    assert [each.settings for each in found.dashboards] == [("folder",)]
    assert "get the annotation" not in report.to_markdown([found])


def test_an_object_that_goes_to_another_stack_is_a_change() -> None:
    taken = step(MARK, {STACK_ANNOTATION: "firewalled-coder/prod"})
    found = StackPreview("dev", steps=(taken,))
    assert [each.settings for each in found.dashboards] == [(STACK_ANNOTATION,)]


def test_a_mark_that_goes_with_an_older_release_is_told_once() -> None:
    steps = tuple(step({**FOLDER, **MARK}, FOLDER, name) for name in ("one", "two"))
    found = StackPreview("dev", steps=steps)
    assert found.dashboards == ()
    told = report.to_markdown([found])
    assert (
        "- 2 objects lose the annotation `firewalled-coder/stack`, and no other change: an earlier "
        "release did not write it"
    ) in told
    assert "#### Dashboards" not in told
    moved = StackPreview("dev", steps=(step({**FOLDER, **MARK}, {"grafana_folder": "Mine"}),))
    assert [each.settings for each in moved.dashboards] == [("folder",)]
