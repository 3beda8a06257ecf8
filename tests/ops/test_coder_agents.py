"""What a review says of Coder's own agents: every host, or what a pod of their own reaches."""

from typing import Any

import pytest

from components.network.args import Coderd, WorkspaceNetworkPolicyArgs
from components.network.manifests import cilium_agents_policy
from ops import report
from ops.assessment import StackPreview
from ops.changes import Step
from ops.template_changes import Registered
from ops.tokens import CILIUM_POLICY
from tests.ops.test_network import RULES, section, steps

Args = WorkspaceNetworkPolicyArgs
PLAIN, ISOLATED = Args(), Args(isolated_agents=True)
EVERY_HOST = "- ⚠️ **Coder's own agents reach every host from here**: their tools"
ALONE = (
    "- Coder's own agents use it from a pod of their own, which reaches **what is listed here "
    "alone**\n"
    "  - a workspace that runs has that pod from its next start; before, their tools run in the "
    "workspace's own pod, outside of the jail"
)
REACHES = (
    "- that pod reaches only (2):\n"
    "  - `pods k8s-app=kube-dns in namespace kube-system`: UDP 53, TCP 53; because: `the cluster's "
    "DNS`\n"
    "  - `pods app.kubernetes.io/name=coder in namespace coder`: TCP 8080, TCP 8443; because: "
    "`coderd`"
)


def preview(
    old: Args | None, new: Args | None, before: Any, after: Any, *, more: tuple[Step, ...] = ()
) -> StackPreview:
    """Return a preview of one template behind a firewall, and of another that nothing changes."""
    policies = (*steps(old, new), *more)
    changed = tuple(step for step in policies if step.op != "same")
    rules = {"firewalled": RULES, "other": RULES}
    return StackPreview(
        "dev",
        rules,
        rules,
        steps=changed,
        policies=policies,
        old_templates={
            "firewalled": Registered(None, {}, before),
            "other": Registered(None, {}, False),
        },
        new_templates={
            "firewalled": Registered(None, {}, after),
            "other": Registered(None, {}, False),
        },
    )


@pytest.mark.parametrize("before", [False, None])
def test_their_pod_reaches_coder_alone_and_is_no_warning(before: bool | None) -> None:
    found = preview(PLAIN, ISOLATED, before, "isolated")
    said = section(found).partition("<details>")[0].strip()
    assert said == f"**`firewalled`**\n\n{ALONE}\n{REACHES}"
    assert found.verdict == "changes"
    firewalled = next(
        each
        for each in report.to_json([found])["stacks"][0]["reach"]
        if each["template"] == "firewalled"
    )
    assert firewalled["coderAgents"] == {"before": before, "after": "isolated"}
    assert firewalled["coderAgentsNetwork"]["policy"] == {"before": False, "after": True}
    assert len(firewalled["coderAgentsNetwork"]["opened"]) == 2


def test_all_that_a_wide_setting_opens_to_their_pod_is_told() -> None:
    coderd = Coderd(addresses=["0.0.0.0/0"], ports=[8080, 5432], pod_labels={}, access_port=7080)
    said = section(preview(PLAIN, Args(isolated_agents=True, coderd=coderd), False, "isolated"))
    assert "Coder alone" not in said
    assert (
        "- that pod reaches only (3):\n"
        "  - `pods k8s-app=kube-dns in namespace kube-system`: UDP 53, TCP 53; because: `the "
        "cluster's DNS`\n"
        "  - `every pod in namespace coder`: TCP 8080, TCP 5432; because: `coderd`\n"
        "  - `every IPv4 address but 100.100.100.200/32, 168.63.129.16/32, 169.254.0.0/16`: TCP 7"
    ) in said


def test_what_a_second_templates_pod_reaches_is_told_although_the_policy_is_there() -> None:
    found = preview(ISOLATED, ISOLATED, False, "isolated")
    assert f"{ALONE}\n{REACHES}" in section(found)


def test_from_every_host_to_coder_alone() -> None:
    found = preview(PLAIN, ISOLATED, True, "isolated")
    assert ALONE in section(found)
    assert "⚠️" not in section(found)


def test_from_coder_alone_to_every_host_is_the_warning() -> None:
    found = preview(ISOLATED, PLAIN, "isolated", True)
    assert EVERY_HOST in section(found)
    assert "is **deleted** at its next start" in section(found)
    assert found.verdict == "opens"


def test_from_coder_alone_to_nothing_leaves_pods_that_run_without_a_policy() -> None:
    found = preview(ISOLATED, PLAIN, "isolated", False)
    assert (
        "- Coder's own agents may no longer use it\n"
        "- ⚠️ the network policy of their pods goes: those that run reach **every host** until "
        "their workspaces stop"
    ) in section(found)
    assert found.verdict == "opens"
    # Another template's pods keep it.
    kept = preview(ISOLATED, ISOLATED, "isolated", False)
    for each in (found, kept):
        assert "- ⚠️ each workspace's claim for `~/project` is **deleted**" in section(each)
    assert "- Coder's own agents may no longer use it" in section(kept)
    assert "policy of their pods" not in section(kept)
    assert kept.verdict == "same"


@pytest.mark.parametrize("old", [None, PLAIN, ISOLATED])
def test_without_the_policy_a_pod_of_its_own_is_every_host(old: Args | None) -> None:
    found = preview(old, PLAIN, False, "isolated")
    assert EVERY_HOST in section(found)
    assert found.verdict == "opens"


def test_nothing_is_said_of_what_stays() -> None:
    assert section(preview(ISOLATED, ISOLATED, "isolated", "isolated")) == ""


def test_what_their_network_opens_is_reach_of_the_templates_that_have_it() -> None:
    wider = Args(isolated_agents=True, coderd=Coderd(addresses=["203.0.113.7"]))
    found = preview(ISOLATED, wider, "isolated", "isolated")
    assert found.verdict == "opens"
    said = section(found)
    opened = "- the network opens to the pod of Coder's own agents (1):\n  - `203.0.113.7"
    assert said.count(opened) == 1
    assert opened in said.partition("**`other`**")[0]
    closed = preview(wider, ISOLATED, "isolated", "isolated")
    assert "- the network closes to the pod of Coder's own agents (1):" in section(closed)
    assert closed.verdict == "changes"


def test_with_names_their_pod_reaches_that_name() -> None:
    args = Args(isolated_agents=True, agents_host="coder.example.com", by_name={"x": RULES})
    made = cilium_agents_policy(args)
    assert made is not None
    step = Step("create", f"urn:pulumi:dev::p::{CILIUM_POLICY}::a", CILIUM_POLICY, {}, made)
    said = section(preview(PLAIN, args, False, "isolated", more=(step,)))
    assert "- that pod reaches only (3):" in said
    assert "  - `coder.example.com`: TCP 443" in said


def test_a_template_that_is_new_has_no_workspaces_that_run() -> None:
    found = StackPreview(
        "dev",
        {},
        {"firewalled": RULES},
        policies=steps(None, ISOLATED),
        new_templates={"firewalled": Registered(None, {}, "isolated")},
    )
    assert ALONE.partition("\n")[0] in section(found)
    assert "from its next start" not in section(found)
