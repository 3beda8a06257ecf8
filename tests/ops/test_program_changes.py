"""Images that are another one tomorrow, for the headline."""

from typing import Any

import pytest

from ops import report
from ops.assessment import StackPreview
from ops.changes import Step
from ops.template_changes import Registered

WORKSPACES = "workspaces get an image that is not pinned"
JOB = "a Job runs an image that is not pinned"
PINNED, BARE = "example.com/base:1.2", "example.com/base"


def registered(image: str | None) -> Registered:
    return Registered.of({"pins": {"image": image} if image else {}})


def warned(old: dict[str, Registered], new: str, *steps: Step) -> tuple[str, ...]:
    found = StackPreview(
        "dev", steps=steps, old_templates=old, new_templates={"t": registered(new)}
    )
    assert all(word in report.headline([found]) for word in found.warnings)
    return found.warnings


@pytest.mark.parametrize("new", [BARE, "example.com/base:latest"])
@pytest.mark.parametrize("old", [{"t": registered(PINNED)}, {}])
def test_an_image_that_is_newly_not_pinned_is_in_the_headline(
    old: dict[str, Registered], new: str
) -> None:
    assert warned(old, new) == (WORKSPACES,)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (BARE, "example.com/base:latest"),
        (BARE, PINNED),
        # What an earlier state does not say is no change.
        (None, BARE),
        (PINNED, f"{BARE}@sha256:{'0' * 64}"),
    ],
)
def test_an_image_that_was_not_pinned_before_or_is_now_is_no_news(
    old: str | None, new: str
) -> None:
    assert warned({"t": registered(old)}, new) == ()


def job(op: str, old: str | None, new: str | None) -> Step:
    def inputs(image: str | None) -> dict[str, Any]:
        pod = {"spec": {"containers": [{"name": "psql", "image": image}]}}
        return {"spec": {"template": pod}} if image else {}

    return Step(op, "urn::x::y::j", "kubernetes:batch/v1:Job", inputs(old), inputs(new))


@pytest.mark.parametrize(
    ("step", "told"),
    [
        (job("create", None, "postgres"), (JOB,)),
        (job("replace", "postgres:17.1", "postgres:latest"), (JOB,)),
        (job("replace", "postgres", "postgres"), ()),
        (job("create", None, "postgres:17.1"), ()),
        (job("delete", "postgres", None), ()),
        (Step("create", "urn::x::y::j", "kubernetes:batch/v1:Job", {}, {"spec": "[secret]"}), ()),
    ],
)
def test_the_image_of_a_job_likewise(step: Step, told: tuple[str, ...]) -> None:
    found = warned({"t": registered(PINNED)}, PINNED, step)
    assert tuple(each for each in found if each == JOB) == told
