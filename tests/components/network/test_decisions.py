"""What workspaces reach, decided by NetworkPolicy's semantics on the objects as they are sent."""

import pytest

from components.boundary import Policy
from components.network.addresses import METADATA
from components.network.args import Coderd, Dns, Opening, WorkspaceNetworkPolicyArgs
from tests.components.network.conftest import Make, workspace
from tests.components.network.semantics import Pod

DEFAULT = WorkspaceNetworkPolicyArgs(proxy_ports={"firewalled": 8087})
FIREWALLED, OPEN = workspace("firewalled"), workspace("claude-code", "10.244.1.8")
CODERD = Pod("coder", {"app.kubernetes.io/name": "coder"}, "10.244.0.2")
DNS = Pod("kube-system", {"k8s-app": "kube-dns"}, "10.244.0.3")
NEIGHBOUR = Pod("shop", {"app": "web"}, "10.244.2.1")
GITHUB, GITHUB_6 = "140.82.112.3", "2606:50c0:8000::153"


@pytest.fixture(params=["plugin matches pods by address", "plugin does not"])
def blocks(request: pytest.FixtureRequest) -> bool:
    return bool(request.param == "plugin matches pods by address")


@pytest.fixture(params=[FIREWALLED, OPEN], ids=["firewalled", "claude-code"])
def source(request: pytest.FixtureRequest) -> Pod:
    """A workspace of either template: both are held to the same."""
    found: Pod = request.param
    return found


@pytest.mark.parametrize(
    ("destination", "protocol", "port", "passes"),
    [
        (DNS, "UDP", 53, True),
        (DNS, "TCP", 53, True),
        (DNS, "TCP", 9153, False),
        (Pod("kube-system", {"k8s-app": "metrics-server"}), "UDP", 53, False),
        (Pod("shop", {"k8s-app": "kube-dns"}), "UDP", 53, False),
        (CODERD, "TCP", 8080, True),
        (CODERD, "TCP", 8443, True),
        (CODERD, "UDP", 8080, False),
        (CODERD, "TCP", 2112, False),
        (CODERD, "TCP", 6060, False),
        (Pod("coder", {"app.kubernetes.io/name": "postgres"}), "TCP", 8080, False),
        (Pod("shop", {"app.kubernetes.io/name": "coder"}), "TCP", 8080, False),
        (GITHUB, "TCP", 443, True),
        (GITHUB, "TCP", 80, True),
        (GITHUB_6, "TCP", 443, True),
        (GITHUB, "TCP", 22, False),
        (GITHUB, "TCP", 8087, False),
        # QUIC, DNS of somebody else, STUN.
        (GITHUB, "UDP", 443, False),
        ("8.8.8.8", "UDP", 53, False),
        ("8.8.8.8", "TCP", 53, False),
        ("74.125.250.129", "UDP", 19302, False),
        # Private networks, the cluster's among them.
        ("10.96.0.1", "TCP", 443, False),
        ("172.20.0.1", "TCP", 443, False),
        ("192.168.1.1", "TCP", 443, False),
        ("100.64.0.9", "TCP", 443, False),
        ("127.0.0.1", "TCP", 443, False),
        ("198.18.0.1", "TCP", 80, False),
        ("fd12:3456::1", "TCP", 443, False),
        ("::1", "TCP", 443, False),
        ("64:ff9b::a9fe:a9fe", "TCP", 80, False),
        ("2002:a9fe:a9fe::1", "TCP", 80, False),
        (NEIGHBOUR, "TCP", 443, False),
        (NEIGHBOUR, "TCP", 80, False),
    ],
)
def test_what_a_workspace_reaches(
    cluster: Make,
    blocks: bool,
    source: Pod,
    destination: Pod | str,
    protocol: str,
    port: int,
    passes: bool,
) -> None:
    assert cluster(DEFAULT, blocks=blocks).passes(source, destination, protocol, port) is passes


