"""What a review says opens and closes, against what the policies decide."""

import copy
from collections.abc import Iterable, Mapping, Sequence
from ipaddress import ip_address
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.boundary import Policy, PolicyRule, Rule
from components.network.addresses import intervals, named
from components.network.args import Opening, WorkspaceNetworkPolicyArgs
from components.network.manifests import cilium_policies, network_policies
from components.network.reach import NetworkChange, Reached, _beyond, _ways, network_change
from tests.components.network.conftest import NAMESPACES, workspace
from tests.components.network.semantics import Cluster, Pod

FIREWALLED = workspace("firewalled")
Args = WorkspaceNetworkPolicyArgs


def objects(args: Args) -> list[Mapping[str, Any]]:
    return [*network_policies(args), *cilium_policies(args).values()]


def between(old: Args | None, new: Args | None) -> NetworkChange:
    before, after = (objects(args) if args else [] for args in (old, new))
    return network_change(before, after, FIREWALLED.labels)


def said(found: Iterable[Reached]) -> list[str]:
    return [f"{'in ' if e.incoming else ''}{e.where}: {e.ports} ({e.why})" for e in found]


def test_the_first_policy_says_what_stays_open() -> None:
    found = between(None, Args())
    assert (found.changed, found.opens, found.closed) == (True, False, ())
    assert said(found.opened) == [
        "pods k8s-app=kube-dns in namespace kube-system: UDP 53, TCP 53 (the cluster's DNS)",
        "pods app.kubernetes.io/name=coder in namespace coder: TCP 8080, TCP 8443 (coderd)",
        "every public address: TCP 443, TCP 80 (the web)",
    ]


def test_a_policy_that_goes_opens_everything_both_ways() -> None:
    found = between(Args(), None)
    assert found.removed
    assert found.opens
    assert said(found.opened) == [
        f"{way}{who}: TCP, UDP, SCTP (no policy limits it)"
        for way in ("", "in ")
        for who in ("every pod in every namespace", "every address")
    ]


def test_nothing_is_said_of_nothing() -> None:
    assert between(None, None) == NetworkChange()
    assert not between(Args(), Args()).changed


def test_what_a_stack_adds_has_its_reason() -> None:
    more = Args(
        allow=[
            Opening(ports=[443, "8000-8010"], why="GitLab", to="10.20.0.0/16"),
            Opening(ports=[22], why="git", to="outside"),
            Opening(ports=[3100], why="Loki", namespace="monitoring", pod_labels={"app": "loki"}),
        ],
        cluster_ranges=["10.20.7.0/24"],
    )
    lines = [
        "10.20.0.0/16 but 10.20.7.0/24: TCP 443, TCP 8000-8010 (GitLab)",
        "every public address: TCP 22 (git)",
        "pods app=loki in namespace monitoring: TCP 3100 (Loki)",
    ]
    opened, closed = between(Args(), more), between(more, Args())
    assert said(opened.opened) == lines
    assert (opened.closed, opened.opens) == ((), True)
    assert said(closed.closed) == lines
    assert (closed.opened, closed.opens) == ((), False)


def test_what_another_rule_covers_is_no_change() -> None:
    narrow = Opening(ports=[443], why="GitHub", to="140.82.112.0/20")
    assert not between(Args(), Args(allow=[narrow])).changed
    pods = Opening(ports=[22], why="all", namespace="shop")
    one = Opening(ports=[22], why="one", namespace="shop", pod_labels={"app": "web"})
    assert not between(Args(allow=[pods]), Args(allow=[pods, one])).changed
    assert said(between(Args(allow=[one]), Args(allow=[pods])).opened) == [
        "every pod in namespace shop: TCP 22 (all)"
    ]
    # Other words for the same: another reason, a range in two parts.
    whole = Opening(ports=["8000-8010"], why="a", to="10.0.0.0/8")
    parts = [
        Opening(ports=["8000-8005", "8006-8010"], why="b", to="10.0.0.0/9"),
        Opening(ports=["8000-8010"], why="b", to="10.128.0.0/9"),
    ]
    assert not between(Args(allow=[whole]), Args(allow=parts)).changed


def test_a_part_of_a_range_is_said_as_a_part() -> None:
    old = Args(allow=[Opening(ports=["8000-8010"], why="a", to="10.0.0.0/8")])
    new = Args(allow=[Opening(ports=["8005-8020"], why="a", to="10.0.0.0/7")])
    found = between(old, new)
    assert said(found.opened) == [
        "11.0.0.0/8: TCP 8005-8010 (a)",
        "10.0.0.0/7: TCP 8011-8020 (a)",
    ]
    assert said(found.closed) == ["10.0.0.0/8: TCP 8000-8004 (a)"]


