"""Boundary's configuration file: keys that not every release reads."""

from typing import Any

import pytest
import yaml

from components.boundary import Policy, PolicyRule, Rule, render_config
from components.boundary.config import settings_of, unread_keys
from components.boundary.releases import KEYS_SINCE, key_problem

POLICY = Policy([PolicyRule(Rule.parse("domain=a.example"), "stack", "a test")])


@pytest.mark.parametrize(
    ("given", "written"),
    [
        ({}, {}),
        ({"use_real_dns": True}, {"use_real_dns": True}),
        ({"no_user_namespace": True}, {"no_user_namespace": True}),
        (
            {"correlate_with": "coder.example.com"},
            {
                "session_correlation_enabled": True,
                "session_id_inject_targets": [
                    "domain=coder.example.com path=/api/v2/aibridge/*,/api/v2/ai-gateway/*"
                ],
            },
        ),
    ],
)
def test_a_key_is_there_when_it_is_on(given: dict[str, Any], written: dict[str, Any]) -> None:
    document = yaml.safe_load(render_config(POLICY, jail_type="nsjail", **given))
    assert document.pop("jail_type") == "nsjail"
    assert {k: v for k, v in document.items() if k in KEYS_SINCE} == written
    assert document["allowlist"] == ["domain=a.example"]
    # What tells Boundary whose session it is, is written as its rules are.
    for target in document.get("session_id_inject_targets", ()):
        Rule.parse(target)


def test_what_it_says_besides_the_rules_is_read_back() -> None:
    text = render_config(POLICY, jail_type="nsjail", proxy_port=9, correlate_with="c.example")
    assert settings_of(text) == {
        "log_dir": "/tmp/boundary_logs",
        "log_level": "warn",
        "proxy_port": "9",
        "jail_type": "nsjail",
        "session_correlation_enabled": "true",
        "session_id_inject_targets": (
            "domain=c.example path=/api/v2/aibridge/*,/api/v2/ai-gateway/*"
        ),
    }


@pytest.mark.parametrize(
    ("key", "last_without", "first"),
    [
        ("use_real_dns", "v0.6.1", "v0.7.0"),
        ("no_user_namespace", "v0.8.0", "v0.8.1"),
        ("session_correlation_enabled", "v0.9.0", "v0.10.0"),
        ("session_correlation_enabled", "latest", "0.9.1"),
    ],
)
def test_a_release_that_does_not_read_a_key(key: str, last_without: str, first: str) -> None:
    assert key_problem(key, first) == ""
    words = key_problem(key, last_without)
    assert words.startswith("needs Boundary v0.")
    assert words.endswith(f"this one is {last_without}")
    assert unread_keys(f"allowlist:\n- domain=a\n{key}: true\n", last_without) == (
        f"{key} {words}",
    )
    assert unread_keys(f"allowlist: []\n{key}: true\n", first) == ()
    # A rule is no key.
    assert unread_keys(f"allowlist:\n- {key}\n  {key}: x\n", last_without) == ()


def test_a_key_that_every_release_has() -> None:
    assert key_problem("jail_type", "v0.4.0") == key_problem("log_level", "latest") == ""
