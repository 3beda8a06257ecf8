"""What a report says of a stack's contract, which is in no resource."""

import json
from typing import Any

import pytest

from components.boundary import Own, Policy
from components.settings.policy import PolicySettings
from ops import report
from ops.assessment import StackPreview
from ops.template_changes import Registered

PASTE = {"url": "https://pastebin.com/", "reason": "anyone may read it."}
NPM = {"url": "https://registry.npmjs.org/", "reason": "packages"}


LEFT_PAD = {"url": "https://registry.npmjs.org/left-pad", "reason": "a DENY to show"}


def registered(**policy: Any) -> dict[str, Registered]:
    return {"t": of(policy)}


def of(policy: dict[str, Any], own: dict[str, Any] | None = None) -> Registered:
    """What a template registers: the stack's contract, or that of a policy of its own."""
    stack = PolicySettings(**policy).demands
    if own is None:
        return Registered.of({"contract": json.dumps({**stack, "stack": None})})
    return Registered.of(
        {"contract": json.dumps({**PolicySettings(**own).demands, "stack": stack})}
    )


def earlier(**policy: Any) -> Registered:
    """What an earlier release registered for every template: the stack's contract."""
    return Registered.of({"contract": json.dumps(PolicySettings(**policy).demands)})


CODER = Own(frozenset({"coder.example.com"}))
KEY = {
    "url": "https://coder.example.com/api/v2/workspaceagents/me/gitsshkey",
    "reason": "git by ssh",
}


def preview(old: dict[str, Registered], new: dict[str, Registered]) -> StackPreview:
    policies = {"t": Policy([])}
    return StackPreview("dev", policies, policies, old_templates=old, new_templates=new, own=CODER)


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
        "acceptsEverything": None,
        "highestGrade": {"before": "E", "after": "G"},
        "templates": {
            "t": {
                **{key: value for key, value in data["contract"].items() if key != "templates"},
                "replacesTheStacks": False,
            }
        },
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
    change = found.contract.by_template["t"]
    assert list(change.removed) == ["mustDeny GET https://pastebin.com/"]
    assert change.grades == ("E", "G")


def test_a_policy_of_a_templates_own_that_demands_less_than_the_stacks_weakens_the_contract() -> (
    None
):
    stack = {"mustDeny": [LEFT_PAD], "highestGrade": "E"}
    found = preview({"t": of(stack)}, {"t": of(stack, {"highestGrade": "H"})})
    assert found.verdict == "changes"
    text = report.to_markdown([found])
    assert text.startswith("## Preview: ⚠️ the policy's contract is weakened\n")
    assert (
        "#### The policy's contract\n\n"
        "- a policy of the template's own is in place of the stack's, whose contract ends for it\n"
        "- ⚠️ **no longer demanded**: `mustDeny GET https://registry.npmjs.org/left-pad`; because: "
        "`a DENY to show`\n"
        "- ⚠️ worst exfiltration grade accepted: E → H\n"
    ) in text


def test_a_contract_of_a_templates_own_that_is_weakened_is_no_less_a_change() -> None:
    old = {"t": of({}, {"highestGrade": "E", "mustDeny": [NPM]})}
    found = preview(old, {"t": of({}, {"highestGrade": "H"})})
    assert found.verdict == "changes"
    assert found.warnings == ("the policy's contract is weakened",)
    assert found.contract.by_template["t"].grades == ("E", "H")
    assert "in place of the stack's" not in report.to_markdown([found])


def test_what_the_stack_demands_is_no_change_for_a_template_with_a_policy_of_its_own() -> None:
    own = {"highestGrade": "G"}
    found = preview(
        {"t": of({}, own), "open": Registered.of({})},
        {"t": of({"highestGrade": "E"}, own), "open": Registered.of({})},
    )
    assert found.verdict == "same"
    assert "contract" not in report.to_markdown([found])


def test_a_contract_that_is_weakened_for_one_template_of_several_says_for_which() -> None:
    stack = {"mustDeny": [PASTE], "highestGrade": "E"}
    old = {name: of(stack) for name in ("a", "b", "c")}
    stricter = {**stack, "mustDeny": [PASTE, NPM]}
    found = preview(old, {"a": of(stricter), "b": of(stricter, {}), "c": of(stricter)})
    text = report.to_markdown([found])
    assert text.startswith("## Preview: ⚠️ the policy's contract is weakened for template b\n")
    assert (
        "- template `b`:\n"
        "  - a policy of the template's own is in place of the stack's, whose contract ends for "
        "it\n"
        "  - ⚠️ **no longer demanded**: `mustDeny GET https://pastebin.com/`; because: "
        "`anyone may read it`\n"
        "  - ⚠️ worst exfiltration grade accepted: E → G\n"
        "- templates `a`, `c`:\n"
        "  - newly demanded: `mustDeny GET https://registry.npmjs.org/`; because: `packages`\n"
    ) in text
    found = preview(old, {"a": of(stack, {}), "b": of(stack), "c": of(stack, {})})
    assert found.warnings == ("the policy's contract is weakened for templates a, c",)
    many = {str(number): of(stack) for number in range(9)}
    weak = {name: of(stack, {}) if name != "0" else each for name, each in many.items()}
    assert preview(many, weak).warnings == ("the policy's contract is weakened for 8 templates",)


