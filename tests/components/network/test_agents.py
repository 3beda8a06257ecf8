"""What the pods of Coder's own agents reach: coderd and DNS, whatever the stack opens besides."""

from dataclasses import replace
from typing import Any

import pytest

from components.boundary import Policy, PolicyRule, Rule
from components.network.args import (
    AGENTS_LABELS,
    TEMPLATE_LABEL,
    Coderd,
    Opening,
    WorkspaceNetworkPolicyArgs,
)
from components.network.manifests import cilium_agents_policy, cilium_policies, network_policies
from components.network.reach import network_change
from tests.components.network.cilium import ask
from tests.components.network.conftest import Make, workspace
from tests.components.network.semantics import Pod
from tests.components.network.test_component import bare, network, sent

ISOLATED = WorkspaceNetworkPolicyArgs(isolated_agents=True)
RULES = Policy([PolicyRule(Rule.parse("domain=*.a.example"), "extra", "test")])
BY_NAME = WorkspaceNetworkPolicyArgs(
    isolated_agents=True, agents_host="coder.example.com", by_name={"firewalled": RULES}
)
LABELS = {**AGENTS_LABELS, TEMPLATE_LABEL: "firewalled"}
AGENTS = Pod("coder-workspaces", LABELS, "10.244.1.6")
WORKSPACE = workspace("firewalled")
CODERD = Pod("coder", {"app.kubernetes.io/name": "coder"}, "10.244.0.2")
DNS = Pod("kube-system", {"k8s-app": "kube-dns"}, "10.244.0.3")
NEIGHBOUR = Pod("shop", {"app": "web"}, "10.244.2.1")


@pytest.mark.parametrize(
    ("destination", "protocol", "port", "passes"),
    [
        (CODERD, "TCP", 8080, True),
        (CODERD, "TCP", 8443, True),
        (CODERD, "TCP", 2112, False),
        (DNS, "UDP", 53, True),
        (DNS, "TCP", 53, True),
        ("140.82.112.3", "TCP", 443, False),
        ("140.82.112.3", "TCP", 80, False),
        ("2606:50c0:8000::153", "TCP", 443, False),
        ("8.8.8.8", "UDP", 53, False),
        ("169.254.169.254", "TCP", 80, False),
        ("10.96.0.1", "TCP", 443, False),
        ("10.20.0.1", "TCP", 443, False),
        (NEIGHBOUR, "TCP", 443, False),
        (WORKSPACE, "TCP", 13337, False),
    ],
)
@pytest.mark.parametrize("blocks", [True, False])
def test_they_reach_coderd_and_dns_alone(
    cluster: Make, destination: Pod | str, protocol: str, port: int, passes: bool, blocks: bool
) -> None:
    # What a stack opens is its workspaces', not theirs.
    wide = replace(
        ISOLATED,
        allow=(
            Opening(ports=["1-65535"], why="all", to="outside"),
            Opening(ports=[443], why="GitLab", to="10.20.0.0/16"),
            Opening(ports=[443], why="the shop", namespace="shop"),
        ),
    )
    for args in (ISOLATED, wide):
        found = cluster(args, blocks=blocks)
        assert found.passes(AGENTS, destination, protocol, port) is passes


def test_nothing_reaches_them_the_workspace_beside_neither(cluster: Make) -> None:
    for peer in (NEIGHBOUR, CODERD, DNS, WORKSPACE, "140.82.112.3"):
        for protocol, port in (("TCP", 2113), ("UDP", 1)):
            assert not cluster(ISOLATED).passes(peer, AGENTS, protocol, port)


def test_workspaces_reach_what_they_did(cluster: Make) -> None:
    assert network_policies(ISOLATED)[:1] == network_policies(WorkspaceNetworkPolicyArgs())
    for destination, port in (("140.82.112.3", 443), (CODERD, 8080)):
        assert cluster(ISOLATED).passes(WORKSPACE, destination, "TCP", port)


def test_without_their_policy_they_would_reach_everything(cluster: Make) -> None:
    """Why a stack without one is refused: no other policy selects them."""
    assert cluster(WorkspaceNetworkPolicyArgs()).passes(AGENTS, "140.82.112.3", "TCP", 443)


