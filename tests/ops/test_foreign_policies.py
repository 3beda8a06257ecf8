"""Other people's network policies beside the stack's, without an API server."""

import copy
import re
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from components.network.args import AGENTS_LABELS, TEMPLATE_LABEL, WORKSPACE_LABELS
from ops import foreign_policies, live_lines, live_network, network, project, report, report_json
from ops.assessment import StackPreview
from ops.live_network import LiveNetwork
from tests.components.clusters import answering
from tests.ops.test_live_network import DECLARED, MANAGERS

LISTS = "/apis/networking.k8s.io/v1/namespaces/workspaces/networkpolicies"
CILIUMS = "/apis/cilium.io/v2/namespaces/workspaces/ciliumnetworkpolicies"
OWN = f"{LISTS}/fence"
EVERYBODY = {"podSelector": {}}
CLOSED = {"policyTypes": ["Egress", "Ingress"]}
NAME = "app.kubernetes.io/name"


def somebodys(name: str = "allow-monitoring", **spec: Any) -> dict[str, Any]:
    return {
        "metadata": {
            "name": name,
            "namespace": "workspaces",
            "annotations": {"firewalled-coder/reasons": '["a reason of its maker\'s"]'},
            "managedFields": [
                {**MANAGERS[0], "fieldsV1": {"f:status": {}}},
                {**MANAGERS[1], "manager": "helm"},
            ],
        },
        "spec": spec,
    }


def answered(
    plain: list[Any] | int = 404, ciliums: list[Any] | int = 404, api: int = 404
) -> Callable[[str], httpx.Response]:
    """Return what answers with lists of policies, or with a status in place of one."""

    def answer(path: str) -> httpx.Response:
        if path == OWN:
            return httpx.Response(200, json=DECLARED)
        found = {LISTS: plain, CILIUMS: ciliums, "/apis/cilium.io/v2": api}[path]
        if isinstance(found, int):
            status = {"kind": "Status", "message": f"no {path}"}
            return httpx.Response(found, json=status)
        return httpx.Response(200, json={"items": found})

    return answer


def looked(
    plain: list[Any] | int = 404,
    ciliums: list[Any] | int = 404,
    api: int = 404,
    accepted: dict[str, str] | None = None,
) -> LiveNetwork:
    with answering(answered(plain, ciliums, api)):
        return live_network.look([DECLARED], ["t"], "gov", accepted)


def test_a_policy_of_somebody_else_that_opens_workspaces_is_told_with_the_way_on() -> None:
    rule = {"to": [{"ipBlock": {"cidr": "10.0.0.0/7"}}], "ports": [{"port": 443}]}
    own = {key: value for key, value in DECLARED.items() if key != "kind"}
    found = looked(
        [own, somebodys(podSelector={"matchLabels": dict(WORKSPACE_LABELS)}, egress=[rule])]
    )
    shown = StackPreview("dev", live=found)
    assert found.edits == ()
    text = report.to_markdown([shown])
    assert text.startswith("## Preview: ⚠️ somebody else's network policy opens workspaces\n")
    assert (
        "#### The network policy as it is now\n\n"
        "- ⚠️ `NetworkPolicy` `workspaces/allow-monitoring`, made by "
        "`helm at 2026-11-28T05:59:16Z`, is not the stack's, and policies add up\n"
        "  - ⚠️ open by it at this moment for the pods of `t` (1):\n"
        "    - `11.0.0.0/8`: TCP 443\n"
        "  - whoever owns it deletes it, `kubectl --context gov delete -n workspaces "
        "networkpolicy/allow-monitoring`; or the stack accepts it with a reason, in "
        "`network.acceptedPolicies`\n"
    ) in text
    assert "a reason of its maker's" not in text
    assert report_json.verdict([shown]) == "changes"
    told = report.to_json([shown])["stacks"][0]
    assert told["networkEditedByOthers"] is None
    (opening,) = told["networkPoliciesOfOthers"]["opening"]
    assert (opening["name"], opening["acceptedBecause"]) == ("workspaces/allow-monitoring", None)
    assert opening["reach"][0]["opened"][0]["where"] == "11.0.0.0/8"
    terminal = list(live_lines.told(found, "dev"))
    assert terminal[0] == "warning: somebody else's network policy opens workspaces"
    assert any("kubectl --context gov delete -n workspaces" in line for line in terminal)


@pytest.mark.parametrize(
    "spec",
    [
        {**EVERYBODY, **CLOSED},
        {**EVERYBODY, "egress": DECLARED["spec"]["egress"], **CLOSED},
        {"podSelector": {"matchLabels": {"app": "prometheus"}}, "egress": [{}], "ingress": [{}]},
        {"podSelector": {"matchLabels": {NAME: "coder-agents"}}, "egress": [{}]},
        {
            "podSelector": {
                "matchExpressions": [
                    {"key": "app.kubernetes.io/instance", "operator": "DoesNotExist"}
                ]
            },
            "ingress": [{}],
        },
    ],
)
def test_what_opens_nothing_or_selects_nobody_is_nothing(spec: dict[str, Any]) -> None:
    assert not looked([somebodys(**spec)])