def test_a_template_that_is_new_is_held_to_what_the_stack_demands() -> None:
    stack = {"mustDeny": [PASTE]}
    assert not preview({"t": of(stack)}, {"t": of(stack), "n": of(stack)}).contract.changed
    for old in ({"t": of(stack)}, {}, {"t": of(stack, {}), "u": of(stack)}):
        found = preview(old, {"t": of(stack, {"mustDeny": [PASTE]}), "n": of(stack, {})})
        assert "n" in found.contract.weakened
        assert list(found.contract.by_template["n"].removed) == [
            "mustDeny GET https://pastebin.com/"
        ]


def test_a_template_that_gets_a_firewall_is_held_to_what_the_stack_demands() -> None:
    stack = {"mustDeny": [PASTE]}
    walled = StackPreview(
        "dev",
        {"t": None},
        {"t": Policy([])},
        old_templates={"t": Registered.of({})},
        new_templates={"t": of(stack, {})},
    )
    assert walled.contract.weakened == ("t",)


def test_a_state_of_an_earlier_release_gives_no_false_alarm() -> None:
    stack = {"mustDeny": [PASTE], "highestGrade": "E"}
    old = {"t": earlier(**stack), "open": earlier(**stack)}
    assert not preview(old, {"t": of(stack), "open": Registered.of({})}).contract.changed
    # It recorded the stack's contract, whatever the template's own was.
    found = preview(old, {"t": of(stack, {"highestGrade": "H"}), "open": Registered.of({})})
    assert (found.verdict, found.warnings) == ("same", ())
    assert "- whether it changes is **not known**" in report.to_markdown([found])
    assert preview(old, {"t": of({})}).contract.weakened == ("t",)


def test_the_state_holds_no_credential_that_a_denied_url_pretends_to_have() -> None:
    denied = {"url": "https://user:hunter2@a.example/?key=hunter2", "reason": "no"}
    assert "hunter2" not in json.dumps(PolicySettings(mustDeny=[denied]).demands)


def test_the_headline_of_several_stacks_has_the_warnings_of_all() -> None:
    weak = preview(registered(mustDeny=[PASTE]), registered())
    opens = StackPreview("open", {}, {"t": None})
    words = "⚠️ agents reach more than they do now; the policy's contract is weakened"
    assert report.headline([weak, opens]) == words
    assert report.headline([StackPreview("usgov", failure="no"), weak]) == (
        "⛔ the preview of usgov fails; of the others: ⚠️ the policy's contract is weakened"
    )
    text = report.to_markdown([StackPreview("same"), weak])
    assert "| `dev` | ⚠️ the policy's contract is weakened |" in text


def test_rules_that_open_every_host_accepted_from_now_on_are_a_weakened_contract() -> None:
    strict, wide = registered(), registered(acceptEverything=True)
    text = report.to_markdown([preview(strict, wide)])
    assert text.startswith("## Preview: ⚠️ the policy's contract is weakened\n")
    assert "- ⚠️ rules that open **every host** are accepted from now on\n" in text
    back = preview(wide, strict)
    assert back.verdict == "changes"
    assert "- rules that open every host are refused from now on\n" in report.to_markdown([back])
    assert "weakened" not in report.to_markdown([back])


def test_a_state_that_does_not_say_whether_every_host_was_accepted_is_no_change() -> None:
    before = {key: value for key, value in PolicySettings().demands.items() if "accept" not in key}
    old = {"t": Registered.of({"contract": json.dumps({**before, "stack": None})})}
    assert preview(old, registered(acceptEverything=True)).verdict == "same"


def test_what_must_be_allowed_and_ends_a_demand_of_the_catalogue_is_told_as_its_end() -> None:
    found = preview(registered(), registered(mustAllow=[KEY, NPM]))
    assert found.warnings == ("the policy's contract is weakened",)
    text = report.to_markdown([found])
    assert (
        f"- ⚠️ **no longer demanded**: `mustDeny GET {KEY['url']}`; because: `an agent gets the "
        "owner's private ssh key: a demand of the catalogue, which this mustAllow ends`\n"
        f"- newly demanded: `mustAllow GET {KEY['url']}`; because: `git by ssh`\n"
    ) in text
    assert "mustDeny GET https://registry.npmjs.org/" not in text


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"mustAllow": [KEY]}, {"mustAllow": [KEY]}),
        # The catalogue demanded nothing where the worst grade was accepted.
        ({"highestGrade": "H"}, {"mustAllow": [KEY]}),
    ],
)
def test_a_demand_of_the_catalogue_that_there_was_not_does_not_end(
    old: dict[str, Any], new: dict[str, Any]
) -> None:
    found = preview(registered(**old), registered(**new))
    assert found.warnings == ()
    assert "a demand of the catalogue" not in report.to_markdown([found])
