"""The decision against an independent reference: at least 100,000 generated requests a run."""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.boundary import Rule, RuleError
from tests.components.boundary import generate, reference

POLICIES = 260
REQUESTS = 400
TEXTS = 10_000
seeds = st.integers(min_value=0, max_value=2**64 - 1)


def test_decisions_are_those_of_the_reference() -> None:
    counted = {True: 0, False: 0}
    for seed in range(POLICIES):
        random = Random(seed)
        texts = generate.texts(random)
        policy = generate.policy(texts)
        for _ in range(REQUESTS):
            method, url = generate.request(random, texts)
            decision = policy.decide(method, url)
            expected = reference.decide(texts, method, url)
            got = None if decision.rule is None else texts.index(decision.rule.rule.text)
            expected = None if expected is None else texts.index(texts[expected])
            assert got == expected, (texts, method, url)
            assert decision.allowed is (expected is not None)
            counted[decision.allowed] += 1
    assert sum(counted.values()) >= 100_000
    assert min(counted.values()) >= 20_000


LETTERS = 'abzGET09*,./-=%2F_:@ \t\n?é[]~"&'
WORDS = ("method=", "domain=", "path=", "host=", "a.com", "*.b", "/a/*", "GET", ",", "domain=*")
WORDS += ("/a*",)
KEYS = ("method=GET", "method=,", "domain=*", "domain=a.com", "path=/a*", "path=/*,/b/")
KEYS += (" ", "\t", ",")


def written(random: Random) -> str:
    if random.random() < 0.5:
        return "".join(random.choices(KEYS, k=random.randint(0, 6)))
    return "".join(
        random.choice(WORDS)
        if random.random() < 0.5
        else "".join(random.choices(LETTERS, k=random.randint(0, 3)))
        for _ in range(random.randint(0, 7))
    )


def refused(text: str) -> bool:
    try:
        reference.read_rule(text)
    except reference.Refused:
        return True
    return False


def test_what_boundary_refuses_is_refused_and_what_it_takes_is_read() -> None:
    counted = {"refused": 0, "taken": 0, "fine": 0}
    random = Random(1)
    for text in dict.fromkeys(written(random) for _ in range(TEXTS)):
        kind = "refused" if refused(text) else "taken" if reference.doubtful(text) else "fine"
        counted[kind] += 1
        if kind != "fine":
            with pytest.raises(RuleError) as caught:
                Rule.parse(text)
            assert 0 <= caught.value.position <= len(text)
            assert caught.value.taken is (kind == "taken")
            assert caught.value.problem.startswith("Boundary takes it") is caught.value.taken
        if kind == "refused":
            with pytest.raises(RuleError):
                Rule.read(text)
            continue
        rule = Rule.read(text)
        methods, domain, paths = reference.read_rule(text)
        assert str(rule) == text
        assert rule.methods == tuple(methods or ())
        assert rule.labels == tuple(domain or ())
        assert rule.paths == tuple(map(tuple, paths or ()))
        if kind == "fine":
            assert Rule.parse(text) == rule
    assert min(counted.values()) >= 100, counted


@settings(max_examples=500, derandomize=True, deadline=None, database=None)
@given(seeds)
def test_parsing_reads_what_the_reference_reads(seed: int) -> None:
    text = generate.rule(Random(seed))
    rule = Rule.parse(text)
    methods, domain, paths = reference.read_rule(text)
    assert str(rule) == text
    assert rule.methods == tuple(methods or ())
    assert rule.labels == tuple(domain or ())
    assert rule.paths == tuple(map(tuple, paths or ()))
