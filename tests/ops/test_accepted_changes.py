"""What a report says of policies of others that a stack accepts, which no resource has."""

from collections.abc import Mapping

import pytest

from ops import deployed, report
from ops.assessment import StackPreview

URN = "urn:pulumi:dev::p::firewalledcoder:index:WorkspaceNetworkPolicy::network"
ONE = {"NetworkPolicy/allow-monitoring": "Prometheus scrapes."}
SECTION = "#### What holds an agent beside the rules\n\n"


def preview(old: Mapping[str, str] | None, new: Mapping[str, str] | None) -> StackPreview:
    return StackPreview("dev", old_accepted=old, new_accepted=new)


@pytest.mark.parametrize("old", [{}, None], ids=["before", "a new policy of the stack's"])
def test_one_that_is_newly_accepted_stands_in_the_headline(old: Mapping[str, str] | None) -> None:
    found = preview(old, ONE)
    text = report.to_markdown([found])
    assert found.verdict == "changes"
    assert text.startswith("## Preview: ⚠️ somebody else's network policy is newly accepted\n")
    assert (
        f"{SECTION}- ⚠️ `NetworkPolicy/allow-monitoring` of somebody else: **newly accepted**, "
        "whatever it opens; because: `Prometheus scrapes`\n"
    ) in text
    assert report.to_json([found])["stacks"][0]["acceptedPolicies"] == [
        {
            "policy": "NetworkPolicy/allow-monitoring",
            "old": None,
            "new": "Prometheus scrapes.",
        }
    ]


def test_one_that_is_no_longer_accepted_or_for_another_reason_is_a_change_without_a_warning() -> (
    None
):
    for new, line in (
        ({}, "no longer accepted; what it opens is warned of"),
        (dict.fromkeys(ONE, "Another"), "accepted for another reason: `Another`"),
    ):
        found = preview(ONE, new)
        assert (found.verdict, found.warnings) == ("changes", ())
        name = "`NetworkPolicy/allow-monitoring`"
        assert f"{SECTION}- {name} of somebody else: {line}\n" in report.to_markdown([found])


@pytest.mark.parametrize(("old", "new"), [(ONE, ONE), (None, None), ({}, {}), (ONE, None)])
def test_the_same_and_a_stack_without_a_policy_say_nothing(
    old: Mapping[str, str] | None, new: Mapping[str, str] | None
) -> None:
    assert preview(old, new).verdict == "same"


def test_a_state_of_before_accepted_none() -> None:
    assert deployed.of([(URN, {"names": ["x"]})]).accepted == {}
    assert deployed.of([(URN, {"names": ["x"], "acceptedPolicies": ONE})]).accepted == ONE
    assert deployed.of([]).accepted is None
