"""A comparison is empty exactly when no request is decided differently."""

from random import Random
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.boundary import Policy, PolicyRule, Reach, Rule, compare
from components.boundary.coverage import Cover, Part, parts
from tests.components.boundary import generate

REPEATABLE = settings(max_examples=250, derandomize=True, deadline=None, database=None)
seeds = st.integers(min_value=0, max_value=2**64 - 1)
FRESH = "fresh"  # in no generated rule: what only a wildcard matches


def request(method: str, host: str, path: str) -> tuple[str, str]:
    """Return a request at the edge of host and path patterns, each wildcard a fresh word."""
    labels = [FRESH if label == "*" else label for label in host.split(".")]
    segments = [FRESH if s == "*" else quote(s, safe="") for s in path.split("/")]
    place = "" if path == "*" else "/".join(segments)
    return FRESH if method == "*" else method, f"https://{'.'.join(labels)}{place}"


def requests(reach: Reach) -> list[tuple[str, str]]:
    return [request(m, reach.host, path) for m in reach.methods for path in reach.paths]


def related(random: Random) -> tuple[Policy, Policy, list[str]]:
    old = generate.texts(random, 5)
    new = [text for text in old if random.random() < 0.8]
    if random.random() < 0.7:
        new += [generate.rule(random)]
    return generate.policy(old), generate.policy(new), old + new


@REPEATABLE
@given(seeds)
def test_what_is_named_is_decided_differently(seed: int) -> None:
    old, new, _ = related(Random(seed))
    changed = compare(old, new)
    for reaches, wider, narrower in (
        (changed.opened, new, old),
        (changed.closed, old, new),
    ):
        for method, url in (r for reach in reaches for r in requests(reach)):
            assert wider.decide(method, url).allowed, (method, url)
            assert not narrower.decide(method, url).allowed, (method, url)
    assert compare(new, old).opened == changed.closed
    assert compare(old, old).empty


def reached(reaches: tuple[Reach, ...]) -> Policy:
    rules = []
    for reach in reaches:
        keys = ["method=" + ",".join(reach.methods), "domain=" + reach.host]
        keys += [] if "*" in reach.paths else ["path=" + ",".join(reach.paths)]
        rules.append(" ".join(keys))
    return generate.policy(rules)


@REPEATABLE
@given(seeds)
def test_what_is_decided_differently_is_named(seed: int) -> None:
    random = Random(seed)
    old, new, texts = related(random)
    changed = compare(old, new)
    opened, closed = reached(changed.opened), reached(changed.closed)
    for _ in range(60):
        method, url = generate.request(random, texts)
        before, after = old.decide(method, url), new.decide(method, url)
        if before.unparsable is None and before.allowed is not after.allowed:
            named = opened if after.allowed else closed
            assert named.decide(method, url).allowed, (method, url)


@REPEATABLE
@given(seeds)
def test_cover_answers_as_a_look_at_all_parts(seed: int) -> None:
    random = Random(seed)
    policy = generate.policy(generate.texts(random))
    everything: list[Part] = [part for entry in policy for part in parts(entry.rule)]
    cover = Cover(everything)
    asked = parts(generate.policy([generate.rule(random)])[0].rule)
    for part in (*asked, *everything):
        found = cover.of(part)
        assert (found is not None) is any(wide.covers(part) for wide in everything)
        wider = cover.of(part, wider=True)
        others = [wide for wide in everything if wide != part]
        assert (wider is not None) is any(wide.covers(part) for wide in others)
        host = ".".join(part.host) or "*"
        path = "/" + "/".join(part.path) if part.path else "*"
        assert (found is not None) is policy.decide(*request(part.method, host, path)).allowed


def test_rules_that_stay_are_not_taken_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """A review compares every template's, and a stack may have a hundred."""
    monkeypatch.setattr("components.boundary.comparison.parts", None)
    old, new = (
        Policy([PolicyRule(Rule.parse("domain=a.example"), "stack", why)]) for why in ("x", "y")
    )
    assert compare(old, new).empty