def test_the_clusters_own_public_addresses_are_closed_by_name() -> None:
    found = between(Args(), Args(cluster_ranges=["25.0.0.0/8", "2a00:1::/48"]))
    assert said(found.closed) == [
        "25.0.0.0/8: TCP 443, TCP 80 (the web)",
        "2a00:1::/48: TCP 443, TCP 80 (the web)",
    ]
    (_, _, _, *web) = said(between(None, Args(cluster_ranges=["25.0.0.0/8"])).opened)
    assert web == ["every public IPv6 address: TCP 443, TCP 80 (the web)"]


def test_a_translators_prefix_is_told_by_what_is_behind_it() -> None:
    by_nat64 = [Opening(ports=[443], why="IPv6 alone", to="64:ff9b::/96")]
    found = between(Args(), Args(allow=by_nat64, cluster_ranges=["10.0.0.0/8"]))
    assert said(found.opened) == [
        "all of public IPv4 by NAT64 (64:ff9b::/96): TCP 443 (IPv6 alone)"
    ]
    ranges = ["10.0.0.0/8", "25.0.0.0/8"]
    found = between(Args(cluster_ranges=ranges), Args(allow=by_nat64, cluster_ranges=ranges))
    assert said(found.opened) == [
        "all of public IPv4 by NAT64 (64:ff9b::/96) but 64:ff9b::1900:0/104: TCP 443 (IPv6 alone)"
    ]


def policy(*hosts: str) -> Policy:
    rules = [PolicyRule(Rule.parse(f"domain={host}"), "extra", "test") for host in hosts]
    return Policy(rules)


def test_names_close_the_web_and_open_nothing() -> None:
    named_hosts = Args(by_name={"firewalled": policy("a.example", "*.b.example")})
    found = between(Args(), named_hosts)
    assert (found.opens, found.opened) == (False, ())
    assert said(found.closed) == ["every public address: TCP 443, TCP 80 (the web)"]
    back = between(named_hosts, Args())
    assert said(back.opened) == ["every public address: TCP 443, TCP 80 (the web)"]
    assert back.closed == ()
    # The other template's pods do not notice.
    other = network_change(objects(Args()), objects(named_hosts), workspace("open").labels)
    assert not other.changed


def test_another_name_opens_unless_a_pattern_has_it() -> None:
    old = Args(by_name={"firewalled": policy("*.b.example")})
    new = Args(by_name={"firewalled": policy("*.b.example", "a.b.example", "c.example")})
    assert said(between(old, new).opened) == [
        "c.example: TCP 443, TCP 80 (by name, outside the jail too)"
    ]


def test_what_somebody_edited_by_hand_is_read_as_the_api_reads_it() -> None:
    """As a refresh finds it: rules without peers, named ports, an ingress rule."""
    spec = {
        "podSelector": {},
        "ingress": [{"from": [{"podSelector": {"matchLabels": {"app": "x"}}}]}],
        "egress": [{"ports": [{"port": "http"}]}, {"to": [{"ipBlock": {"cidr": "10.0.0.1/8"}}]}],
    }
    edited = {"kind": "NetworkPolicy", "metadata": {}, "spec": spec}
    found = network_change([edited], network_policies(Args()), FIREWALLED.labels)
    assert said(found.closed) == [
        "every pod in every namespace: TCP port http ()",
        "every address: TCP port http ()",
        "10.0.0.0/8: TCP, UDP, SCTP ()",
        "in pods app=x in their own namespace: TCP, UDP, SCTP ()",
    ]


_CIDRS = st.sampled_from(
    ["10.0.0.0/8", "10.1.0.0/16", "10.1.2.0/24", "0.0.0.0/0", "140.82.0.0/16", "fd00::/8", "::/0"]
)
_PORTS: st.SearchStrategy[list[int | str]] = st.lists(
    st.sampled_from([22, 443, "20-30", "25-500", "8000-8100"]), min_size=1, max_size=2
)
_LABELS = st.sampled_from([{}, {"app": "a"}, {"app": "a", "tier": "b"}])
_OPENING = st.one_of(
    st.builds(lambda to, ports: Opening(ports=ports, why="w", to=to), _CIDRS, _PORTS),
    st.builds(
        lambda ns, labels, ports: Opening(ports=ports, why="w", namespace=ns, pod_labels=labels),
        st.sampled_from(["shop", "monitoring"]),
        _LABELS,
        _PORTS,
    ),
)
_RANGES = st.lists(st.sampled_from(["10.1.128.0/17", "140.82.1.0/24"]), max_size=1)
_ARGS = st.builds(
    lambda allow, ranges: Args(allow=allow, cluster_ranges=ranges),
    st.lists(_OPENING, max_size=3),
    _RANGES,
)
_ADDRESSES = (
    *("10.0.0.1", "10.1.0.1", "10.1.2.3", "10.1.200.1", "140.82.1.1", "140.82.2.1", "9.9.9.9"),
    *("fd00::1", "2606:4700::1", "169.254.169.254", "192.168.0.1"),
)
_PODS = tuple(
    Pod(namespace, labels, "11.0.0.1")
    for namespace in ("shop", "monitoring")
    for labels in ({}, {"app": "a"}, {"app": "a", "tier": "b"}, {"tier": "b"})
)
_NUMBERS = (21, 22, 25, 27, 30, 80, 443, 500, 501, 8050)


