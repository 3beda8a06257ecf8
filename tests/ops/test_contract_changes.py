"""What a report says of a stack's contract, which is in no resource."""

import json
from typing import Any

import pytest

from components.boundary import Policy
from components.settings.policy import PolicySettings
from ops import report
from ops.assessment import StackPreview
from ops.template_changes import Registered

PASTE = {"url": "https://pastebin.com/", "reason": "anyone may read it."}
NPM = {"url": "https://registry.npmjs.org/", "reason": "packages"}


def registered(**policy: Any) -> dict[str, Registered]:
    return {"t": Registered.of({"contract": json.dumps(PolicySettings(**policy).demands)})}


def preview(old: dict[str, Registered], new: dict[str, Registered]) -> StackPreview:
    policies = {"t": Policy([])}
    return StackPreview("dev", policies, policies, old_templates=old, new_templates=new)


def test_a_contract_that_is_weakened_stands_in_the_headline() -> None:
    old = registered(mustDeny=[PASTE], mustAllow=[NPM], highestGrade="E")
    found = preview(old, registered())
    assert found.verdict == "changes"
    text = report.to_markdown([found])
    assert text.startswith("## Preview: ⚠️ the policy's contract is weakened\n")
    assert "### Stack `dev`: ⚠️ the policy's contract is weakened\n" in text
    assert (
        "#### The policy's contract\n\n"
        "- ⚠️ **no longer demanded**: `mustDeny GET https://pastebin.com/`; because: "
        "`anyone may read it`\n"
        "- ⚠️ **no longer demanded**: `mustAllow GET https://registry.npmjs.org/`; because: "
        "`packages`\n"
        "- ⚠️ worst exfiltration grade accepted: E → G\n"
    ) in text
    data = report.to_json([found])["stacks"][0]
    assert data["warnings"] == ["the policy's contract is weakened"]
    assert data["contract"] == {
        "recorded": True,
        "removed": {
            "mustDeny GET https://pastebin.com/": "anyone may read it.",
            "mustAllow GET https://registry.npmjs.org/": "packages",
        },
        "added": {},
        "reasons": {},
        "highestGrade": {"before": "E", "after": "G"},
    }


def test_a_contract_that_demands_more_is_a_change_and_no_warning() -> None:
    found = preview(
        registered(mustDeny=[PASTE]), registered(mustDeny=[PASTE, NPM], highestGrade="E")
    )
    text = report.to_markdown([found])
    assert text.startswith("## Preview: changes; agents reach nothing new")
    assert "- newly demanded: `mustDeny GET https://registry.npmjs.org/`" in text
    assert "- worst exfiltration grade accepted: G → E\n" in text
    other = preview(registered(mustDeny=[PASTE]), registered(mustDeny=[{**PASTE, "reason": "new"}]))
    assert "- another reason: `mustDeny GET https://pastebin.com/`; because: `new`" in (
        report.to_markdown([other])
    )
    assert other.warnings == ()


def test_a_contract_that_the_state_does_not_record_is_unknown_and_no_change() -> None:
    found = preview({"t": Registered.of({})}, registered(mustDeny=[PASTE]))
    assert found.verdict == "same"
    assert "- whether it changes is **not known**" in report.to_markdown([found])
    assert report.to_json([found])["stacks"][0]["contract"]["recorded"] is False


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({}, registered(mustDeny=[PASTE])),
        (registered(mustDeny=[PASTE]), registered(mustDeny=[PASTE])),
        (registered(mustDeny=[PASTE]), {}),
        ({"t": Registered.of({})}, {"t": Registered.of({})}),
    ],
)
def test_a_new_stack_and_the_same_contract_say_nothing(
    old: dict[str, Registered], new: dict[str, Registered]
) -> None:
    assert "contract" not in report.to_markdown([preview(old, new)])


def test_after_an_update_that_failed_what_any_template_records_counts() -> None:
    (strict,), (lax,) = (
        registered(mustDeny=[PASTE], highestGrade="E").values(),
        registered().values(),
    )
    found = preview({"done": lax, "left": strict}, registered())
    assert list(found.contract.removed) == ["mustDeny GET https://pastebin.com/"]
    assert found.contract.grades == ("E", "G")


def test_the_state_holds_no_credential_that_a_denied_url_pretends_to_have() -> None:
    denied = {"url": "https://user:hunter2@a.example/?key=hunter2", "reason": "no"}
    assert "hunter2" not in json.dumps(PolicySettings(mustDeny=[denied]).demands)


def test_the_headline_of_several_stacks_has_the_warnings_of_all() -> None:
    weak = preview(registered(mustDeny=[PASTE]), registered())
    opens = StackPreview("open", {}, {"t": None})
    words = "⚠️ agents reach more than they do now; the policy's contract is weakened"
    assert report.headline([weak, opens]) == words
    assert report.headline([StackPreview("fails", failure="no"), weak]).startswith(
        "⛔ the preview fails"
    )
    text = report.to_markdown([StackPreview("same"), weak])
    assert "| `dev` | ⚠️ the policy's contract is weakened |" in text
