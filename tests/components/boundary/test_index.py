"""What a decision looks at does not grow with the policy: counted, not timed."""

import pytest

from components.boundary import Rule
from components.boundary.index import Index

KINDS = {
    "hosts": ("domain=h{}.a.com", "h{}.a.com", "x"),
    "paths": ("domain=a.com path=/v/p{}", "a.com", "v/p{}"),
    "wildcard domains": ("domain=*.h{}.a.com", "b.h{}.a.com", "x"),
    "paths of one wildcard": ("domain=*.a.com path=/v/p{}/*", "b.a.com", "v/p{}/x"),
    "methods": ("method=M{} domain=a.com", "a.com", "x"),
}


def looked_at(kind: str, count: int) -> int:
    rule, host, path = KINDS[kind]
    index = Index([Rule.parse(rule.format(number)) for number in range(count)])
    most = 0
    for number in range(0, count, 25):
        method = f"M{number}"
        labels, segments = host.format(number).split("."), path.format(number).split("/")
        assert index.first(method, labels, segments) == number
        most = max(most, len(list(index.places(labels, segments))))
    return most


@pytest.mark.parametrize("kind", KINDS)
def test_a_decision_looks_at_as_little_in_10000_rules_as_in_175(kind: str) -> None:
    assert looked_at(kind, 10_000) == looked_at(kind, 175) <= 3
