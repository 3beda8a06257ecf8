"""Agent variables that break a firewall are refused where a template has one."""

from typing import Any

import pytest

from components.settings.load import load
from tests.components.test_settings import changed, problems

PROXY = {"ALL_PROXY": "http://proxy.example.com:3128", "LANG": "C"}


@pytest.mark.parametrize(
    ("path", "place"),
    [("workspaces.agentEnv", "workspaces"), ("templates.0.agentEnv", "templates[0]")],
)
def test_it_is_one_error_at_the_place_where_it_is_written(path: str, place: str) -> None:
    (problem,) = problems(changed(path, PROXY))
    assert problem.startswith(f"{place}.agentEnv.ALL_PROXY: ALL_PROXY breaks the firewall: ")
    assert "proxy.example.com" not in problem


def test_each_is_named_and_a_template_without_a_firewall_may_have_it() -> None:
    both = {"PIP_PROXY": "a", "all_proxy": "b"}
    assert len(problems(changed("workspaces.agentEnv", both))) == 2
    assert load("dev", changed("templates.1.agentEnv", PROXY))


def test_a_stack_without_a_firewall_may_share_it() -> None:
    values: dict[str, Any] = changed("workspaces.agentEnv", PROXY)
    values["templates"] = [{"name": "claude-code"}]
    assert load("dev", values)


def test_the_emergency_switch_makes_no_difference() -> None:
    values = changed("workspaces.agentEnv", PROXY)
    values["firewall"] = {"state": "off", "reason": "incident", "until": "2026-11-29"}
    assert any("ALL_PROXY breaks the firewall" in each for each in problems(values))
