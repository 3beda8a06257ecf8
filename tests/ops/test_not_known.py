"""What an older release did not record of a template is said not to be known."""

import json
from typing import Any

import pytest

from ops import report
from ops.assessment import StackPreview
from ops.changes import Step
from ops.template_changes import Registered
from ops.tokens import TEMPLATE

FILES = "which files of their source are others"
RELEASES = "which releases move"
ALL: dict[str, Any] = {"source": json.dumps({"a.tf": "x"}), "pins": {"boundary": "v0.9.0"}}
NOT_ALL = "changes; not all that is compared is recorded, so not all that is new is known"


def preview(old: dict[str, Any], new: dict[str, Any], op: str = "update") -> StackPreview:
    """Return a preview of two templates, of which one is new."""
    sides = [{"t": Registered.of(each), "u": Registered.of(each)} for each in (old, new)]
    steps = (
        Step(op, f"urn::{TEMPLATE}::{name}", TEMPLATE, {"name": name, "a": 1}, {"name": name})
        for name in sides[0]
    )
    last = {"new": Registered.of(new)}
    return StackPreview(
        "dev", steps=tuple(steps), old_templates=sides[0], new_templates=sides[1] | last
    )


@pytest.mark.parametrize(
    ("old", "new", "what", "side"),
    [
        ({}, ALL, f"{FILES} and {RELEASES}", "the deployed stack does not record it"),
        ({"pins": ALL["pins"]}, ALL, FILES, "the deployed stack does not record it"),
        ({"source": ALL["source"]}, ALL, RELEASES, "the deployed stack does not record it"),
        # Back, to what an older release deployed.
        (ALL, {}, f"{FILES} and {RELEASES}", "what comes is of a release that does not"),
    ],
)
def test_what_one_side_does_not_record_is_said_once_and_nothing_is_promised(
    old: dict[str, Any], new: dict[str, Any], what: str, side: str
) -> None:
    found = preview(old, new)
    text = report.to_markdown([found])
    assert text.count(f"- `t`, `u`: {what} is **not known**: {side}") == 1
    assert text.count("not known") == 1
    assert text.splitlines()[0] == f"## Preview: {NOT_ALL}"
    (told,) = report.to_json([found])["stacks"][0]["notKnown"]
    assert told["templates"] == ("t", "u")


@pytest.mark.parametrize(
    ("old", "new", "op"), [(ALL, ALL, "update"), ({}, {}, "update"), ({}, ALL, "same")]
)
def test_of_what_stays_or_neither_side_records_nothing_is_said(
    old: dict[str, Any], new: dict[str, Any], op: str
) -> None:
    found = (
        preview(old, new)
        if op == "update"
        else StackPreview(
            "dev", old_templates={"t": Registered.of(old)}, new_templates={"t": Registered.of(new)}
        )
    )
    assert "not known" not in report.to_markdown([found])
    assert found.not_known == ()
