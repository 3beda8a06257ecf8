"""What the arguments refuse: each fault with its place, all at once."""

from typing import Any

import pytest

from components.errors import ArgsError
from components.network.args import (
    AcceptedPolicy,
    Coderd,
    Dns,
    Opening,
    WorkspaceNetworkPolicyArgs,
)
from components.network.values import NetworkArgsError


def refused(**given: Any) -> list[str]:
    with pytest.raises(NetworkArgsError) as caught:
        WorkspaceNetworkPolicyArgs(**given)
    assert isinstance(caught.value, ArgsError)
    assert list(caught.value.problems) == [str(fault) for fault in caught.value.faults]
    return list(caught.value.problems)


def opening(**given: Any) -> dict[str, Any]:
    return {"allow": [Opening(**{"ports": [443], "why": "a test", **given})]}


def accepted(*given: tuple[str, str]) -> dict[str, Any]:
    return {"accepted_policies": [AcceptedPolicy(*each) for each in given]}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"namespace": "a_b"}, 'namespace = "a_b": must be a namespace'),
        ({"dns": Dns(ports=[])}, "dns.ports: must name a port"),
        ({"dns": Dns(addresses=["10.0.0.0/24"])}, 'dns.addresses[0] = "10.0.0.0/24": must be one'),
        (
            {"dns": Dns(addresses=["kube-dns"])},
            "must be a CIDR such as 10.20.0.0/16, or an address",
        ),
        ({"dns": Dns(pod_labels={"a b": "c"})}, "dns.pod_labels: 'a b' is no Kubernetes label"),
        ({"coderd": Coderd(namespace="")}, 'coderd.namespace = "": must be a namespace'),
        ({"coderd": Coderd(ports=[0])}, "coderd.ports[0] = 0: must be from 1 to 65535"),
        ({"coderd": Coderd(addresses=["169.254.169.254"])}, "a machine's credentials"),
        ({"cluster_ranges": ["10.1.0.0/8"]}, 'cluster_ranges[0] = "10.1.0.0/8": must be written'),
        ({"cluster_ranges": ["0.0.0.0/0"]}, "must be the cluster's own, not every address"),
        ({"cluster_ranges": ["::/0"]}, "must be the cluster's own, not every address"),
        (opening(), "allow[0]: needs either `to`, an address, or `namespace`"),
        (opening(to="10.0.0.1", namespace="shop"), "allow[0]: needs either `to`"),
        (opening(to="10.0.0.1", pod_labels={"a": "b"}), "allow[0].pod_labels: needs `namespace`"),
        (opening(to="example.com"), 'allow[0].to = "example.com": must be a CIDR'),
        (opening(to="10.0.0.1/24"), "must be written 10.0.0.0/24"),
        (opening(to="10.0.0.300"), "must be a CIDR"),
        (opening(to="2001:DB8::1"), "must be written 2001:db8::1/128"),
        (opening(to="::ffff:10.0.0.1"), "must be written 10.0.0.1/32"),
        (opening(to="::ffff:0:0/96"), "must be written 0.0.0.0/0"),
        (opening(to="::ffff:169.254.169.254"), "which nothing opens"),
        (opening(to="::ffff:a9fe:a9fe/128"), "which nothing opens"),
        (opening(to="169.254.169.254/24"), "which nothing opens"),
        (opening(to="fd00::1%eth0"), "must be a CIDR"),
        ({"cluster_ranges": ["::ffff:0:0/96"]}, "must be the cluster's own, not every address"),
        ({"cluster_ranges": ["::ffff:a00:0/104"]}, "must be written 10.0.0.0/8"),
        ({"dns": Dns(addresses=["::ffff:10.0.0.10"])}, "must be written 10.0.0.10/32"),
        ({"dns": Dns(addresses=["10.0.0.1/24"])}, "must be one address, not a range"),
        ({"coderd": Coderd(addresses=["::ffff:10.0.0.1"])}, "must be written 10.0.0.1/32"),
        (opening(to="169.254.0.0/16"), "which nothing opens"),
        (opening(to="169.254.169.0/24"), "which nothing opens"),
        (opening(to="fd00:ec2::254"), "which nothing opens"),
        (opening(to="64:ff9b::a9fe:a9fe"), "which nothing opens"),
        (opening(to="168.63.129.16"), "which nothing opens"),
        (opening(to="10.0.0.1", why=" "), "allow[0].why: must say why"),
        (opening(to="10.0.0.1", ports=[]), "allow[0].ports: must name a port"),
        (opening(to="10.0.0.1", ports=[65536]), "allow[0].ports[0] = 65536: must be from 1"),
        (
            opening(to="10.0.0.1", ports=["https"]),
            "a port such as 443, or a range such as 8000-8100",
        ),
        (opening(to="10.0.0.1", ports=["-1"]), "a port such as 443"),
        (opening(to="10.0.0.1", ports=[True]), "a port such as 443"),
        (opening(to="10.0.0.1", ports=["9000-8000"]), "the first not after the last"),
        (
            {**opening(to="10.244.3.0/24"), "cluster_ranges": ["10.244.0.0/16"]},
            "lies in the cluster's own ranges: name the pods",
        ),
        (
            {**opening(to="::ffff:10.244.3.0/120"), "cluster_ranges": ["10.244.0.0/16"]},
            "lies in the cluster's own ranges: name the pods",
        ),
        (
            {**opening(to="64:ff9b::af4:300/120"), "cluster_ranges": ["10.244.0.0/16"]},
            "lies in the cluster's own ranges: name the pods",
        ),
        (accepted(("*", "x")), 'accepted_policies[0].name = "*": must be the name of one policy'),
        (accepted(("", "x")), 'accepted_policies[0].name = "": must be the name of one policy'),
        (accepted(("a", " ")), "accepted_policies[0].reason: must say why; reviews show it"),
        (accepted(("a", "x"), ("a", "y")), 'accepted_policies[1].name = "a": is accepted twice'),
    ],
)
def test_what_is_no_policy_is_refused(given: dict[str, Any], message: str) -> None:
    (problem,) = refused(**given)
    assert message in problem


