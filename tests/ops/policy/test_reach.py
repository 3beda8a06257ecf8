"""What a review says of a policy that an agent can leave, and of pushing to the own GitLab."""

import pytest

from components.boundary import Own, Policy, PolicyRule, Rule, build_policy
from ops import deployed, history, report
from ops.assessment import StackPreview

HOSTS = {"coder_host": "coder.example.com", "gitlab_hosts": ["gitlab.example.com"]}
OWN = Own(frozenset({"coder.example.com"}), frozenset({"gitlab.example.com"}))


def policy(*groups: str, rules: tuple[str, ...] = ()) -> Policy:
    added = [PolicyRule(Rule.parse(rule), "stack", "a reason") for rule in rules]
    return Policy([*build_policy(groups, **HOSTS), *added])


def said(old: Policy, new: Policy, own: Own) -> str:
    return report.to_markdown([StackPreview("dev", {"t": old}, {"t": new}, own=own)])


@pytest.mark.parametrize("own", [OWN, Own()])
def test_opening_coder_is_said_to_let_an_agent_leave(own: Own) -> None:
    text = said(policy("coder"), policy("coder", rules=("domain=*.example.com",)), own)
    assert "- exfiltration grade A → H (A: no host where anyone may receive)\n" in text
    why = "an agent makes itself a token, which outlives the workspace"
    assert f"- ⛔ **an agent can leave the firewall**: {why}\n" in text
    assert "⚠️ grade H: an agent makes itself a token, which outlives the workspace" in text
    still = said(
        policy("coder", rules=("domain=coder.example.com",)),
        policy("coder", "go", rules=("domain=coder.example.com",)),
        own,
    )
    assert "- ⛔ **an agent can leave the firewall**" in still
    assert "exfiltration grade" not in still


def test_a_way_out_that_is_not_coder_is_named_as_what_it_is() -> None:
    text = said(policy("coder"), policy("coder", rules=("domain=169.254.169.254",)), OWN)
    why = "the node's metadata service gives an agent credentials of the node or pod"
    assert f"- ⛔ **an agent can leave the firewall**: {why}\n" in text


def test_the_deployments_host_counts_where_no_group_names_it() -> None:
    text = said(policy("go"), policy("go", rules=("domain=*.example.com",)), OWN)
    assert "exfiltration grade A → H" in text


def test_narrowing_the_demonstration_closes_coder_and_opens_nothing_of_it() -> None:
    before, after = policy("summit-2026"), policy("coder", "gitlab", "anthropic")
    preview = StackPreview("dev", {"t": before}, {"t": after}, own=OWN)
    text = report.to_markdown([preview])
    assert "exfiltration grade H → C" in text
    closed = "  - `coder.example.com`: all methods, all paths; of it **stays reached**: `coder."
    assert closed in text
    assert "- coder.example.com (all methods, all paths); stays: coder.example.com (" in text
    assert "closes part of *.claude.ai, *.amazonaws.com, " in history.policy_line(preview.reaches)
    (data,) = report.to_json([preview])["stacks"][0]["reach"]
    assert any(each["stays"] for each in data["closed"])
    assert "leave the firewall" not in text
    opened, _, closed = text.partition("no longer reached")
    assert "coder.example.com" not in opened
    assert "coder.example.com" in closed


def test_a_gateways_path_alone_costs_nothing() -> None:
    rule = "method=POST domain=coder.example.com path=/api/v2/ai-gateway/openai/v1/responses"
    text = said(policy("coder"), policy("coder", rules=(rule,)), OWN)
    assert "  - `coder.example.com`: POST, `/api/v2/ai-gateway/openai/v1/responses`" in text
    assert "⚠️ grade" not in text
    assert "⛔" not in text


def test_pushing_to_the_own_gitlab_is_said_when_it_opens() -> None:
    text = said(policy("coder", "gitlab-read"), policy("coder", "gitlab"), OWN)
    assert "⚠️ what is pushed there runs on its CI runners, which stand outside the firewall" in text
    assert "⚠️ grade" not in text
    assert "runners" not in said(policy("coder"), policy("coder", "gitlab-read"), OWN)


def test_a_deployed_policy_that_no_settings_accept_is_shown() -> None:
    rules = [
        {"rule": "method=GET,,POST domain=a.example", "group": "stack", "why": "old"},
        {"rule": "domain=b.example path=/a*", "group": "stack", "why": "old"},
    ]
    urn = "urn:pulumi:dev::p::firewalledcoder:index:WorkspaceTemplate::t"
    old = deployed.of([(urn, {"policy": rules})]).policies["t"]
    assert old is not None
    text = said(old, policy("go"), OWN)
    assert "  - `a.example`: GET, POST, all paths\n" in text
    assert "  - `b.example`: all methods, `/a*`\n" in text
