"""Names by Cilium: its own code takes what we write, and matches the hosts that Boundary allows."""

from collections.abc import Iterable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from components.boundary import CATALOGUE, Policy, PolicyRule, Rule, build_policy
from components.network.args import Coderd, Dns, Opening, WorkspaceNetworkPolicyArgs
from components.network.manifests import cilium_policies
from components.network.names import translate
from tests.components.network.cilium import ask, denied

EVERYTHING = build_policy(
    list(CATALOGUE), coder_host="coder.example.com", gitlab_hosts=["gitlab.example.com"]
)


def policy(*rules: str) -> Policy:
    return Policy([PolicyRule(Rule.parse(rule), "extra", "test") for rule in rules])


def hosts(found: Policy, names: Iterable[str]) -> list[str]:
    """Return the names that Boundary lets some request go to."""
    allowed = []
    for name in names:
        labels = tuple(name.split("."))
        if any(entry.rule.matches_host(labels) for entry in found):
            allowed.append(name)
    return allowed


NAMES = [
    "example.com",
    "a.example.com",
    "a.b.example.com",
    "a.b.c.example.com",
    "xexample.com",
    "example.com.evil.net",
    "a.mid.example.com",
    "a.b.mid.example.com",
    "mid.example.com",
    "a.x.y.example.com",
]


@pytest.mark.parametrize(
    ("rule", "selector"),
    [
        ("domain=example.com", {"matchName": "example.com"}),
        ("domain=*.example.com", {"matchPattern": "**.example.com"}),
        ("domain=a.*.example.com", {"matchPattern": "a.*.example.com"}),
        ("domain=*.mid.example.com", {"matchPattern": "**.mid.example.com"}),
        ("domain=*.*.example.com", {"matchPattern": "**.*.example.com"}),
        ("domain=*", {"matchPattern": "*"}),
        ("method=GET path=/x", {"matchPattern": "*"}),
    ],
)
def test_a_host_pattern_is_said_and_read_alike(rule: str, selector: dict[str, str]) -> None:
    found = translate(policy(rule))
    assert found.selectors == (selector,)
    _, (matched,) = ask(selectors=found.selectors, names=NAMES)
    assert matched == hosts(policy(rule), NAMES)


_LABEL = st.sampled_from(["a", "b", "x-1", "*"])
_PATTERN = st.lists(_LABEL, min_size=1, max_size=4).map(lambda labels: ".".join([*labels, "com"]))
_NAME = st.lists(st.sampled_from(["a", "b", "x-1", "y"]), min_size=1, max_size=6).map(
    lambda labels: ".".join([*labels, "com"])
)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(_PATTERN, min_size=1, max_size=20), st.lists(_NAME, min_size=1, max_size=60))
def test_generated_patterns_match_the_same_hosts(patterns: list[str], names: list[str]) -> None:
    found = policy(*(f"domain={pattern}" for pattern in patterns))
    _, matched = ask(selectors=translate(found).selectors, names=names)
    assert {name for each in matched for name in each} == set(hosts(found, names))


def test_the_catalogue_is_taken_by_cilium_and_its_hosts_are_all_there() -> None:
    args = WorkspaceNetworkPolicyArgs(
        by_name={"firewalled": EVERYTHING, "Two": policy("domain=10.1.2.3")},
        dns=Dns(addresses=["169.254.20.10"]),
    )
    made = cilium_policies(args)
    assert ask(list(made.values()))[0] == ["", ""]
    (broken,) = ask(
        [{**made["Two"], "spec": {"endpointSelector": {}, "egress": [{"toCIDR": ["x"]}]}}]
    )[0]
    assert broken, "Cilium's code refuses what is wrong"
    names = [entry.rule.host.replace("*", "some") for entry in EVERYTHING]
    selectors = translate(EVERYTHING).selectors
    assert {name for each in ask(selectors=selectors, names=names)[1] for name in each} == set(
        names
    )


def test_what_names_cannot_say_is_told_by_host() -> None:
    found = translate(
        policy(
            "domain=open.example",
            "method=GET domain=read.example",
            "domain=part.example path=/a/*",
            # Another rule opens it whole.
            "method=GET domain=twice.example",
            "domain=twice.example",
            "method=GET domain=a.wild.example",
            "domain=*.wild.example",
            "domain=Upper.example",
        )
    )
    assert [(each.host, each.methods, each.paths) for each in found.wider] == [
        ("part.example", ("*",), ("*",)),
        ("read.example", ("*",), ("*",)),
    ]
    assert {"matchName": "upper.example"} in found.selectors
    assert len(found.selectors) == 7


def test_addresses_and_names_of_the_cluster() -> None:
    found = translate(
        policy(
            "domain=10.1.2.3", "domain=localhost", "domain=mirror.packages.svc", "domain=a.example"
        )
    )
    assert found.addresses == ("10.1.2.3/32",)
    assert {"matchName": "10.1.2.3"} not in found.selectors
    assert set(found.unresolved) == {"localhost", "mirror.packages.svc"}


