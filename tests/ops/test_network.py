"""What a review says of the network policy: in the same list as the firewall."""

import json
import re
from typing import Any

import pytest

from components.boundary import Policy, PolicyRule, Rule
from components.network.args import Opening, WorkspaceNetworkPolicyArgs
from components.network.manifests import cilium_policies, network_policies
from components.network.reach import Reached
from ops import changes, network, report
from ops.assessment import StackPreview
from ops.changes import Step
from ops.tokens import CILIUM_POLICY, NETWORK_POLICY

Args = WorkspaceNetworkPolicyArgs
HOSTILE = "`</summary>```\n# owned\n| @everyone"


def policy(*rules: str) -> Policy:
    return Policy([PolicyRule(Rule.parse(rule), "extra", "test") for rule in rules])


RULES = policy("domain=a.example", "method=GET domain=*.b.example", "domain=buildhost")


def objects(args: Args | None) -> dict[str, dict[str, Any]]:
    if args is None:
        return {}
    found = [*network_policies(args), *cilium_policies(args).values()]
    return {each["metadata"]["name"]: each for each in found}


def steps(old: Args | None, new: Args | None) -> tuple[Step, ...]:
    """Return every step on the policies of a stack, as `changes.every` does."""
    before, after = objects(old), objects(new)
    found = []
    for name in {**before, **after}:
        one, other = before.get(name, {}), after.get(name, {})
        op = "create" if not one else "delete" if not other else "update"
        kind = (one or other)["kind"]
        token = CILIUM_POLICY if kind.startswith("Cilium") else NETWORK_POLICY
        urn = f"urn:pulumi:dev::p::{token}::{name}"
        found.append(Step("same" if one == other else op, urn, token, one, other))
    return tuple(found)


def preview(old: Args | None, new: Args | None, rules: Policy = RULES) -> StackPreview:
    """Return a preview in which the network changes, and the firewall from RULES to `rules`."""
    every = steps(old, new)
    return StackPreview(
        "dev",
        {"firewalled": RULES, "claude-code": None},
        {"firewalled": rules, "claude-code": None},
        steps=tuple(step for step in every if step.op != "same"),
        policies=every,
    )


def section(found: StackPreview) -> str:
    text = report.to_markdown([found])
    return text.partition("#### What an agent reaches\n\n")[2].partition("\n####")[0]


GITLAB = Opening(ports=[443, 22], why="GitLab is internal.", to="10.20.0.0/16")


def test_what_a_stack_adds_opens_for_every_template() -> None:
    found = preview(Args(), Args(allow=[GITLAB]))
    assert found.verdict == "opens"
    assert section(found).partition("<details>")[0].strip() == (
        "**`firewalled`, `claude-code`**\n\n"
        "- the network opens (1):\n"
        "  - `10.20.0.0/16`: TCP 443, TCP 22; because: `GitLab is internal`"
    )


def test_what_closes_opens_nothing() -> None:
    found = preview(Args(allow=[GITLAB]), Args())
    assert found.verdict == "changes"
    assert "- the network closes (1):\n  - `10.20.0.0/16`: TCP 443, TCP 22" in section(found)


def test_the_first_policy_says_what_it_leaves_and_is_no_new_reach() -> None:
    found = preview(None, Args())
    assert found.verdict == "changes"
    said = section(found)
    assert "- a network policy from now on; workspaces reach only (3):\n" in said
    assert "  - `every public address`: TCP 443, TCP 80; because: `the web`" in said


def test_a_policy_that_goes_is_not_to_be_overlooked() -> None:
    found = preview(Args(), None)
    assert found.verdict == "opens"
    text = report.to_markdown([found])
    assert text.startswith("## Preview: ⚠️ agents reach more")
    assert "the network policy is **removed**: workspaces reach **every address and port**" in text


def test_beside_what_the_firewall_changes_in_one_list() -> None:
    found = preview(Args(), Args(allow=[GITLAB]), policy("domain=new.example"))
    said = section(found)
    of_firewalled = said.partition("**`claude-code`**")[0]
    assert "  - `new.example`: all methods, all paths" in of_firewalled
    assert "- the network opens (1):" in of_firewalled
    # Without a firewall it is the network alone.
    assert "firewall" not in said.partition("**`claude-code`**")[2].partition("<details>")[0]


def test_names_say_what_they_cannot() -> None:
    found = preview(Args(), Args(by_name={"firewalled": RULES}))
    assert found.verdict == "changes"
    said = section(found)
    assert "**`firewalled`**" in said
    assert "**`claude-code`**" not in said
    assert (
        "- the network closes (1):\n"
        "  - `every public address`: TCP 443, TCP 80; because: `the web`\n"
        "- by name, outside the jail too: 3 hosts, by TCP 443 and 80\n"
        "  - there with every method and path (1): `*.b.example`\n"
        "  - not found by these names: `buildhost`\n"
    ) in said


def test_an_address_of_a_rule_that_is_not_public_is_told_as_none_that_names_open() -> None:
    rules = policy("domain=10.1.2.3", "domain=140.82.112.3")
    said = section(preview(Args(), Args(by_name={"firewalled": rules}), rules))
    assert (
        "- by name, outside the jail too: 1 hosts, by TCP 443 and 80\n"
        "  - not public, open by `network.allow` alone: `10.1.2.3`\n"
    ) in said


