"""What no workspace could start with is an error of the settings, at the place that says it."""

from typing import Any

import pytest

from components.settings.load import load
from tests.components.test_settings import changed, problems

LONG = {
    "rules": [
        {"rule": f"domain=host-{n:05}.example.gov path=/{'p' * 36}/*", "why": "a test"}
        for n in range(900)
    ]
}
HOOK = {"event": "Stop", "command": f"# {'x' * 70_000}"}


@pytest.mark.parametrize(
    ("path", "place"), [("policy", "policy"), ("templates.0.policy", "templates[0].policy")]
)
def test_a_policy_is_named_where_it_is_written(path: str, place: str) -> None:
    (problem,) = problems(changed(path, LONG))
    assert problem.startswith(f"{place}: template firewalled: ")
    assert " bytes of the firewall's policy make a start script of " in problem


def test_managed_settings_of_every_template_are_named() -> None:
    found = problems(changed("workspaces.claudePolicy", {"hooks": [HOOK], "bypass": True}))
    assert [each.partition(": template")[0] for each in found] == [
        "policy",
        "workspaces.claudePolicy",
    ]


def test_a_template_without_a_firewall_has_no_policy_to_be_too_long() -> None:
    values: dict[str, Any] = changed("policy", LONG)
    values["templates"] = [{"name": "claude-code"}]
    assert load("dev", values)
