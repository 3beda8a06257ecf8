"""What a report says of another cluster, and of another Coder deployment."""

from typing import Any

import pytest

from ops import report
from ops.assessment import StackPreview
from ops.changes import Step

CLUSTER, CODER = "pulumi:providers:kubernetes", "pulumi:providers:coderd"


def said(kind: str, old: dict[str, Any], new: dict[str, Any], op: str = "update") -> str:
    step = Step(op, f"urn:pulumi:dev::p::{kind}::one", kind, old, new)
    return report.to_markdown([StackPreview("dev", steps=(step,))])


@pytest.mark.parametrize(
    ("kind", "old", "new", "warning", "line"),
    [
        (
            CLUSTER,
            {"context": "a"},
            {"context": "b"},
            "the cluster is named otherwise",
            "- ⚠️ cluster: `a` → `b` (`kubernetes.context`).",
        ),
        (
            CLUSTER,
            {},
            {"context": "b"},
            "the cluster is named otherwise",
            "- ⚠️ cluster: `unset` → `b` (`kubernetes.context`).",
        ),
        (
            CODER,
            {"url": "https://a.example"},
            {"url": "https://b.example"},
            "the Coder deployment is named otherwise",
            "- ⚠️ Coder deployment: `https://a.example` → `https://b.example` (",
        ),
    ],
)
def test_another_place_is_in_the_headline_with_what_to_do(
    kind: str, old: dict[str, Any], new: dict[str, Any], warning: str, line: str
) -> None:
    text = said(kind, old, new)
    assert warning in text.splitlines()[0]
    assert line in text
    assert "run `python -m ops refresh dev` after it" in text


def test_a_provider_that_stays_or_is_new_says_nothing() -> None:
    same = {"context": "a", "url": "https://a.example"}
    for kind in (CLUSTER, CODER):
        assert "named otherwise" not in said(kind, {**same, "token": "x"}, {**same, "token": "y"})
        assert "named otherwise" not in said(kind, {}, same, "create")
