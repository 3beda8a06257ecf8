"""Rules that are edited while the emergency switch has the firewall off stand in a report."""

import datetime
import json
from typing import Any

import pytest

from components.boundary import Policy, PolicyRule, Rule
from components.settings.load import load
from ops import deployed, history, report, stacks
from ops.assessment import StackPreview
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