@pytest.mark.parametrize("port", [1, 53, 80, 443, 988, 8080, 8087])
@pytest.mark.parametrize("protocol", ["TCP", "UDP"])
@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254",
        "fd00:ec2::254",
        "169.254.170.2",
        "169.254.170.23",
        "fd00:ec2::23",
        "168.63.129.16",
        "100.100.100.200",
        "fd20:ce::254",
    ],
)
def test_no_metadata_service(
    cluster: Make, source: Pod, address: str, protocol: str, port: int
) -> None:
    # Not even where somebody opened all that there is.
    wide = WorkspaceNetworkPolicyArgs(
        allow=[
            Opening(ports=["1-65535"], why="a mistake", to="0.0.0.0/0"),
            Opening(ports=["1-65535"], why="a mistake", to="::/0"),
            Opening(ports=["1-65535"], why="a mistake", to="outside"),
        ]
    )
    for args in (DEFAULT, wide):
        assert not cluster(args).passes(source, address, protocol, port)


def test_the_list_of_metadata_services_is_closed_to_the_last_address(cluster: Make) -> None:
    for network in METADATA:
        for address in (network[0], network[-1]):
            assert not cluster(DEFAULT).passes(FIREWALLED, str(address), "TCP", 80)


def test_nothing_comes_in_and_workspaces_do_not_reach_each_other(
    cluster: Make, source: Pod
) -> None:
    found = cluster(DEFAULT)
    for peer in (NEIGHBOUR, CODERD, DNS, FIREWALLED, OPEN, GITHUB):
        for protocol, port in (("TCP", 8087), ("TCP", 13337), ("UDP", 1), ("TCP", 22)):
            assert not found.passes(peer, source, protocol, port)


def test_other_pods_of_the_namespace_are_left_alone(cluster: Make) -> None:
    provisioner = Pod("coder-workspaces", {"app.kubernetes.io/name": "coder-provisioner"})
    assert cluster(DEFAULT).passes(provisioner, "10.96.0.1", "TCP", 443)
    assert cluster(DEFAULT).passes(NEIGHBOUR, provisioner, "TCP", 1)


def test_another_policy_can_only_open(cluster: Make) -> None:
    """What somebody adds beside ours counts, which is why verifying asks the real network."""
    somebody = {
        "metadata": {"namespace": "coder-workspaces"},
        "spec": {"podSelector": {}, "policyTypes": ["Egress"], "egress": [{}]},
    }
    assert cluster(DEFAULT, somebody).passes(FIREWALLED, "169.254.169.254", "TCP", 80)


def test_what_a_stack_adds_and_no_more(cluster: Make) -> None:
    args = WorkspaceNetworkPolicyArgs(
        cluster_ranges=["10.244.0.0/16", "203.0.113.0/24"],
        allow=[
            Opening(ports=[443, 22], why="GitLab", to="10.20.0.0/16"),
            Opening(ports=["8000-8100"], why="all of the company", to="10.0.0.0/8"),
            Opening(ports=[9418], why="git", to="outside"),
            Opening(ports=[3100], why="Loki", namespace="monitoring", pod_labels={"app": "loki"}),
            Opening(ports=[5432], why="the shop's databases", namespace="shop"),
        ],
    )
    found = cluster(args)

    def reached(destination: Pod | str, *ports: int, protocol: str = "TCP") -> list[int]:
        return [p for p in ports if found.passes(FIREWALLED, destination, protocol, p)]

    assert reached("10.20.1.1", 22, 80, 443) == [22, 443]
    assert reached("10.21.1.1", 443, 7999, 8000, 8100, 8101) == [8000, 8100]
    assert reached("10.21.1.1", 8000, protocol="UDP") == []
    assert reached(GITHUB, 22, 443, 9418) == [443, 9418]
    assert reached("10.21.1.1", 9418) == []
    # Pods that a wider range holds, and the cluster's own public addresses, stay closed.
    assert reached(NEIGHBOUR, 8000, 443, 5432) == [5432]
    assert reached("203.0.113.9", 443, 9418) == []
    loki = Pod("monitoring", {"app": "loki"}, "10.244.3.1")
    assert reached(loki, 3100, 3101) == [3100]
    assert reached(Pod("monitoring", {"app": "grafana"}, "10.244.3.2"), 3100) == []


