"""A policy holds in its own namespace alone: what another one for workspaces leaves open."""

from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from components.network.args import WorkspaceNetworkPolicyArgs as Args
from components.network.manifests import network_policies
from ops import deployed, history, namespace_changes, report, rollback
from ops.assessment import StackPreview
from ops.changes import Step
from ops.deployed import Deployed
from ops.namespace_changes import Places
from ops.reach import TemplateReach
from ops.stack_reach import StackReach, compared
from ops.tokens import (
    LIMIT_RANGE,
    NAMESPACE_PATCH,
    NETWORK_POLICY,
    RESOURCE_QUOTA,
    TEMPLATE,
    WORKSPACE_TEMPLATE,
)
from tests.ops.states import state_of
from tests.ops.test_network import policy

ONE = policy("domain=a.example")
BASE = f"urn:pulumi:dev::p::{WORKSPACE_TEMPLATE}"
OLD, NEW = "coder-workspaces", "ai-workspaces"
IN_OLD, IN_NEW = (network_policies(Args(namespace=name)) for name in (OLD, NEW))


def side(namespace: str | None, objects: tuple[Any, ...] | None) -> StackReach:
    return StackReach({"t": ONE}, network=objects, namespaces={"t": namespace} if namespace else {})


def reach(old: StackReach, new: StackReach) -> TemplateReach:
    (found,) = compared(old, new)
    return found


def test_workspaces_that_stay_lose_their_policy_when_it_moves() -> None:
    found = reach(side(OLD, IN_OLD), side(NEW, IN_NEW))
    assert found.opens
    assert found.left.removed
    assert not found.network.changed
    assert history.policy_line([found]) == (
        "t: NO NETWORK POLICY IN coder-workspaces FOR WORKSPACES THERE, "
        "namespace coder-workspaces -> ai-workspaces"
    )


def test_a_template_that_goes_where_no_policy_is_opens_everything() -> None:
    found = reach(side(NEW, IN_NEW), side(OLD, IN_NEW))
    assert found.opens
    assert found.network.removed
    assert not found.leaves_open
    assert history.policy_line([found]) == (
        "t: NETWORK POLICY REMOVED, namespace ai-workspaces -> coder-workspaces"
    )
    back = reach(side(OLD, IN_NEW), side(NEW, IN_NEW))
    assert not back.opens
    assert "network policy from now on" in history.policy_line([back])


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (side(OLD, IN_OLD), side(OLD, IN_OLD)),
        # A state of before, or of code that does not tell, is no change.
        (side(None, IN_OLD), side(NEW, IN_NEW)),
        (side(OLD, IN_OLD), side(None, IN_NEW)),
        (side(None, None), side(NEW, IN_NEW)),
        (side(NEW, IN_NEW), side(OLD, None)),
    ],
)
def test_what_is_not_known_is_no_alarm(old: StackReach, new: StackReach) -> None:
    found = reach(old, new)
    assert not found.opens
    assert not found.network.changed


def template(namespace: str | None, name: str = "t") -> tuple[str, dict[str, Any]]:
    variables = [{"name": "other", "value": "x"}]
    variables += [{"name": "namespace", "value": namespace}] if namespace else []
    return f"{BASE}${TEMPLATE}::{name}-template", {
        "name": name,
        "versions": [{"tfVars": variables}],
    }


def event(op: str, old: str | None, new: str | None, name: str = "t") -> dict[str, Any]:
    urn, inputs = template(old, name)
    _, after = template(new, name)
    states = {"old": {"inputs": inputs, "outputs": {}}, "new": {"inputs": after, "outputs": {}}}
    return {"op": op, "urn": urn, "type": TEMPLATE, **states}


def test_the_namespaces_are_read_of_steps_and_of_a_state() -> None:
    events = [
        event("update", OLD, NEW),
        event("same", OLD, OLD, "stays"),
        event("delete", OLD, None, "goes"),
        event("create", None, NEW, "comes"),
        event("update", None, NEW, "unsaid"),
        event("update", "a-[secret]", "a-[secret]", "masked"),
    ]
    found = namespace_changes.of_steps(events)
    assert found.old == {"t": OLD, "stays": OLD, "goes": OLD}
    assert found.new == {"t": NEW, "stays": OLD, "comes": NEW, "unsaid": NEW}

    urn, inputs = template(OLD)
    top = {"urn": f"{BASE}::t", "type": WORKSPACE_TEMPLATE, "outputs": {"policy": ""}}
    fence = {"urn": f"a::{NETWORK_POLICY}::x", "type": NETWORK_POLICY, "inputs": dict(IN_OLD[0])}
    state = state_of(top, fence, {"urn": urn, "type": TEMPLATE, "inputs": inputs})
    there = deployed.of_state(state)
    assert there.namespaces == {"t": OLD}
    (found_now,) = compared(there.reach, side(NEW, IN_NEW))
    assert found_now.leaves_open


