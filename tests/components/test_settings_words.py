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