@pytest.mark.parametrize(
    "selector",
    [
        {},
        {"matchLabels": {"app.kubernetes.io/part-of": "coder"}},
        {"matchLabels": {"app.kubernetes.io/instance": "coder-1"}},
        {"matchLabels": {TEMPLATE_LABEL: "t"}},
        {"matchExpressions": [{"key": TEMPLATE_LABEL, "operator": "Exists"}]},
        {
            "matchExpressions": [
                {"key": "app.kubernetes.io/instance", "operator": "In", "values": ["coder-1"]}
            ]
        },
        {"matchExpressions": [{"key": "app", "operator": "DoesNotExist"}]},
    ],
)
def test_whom_a_selector_may_select_is_taken_as_selected(selector: dict[str, Any]) -> None:
    found = looked([somebodys(podSelector=selector, ingress=[{}])])
    assert found.warnings == ("somebody else's network policy opens workspaces",)
    (policy,) = found.foreign
    assert policy.reaches[0].pods == ("t",)
    assert policy.reaches[0].change.opened[0].incoming


def test_the_labels_of_pods_are_those_that_the_template_sets() -> None:
    """One that is not known here would hide the policy that selects by it."""
    source = project.ROOT / "components/workspace_template/terraform/main.tf"
    (block,) = re.findall(r"\n  labels = \{\n(.*?)\n  \}", source.read_text(), re.DOTALL)
    constant = {**network.ALSO, **WORKSPACE_LABELS}
    for key, value in re.findall(r'"([^"]+)"\s+= (.+)', block):
        if key == TEMPLATE_LABEL:
            continue
        assert value == f'"{constant[key]}"' if key in constant else key in foreign_policies.VARYING
    assert constant.keys() >= AGENTS_LABELS.keys()


def test_the_pods_of_coders_own_agents_are_looked_at_too() -> None:
    agents = copy.deepcopy(DECLARED)
    agents["metadata"]["name"] = "agents"
    agents["spec"]["podSelector"] = {"matchLabels": dict(AGENTS_LABELS)}
    there = [{**somebodys(podSelector={}, egress=[{}]), "kind": "NetworkPolicy"}]
    (policy,) = foreign_policies.opening([DECLARED, agents], there, ["t"], {})
    pods = {name for each in policy.reaches for name in each.pods}
    assert pods == {"t", "t for Coder's own agents"}


WHOM = {"endpointSelector": {"matchLabels": {f"k8s:{NAME}": "coder-workspace"}}}
PORTS = {"toPorts": [{"ports": [{"port": "443", "protocol": "TCP"}]}]}


@pytest.mark.parametrize(
    ("spec", "warning"),
    [
        ({**WHOM, "egress": [{"toCIDR": ["10.1.0.0/16"], **PORTS}]}, ""),
        ({**WHOM, "egress": [{}], "egressDeny": [{"toEntities": ["all"]}]}, ""),
        ({"endpointSelector": {"matchLabels": {"any:app": "x"}}, "egress": [{"x": 1}]}, ""),
        ({"nodeSelector": {}}, ""),
        ({**WHOM, "egress": [{"toCIDR": ["11.0.0.0/8"], **PORTS}]}, "opens"),
        ({**WHOM, "egress": [{"toEndpoints": [{}]}]}, "opens"),
        ({**WHOM, "egress": [{"toEntities": ["all"]}]}, "may open"),
        ({**WHOM, "egress": [{"toFQDNs": [{"matchName": "a.example"}], **PORTS}]}, "may open"),
        ({**WHOM, "egress": [PORTS]}, "may open"),
        ({**WHOM, "egress": [{"toCIDR": ["10.1.0.0/16"], "toPorts": [{}]}]}, "may open"),
        (
            {
                **WHOM,
                "egress": [
                    {
                        "toCIDR": ["10.1.0.0/16"],
                        "toPorts": [{"ports": [{"port": "0", "protocol": "TCP"}]}],
                    }
                ],
            },
            "may open",
        ),
        ({**WHOM, "egress": [{"toEndpoints": [{"matchExpressions": []}]}]}, "may open"),
        ({**WHOM, "egress": [1]}, "may open"),
        ({**WHOM, "ingress": [{"fromEntities": ["all"]}]}, "may open"),
        ({**WHOM, "icmps": []}, "may open"),
        ({"endpointSelector": {}, "egress": [{"toEntities": ["world"]}]}, "may open"),
        (
            {
                "endpointSelector": {
                    "matchLabels": {"k8s:io.kubernetes.pod.namespace": "workspaces"}
                },
                "ingress": [{"fromEntities": ["world"]}],
            },
            "may open",
        ),
    ],
)
def test_what_is_not_read_of_somebodys_cilium_policy_is_taken_as_open(
    spec: dict[str, Any], warning: str
) -> None:
    found = looked([], [somebodys(**spec)])
    wanted = (f"somebody else's network policy {warning} workspaces",) if warning else ()
    assert found.warnings == wanted
    if warning == "may open":
        assert "known here for the pods of `t`: **take it as open**" in "\n".join(
            live_lines.lines(found, "dev")
        )