def step(kind: str, old: Mapping[str, Any], new: Mapping[str, Any], op: str = "replace") -> Step:
    return Step(op, f"urn:pulumi:dev::p::{kind}::x", kind, old, new)


def moved() -> StackPreview:
    labels = [{"metadata": {"name": name, "labels": {}}} for name in (OLD, NEW)]
    placed = [{"metadata": {"name": "x", "namespace": name}} for name in (OLD, NEW)]
    return StackPreview(
        "dev",
        {"t": ONE, "open": None},
        {"t": ONE, "open": None},
        steps=(
            step(NETWORK_POLICY, IN_OLD[0], IN_NEW[0]),
            step(NAMESPACE_PATCH, *labels),
            step(RESOURCE_QUOTA, *placed),
            step(LIMIT_RANGE, placed[0], {}, "delete"),
        ),
        policies=(step(NETWORK_POLICY, IN_OLD[0], IN_NEW[0]),),
        places=Places(*({"t": name, "open": name} for name in (OLD, NEW))),
    )


def test_the_report_says_what_workspaces_lose_and_what_to_do_first() -> None:
    text = report.to_markdown([moved()])
    assert text.splitlines()[0] == (
        "## Preview: ⚠️ agents reach more than they do now; workspaces that are there stay in "
        "namespace `coder-workspaces`, which loses network policy, Pod Security, limits and quota"
    )
    assert (
        "#### Namespace of workspaces\n\n"
        "- `open`, `t`: `coder-workspaces` → `ai-workspaces`\n"
        "- ⚠️ workspaces that are there stay in `coder-workspaces`, running or started again, and "
        "it **loses network policy, Pod Security, limits and quota**\n"
        "- ⚠️ updated to the new version they **do not start**: a home does not move, and a pod "
        "mounts no claim of another namespace\n"
        "- so **before this** have their owners save what they need and delete them, and make new "
        "ones afterwards: `coder list --all --search template:open` `coder list --all --search "
        "template:t`, `coder delete OWNER/WORKSPACE`\n"
    ) in text
    assert (
        "**`t`, `open`**\n\n"
        "- workspaces that stay in namespace `coder-workspaces` have **no network policy** any "
        "more: they reach **every address and port**, and everything reaches them\n"
    ) in text
    told = report.to_json([moved()])["stacks"][0]
    assert told["namespaceMoves"] == [
        {
            "templates": ["open", "t"],
            "old": OLD,
            "new": NEW,
            "loses": ["network policy", "Pod Security", "limits", "quota"],
        }
    ]


def test_without_a_policy_it_is_told_that_workspaces_do_not_start() -> None:
    found = StackPreview(
        "dev", {"t": None}, {"t": None}, places=Places({"t": OLD}, {"t": NEW}), steps=moved().steps
    )
    assert found.verdict == "destroys"
    bare = StackPreview("dev", {"t": None}, {"t": None}, places=Places({"t": OLD}, {"t": NEW}))
    assert bare.warnings == ("workspaces that are there do not start in namespace `ai-workspaces`",)
    assert (
        "- ⚠️ workspaces that are there stay in `coder-workspaces`, running or started again\n"
        in (report.to_markdown([bare]))
    )


def test_going_back_with_one_template_over_the_move_opens(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rollback, "switched_off", lambda *_: "")
    present = Deployed(
        {"t": ONE, "stays": ONE},
        None,
        network={f"urn::{NETWORK_POLICY}::x": IN_NEW[0]},
        namespaces={"t": NEW, "stays": NEW},
    )
    then = Deployed({"t": ONE, "stays": ONE}, None)
    ready = SimpleNamespace(stack="dev", root=Path(), python=Path())
    # That commit's program would have all of them there.
    steps = [event("update", NEW, OLD), event("update", NEW, OLD, "stays")]
    found = rollback._assessed(ready, steps, present, then, "t")  # type: ignore[arg-type]
    assert found.verdict == "opens"
    assert [each.template for each in found.reaches if each.opens] == ["t"]
    assert "NETWORK POLICY REMOVED" in history.policy_line(found.reaches)
    text = report.to_markdown([found])
    assert (
        "- in namespace `coder-workspaces` there is **no network policy**: workspaces reach "
        "**every address and port**, and everything reaches them\n"
    ) in text