def test_the_policy_reads_names_from_dns_and_denies_the_metadata_services() -> None:
    args = WorkspaceNetworkPolicyArgs(by_name={"firewalled": policy("domain=a.example")})
    spec = cilium_policies(args)["firewalled"]["spec"]
    dns, names = spec["egress"]
    (lookups,) = dns["toPorts"]
    assert lookups["rules"] == {"dns": [{"matchPattern": "*"}]}
    assert dns["toEndpoints"] == [
        {
            "matchLabels": {
                "k8s:io.kubernetes.pod.namespace": "kube-system",
                "k8s:k8s-app": "kube-dns",
            }
        }
    ]
    assert names["toFQDNs"] == [{"matchName": "a.example"}]
    assert {port["port"] for port in names["toPorts"][0]["ports"]} == {"443", "80"}
    metadata, *_ = spec["egressDeny"]
    assert {"169.254.0.0/16", "fd00:ec2::/32"} <= set(metadata["toCIDR"])
    assert spec["endpointSelector"]["matchLabels"]["firewalled-coder/template"] == "firewalled"


def test_a_policy_without_a_host_leaves_dns_alone() -> None:
    made = cilium_policies(WorkspaceNetworkPolicyArgs(by_name={"firewalled": policy()}))
    assert len(made["firewalled"]["spec"]["egress"]) == 1
    assert ask(list(made.values()))[0] == [""]


PUBLIC = ["140.82.112.3", "2606:50c0:8000::153", "64:ff9b::8c52:7003"]
INSIDE = [
    "10.1.2.3",
    "10.20.1.1",
    "10.96.0.1",
    "100.64.0.9",
    "127.0.0.1",
    "169.254.169.254",
    "192.168.1.1",
    "25.1.2.3",
    "::1",
    "fd12:3456::1",
    "fd00:7::9",
    "2002:a01:203::1",
    "64:ff9b::a01:203",
    "64:ff9b::1901:203",
    "64:ff9b:1::a01:203",
]
NAMED = {"firewalled": policy("domain=a.example")}


def test_an_allowed_name_leads_to_no_address_that_is_not_public() -> None:
    args = WorkspaceNetworkPolicyArgs(by_name=NAMED, cluster_ranges=["10.96.0.0/12", "25.0.0.0/8"])
    made = cilium_policies(args)["firewalled"]
    every = [(address, port) for address in INSIDE for port in (443, 80)]
    assert denied(made, [*PUBLIC, *INSIDE], [443, 80, 53, 8080]) == every


def test_what_the_stack_opens_by_address_is_not_denied_and_nothing_beside_it() -> None:
    args = WorkspaceNetworkPolicyArgs(
        by_name=NAMED,
        cluster_ranges=["10.96.0.0/12", "25.0.0.0/8"],
        coderd=Coderd(addresses=["10.1.2.3", "fd00:7::9"]),
        allow=[
            Opening(to="10.20.0.0/16", ports=[22, "440-450"], why="GitLab"),
            Opening(to="192.168.0.0/16", ports=[22], why="by ssh alone"),
            Opening(to="100.64.0.0/10", ports=[80, 443], why="all of it"),
            Opening(to="64:ff9b::/96", ports=[443], why="NAT64"),
            Opening(to="outside", ports=[443], why="known already"),
        ],
    )
    made = cilium_policies(args)["firewalled"]
    opened = {("10.1.2.3", 443), ("fd00:7::9", 443), ("10.20.1.1", 443)}
    opened |= {("100.64.0.9", 443), ("100.64.0.9", 80)}
    every = [(address, port) for address in INSIDE for port in (443, 80)]
    asked = [*PUBLIC, *INSIDE, "100.100.100.200"]
    found = denied(made, asked, [443, 80])
    metadata = [("100.100.100.200", 443), ("100.100.100.200", 80)]
    assert found == [*(each for each in every if each not in opened), *metadata]
    # A cluster's own range in what is opened stays closed.
    wide = WorkspaceNetworkPolicyArgs(
        by_name=NAMED,
        cluster_ranges=["10.96.0.0/12"],
        allow=[Opening(to="10.0.0.0/8", ports=[443, 80], why="all of it")],
    )
    made = cilium_policies(wide)["firewalled"]
    assert denied(made, ["10.1.2.3", "10.96.0.1", "11.1.1.1"], [443]) == [("10.96.0.1", 443)]


def test_a_rule_that_is_an_address_opens_no_private_one_and_none_of_the_clusters() -> None:
    hosts = ("10.1.2.3", "10.96.0.1", "25.1.2.3", "169.254.169.254", "140.82.112.3")
    args = WorkspaceNetworkPolicyArgs(
        by_name={"firewalled": policy(*(f"domain={host}" for host in hosts))},
        cluster_ranges=["10.96.0.0/12", "25.0.0.0/8"],
    )
    (_, addresses) = cilium_policies(args)["firewalled"]["spec"]["egress"]
    assert addresses["toCIDR"] == ["140.82.112.3/32"]