@settings(max_examples=120, deadline=None)
@given(_ARGS, _ARGS)
def test_a_review_tells_exactly_what_the_decisions_say(old: Args, new: Args) -> None:
    before, after = (
        Cluster(network_policies(args), NAMESPACES, blocks_match_pods=False) for args in (old, new)
    )
    opened = list(_beyond(*_both(new, old)))

    def decided(destination: Pod | str, port: int) -> bool:
        return after.passes(FIREWALLED, destination, "TCP", port) and not before.passes(
            FIREWALLED, destination, "TCP", port
        )

    for port in _NUMBERS:
        for address in _ADDRESSES:
            told = any(_holds(way, address, port) for way in opened)
            assert told is decided(address, port), (address, port)
        for pod in _PODS:
            # Nothing goes untold. A selector is told whole, also when some of its pods were
            # reached before, but never when all were.
            told = any(_holds(way, pod, port) for way in opened)
            assert told or not decided(pod, port), (pod, port)
        for way in opened:
            pods = [pod for pod in _PODS if _holds(way, pod, port)]
            assert not pods or any(decided(pod, port) for pod in pods), (way, port)


def _both(new: Args, old: Args) -> tuple[Sequence[Any], Sequence[Any]]:
    return tuple(list(_ways(network_policies(args))) for args in (new, old))  # type: ignore[return-value]


def _holds(way: Any, destination: Pod | str, port: int) -> bool:
    if way.protocol != "TCP" or not way.ports[0] <= port <= way.ports[1]:
        return False
    if isinstance(destination, str):
        address = ip_address(destination)
        return way.version == address.version and any(
            low <= int(address) <= high for low, high in way.addresses
        )
    if way.pods is None:
        return False
    namespaces, pods = way.pods
    return namespaces <= {f"namespace {destination.namespace}"} and pods <= {
        f"{key}={value}" for key, value in destination.labels.items()
    }


def test_names_that_led_to_private_addresses_are_told_until_they_no_longer_do() -> None:
    """Policies that were written before such addresses were denied."""
    args = Args(
        by_name={"firewalled": policy("a.example")},
        allow=[Opening(ports=[443], why="all of it", to="10.0.0.0/8")],
    )
    new = objects(args)
    old = copy.deepcopy(new)
    old[-1]["spec"]["egressDeny"] = old[-1]["spec"]["egressDeny"][:1]
    labels = FIREWALLED.labels
    found = network_change(old, new, labels)
    assert (found.opens, found.opened) == (False, ())
    four, six, *at_80 = said(found.closed)
    assert four.startswith("every IPv4 address that is not public but 10.0.0.0/8, 100.100.100.200/")
    assert four.endswith("169.254.0.0/16: TCP 443 (where a name leads there)")
    assert six.startswith("every IPv6 address that is not public but 64:ff9b::6464:64c8/128, ")
    assert at_80[0].startswith("every IPv4 address that is not public but 100.100.100.200/32, ")
    assert network_change(new, old, labels).opened == found.closed
    assert not network_change(old, old, labels).changed
    assert not [each for each in said(network_change([], new, labels).opened) if "leads" in each]


@pytest.mark.parametrize(
    ("cidr", "words"),
    [
        ("0.0.0.0/0", "every IPv4 address"),
        ("::/0", "every IPv6 address"),
        ("10.0.0.0/8", "10.0.0.0/8"),
        ("10.0.0.1/32", "10.0.0.1/32"),
    ],
)
def test_addresses_in_words(cidr: str, words: str) -> None:
    from ipaddress import ip_network

    network = ip_network(cidr)
    assert named(intervals(network), network.version) == words


def test_policies_that_stay_or_are_not_there_are_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every template asks twice, and a stack may have a hundred."""
    monkeypatch.setattr("components.network.reach._ways", None)
    assert between(None, None) == NetworkChange()
    assert between(Args(), Args()) == NetworkChange(before=True, after=True)
