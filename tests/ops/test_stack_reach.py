"""What opens is the same for a review and for the record of the update that does it."""

from typing import Any

import pytest

from components.coder_agents import AgentsAllowed
from components.network.args import Coderd, Opening, WorkspaceNetworkPolicyArgs
from components.network.manifests import cilium_policies, network_policies
from ops import history
from ops.assessment import StackPreview
from ops.stack_reach import StackReach, compared
from ops.template_changes import Registered
from tests.ops.test_network import policy, steps

Args = WorkspaceNetworkPolicyArgs
ONE = policy("domain=a.example")
TWO = policy("domain=a.example", "domain=b.example")
DATABASE = Opening(ports=[5432], why="db", to="10.9.0.0/24")
PLAIN, OPENED, ISOLATED = Args(), Args(allow=[DATABASE]), Args(isolated_agents=True)
WIDER = Args(isolated_agents=True, coderd=Coderd(addresses=["203.0.113.7"]))

Side = tuple[Any, AgentsAllowed | None, Args | None]
CASES: list[tuple[Side, Side, str]] = [
    ((ONE, False, PLAIN), (ONE, False, PLAIN), "no change"),
    ((ONE, False, PLAIN), (ONE, True, PLAIN), "t: CODER'S OWN AGENTS LET IN"),
    ((ONE, None, PLAIN), (ONE, True, PLAIN), "t: CODER'S OWN AGENTS LET IN"),
    (
        (ONE, False, PLAIN),
        (TWO, True, OPENED),
        "t: CODER'S OWN AGENTS LET IN, opens b.example, network opens 10.9.0.0/24: TCP 5432",
    ),
    ((ONE, False, PLAIN), (ONE, False, OPENED), "t: network opens 10.9.0.0/24: TCP 5432"),
    ((ONE, False, OPENED), (ONE, False, PLAIN), "t: network closes 10.9.0.0/24: TCP 5432"),
    ((ONE, False, PLAIN), (ONE, False, None), "t: NETWORK POLICY REMOVED"),
    ((ONE, False, None), (ONE, False, PLAIN), "t: network policy from now on"),
    ((ONE, True, PLAIN), (ONE, False, PLAIN), "t: Coder's own agents kept out"),
    (
        (ONE, True, PLAIN),
        (ONE, "isolated", ISOLATED),
        "t: Coder's own agents in their own pod",
    ),
    # Without their policy a pod of their own is every host.
    ((ONE, False, PLAIN), (ONE, "isolated", PLAIN), "t: CODER'S OWN AGENTS LET IN"),
    (
        (ONE, "isolated", ISOLATED),
        (ONE, False, PLAIN),
        "t: NETWORK POLICY OF CODER'S OWN AGENTS REMOVED, Coder's own agents kept out, "
        "claims of ~/project deleted",
    ),
    (
        (ONE, "isolated", ISOLATED),
        (ONE, "isolated", WIDER),
        "t: network opens to Coder's own agents 203.0.113.7/32: TCP 443",
    ),
    (
        (ONE, True, OPENED),
        (None, True, PLAIN),
        "t: FIREWALL REMOVED, network closes 10.9.0.0/24: TCP 5432",
    ),
]


def side(policy: Any, agents: AgentsAllowed | None, args: Args | None) -> StackReach:
    return StackReach({"t": policy}, {"t": agents}, network_policies(args) if args else ())


@pytest.mark.parametrize(("old", "new", "line"), CASES)
def test_an_update_records_what_its_review_says(old: Side, new: Side, line: str) -> None:
    found = compared(side(*old), side(*new))
    assert history.policy_line(found) == line
    review = StackPreview(
        "dev",
        {"t": old[0]},
        {"t": new[0]},
        policies=steps(old[2], new[2]),
        old_templates={"t": Registered(None, {}, old[1])},
        new_templates={"t": Registered(None, {}, new[1])},
    )
    assert review.reaches == found
    assert history.policy_line(review.reaches) == line


def test_what_holds_for_several_templates_is_said_once() -> None:
    old, new = (
        StackReach(dict.fromkeys("abcde", ONE), {}, network_policies(args))
        for args in (PLAIN, OPENED)
    )
    assert history.policy_line(compared(old, new)) == (
        "a, b, c and 2 more: network opens 10.9.0.0/24: TCP 5432"
    )


def test_the_gravest_is_never_cut_off() -> None:
    labels = [f"{name}-{'x' * 50}" for name in "abcd"]
    long = policy(*(f"domain={'.'.join([name] * 4)}" for name in labels))
    old = StackReach({**dict.fromkeys(labels, ONE), "z": ONE})
    new = StackReach({**dict.fromkeys(labels, long), "z": long}, {"z": True})
    line = history.policy_line(compared(old, new))
    assert line.startswith("z: CODER'S OWN AGENTS LET IN, opens ")
    assert len(line) <= 400


def test_a_network_that_one_side_does_not_know_is_taken_for_the_others() -> None:
    unknown = StackReach({"t": ONE}, {"t": "isolated"}, None)
    known = side(ONE, "isolated", ISOLATED)
    for found in (compared(unknown, known), compared(known, unknown), compared(unknown, unknown)):
        assert not found[0].network.changed
        assert not found[0].frees_agents


def test_of_a_template_that_comes_back_nothing_closes_and_what_opens_beside_it_does() -> None:
    """A rollback brings it back, with a network policy of its own by name."""
    old = StackReach({"u": ONE}, {}, network_policies(PLAIN))
    named = Args(allow=[DATABASE], by_name={"t": ONE})
    by_name = (*network_policies(named), *cilium_policies(named).values())
    found = compared(old, StackReach({"u": ONE, "t": ONE}, {}, by_name))
    assert not found[1].network.closed
    assert history.policy_line(found) == (
        "t: new, confined by 1 rules, network opens 10.9.0.0/24: TCP 5432; "
        "u: network opens 10.9.0.0/24: TCP 5432"
    )
    narrower = compared(
        StackReach({"u": ONE}, {}, network_policies(OPENED)),
        StackReach({"u": ONE, "t": ONE}, {}, network_policies(PLAIN)),
    )
    assert history.policy_line(narrower) == (
        "t: new, confined by 1 rules; u: network closes 10.9.0.0/24: TCP 5432"
    )