def test_coderd_at_an_address_is_reached_by_the_access_urls_port(cluster: Make) -> None:
    args = replace(ISOLATED, coderd=Coderd(addresses=["203.0.113.7"], access_port=8443))
    found = cluster(args)
    assert found.passes(AGENTS, "203.0.113.7", "TCP", 8443)
    assert not found.passes(AGENTS, "203.0.113.7", "TCP", 443)
    assert not found.passes(AGENTS, "203.0.113.8", "TCP", 8443)


def test_with_names_cilium_alone_has_their_dns(cluster: Make) -> None:
    found = cluster(BY_NAME)
    assert found.passes(AGENTS, CODERD, "TCP", 8080)
    assert not found.passes(AGENTS, DNS, "UDP", 53)
    # The rules by name of a template are its workspaces'.
    (selector,) = (each["spec"]["endpointSelector"] for each in cilium_policies(BY_NAME).values())
    assert not selector["matchLabels"].items() <= LABELS.items()


def test_with_names_they_look_up_and_reach_coder_alone() -> None:
    args = replace(BY_NAME, coderd=Coderd(access_port=8443))
    made = cilium_agents_policy(args)
    assert made is not None
    refused, matches = ask(
        policies=[made],
        selectors=[
            {"matchName": rule["matchName"]}
            for egress in made["spec"]["egress"]
            for rule in (
                *egress.get("toFQDNs", ()),
                *(dns for to in egress["toPorts"] for dns in to.get("rules", {}).get("dns", ())),
            )
        ],
        names=["coder.example.com", "x.coder.example.com", "data.attacker.example"],
    )
    assert refused == [""]
    assert matches == [["coder.example.com"]] * 2
    named = [rule for rule in made["spec"]["egress"] if "toFQDNs" in rule]
    assert [rule["toPorts"] for rule in named] == [
        [{"ports": [{"port": "8443", "protocol": "TCP"}]}]
    ]
    assert made["spec"]["endpointSelector"] == {"matchLabels": dict(AGENTS_LABELS)}


@pytest.mark.parametrize(
    "args",
    [
        WorkspaceNetworkPolicyArgs(by_name={"firewalled": RULES}),
        ISOLATED,
        WorkspaceNetworkPolicyArgs(agents_host="coder.example.com"),
    ],
)
def test_no_policy_by_name_without_names_and_such_pods(args: WorkspaceNetworkPolicyArgs) -> None:
    assert cilium_agents_policy(args) is None


def test_what_is_evaluated_is_what_is_sent() -> None:
    recorder, names = network(BY_NAME)
    assert sent(recorder, "NetworkPolicy") == sorted(
        map(bare, network_policies(BY_NAME)),
        key=lambda each: each["metadata"]["name"],
        reverse=True,
    )
    agents = cilium_agents_policy(BY_NAME)
    assert agents is not None
    assert bare(agents) in sent(recorder, "CiliumNetworkPolicy")
    assert names == [
        "firewalled-coder-workspaces",
        "firewalled-coder-web",
        "firewalled-coder-agents",
        "firewalled-coder-workspaces-firewalled",
        "firewalled-coder-agents-by-name",
    ]


def test_reviews_read_the_same(cluster: Make) -> None:
    first = network_change((), network_policies(ISOLATED), LABELS)
    assert (first.before, first.after) == (False, True)
    told = {f"{each.where}: {each.ports} ({each.why})" for each in first.opened}
    assert told == {
        "pods k8s-app=kube-dns in namespace kube-system: UDP 53, TCP 53 (the cluster's DNS)",
        "pods app.kubernetes.io/name=coder in namespace coder: TCP 8080, TCP 8443 (coderd)",
    }
    wider: Any = replace(ISOLATED, coderd=Coderd(addresses=["203.0.113.0/24"]))
    change = network_change(network_policies(ISOLATED), network_policies(wider), LABELS)
    assert change.opens
    assert [each.where for each in change.opened] == ["203.0.113.0/24"]
