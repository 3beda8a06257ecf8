"""What is suggested allows what was denied, and nothing else but what its notes say."""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.boundary import Policy, PolicyRule, audit, suggest
from components.boundary.names import as_sent
from tests.components.boundary import generate

seeds = st.integers(min_value=0, max_value=2**64 - 1)


def rules(*requests: tuple[str, str]) -> list[str]:
    found, unnamed = suggest(requests)
    assert not unnamed
    return [each.rule.text for each in found]


def test_a_rule_names_method_host_and_path() -> None:
    asked = ("GET", "https://u@registry.npmjs.org:443/left-pad?x#y")
    assert rules(asked) == ["method=GET domain=registry.npmjs.org path=/left-pad"]


def test_a_rule_for_an_idn_host_stands_beside_one_for_a_host_with_an_underscore() -> None:
    found, unnamed = suggest([("GET", "https://bücher.de/a"), ("GET", "https://my_app.de/a")])
    assert [each.rule.text for each in found] == ["method=GET domain=xn--bcher-kva.de path=/a"]
    assert [each.url for each in unnamed] == ["https://my_app.de/a"]


def test_rules_are_joined_where_they_open_nothing_more() -> None:
    assert rules(
        ("GET", "https://a.com/x"),
        ("HEAD", "https://a.com/x"),
        ("GET", "https://a.com/y/z"),
        ("HEAD", "https://a.com/y/z"),
        ("POST", "https://a.com/y/z"),
        ("GET", "https://b.com/x"),
    ) == [
        "method=GET,HEAD domain=a.com path=/x",
        "method=GET,HEAD,POST domain=a.com path=/y/z",
        "method=GET domain=b.com path=/x",
    ]


@pytest.mark.parametrize(
    ("url", "rule", "note"),
    [
        ("https://a.com/", "domain=a.com", "every path of the host"),
        ("https://a.com", "domain=a.com", "every path of the host"),
        ("https://a.com/b/", "domain=a.com path=/b/*", "and all below: no rule can name an empty"),
        ("https://a.com/b,c/d", "domain=a.com path=/*/d", "* is any segment: no rule can name"),
        ("https://a.com/%C3%A9/d", "domain=a.com path=/*/d", "no rule can name 'é'"),
        ("https://a.com/%2541", "domain=a.com path=/*", "no rule can name '%41'"),
        ("https://a_b.c.com/d", "domain=*.c.com path=/d", "hosts below: no rule can name 'a_b.c"),
        ("https://x.a_b.c.com/d", "domain=x.*.c.com path=/d", "* is any label: no rule"),
        ("https://A.com/d", "domain=A.com path=/d", "case counts"),
        ("https://bücher.de/d", "domain=xn--bcher-kva.de path=/d", "clients send 'bücher.de' so"),
        ("https://b%C3%BCcher.de/d", "domain=xn--bcher-kva.de path=/d", "clients send 'bücher.de'"),
        ("https://a_b.bücher.de/d", "domain=*.xn--bcher-kva.de path=/d", "clients send"),
        ("https://a_b.c.co.uk/d", "domain=*.c.co.uk path=/d", "* is any label, and hosts below"),
        (f"https://a.com/bot1234567:{'A' * 35}/d", "domain=a.com path=/*/d", "a credential"),
    ],
)
def test_what_no_rule_can_name_is_opened_as_little_as_can_be(
    url: str, rule: str, note: str
) -> None:
    (found,), unnamed = suggest([("GET", url)])
    assert not unnamed
    assert found.rule.text == f"method=GET {rule}"
    assert note in " ".join(found.notes)


@pytest.mark.parametrize(
    ("method", "url", "reason"),
    [
        ("GET", "https://[::1]/", "no rule can name this host"),
        ("GET", "https://my_app.com/", "and *.com would reach hosts of anyone"),
        ("GET", "https://my_app.de:443/x", "and *.de would reach hosts of anyone"),
        ("GET", "https://a_b.co.uk/x", "and *.co.uk would reach hosts of anyone"),
        ("GET", "https://x.a_b.com/d", "and x.*.com would reach hosts of anyone"),
        ("GET", "https://a_b.github.io/", "and *.github.io would reach hosts of anyone"),
        ("GET", "https://a_b.s3.amazonaws.com/", "*.s3.amazonaws.com would reach hosts of"),
        ("GET", "https://my_host/", "no rule can name this host"),
        ("GET", "https://a.com./", "a dot at its end"),
        ("GET", "https:///x", "no host"),
        ("GET", "https://a b/", "invalid character"),
        ("G T", "https://a.com/", "the method 'G T'"),
        ("*", "https://a.com/", "no method"),
    ],
)
def test_what_no_rule_can_allow(method: str, url: str, reason: str) -> None:
    found, (unnamed,) = suggest([(method, url)])
    assert not found
    assert (unnamed.method, unnamed.url) == (method, url)
    assert reason in unnamed.reason


@settings(max_examples=300, derandomize=True, deadline=None, database=None)
@given(seeds)
def test_what_is_suggested_allows_all_that_was_denied_and_no_more(seed: int) -> None:
    random = Random(seed)
    texts = generate.texts(random)
    policy = generate.policy(texts)
    asked = [generate.request(random, texts) for _ in range(12)]
    denied = [each for each in asked if not policy.decide(*each).allowed]
    found, unnamed = suggest(denied)
    added = Policy([PolicyRule(each.rule, "suggested", "a test") for each in found])
    impossible = {(each.method, each.url) for each in unnamed}
    for method, url in denied:
        # A client sends a host in punycode, for which the rule is.
        assert added.decide(method, as_sent(url)).allowed is ((method, url) not in impossible)
    exact = Policy([PolicyRule(e.rule, "suggested", "a test") for e in found if not e.notes])
    for method, url in (generate.request(random, texts) for _ in range(60)):
        rule = exact.decide(method, url).rule
        if rule is not None:
            # Without a note, what it allows differs from a denied request in nothing it decides.
            assert method in rule.rule.methods
            assert "*" not in rule.rule.text
    known = ("upper case", "never matches", "dot segments")
    assert not [d for d in audit(added) if not any(reason in d.reason for reason in known)]
