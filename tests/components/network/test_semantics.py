"""The evaluator against the examples that the API's documentation explains, in words of our own.

https://kubernetes.io/docs/concepts/services-networking/network-policies/
"""

from typing import Any

import pytest
import yaml

from tests.components.network.semantics import Cluster, Pod

NAMESPACES = {
    "default": {"kubernetes.io/metadata.name": "default"},
    "mine": {"kubernetes.io/metadata.name": "mine", "project": "myproject", "user": "alice"},
    "other": {"kubernetes.io/metadata.name": "other"},
}
DB = Pod("default", {"role": "db"})
WEB = Pod("default", {"role": "web"})
FRONT = Pod("default", {"role": "frontend"})


def cluster(*specs: str, **options: Any) -> Cluster:
    policies = [{"metadata": {"namespace": "default"}, "spec": yaml.safe_load(s)} for s in specs]
    return Cluster(policies, NAMESPACES, **options)


FIRST = """
podSelector: {matchLabels: {role: db}}
policyTypes: [Ingress, Egress]
ingress:
  - from:
      - ipBlock: {cidr: 172.17.0.0/16, except: [172.17.1.0/24]}
      - namespaceSelector: {matchLabels: {project: myproject}}
      - podSelector: {matchLabels: {role: frontend}}
    ports: [{protocol: TCP, port: 6379}]
egress:
  - to: [{ipBlock: {cidr: 10.0.0.0/24}}]
    ports: [{protocol: TCP, port: 5978}]
"""


@pytest.mark.parametrize(
    ("source", "destination", "protocol", "port", "passes"),
    [
        ("172.17.0.1", DB, "TCP", 6379, True),
        ("172.17.2.255", DB, "TCP", 6379, True),
        ("172.17.1.1", DB, "TCP", 6379, False),
        (Pod("mine"), DB, "TCP", 6379, True),
        (FRONT, DB, "TCP", 6379, True),
        (Pod("other", {"role": "frontend"}), DB, "TCP", 6379, False),
        (WEB, DB, "TCP", 6379, False),
        (FRONT, DB, "TCP", 6380, False),
        (FRONT, DB, "UDP", 6379, False),
        (DB, "10.0.0.7", "TCP", 5978, True),
        (DB, "10.0.1.7", "TCP", 5978, False),
        (DB, "10.0.0.7", "TCP", 5979, False),
        # Pods that no policy selects are not isolated.
        (WEB, FRONT, "TCP", 1, True),
    ],
)
def test_the_first_example(
    source: Pod | str, destination: Pod | str, protocol: str, port: int, passes: bool
) -> None:
    assert cluster(FIRST).passes(source, destination, protocol, port) is passes


TOGETHER = """
podSelector: {}
ingress:
  - from:
      - namespaceSelector: {matchLabels: {user: alice}}
        podSelector: {matchLabels: {role: client}}
"""
APART = """
podSelector: {}
ingress:
  - from:
      - namespaceSelector: {matchLabels: {user: alice}}
      - podSelector: {matchLabels: {role: client}}
"""


def test_two_selectors_in_one_peer_must_both_match_and_in_two_either() -> None:
    clients = {"role": "client"}
    sources = (Pod("mine", clients), Pod("mine"), Pod("default", clients), Pod("other", clients))
    together, apart = cluster(TOGETHER), cluster(APART)
    assert [together.passes(each, DB, "TCP", 1) for each in sources] == [True, False, False, False]
    assert [apart.passes(each, DB, "TCP", 1) for each in sources] == [True, True, True, False]


