"""What stays allowed of requests that are allowed no longer in all."""

import itertools

import pytest

from components.boundary import Policy, PolicyRule, Rule, compare
from components.boundary.staying import Staying


def policy(*rules: str) -> Policy:
    return Policy([PolicyRule(Rule.parse(each), "extra", "test") for each in rules])


@pytest.mark.parametrize(
    ("old", "new", "stays"),
    [
        (["domain=a.com"], ["method=GET domain=a.com"], ["a.com (GET, all paths)"]),
        (["domain=a.com"], ["domain=a.com path=/x"], ["a.com (all methods, /x)"]),
        (["domain=*.a.com"], ["domain=b.a.com"], ["b.a.com (all methods, all paths)"]),
        (["domain=a.com"], ["method=GET"], ["a.com (GET, all paths)"]),
        (
            ["method=GET,POST domain=a.com path=/x/*"],
            ["method=GET domain=*.com", "method=POST domain=a.com path=/x/y"],
            ["a.com (POST, /x/y)"],
        ),
        (["domain=a.com"], ["domain=b.com", "domain=*.a.com"], []),
        (["domain=a.com path=/x"], ["domain=a.com path=/y"], []),
        (["method=PUT domain=a.com"], ["method=GET domain=a.com"], []),
        (["domain=*.a.com"], ["domain=x.*.com"], ["x.a.com (all methods, all paths)"]),
        (["domain=a.com"], [], []),
    ],
)
def test_of_what_is_closed_the_part_that_stays_is_told(
    old: list[str], new: list[str], stays: list[str]
) -> None:
    (before, after) = policy(*old), policy(*new)
    left = Staying(after)
    closed = compare(before, after).closed
    assert closed
    found = itertools.chain.from_iterable(left.of(each) for each in closed)
    assert list(map(str, found)) == stays
