"""The live network policies beside what was declared, without an API server."""

import copy
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
import typer

from components.network.args import WORKSPACE_LABELS
from ops import live_lines, live_network, preview, report, report_json, up
from ops.assessment import StackPreview
from ops.live_network import LiveNetwork
from tests.components.clusters import answering

RULE = {
    "to": [{"ipBlock": {"cidr": "10.0.0.0/8"}}],
    "ports": [{"protocol": "TCP", "port": 443}],
}
DECLARED: dict[str, Any] = {
    "apiVersion": "networking.k8s.io/v1",
    "kind": "NetworkPolicy",
    "metadata": {"name": "fence", "namespace": "workspaces"},
    "spec": {
        "podSelector": {"matchLabels": dict(WORKSPACE_LABELS)},
        "policyTypes": ["Egress", "Ingress"],
        "egress": [RULE],
    },
}
CILIUM: dict[str, Any] = {
    "apiVersion": "cilium.io/v2",
    "kind": "CiliumNetworkPolicy",
    "metadata": {"name": "names", "namespace": "workspaces"},
    "spec": {"endpointSelector": {"matchLabels": dict(WORKSPACE_LABELS)}, "egress": []},
}
MANAGERS = [
    {
        "manager": "pulumi-kubernetes-1",
        "operation": "Apply",
        "time": "2026-11-28T05:00:00Z",
        "fieldsV1": {"f:spec": {"f:policyTypes": {}, "f:podSelector": {}}},
    },
    {
        "manager": "kubectl-patch",
        "operation": "Update",
        "time": "2026-11-28T05:59:16Z",
        "fieldsV1": {"f:spec": {"f:egress": {}, "f:ingress": {}}},
    },
]


def live(policy: dict[str, Any] = DECLARED, **spec: Any) -> dict[str, Any]:
    found = copy.deepcopy(policy)
    del found["kind"]
    found["metadata"]["managedFields"] = MANAGERS
    found["spec"] |= spec
    return found


def compared(policy: dict[str, Any] = DECLARED, **spec: Any) -> LiveNetwork:
    return live_network.compared([policy], [live(policy, **spec)], ["firewalled"])


@pytest.mark.parametrize(
    "spec",
    [
        {},
        {"policyTypes": ["Ingress", "Egress"]},
        {"ingress": []},
        {"egress": [{**RULE, "ports": [{"port": 443.0}]}]},
    ],
)
def test_what_the_api_server_adds_is_nobodys_edit(spec: dict[str, Any]) -> None:
    assert not compared(**spec)


@pytest.mark.parametrize(
    ("spec", "effect", "path"),
    [
        ({"egress": [RULE, {}]}, "opens", "spec.egress[1]"),
        ({"egress": [{}]}, "opens", "spec.egress[0].to"),
        ({"egress": [{"to": RULE["to"]}]}, "opens", "spec.egress[0].ports"),
        ({"ingress": [{}]}, "opens", "spec.ingress"),
        ({"policyTypes": ["Ingress"]}, "opens", "spec.policyTypes[0]"),
        ({"egress": []}, "closes", "spec.egress"),
        (
            {"podSelector": {"matchLabels": {**WORKSPACE_LABELS, "nobody": "x"}}},
            "removed",
            "spec.podSelector.matchLabels.nobody",
        ),
        (
            {"podSelector": {"matchExpressions": [{"key": "x", "operator": "Exists"}]}},
            "removed",
            "spec.podSelector.matchLabels",
        ),
        ({"podSelector": {}}, "same", "spec.podSelector.matchLabels"),
        ({"egress": [RULE, RULE]}, "same", "spec.egress[1]"),
    ],
)
def test_what_was_edited_is_told_by_what_it_does(
    spec: dict[str, Any], effect: str, path: str
) -> None:
    found = compared(**spec)
    assert found
    assert found.effect == effect
    assert path in {change.path for edit in found.edits for change in edit.changes}


@pytest.mark.parametrize(
    "change",
    [
        {"egress": [{"toEntities": ["all"]}]},
        {"egress": [{"toFQDNs": 1}]},
        {"egressDeny": []},
        {"ingress": [{}]},
    ],
)
def test_what_is_not_read_of_ciliums_is_taken_as_open(change: dict[str, Any]) -> None:
    declared = {**CILIUM, "spec": {**CILIUM["spec"], "egressDeny": [{"toCIDR": ["::1/128"]}]}}
    found = compared(declared, **change)
    assert found.effect == "unclear"
    assert "- ⚠️ what it lets through now is not known here: **take it as open**" in (
        live_lines.lines(found, "dev")
    )


def test_a_second_policy_in_the_same_object_of_ciliums_is_an_edit() -> None:
    found = {**live(CILIUM), "specs": [{"egress": [{"toEntities": ["all"]}]}]}
    assert live_network.compared([CILIUM], [found], ["t"]).effect == "unclear"


