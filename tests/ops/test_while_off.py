"""Rules that are edited while the emergency switch has the firewall off stand in a report."""

import datetime
import json
from typing import Any

import pytest

from components.boundary import Policy, PolicyRule, Rule
from components.settings.load import load
from ops import deployed, history, report, stacks
from ops.assessment import StackPreview
from ops.changes import Step
from ops.stack_reach import StackReach, compared, of_settings
from tests.components.test_settings import changed

TODAY = datetime.datetime.now(datetime.UTC).date()
OFF = {"state": "off", "reason": "incident", "until": str(TODAY)}


def policy(*hosts: str) -> Policy:
    rules = (Rule.parse(f"domain={host}") for host in hosts)
    return Policy([PolicyRule(rule, "extra", "a test") for rule in rules])


ONE, MORE, LESS = policy("a.example"), policy("a.example", "pastebin.com"), policy()
Side = tuple[Policy | None, Policy | None]


def preview(old: Side, new: Side) -> StackPreview:
    """Return a preview of policies before and after, each with the one that is switched off."""
    kept = [{"t": each} if each is not None else {} for _, each in (old, new)]
    return StackPreview(
        "dev", {"t": old[0]}, {"t": new[0]}, old_suspended=kept[0], new_suspended=kept[1]
    )


UNKNOWN = (
    "- whether the emergency switch has a firewall off, and whether the rules are others than its "
    "are then, is **not known**: the deployed stack does not record it; read the rules whole\n"
)
STILL = "the rules of a firewall that is off open more"
BACK = "a firewall comes back with rules that open more"


@pytest.mark.parametrize(
    ("old", "new", "warning", "lines"),
    [
        (
            (None, ONE),
            (None, MORE),
            STILL,
            "- ⚠️ newly reached once the firewall is on again (1):\n"
            "  - `pastebin.com`: all methods, all paths; because: `a test`; ⚠️ grade E: ",
        ),
        (
            (None, ONE),
            (MORE, None),
            BACK,
            "- ⚠️ newly reached against the rules that were switched off (1):\n  - `pastebin.com`",
        ),
        (
            (ONE, None),
            (None, MORE),
            STILL,
            "- the firewall is **removed**: agents reach **every host**\n"
            "- ⚠️ newly reached once the firewall is on again (1):\n  - `pastebin.com`",
        ),
        (
            (None, ONE),
            (None, LESS),
            "",
            "- no longer reached once the firewall is on again (1):\n  - `a.example`",
        ),
    ],
)
def test_rules_that_the_switch_has_off_are_compared_too(
    old: Side, new: Side, warning: str, lines: str
) -> None:
    found = preview(old, new)
    text = report.to_markdown([found])
    assert lines in text
    assert found.verdict != "same"
    head = text.splitlines()[0]
    assert warning in head
    assert warning or "open more" not in head
    (reach,) = report.to_json([found])["stacks"][0]["reach"]
    assert reach["whileOff"]["opened"] or reach["whileOff"]["closed"]
    assert "rules of the firewall that was off" in history.policy_line(found.reaches)


@pytest.mark.parametrize(
    ("old", "new"), [((None, ONE), (None, ONE)), ((None, None), (None, ONE)), ((ONE, None),) * 2]
)
def test_rules_that_stay_or_are_not_known_of_before_are_no_change(old: Side, new: Side) -> None:
    assert preview(old, new).verdict == "same"


def test_a_switch_alone_opens_no_rules() -> None:
    for old, new in (((ONE, None), (None, ONE)), ((None, ONE), (ONE, None))):
        text = report.to_markdown([preview(old, new)])
        assert "once the firewall" not in text
        assert "switched off (" not in text


def test_settings_and_a_state_say_which_rules_are_off() -> None:
    values: dict[str, Any] = changed("firewall", OFF)
    settings = load("dev", values)
    reach = of_settings(settings)
    name = next(each.name for each in settings.templates if each.firewall)
    assert reach.policies[name] is None
    kept = stacks.suspended_of(settings)
    assert reach.suspended == kept
    assert len(kept[name])
    urn = f"urn:pulumi:dev::p::firewalledcoder:index:WorkspaceTemplate::{name}"
    outputs = {"policy": "", "suspendedPolicy": json.dumps(kept[name].to_json())}
    state = deployed.of([(urn, outputs)])
    assert state.suspended == {name: kept[name]}
    assert state.reach.suspended == state.suspended
    (found,) = compared(state.reach, StackReach({name: None}, suspended={name: MORE}))
    assert found.while_off.opened
    masked = {
        **outputs,
        "suspendedPolicy": outputs["suspendedPolicy"].replace("github", "[secret]"),
    }
    told = deployed.of([(urn, masked)], dict, lambda: kept)
    assert told.suspended == kept


@pytest.mark.parametrize(
    ("source", "new", "line", "head"),
    [
        (False, (None, ONE), UNKNOWN, "not all that is compared is recorded"),
        (False, (ONE, None), UNKNOWN, "not all that is compared is recorded"),
        # It has no rules, on or off.
        (False, (None, None), "", "agents reach nothing new"),
        (True, (None, ONE), "", "agents reach nothing new"),
        (True, (ONE, None), "", "a firewall confines agents who reach every host now"),
    ],
)
def test_rules_that_an_older_release_put_off_are_not_known(
    source: bool, new: Side, line: str, head: str
) -> None:
    """What it put off stands in no state: the first look is no promise that nothing came."""
    outputs = {"policy": "", **({"source": json.dumps({"a": "b"})} if source else {})}
    urn = "urn:pulumi:dev::p::firewalledcoder:index:WorkspaceTemplate::t"
    before = deployed.of([(urn, outputs)])
    step = Step("update", "urn::x::y", "x", {"a": 1}, {"a": 2})
    found = StackPreview(
        "dev",
        before.policies,
        {"t": new[0]},
        steps=(step,),
        old_templates=before.templates,
        new_suspended={"t": new[1]} if new[1] is not None else {},
    )
    text = report.to_markdown([found])
    assert line in text
    assert line or "not known" not in text
    assert head in text.splitlines()[0]
    (reach,) = report.to_json([found])["stacks"][0]["reach"]
    assert reach["whileOff"]["notKnown"] == bool(line)
    after = StackReach({"t": new[0]}, suspended=dict(found.new_suspended))
    said = history.policy_line(compared(before.reach, after))
    assert ("rules of a firewall that was off are not known" in said) == bool(line)