def test_names_are_told_again_when_the_policy_changes() -> None:
    named = Args(by_name={"firewalled": RULES})
    found = preview(named, named, policy("domain=a.example path=/x/*"))
    assert "  - there with every method and path (1): `a.example`" in section(found)
    assert section(preview(named, named)) == ""


def test_a_policy_that_stays_counts_with_one_that_changes() -> None:
    """DNS moves from one object to another: nothing opens, nothing closes."""
    one = network_policies(Args())[0]
    spec = {**one["spec"], "egress": one["spec"]["egress"][1:]}
    lesser = {**one, "metadata": {**one["metadata"], "annotations": {}}, "spec": spec}
    other = {**one, "metadata": {**one["metadata"], "name": "other"}}
    assert not network.change([one, other], [lesser, other], "firewalled").changed
    assert network.change([one], [lesser], "firewalled").closed


def test_more_than_a_page_of_openings_is_cut_and_counted() -> None:
    many = [Opening(ports=[22], why="x", to=f"10.{n}.0.0/16") for n in range(1, 60, 2)]
    said = section(preview(Args(), Args(allow=many)))
    assert "- the network opens (30):" in said
    assert "  - and 10 more" in said
    found = report.to_json([preview(Args(), Args(allow=many))])
    assert len(found["stacks"][0]["reach"][0]["network"]["opened"]) == 30


@pytest.mark.parametrize(
    ("to", "words"),
    [
        ("0.0.0.0/0", "every IPv4 address that is not public but 100.100.100.200/32, "),
        ("0.0.0.0/1", "0.0.0.0/8, 10.0.0.0/8, 127.0.0.0/8, 100.64.0.0/10 but 100.100.100.200/32`:"),
        ("::/0", "every IPv6 address that is not public but "),
        ("10.0.0.0/8", "10.0.0.0/8`:"),
    ],
)
def test_an_opening_on_ports_of_the_web_is_told_in_its_own_words(to: str, words: str) -> None:
    wide = Opening(ports=[443, 80], why="w", to=to)
    said = section(preview(Args(), Args(allow=[wide]))).partition("<details>")[0]
    (line,) = [each for each in said.splitlines() if each.startswith("  - ")]
    assert line.startswith(f"  - `{words}")
    assert "…" not in line


def test_peers_are_cut_between_and_counted() -> None:
    many = ", ".join(f"10.{n}.0.0/16" for n in range(100))
    (_, line) = network.listed("the network opens", [Reached(many, "TCP 22")])
    assert re.fullmatch(r"  - `10\.0\.0\.0/16, .*, 10\.\d+\.0\.0/16` and \d+ more: TCP 22", line)


def test_text_of_settings_stays_text() -> None:
    hostile = Opening(ports=[22], why=HOSTILE, to="10.0.0.0/8")
    text = report.to_markdown([preview(Args(), Args(allow=[hostile]))])
    above = text.partition("<details>")[0]
    assert "</summary>" not in above.replace("`'</summary>'''", "")
    assert "\n# owned" not in text
    (line,) = [each for each in above.splitlines() if each.startswith("  - `10.0.0.0/8`")]
    assert line.count("`") == 4


def test_the_same_as_plain_data() -> None:
    found = preview(Args(), Args(allow=[GITLAB], by_name={"firewalled": RULES}))
    firewalled, other = report.to_json([found])["stacks"][0]["reach"]
    assert (firewalled["template"], other["template"]) == ("firewalled", "claude-code")
    assert firewalled["network"] == {
        "policy": {"before": True, "after": True},
        "opened": [
            {
                "direction": "out",
                "where": "10.20.0.0/16",
                "ports": "TCP 443, TCP 22",
                "reason": "GitLab is internal.",
            }
        ],
        "closed": [
            {
                "direction": "out",
                "where": "every public address",
                "ports": "TCP 443, TCP 80",
                "reason": "the web",
            }
        ],
        "byName": {
            "hosts": 3,
            "everyMethodAndPath": ["*.b.example"],
            "notFound": ["buildhost"],
            "notPublic": [],
        },
    }
    assert other["network"]["byName"] is None
    assert json.dumps(report.to_json([found]))


def test_no_network_policy_beside_a_firewall_is_said_every_time() -> None:
    found = StackPreview("dev", without_network_policy="the mesh does it")
    text = report.to_markdown([found])
    assert "> ⚠️ **There is no network policy**: `the mesh does it`" in text
    assert report.to_json([found])["stacks"][0]["withoutNetworkPolicy"] == "the mesh does it"


@pytest.mark.parametrize(
    ("op", "kept"),
    [("same", True), ("update", True), ("read", False), ("create-replacement", False)],
)
def test_policies_are_kept_whatever_happens_to_them(op: str, kept: bool) -> None:
    state = {"inputs": objects(Args())["firewalled-coder-workspaces"]}
    event = {"op": op, "urn": "urn:a", "type": NETWORK_POLICY, "old": state, "new": state}
    other = {**event, "type": "kubernetes:core/v1:ConfigMap", "urn": "urn:b"}
    found = changes.every([event, other], network.KINDS)
    assert [(step.op, step.new) for step in found] == ([(op, state["inputs"])] if kept else [])
