"""What somebody else deleted or changed, from the events of a run that reads back."""

from dataclasses import replace
from typing import Any

from components.boundary import Policy
from ops import drift, report
from ops.assessment import StackPreview
from ops.changes import Step
from ops.drift import Drift
from ops.tokens import NETWORK_POLICY

BASE = "urn:pulumi:dev::firewalled-coder::"
MANIFEST = {
    "kind": "NetworkPolicy",
    "metadata": {"namespace": "workspaces", "name": "fence"},
    "spec": {"podSelector": {}, "policyTypes": ["Egress"]},
}
FENCE = Drift(f"{BASE}{NETWORK_POLICY}::n", NETWORK_POLICY, "deleted", "workspaces/fence")
TEMPLATE = Drift(f"{BASE}coderd:a:Template::t", "coderd:a:Template", "changed", "t")


def event(drift_: Drift, op: str, *, gone: bool) -> dict[str, Any]:
    inputs = MANIFEST if drift_.type == NETWORK_POLICY else {"name": "t"}
    new = None if gone else {"inputs": {**inputs, "description": "by hand"}}
    return {
        "op": op,
        "urn": drift_.urn,
        "type": drift_.type,
        "old": {"inputs": inputs},
        "new": new,
    }


def test_a_preview_finds_what_is_gone() -> None:
    events = [
        event(FENCE, "refresh", gone=True),
        event(TEMPLATE, "refresh", gone=False),
        # What the settings do not have any more is no drift.
        event(TEMPLATE, "delete", gone=True),
    ]
    assert drift.deleted(events) == (FENCE,)


def test_a_refresh_names_what_it_found_and_the_next_command() -> None:
    events = [
        event(TEMPLATE, "update", gone=False),
        event(TEMPLATE, "same", gone=False),
        event(FENCE, "delete", gone=True),
    ]
    assert drift.refreshed(events) == (FENCE, TEMPLATE)
    assert list(drift.told(drift.refreshed(events), "dev")) == [
        "deleted by somebody else: NetworkPolicy workspaces/fence",
        "  without it workspaces reach what it closed, until it is made again",
        "changed by somebody else: Template t",
        "look at what an update would restore: python -m ops preview dev",
        "then restore it: python -m ops up dev",
    ]
    assert list(drift.told((), "dev")) == []


def test_what_controllers_report_is_nobodys_change() -> None:
    quota = {"inputs": {"spec": 1}, "outputs": {"spec": 1, "status": {"used": 1}}}
    read = {**quota, "outputs": {"spec": 1, "status": {"used": 2}, "metadata": {"generation": 2}}}
    seen = {"op": "update", "urn": f"{BASE}quota::q", "type": "quota", "old": quota, "new": read}
    assert drift.refreshed([seen]) == ()
    edited = {**quota, "outputs": {"spec": 2}}
    assert [each.op for each in drift.refreshed([{**seen, "new": edited}])] == ["changed"]


def previewed(*policies: Step) -> StackPreview:
    firewall = {"t": Policy([])}
    return StackPreview(
        "dev", firewall, firewall, steps=policies[:1], policies=policies, deleted=(FENCE,)
    )


def test_workspaces_that_are_open_stand_in_the_headline() -> None:
    found = previewed(Step("create", FENCE.urn, NETWORK_POLICY, {}, MANIFEST))
    text = report.to_markdown([found])
    head = "⚠️ somebody deleted the network policy: workspaces are open now"
    assert text.startswith(f"## Preview: {head}\n")
    assert (
        "#### Deleted by somebody else\n\n"
        "- `NetworkPolicy` `workspaces/fence`\n"
        "- ⚠️ without their network policy workspaces reach **every address and port at this "
        "moment**, and everything reaches them\n"
        "- `python -m ops refresh dev && python -m ops up dev` makes again what the settings still "
        "have\n"
    ) in text
    assert report.to_json([found])["stacks"][0]["deletedByOthers"] == [
        {"type": NETWORK_POLICY, "name": "workspaces/fence"}
    ]


def test_what_else_was_deleted_opens_nothing() -> None:
    other = replace(FENCE, type="kubernetes:core/v1:ConfigMap", place="a/b")
    step = Step("create", other.urn, other.type, {}, {})
    found = StackPreview("dev", steps=(step,), deleted=(other,))
    assert report.headline([found]) == "⚠️ somebody deleted what the stack made"
    # Another policy still holds.
    kept = Step("same", "urn::b", NETWORK_POLICY, MANIFEST, MANIFEST)
    still = previewed(Step("create", FENCE.urn, NETWORK_POLICY, {}, MANIFEST), kept)
    assert not still.is_open
