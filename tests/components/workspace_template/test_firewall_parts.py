"""What is said of a firewall is what Boundary is told: reviews go by one, agents by the other."""

from collections.abc import Callable
from typing import Any

import pytest

from components.boundary import ExtraRule, build_policy, render_config
from components.errors import ArgsError
from components.workspace_template.args import WorkspaceTemplateArgs
from components.workspace_template.wiring import Firewall

Make = Callable[..., WorkspaceTemplateArgs]
WIDER = [ExtraRule(f"domain={name}.example.com", "a test") for name in "abcd"]
POLICY = build_policy(["anthropic"], coder_host="c.example.com", gitlab_hosts=[])
WIDE = build_policy(["anthropic"], coder_host="c.example.com", gitlab_hosts=[], extra=WIDER)
LANDJAIL = render_config(POLICY, jail_type="landjail")
OPENED = "'domain=a.example.com', 'domain=b.example.com', 'domain=c.example.com' and 1 more"


@pytest.mark.parametrize("jail", ["landjail", "nsjail"])
@pytest.mark.parametrize("alone", [False, True])
def test_parts_of_one_policy_are_taken(template_args: Make, jail: Any, *, alone: bool) -> None:
    given = {"no_user_namespace": alone and jail == "nsjail"}
    config = render_config(POLICY, jail_type=jail, use_real_dns=jail == "nsjail", **given)
    made = template_args(firewall=Firewall(config, jail, policy=POLICY.to_json(), **given))
    assert made.firewall is not None


def test_the_order_of_rules_says_nothing(template_args: Make) -> None:
    template_args(firewall=Firewall(LANDJAIL, policy=POLICY.to_json()[::-1]))


@pytest.mark.parametrize(
    ("firewall", "told"),
    [
        (
            Firewall(render_config(WIDE, jail_type="landjail"), policy=POLICY.to_json()),
            f"the configuration has and the policy has not: {OPENED}",
        ),
        (
            Firewall(LANDJAIL, policy=WIDE.to_json()),
            f"the policy has and the configuration has not: {OPENED}",
        ),
        (Firewall(LANDJAIL), "the configuration has and the policy has not: 'domain="),
        (
            Firewall(LANDJAIL, "nsjail", policy=POLICY.to_json()),
            "the configuration says jail_type landjail, and the firewall nsjail",
        ),
        (
            Firewall("no_user_namespace: true\n", "nsjail"),
            "the configuration says no_user_namespace true, and the firewall false",
        ),
        (
            Firewall("jail_type: nsjail\n", "nsjail", no_user_namespace=True),
            "the configuration says no_user_namespace false, and the firewall true",
        ),
        (Firewall("a: 1\nallowlist: ["), "configuration is no YAML, at line "),
        (Firewall("allowlist"), "configuration is no mapping of keys"),
        (Firewall("allowlist: {a: b}"), "an allowlist that is no list of rules"),
        (Firewall("allowlist: [1]"), "an allowlist that is no list of rules"),
    ],
)
def test_parts_that_contradict_each_other_are_refused(
    template_args: Make, firewall: Firewall, told: str
) -> None:
    with pytest.raises(ArgsError) as caught:
        template_args(firewall=firewall)
    assert [told in each for each in caught.value.problems] == [True]