@pytest.mark.parametrize(
    ("spec", "comes_in", "goes_out"),
    [
        # Deny by default, and allow all; a rule that is empty is not a list without rules.
        ("{podSelector: {}, policyTypes: [Ingress]}", False, True),
        ("{podSelector: {}, policyTypes: [Ingress], ingress: [{}]}", True, True),
        ("{podSelector: {}, policyTypes: [Egress]}", True, False),
        ("{podSelector: {}, policyTypes: [Egress], egress: [{}]}", True, True),
        ("{podSelector: {}, policyTypes: [Ingress, Egress]}", False, False),
        # Types that are not given: Ingress always, Egress if there is a rule for it.
        ("{podSelector: {}}", False, True),
        ("{podSelector: {}, egress: []}", False, True),
        ("{podSelector: {}, egress: [{}]}", False, True),
        ("{podSelector: {}, egress: [{ports: [{port: 1}]}]}", False, False),
        # An empty list of peers or ports is everybody and everything.
        ("{podSelector: {}, policyTypes: [Egress], egress: [{to: [], ports: []}]}", True, True),
    ],
)
def test_defaults(spec: str, comes_in: bool, goes_out: bool) -> None:
    found = cluster(spec)
    assert found.passes("192.0.2.1", DB, "TCP", 80) is comes_in
    assert found.passes(DB, "192.0.2.1", "UDP", 80) is goes_out


RANGE = """
podSelector: {matchLabels: {role: db}}
policyTypes: [Egress]
egress:
  - to: [{ipBlock: {cidr: 10.0.0.0/24}}]
    ports: [{protocol: TCP, port: 32000, endPort: 32768}]
"""


def test_a_range_of_ports_holds_both_ends() -> None:
    found = cluster(RANGE)
    passing = [p for p in (31999, 32000, 32768, 32769) if found.passes(DB, "10.0.0.1", "TCP", p)]
    assert passing == [32000, 32768]


NAMED = """
podSelector: {matchLabels: {role: web}}
policyTypes: [Egress]
egress: [{ports: [{protocol: TCP, port: http}, {protocol: UDP}]}]
"""


def test_a_named_port_is_the_destinations_own_and_a_protocol_alone_is_every_port() -> None:
    found = cluster(NAMED)
    listening = Pod("default", ports={"http": ("TCP", 8080)})
    assert found.passes(WEB, listening, "TCP", 8080)
    assert not found.passes(WEB, listening, "TCP", 80)
    assert not found.passes(WEB, Pod("default"), "TCP", 8080)
    assert not found.passes(WEB, "192.0.2.1", "TCP", 8080)
    assert found.passes(WEB, "192.0.2.1", "UDP", 7)


EXPRESSIONS = """
podSelector: {matchExpressions: [{key: role, operator: NotIn, values: [db]}]}
policyTypes: [Egress]
egress:
  - to:
      - namespaceSelector:
          matchExpressions:
            - {key: kubernetes.io/metadata.name, operator: In, values: [mine, other]}
"""


def test_namespaces_by_their_names() -> None:
    found = cluster(EXPRESSIONS)
    reached = [n for n in NAMESPACES if found.passes(WEB, Pod(n), "TCP", 1)]
    assert reached == ["mine", "other"]
    # A label that is not there is in no list; and db is not isolated.
    assert not found.passes(Pod("default"), Pod("default"), "TCP", 1)
    assert found.passes(DB, Pod("default"), "TCP", 1)


def test_policies_add_up_and_none_takes_away() -> None:
    out = "{podSelector: {}, policyTypes: [Egress], egress: [{ports: [{port: 53}]}]}"
    nothing = "{podSelector: {}, policyTypes: [Egress]}"
    assert cluster(nothing, out).passes(DB, "192.0.2.1", "TCP", 53)
    assert not cluster(nothing, out).passes(DB, "192.0.2.1", "TCP", 54)


def test_both_sides_have_to_let_a_connection_pass() -> None:
    closed = "{podSelector: {matchLabels: {role: db}}, policyTypes: [Ingress]}"
    isolated = "{podSelector: {matchLabels: {role: web}}, policyTypes: [Egress]}"
    assert not cluster(closed).passes(WEB, DB, "TCP", 1)
    assert not cluster(isolated).passes(WEB, DB, "TCP", 1)
    assert cluster(closed).passes(DB, WEB, "TCP", 1)


def test_whether_a_block_matches_a_pod_is_the_plugins_choice() -> None:
    block = (
        "{podSelector: {}, policyTypes: [Egress], egress: [{to: [{ipBlock: {cidr: 10.0.0.0/8}}]}]}"
    )
    assert cluster(block).passes(DB, Pod("other"), "TCP", 1)
    assert not cluster(block, blocks_match_pods=False).passes(DB, Pod("other"), "TCP", 1)
