import re

import pytest

from components.boundary import Rule, RuleError


@pytest.mark.parametrize(
    "text",
    [
        "",
        "domain=*",
        "domain=example.com",
        "method=GET,POST\tdomain=*.example.com \n path=/a/*,/b ",
        "path=",
        "path=/",
        "path=a/b",
        "path=/a/,/b/ domain=a",
        "method=* domain=a.*.example.com",
        "domain=1.2.3.4 path=/%41/b:c@d",
        "method=GET method=POST domain=a",
    ],
)
def test_what_boundary_accepts_renders_back(text: str) -> None:
    assert str(Rule.parse(text)) == text


@pytest.mark.parametrize(
    ("text", "character", "problem"),
    [
        ("host=a.com", 1, "expected method="),
        ("Domain=a.com", 1, "in lower case"),
        (" domain=a.com", 1, "without space"),
        ("\n", 1, "without space"),
        ("domain=", 8, "expected a label"),
        ("domain=a.com:443", 13, "cannot stand in a domain"),
        ("domain=https://a.com", 13, "cannot stand in a domain"),
        ("domain=a_b.com", 9, "cannot stand in a domain"),
        ("domain=-a.com", 8, "start with a hyphen"),
        ("domain=a-.com", 9, "end with a hyphen"),
        ("domain=a.*", 10, "last label"),
        ("domain=a*.com", 9, "cannot stand in a domain"),
        ("domain=[::1]", 8, "expected a label"),
        ("domain=a.com path=/a%2", 21, "percent escape"),
        ("domain=a.com path=/*a", 20, "whole segment"),
        ("method=GET,", 12, "expected an HTTP method"),
        ("domain=a.com path=/a?b", 21, "cannot stand in a path"),
        ("domain=a.com,b.com", 13, "cannot stand in a domain"),
        ("domain=bücher.de", 9, "cannot stand in a domain"),
        ("domain=a.com extra", 14, "expected method="),
        ("domain=a.com path=/a//b", 22, "no two slashes"),
        ("path=//", 7, "no two slashes"),
    ],
)
def test_what_boundary_refuses_is_refused_at_its_character(
    text: str, character: int, problem: str
) -> None:
    with pytest.raises(RuleError, match=problem) as caught:
        Rule.parse(text)
    assert caught.value.position + 1 == character
    assert not caught.value.taken
    with pytest.raises(RuleError, match=problem):
        Rule.read(text)


@pytest.mark.parametrize(
    ("text", "character", "problem", "read"),
    [
        ("method= domain=a", 8, "as an empty method", (("",), ("a",), ())),
        ("method=GET,,POST", 12, "as an empty method", (("GET", "", "POST"), (), ())),
        ("method=GET, domain=a", 12, "as an empty method", (("GET", ""), ("a",), ())),
        ("path=/a*", 8, "as a * in the path itself", ((), (), (("a*",),))),
        ("path=/x/a*b/*", 10, "as a * in the path itself", ((), (), (("x", "a*b", "*"),))),
        ("domain=a.com domain=b.com", 14, "joined", ((), ("a", "com", "b", "com"), ())),
        ("domain=*path=/a", 9, "as the next key", ((), ("*",), (("a",),))),
    ],
)
def test_what_boundary_takes_as_something_else_is_said_so_and_can_be_read(
    text: str, character: int, problem: str, read: tuple
) -> None:
    with pytest.raises(RuleError, match=f"Boundary takes it, {re.escape(problem)}") as caught:
        Rule.parse(text)
    assert caught.value.position + 1 == character
    assert caught.value.taken
    rule = Rule.read(text)
    assert (rule.methods, rule.labels, rule.paths) == read