def test_a_second_policy_in_the_same_object_of_ciliums_is_looked_at() -> None:
    second = {**WHOM, "egress": [{"toEntities": ["all"]}]}
    policy = {**somebodys(endpointSelector={}), "specs": [second]}
    assert looked([], [policy]).foreign[0].unclear == ("t",)


def test_a_form_of_a_rule_that_cannot_be_read_is_taken_as_open() -> None:
    found = looked([somebodys(podSelector={}, egress=[{"to": [{"ipBlock": {"cidr": "x"}}]}])])
    assert found.foreign[0].unclear == ("t",)


def test_one_that_is_accepted_is_a_line_with_its_reason_and_no_warning() -> None:
    accepted = {"NetworkPolicy/allow-monitoring": "Prometheus scrapes the agents."}
    found = looked([somebodys(podSelector={}, ingress=[{}])], accepted=accepted)
    assert not found
    shown = StackPreview("dev", live=found)
    assert (shown.verdict, shown.warnings) == ("same", ())
    text = report.to_markdown([shown])
    assert (
        "- `NetworkPolicy` `workspaces/allow-monitoring`, made by `helm at 2026-11-28T05:59:16Z`, "
        "is not the stack's and accepted; because: `Prometheus scrapes the agents`\n"
    ) in text
    assert "⚠️" not in text
    assert "kubectl" not in text
    (told,) = report.to_json([shown])["stacks"][0]["networkPoliciesOfOthers"]["opening"]
    assert told["acceptedBecause"] == "Prometheus scrapes the agents."


def test_one_that_is_accepted_and_not_there_is_pointed_out() -> None:
    accepted = dict.fromkeys(
        ("NetworkPolicy/allow-monitoring", "NetworkPolicy/gone", "CiliumNetworkPolicy/fence"), "x"
    )
    found = looked([somebodys(podSelector={"matchLabels": {"a": "b"}})], accepted=accepted)
    assert found.missing == ("NetworkPolicy/gone", "CiliumNetworkPolicy/fence")
    shown = StackPreview("dev", live=found)
    assert (bool(found), shown.verdict, shown.warnings) == (False, "same", ())
    assert (
        "- `NetworkPolicy/gone` is accepted in `network.acceptedPolicies` and is not there: "
    ) in report.to_markdown([shown])
    told = report.to_json([shown])["stacks"][0]["networkPoliciesOfOthers"]
    assert told["acceptedButNotThere"] == list(found.missing)


@pytest.mark.parametrize("status", [403, 500])
def test_what_was_not_looked_at_is_not_said_to_be_gone(status: int) -> None:
    assert looked(status, accepted={"NetworkPolicy/gone": "x"}).missing == ()


def test_accepting_one_accepts_no_other() -> None:
    accepted = {"NetworkPolicy/allow-monitoring": "x"}
    other = somebodys("allow-all", podSelector={}, ingress=[{}])
    of_ciliums = somebodys(endpointSelector={}, ingress=[{"fromEntities": ["all"]}])
    monitoring = somebodys(podSelector={}, ingress=[{}])
    found = looked([monitoring, other], [of_ciliums], accepted=accepted)
    assert [(each.kind, each.name) for each in found.opening] == [
        ("CiliumNetworkPolicy", "allow-monitoring"),
        ("NetworkPolicy", "allow-all"),
    ]


@pytest.mark.parametrize(
    ("ciliums", "api", "rights"),
    [
        (404, 404, "`list networkpolicies in namespace workspaces`"),
        # Whoever may not list them is not told whether Cilium is there.
        (403, 404, "`list networkpolicies in namespace workspaces`"),
        (
            403,
            200,
            "`list networkpolicies in namespace workspaces`, "
            "`list ciliumnetworkpolicies in namespace workspaces`",
        ),
    ],
)
def test_who_may_not_list_is_told_which_right_it_takes_and_reads_ours_by_name(
    ciliums: int, api: int, rights: str
) -> None:
    found = looked(403, ciliums, api)
    shown = StackPreview("dev", live=found)
    assert (shown.verdict, shown.warnings, found.edits) == ("same", (), ())
    text = report.to_markdown([shown])
    assert (
        "- policies of others were not looked at, which may open more: that takes the right to "
        f"{rights}\n"
    ) in text
    assert text.startswith("## Preview: ✅ no change\n")


def test_a_list_that_fails_otherwise_is_a_look_that_failed() -> None:
    found = looked(500)
    assert found.warnings == ("the live network policies cannot be read",)
    assert found.unread == f"no {LISTS}"
    with answering(lambda path: httpx.Response(200, json=DECLARED if path == OWN else {})):
        found = live_network.look([DECLARED], ["t"], "gov")
    assert found.unread == "the API server's list of networkpolicies has no items"
