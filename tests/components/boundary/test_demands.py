"""What the catalogue itself demands, in every form and for every host and address of Coder."""

import pytest

from components.boundary import Contract, Expectation, Own, Policy, PolicyRule, Rule, with_own
from components.boundary.demands import ended_by
from components.boundary.older import broken

HOST = "coder.example.com"
OWN = Own.of([HOST, "coder.coder.svc"], [], ["10.1.2.3", "10.20.0.0/16"], ["10.96.0.0/12"])
KEY = "/api/v2/workspaceagents/me/gitsshkey"
SSH = "an agent gets the owner's private ssh key"
PEOPLE = "an agent looks people up"
STATE = "an agent of a template admin gets Terraform's state, with the tokens in it"
DOTS = "dot segments lead nowhere, whatever resolves them between Boundary and Coder"


def broken_by(rule: str, *allowed: str) -> dict[str, str]:
    """Return the requests that a rule lets through against the catalogue, by reason."""
    wanted = tuple(Expectation("GET", each, "x") for each in allowed)
    contract = with_own(Contract(must_allow=wanted), HOST, OWN)
    policy = Policy([PolicyRule(Rule.parse(rule), "stack", "x")])
    denied = Contract(must_deny=contract.must_deny, guards=contract.guards)
    breaches = denied.check(policy)
    return {each.expectation.reason: each.expectation.url for each in reversed(breaches)}


@pytest.mark.parametrize(
    ("rule", "reason", "url"),
    [
        (f"domain={HOST} path={KEY}", SSH, f"https://{HOST}{KEY}"),
        (f"domain={HOST} path=/*{KEY}", SSH, f"https://{HOST}/{KEY}"),
        (f"domain={HOST} path=/*/*/*{KEY}", SSH, f"https://{HOST}///{KEY}"),
        (f"domain={HOST} path=/*/api/v2/users/me", PEOPLE, f"https://{HOST}//api/v2/users/me"),
        (
            f"domain={HOST} path=/api/v2/workspacebuilds/7/state",
            STATE,
            f"https://{HOST}/api/v2/workspacebuilds/7/state",
        ),
        # As Coder's own host: every other name and address of it, as the rule writes it.
        (f"domain=Coder.example.com path={KEY}", SSH, f"https://Coder.example.com{KEY}"),
        (f"domain=*.coder.svc path={KEY}", SSH, f"https://coder.coder.svc{KEY}"),
        (f"domain=10.1.2.3 path={KEY}", SSH, f"https://10.1.2.3{KEY}"),
        (f"domain=0x0a010203 path={KEY}", SSH, f"https://0x0a010203{KEY}"),
        (f"domain=10.20.*.9 path={KEY}", SSH, f"https://10.20.0.9{KEY}"),
        (f"domain=10.1.2.3.nip.io path={KEY}", SSH, f"https://10.1.2.3.nip.io{KEY}"),
        (f"path={KEY}", SSH, f"https://{HOST}{KEY}"),
    ],
)
def test_what_no_agent_may_read_is_demanded_of_every_form(rule: str, reason: str, url: str) -> None:
    assert broken_by(f"method=GET {rule}") == {reason: url}


@pytest.mark.parametrize(
    "path",
    [
        *("/api/v2/aibridge/*", "/api/experimental/aibridge/*", "/api/v2/ai-gateway/*"),
        *("/api/v2/workspaceagents/me/*", "/api/v2/aibridge/*/*/*/*/*/keys/tokens"),
        *("/api/v2/aibridge/openai/*", "/api/v2/aibridge/../users/me/keys/tokens"),
    ],
)
@pytest.mark.parametrize("host", [HOST, "10.1.2.3"])
def test_no_rule_lets_anybody_get_anywhere_by_dot_segments(path: str, host: str) -> None:
    assert DOTS in broken_by(f"method=POST domain={host} path={path}")


@pytest.mark.parametrize(
    "rule",
    [
        f"domain={HOST} path=/api/v2/buildinfo",
        f"domain={HOST} path=/api/v2/*/logs",
        f"domain={HOST} path=/api/v2/users/ann",
        f"domain=other.example.com path={KEY}",
        f"domain=*.other.example.com path={KEY}",
        f"domain=10.1.2.4 path={KEY}",
        "domain=pypi.org path=/simple/*",
    ],
)
def test_what_is_none_of_it_breaks_nothing(rule: str) -> None:
    assert not broken_by(f"method=GET {rule}")


def test_a_method_that_no_route_has_leads_nowhere() -> None:
    assert not broken_by(f"method=HEAD domain={HOST} path=/api/v2/buildinfo/*")


def test_what_a_stack_must_allow_is_not_demanded_in_another_form_either() -> None:
    wanted = f"https://{HOST}:8443{KEY}"
    for path in (KEY, f"/*{KEY}"):
        assert not broken_by(f"method=GET domain={HOST} path={path}", wanted)
    assert PEOPLE in broken_by(f"method=GET domain={HOST} path=/api/v2/*/me", wanted)
    rule = f"method=GET domain={HOST} path=/api/v2/templates/*"
    (url,) = broken_by(rule).values()
    assert not broken_by(rule, url)


def test_a_release_that_lets_hosts_below_through_is_held_to_it() -> None:
    policy = Policy([PolicyRule(Rule.parse(f"method=GET domain=com path={KEY}"), "stack", "x")])
    contract = with_own(Contract(), HOST, OWN)
    assert not broken(contract, policy, "v0.9.0")
    (said,) = broken(contract, policy, "v0.5.4")
    assert said.startswith(f"GET https://{HOST}{KEY} must be denied ({SSH}), but rule ")


@pytest.mark.parametrize(
    ("method", "url", "why"),
    [
        ("GET", f"https://{HOST}{KEY}", SSH),
        ("GET", f"https://{HOST}:8443/{KEY}?x", SSH),
        ("GET", f"https://10.1.2.3{KEY}", SSH),
        ("GET", f"https://{HOST}/api/v2/workspacebuilds/7/state", STATE),
        ("GET", f"https://{HOST}/api/v2/buildinfo/%2e%2e/users/me", DOTS),
        ("POST", f"https://{HOST}{KEY}", ""),
        ("GET", f"https://{HOST}/api/v2/buildinfo", ""),
        ("GET", f"https://other.example.com{KEY}", ""),
        ("GET", "https://[hidden", ""),
    ],
)
def test_a_demand_that_a_wanted_request_ends_is_known(method: str, url: str, why: str) -> None:
    assert ended_by(method, url, OWN) == why
