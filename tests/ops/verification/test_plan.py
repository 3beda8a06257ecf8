"""What is made to be looked at, as a stack's settings say."""

from typing import Any

import pytest

from components.settings.load import load
from components.settings.model import Settings
from ops.verification import plan


def settings(**more: Any) -> Settings:
    return load(
        "dev",
        {
            "coder": {"accessUrl": "https://coder.example.com"},
            "externalAuth": {"providers": [{"host": "gitlab.example.com"}]},
            "templates": [{"name": "firewalled", "firewall": {}}, {"name": "open"}],
            "secrets": {
                "coderToken": "t",
                "externalAuth": {"gitlab": {"clientId": "i", "clientSecret": "s"}},
            },
            **more,
        },
    )


@pytest.mark.parametrize(
    ("network", "promised"),
    [
        ({}, True),
        ({"enabled": True}, True),
        ({"enabled": False, "reason": "Istio closes it"}, False),
    ],
)
def test_what_the_network_policy_promises_is_held_against_it(
    network: dict[str, Any], promised: bool
) -> None:
    found = plan.targets(settings(network=network))
    assert [(each.subject, each.network_policy) for each in found] == [
        ("firewalled", promised),
        ("open", promised),
    ]


def test_without_a_firewall_there_is_no_policy_unless_asked_for() -> None:
    (found,) = plan.targets(settings(templates=[{"name": "open"}]))
    assert not found.network_policy


def test_another_owner_gets_a_workspace_of_each_template() -> None:
    own, other = plan.targets(settings(), ["firewalled"], owner="dana", minutes=2)
    assert (own.owner, other.owner, other.subject) == ("me", "dana", "firewalled for dana")
    assert own.workspace != other.workspace
    assert own.firewall == other.firewall
    assert own.firewall is not None
    assert (own.seconds, own.external_auth) == (120, "gitlab")


def test_a_template_that_the_stack_does_not_have_is_named() -> None:
    with pytest.raises(plan.SelectionError, match="other"):
        plan.targets(settings(), ["other"])


def test_a_template_that_isolates_coders_own_agents_has_their_pod_looked_at() -> None:
    templates = [{"name": "open", "agentsAllowed": "isolated"}, {"name": "other"}]
    found = plan.targets(settings(templates=templates, network={"enabled": True}))
    assert [each.isolates_agents for each in found] == [True, False]