@pytest.mark.parametrize(
    ("port", "given", "where"),
    [
        (443, {}, "every address outside"),
        (80, {}, "every address outside"),
        (53, {}, "network.dns"),
        (5353, {"dns": Dns(ports=[5353])}, "network.dns"),
        (53, {"dns": Dns(ports=[5353], addresses=["169.254.20.10"])}, "network.dns"),
        # Boundary's own default, and a port of coderd's.
        (8080, {}, "network.coderd"),
        (7443, {"coderd": Coderd(addresses=["10.0.0.1"], access_port=7443)}, "access URL"),
        (8087, opening(to="10.0.0.1", ports=[8087]), "network.allow[0]"),
        (8087, opening(to="outside", ports=["8000-8100"]), "network.allow[0]"),
        (8087, opening(namespace="shop", ports=[22, "8080-8090"]), "network.allow[0]"),
    ],
)
def test_no_port_of_boundary_is_opened_anywhere(
    port: int, given: dict[str, Any], where: str
) -> None:
    (problem,) = refused(proxy_ports={"closed": 9999, "firewalled": port}, **given)
    assert problem.startswith(f"proxy_ports.firewalled = {port}: is open to ")
    assert where in problem
    # Without Boundary there is nothing to go past.
    WorkspaceNetworkPolicyArgs(**given)


@pytest.mark.parametrize(
    ("given", "place", "right"),
    [
        (opening(to="10.0.0.1", ports=[29418]), "allow[0].ports[0] = 29418", "listen elsewhere"),
        (opening(to="outside", ports=[22, "20000-29999"]), "allow[0].ports[1] = 20000-29999", ""),
        (opening(to="outside", ports=["1-65535"]), "allow[0].ports[0]", "leave 1-19999, 30000-65"),
        (opening(to="outside", ports=["19000-20000"]), "allow[0].ports[0]", "leave 19000-19999"),
        (opening(namespace="shop", ports=["29999-30000"]), "allow[0].ports[0]", "leave 30000"),
        ({"coderd": Coderd(ports=[8080, 25000])}, "coderd.ports[1] = 25000", "listen elsewhere"),
        ({"dns": Dns(ports=[20053])}, "dns.ports[0] = 20053", "have what is reached listen else"),
        (
            {"coderd": Coderd(addresses=["10.0.0.1"], access_port=25000)},
            "coderd.access_port = 25000: is open at network.coderd.addresses, and",
            "let Coder answer elsewhere",
        ),
    ],
)
def test_no_port_of_a_sessions_boundary_is_opened_anywhere(
    given: dict[str, Any], place: str, right: str
) -> None:
    (problem,) = refused(landlocked=["firewalled", "other"], **given)
    assert problem.startswith(place)
    assert problem.endswith(right) if right.endswith("where") else right in problem
    assert "each session's Boundary listens at one of 20000-29999 (firewalled, other)" in problem
    # In nsjail's own namespace every connection ends at the proxy.
    WorkspaceNetworkPolicyArgs(**given)


def test_the_ports_beside_those_of_sessions_may_be_opened() -> None:
    ports = ["1024-8086", 19999, 30000, "30001-65535"]
    WorkspaceNetworkPolicyArgs(landlocked=["firewalled"], **opening(to="outside", ports=ports))
    # Where its addresses are public, the policy opens no port of the access URL's.
    WorkspaceNetworkPolicyArgs(landlocked=["firewalled"], coderd=Coderd(access_port=25000))


def test_every_fault_comes_at_once() -> None:
    found = refused(
        dns=Dns(namespace="A", ports=[0]),
        allow=[Opening(ports=[0], why="", to="x"), Opening(ports=[1], why="b", to="nowhere")],
        cluster_ranges=["x"],
        proxy_ports={"firewalled": 443},
    )
    assert [problem.partition(" = ")[0].partition(":")[0] for problem in found] == [
        "dns.namespace",
        "dns.ports[0]",
        "cluster_ranges[0]",
        "allow[0].why",
        "allow[0].to",
        "allow[0].ports[0]",
        "allow[1].to",
        "proxy_ports.firewalled",
    ]


def test_what_people_write_is_taken() -> None:
    WorkspaceNetworkPolicyArgs(
        dns=Dns(addresses=["169.254.20.10", "fd00::10", "10.96.0.10/32"]),
        coderd=Coderd(addresses=["10.0.0.1", "10.1.0.0/16", "fd00:1::/64"]),
        cluster_ranges=["10.244.0.0/16", "fd00:2::/48", "25.0.0.0/8"],
        allow=[
            Opening(ports=[22, "8000-8086", "9000"], why="a", to="10.0.0.0/8"),
            Opening(ports=[1], why="b", to="0.0.0.0/0"),
        ],
        proxy_ports={"firewalled": 8087},
        accepted_policies=[
            AcceptedPolicy("allow-monitoring.v1", "Prometheus scrapes"),
            AcceptedPolicy("allow-monitoring.v1", "the same", "CiliumNetworkPolicy"),
        ],
    )
