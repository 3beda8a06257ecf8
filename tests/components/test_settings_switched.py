"""The emergency switch in a stack's settings."""

import datetime
from typing import Any

import pytest

from components.settings.load import load
from tests.components.test_settings import changed, problems, valid


@pytest.mark.parametrize(
    ("templates", "named", "said"),
    [
        (
            valid()["templates"],
            ["claude-code"],
            'firewall.templates[0] = "claude-code": it has no firewall to switch off; those that '
            "have one: firewalled",
        ),
        ([{"name": "bare"}], [], 'firewall.state = "off": no template has a firewall: remove it'),
    ],
)
def test_a_switch_that_switches_nothing_off_is_refused(
    templates: list[Any], named: list[str], said: str
) -> None:
    today = str(datetime.datetime.now(datetime.UTC).date())
    switch = {"state": "off", "reason": "x", "until": today, "templates": named}
    values = changed("firewall", switch)
    values["templates"] = templates
    assert problems(values) == [said]
    # What is on switches nothing, whatever it names.
    values["firewall"]["state"] = "on"
    load("dev", values)


def test_the_emergency_switch_opens_until_its_day() -> None:
    until = datetime.datetime.now(datetime.UTC).date()
    switch = {"state": "off", "reason": "incident 7", "until": str(until)}
    settings = load("dev", changed("firewall", switch))
    assert all(settings.policy_of(template) is None for template in settings.templates)


@pytest.mark.parametrize(
    ("until", "message"),
    [
        ("2030-01-01T00:00:00Z", "or earlier: the firewall may be off for 7 days at a time"),
        (1893456000, "or earlier: the firewall may be off for 7 days at a time"),
        ("1893456000", "or earlier: the firewall may be off for 7 days at a time"),
        (datetime.date(2030, 1, 1), "or earlier: the firewall may be off for 7 days at a time"),
        (datetime.datetime(2030, 1, 1), "or earlier: the firewall may be off for 7 days at a time"),
        ("2020-01-01T00:00:00Z", "the emergency switch has expired"),
        (0, "the emergency switch has expired"),
        ("2030-01-01T12:00:00Z", "must be a date such as 2026-12-31, without a time"),
        ("tomorrow", "must be a date such as 2026-12-31"),
    ],
)
def test_no_spelling_of_its_day_lets_the_switch_outlive_its_limit(until: Any, message: str) -> None:
    found = problems(changed("firewall", {"state": "off", "reason": "x", "until": until}))
    assert len(found) == 1
    assert found[0].startswith("firewall.until = ")
    assert message in found[0]