def test_the_report_says_who_opened_what_and_the_way_on() -> None:
    found = live_network.compared([DECLARED], [live(egress=[RULE, {}])], ["a", "b"], "my ctx")
    shown = StackPreview("dev", live=found)
    head = "⚠️ somebody opened the network policy: more is reached now than was declared"
    text = report.to_markdown([shown])
    assert text.startswith(f"## Preview: {head}\n")
    assert (
        "#### The network policy as it is now\n\n"
        "- `NetworkPolicy` `workspaces/fence`, by `kubectl-patch at 2026-11-28T05:59:16Z`:\n"
        "  - `spec.egress[1]`: not declared → `{}`\n"
        "- ⚠️ open at this moment for the pods of `a`, `b` (4):\n"
    ) in text
    assert "  - `every IPv4 address but 10.0.0.0/8`: TCP 443\n" in text
    way = (
        "kubectl --context 'my ctx' delete -n workspaces networkpolicy/fence && "
        "python -m ops refresh dev && python -m ops up dev"
    )
    assert f"`{way}`\n" in text
    assert f"  {way}" in list(live_lines.told(found, "dev"))
    assert report_json.verdict([shown]) == "changes"
    told = report.to_json([shown])["stacks"][0]["networkEditedByOthers"]
    assert (told["effect"], told["edits"][0]["by"][0]["manager"]) == ("opens", "kubectl-patch")
    assert report.to_json([StackPreview("dev")])["stacks"][0]["networkEditedByOthers"] is None


def test_a_nightly_look_fails_by_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = StackPreview("dev", live=compared(ingress=[{}]))
    monkeypatch.setattr(preview, "_assessed", lambda *_: found)
    with pytest.raises(typer.Exit) as ended:
        preview.preview(["dev"], refresh=True, exit_code=True)
    assert ended.value.exit_code == preview.CHANGED
    assert "  - in from `every address`: TCP, UDP, SCTP\n" in capsys.readouterr().out


def test_a_policy_that_selects_nobody_leaves_workspaces_open() -> None:
    found = compared(podSelector={"matchLabels": {"nobody": "x"}})
    text = report.to_markdown([StackPreview("dev", live=found)])
    assert "it selects no workspace, they are open now\n" in text
    assert "they reach **every address and port at this moment**" in text


def test_a_preview_that_fails_by_a_conflict_says_what_is_open() -> None:
    found = StackPreview("dev", failure="Apply failed with 1 conflict", live=compared(egress=[{}]))
    text = report.to_markdown([found])
    assert "nothing can be applied; somebody opened the network policy" in text.splitlines()[0]
    assert "#### The network policy as it is now\n" in text
    assert "Apply failed with 1 conflict" in text


def test_what_is_read_is_each_declared_policy_and_what_is_gone_is_no_edit() -> None:
    asked = []

    def answer(path: str) -> httpx.Response:
        asked.append(path)
        gone = "cilium" in path
        found = live(ingress=[{}]) if path.endswith("fence") else {"items": [live(ingress=[{}])]}
        return httpx.Response(404 if gone else 200, json=found)

    with answering(answer):
        found = live_network.look([DECLARED, CILIUM], ["t"], "gov")
    assert asked == [
        "/apis/networking.k8s.io/v1/namespaces/workspaces/networkpolicies/fence",
        "/apis/cilium.io/v2/namespaces/workspaces/ciliumnetworkpolicies/names",
        "/apis/networking.k8s.io/v1/namespaces/workspaces/networkpolicies",
        "/apis/cilium.io/v2/namespaces/workspaces/ciliumnetworkpolicies",
    ]
    assert found.foreign == found.unlisted == ()
    assert [edit.name for edit in found.edits] == ["fence"]
    assert found.gone == (CILIUM,)


def test_who_may_not_read_them_is_told_and_it_is_not_no_change() -> None:
    refused = {"kind": "Status", "message": "networkpolicies is forbidden"}
    with answering(lambda _: httpx.Response(403, json=refused)):
        found = live_network.look([DECLARED], ["t"], "gov")
    shown = StackPreview("dev", live=found)
    assert shown.verdict == "changes"
    assert shown.warnings == ("the live network policies cannot be read",)
    assert "`networkpolicies is forbidden`" in report.to_markdown([shown])


def test_without_a_policy_nobody_is_asked() -> None:
    assert not live_network.look([], ["t"], "no such context")


def test_an_update_that_changes_nothing_says_what_it_leaves(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    result = SimpleNamespace(summary=SimpleNamespace(resource_changes={"same": 1}), outputs={})
    applied = result, SimpleNamespace(policy="no change", warnings="", unrecorded="")
    ready = nullcontext(SimpleNamespace(stack=None))
    monkeypatch.setattr(up.protection, "check", lambda *_, **__: None)
    monkeypatch.setattr(up.engine, "session", lambda *_: ready)
    monkeypatch.setattr(up, "apply", lambda *_: applied)
    monkeypatch.setattr(live_network, "against", lambda _: compared(ingress=[{}]))
    up.up("dev")
    told = capsys.readouterr()
    said = told.out + told.err
    assert "stack dev is up to date" in said
    assert "warning: somebody opened the network policy" in said
    assert "edited: NetworkPolicy workspaces/fence, by kubectl-patch" in said
