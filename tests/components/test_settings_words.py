"""What a word in a stack's settings means, and how a wrong one is told."""

from typing import Any

import pytest

from components.settings.load import json_schema, load
from tests.components.test_settings import changed, problems

FLAGS = (
    "protected",
    "coder.waitForRollout",
    "grafana.firewallRecords",
    "network.enabled",
    "policy.acceptEverything",
    "templates.0.agentsAllowed",
    "templates.0.requireActiveVersion",
    "workspaces.tasks",
)


@pytest.mark.parametrize("path", FLAGS)
@pytest.mark.parametrize("value", ["on", "yes", "off", "True", "1", "t", "", 1, 0, 1.0])
def test_true_and_false_alone_are_booleans(path: str, value: Any) -> None:
    found = problems(changed(path, value))
    assert any("must be true" in problem for problem in found), found


@pytest.mark.parametrize("value", [False, "false"])
def test_a_text_that_the_engine_stores_is_a_boolean(value: Any) -> None:
    assert load("dev", changed("protected", value)).protected is False
    settings = load("dev", changed("templates.0.agentsAllowed", value))
    assert settings.templates[0].agents_allowed is False


def test_editors_know_booleans() -> None:
    properties = json_schema()["properties"]["config"]["properties"]
    assert properties["firewalled-coder:protected"]["type"] == "boolean"


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        (
            "firewall",
            {"state": "off", "reason": "x", "until": "2026-11-28 00:00:00 +0000 UTC"},
            'firewall.until = 2026-11-28: is a date to YAML and no text: quote it, as in "2026-11',
        ),
        (
            "templates.0.displayName",
            "2026-01-01 10:00:00.5 +0200 +0200",
            "templates[0].displayName = 2026-01-01T10:00:00+02:00: is a date to YAML and no text",
        ),
        ("mainBranch", "2026-01-01 00:00:00 +0000 UTC", "mainBranch = 2026-01-01: is a date to"),
        (
            "policy.rules",
            ["domain=x.example"],
            "must be a map of keys and values: {rule: ..., why: ...}",
        ),
        ("coder.apiUrl", "https://a.example:70000", "its port is above 65535"),
        ("coder.apiUrl", "https://a.example/a b", "it has white space in it"),
        (
            "coder.accessUrl",
            "https://[fd00::1]:7080",
            'coder.accessUrl = "https://[fd00::1]:7080": must name a host by letters, digits, . ',
        ),
        ("workspaces.resources.cpu", {"options": ["9" * 5000], "default": 2}, "fewer digits"),
    ],
)
def test_a_wrong_word_is_told_alone_and_in_our_own(path: str, value: Any, told: str) -> None:
    (problem,) = problems(changed(path, value))
    assert told in problem