@pytest.mark.parametrize(
    ("to", "address", "passes"),
    [
        ("64:ff9b::/96", "64:ff9b::8c52:7003", True),
        ("64:ff9b::/96", "64:ff9b::a01:203", False),
        ("64:ff9b::/96", "64:ff9b::c0a8:1", False),
        ("64:ff9b::/96", "64:ff9b::a9fe:a9fe", False),
        # 25.1.2.3, which is the cluster's.
        ("64:ff9b::/96", "64:ff9b::1901:203", False),
        ("::/0", "64:ff9b::1901:203", False),
        ("::/0", "64:ff9b::a01:203", False),
        ("::/0", "fd12::1", True),
        # Who names a private network by its address there, means it.
        ("64:ff9b::a01:0/112", "64:ff9b::a01:203", True),
        ("64:ff9b::a00:0/104", "64:ff9b::a60:1", False),
    ],
)
def test_a_translators_prefix_opens_the_internet_behind_it_alone(
    cluster: Make, to: str, address: str, passes: bool
) -> None:
    args = WorkspaceNetworkPolicyArgs(
        allow=[Opening(ports=[443], why="NAT64", to=to)],
        cluster_ranges=["10.96.0.0/12", "25.0.0.0/8"],
    )
    assert cluster(args).passes(FIREWALLED, address, "TCP", 443) is passes


def test_coderd_behind_an_ingress_and_behind_an_internal_load_balancer(cluster: Make) -> None:
    controller = Pod("ingress-nginx", {"app.kubernetes.io/name": "ingress-nginx"}, "10.244.4.1")
    args = WorkspaceNetworkPolicyArgs(
        coderd=Coderd(
            namespace="ingress-nginx",
            pod_labels={"app.kubernetes.io/name": "ingress-nginx"},
            ports=[443],
            addresses=["10.1.2.3", "10.9.0.0/24"],
            access_port=8443,
        )
    )
    found = cluster(args)
    assert found.passes(FIREWALLED, controller, "TCP", 443)
    assert not found.passes(FIREWALLED, CODERD, "TCP", 8080)
    assert found.passes(FIREWALLED, "10.1.2.3", "TCP", 8443)
    assert found.passes(FIREWALLED, "10.9.0.77", "TCP", 8443)
    assert not found.passes(FIREWALLED, "10.1.2.3", "TCP", 443)
    assert not found.passes(FIREWALLED, "10.1.2.4", "TCP", 8443)


def test_dns_on_the_node_and_on_another_port(cluster: Make) -> None:
    openshift = Pod("openshift-dns", {"dns.operator.openshift.io/daemonset-dns": "default"})
    dns = Dns(openshift.namespace, openshift.labels, [5353], ["169.254.20.10", "fd00::10"])
    found = cluster(WorkspaceNetworkPolicyArgs(dns=dns))
    for protocol in ("UDP", "TCP"):
        assert found.passes(FIREWALLED, openshift, protocol, 5353)
        assert not found.passes(FIREWALLED, openshift, protocol, 53)
        assert found.passes(FIREWALLED, "169.254.20.10", protocol, 53)
        assert found.passes(FIREWALLED, "fd00::10", protocol, 53)
        assert not found.passes(FIREWALLED, "169.254.20.10", protocol, 80)
        assert not found.passes(FIREWALLED, DNS, protocol, 53)


def test_with_names_the_network_policies_leave_that_template_coderd_alone(cluster: Make) -> None:
    """The rest is Cilium's: what these allowed besides, a rule by name could not take back."""
    args = WorkspaceNetworkPolicyArgs(
        by_name={"firewalled": Policy([])},
        allow=[Opening(ports=[443], why="GitLab", to="10.20.0.0/16")],
    )
    found = cluster(args)
    started_before = Pod("coder-workspaces", {"app.kubernetes.io/name": "coder-workspace"})
    for destination, protocol, port in ((GITHUB, "TCP", 443), (DNS, "UDP", 53)):
        assert not found.passes(FIREWALLED, destination, protocol, port)
        assert found.passes(OPEN, destination, protocol, port)
        assert found.passes(started_before, destination, protocol, port)
    for pod in (FIREWALLED, OPEN, started_before):
        assert found.passes(pod, CODERD, "TCP", 8080)
        assert found.passes(pod, "10.20.0.1", "TCP", 443)
        assert not found.passes(pod, "169.254.169.254", "TCP", 80)
        assert not found.passes(NEIGHBOUR, pod, "TCP", 8087)
