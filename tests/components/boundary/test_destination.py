"""Which requests go to the host by which Boundary judges them: asked of v0.9.0's own proxy."""

import pytest

from components.boundary import Policy, PolicyRule, Rule
from components.boundary.destination import PATH_SINCE, TOKEN, addressed, everywhere, misdirects

# Its audit's URL, and whether the request came to the host in it, or nowhere, whatever Host said.
SEEN = {
    "http://github.com/": True,
    "https://github.com:443/a": True,
    "x://github.com/": True,
    "http://user:p@github.com/": True,
    "https://[2001:db8::1]/": True,
    "github.com:/a/b?q": False,
    "x:@github.com/a": False,
    "x:y:@github.com/": False,
    "github.com:443/a": False,
    "github.com:443": False,
    "github.com:": False,
    "http:@github.com/a": False,
    "https:github.com/": False,
    "http:/github.com/": False,
    "http:///github.com/": False,
    "http://@/x": False,
    "http://user@/x": False,
    "https:///p": False,
    # Before v0.5.2 the path alone is there.
    "/simple/": False,
}


@pytest.mark.parametrize(("url", "goes"), SEEN.items())
def test_an_audited_url_tells_where_the_request_went_or_does_not(url: str, *, goes: bool) -> None:
    assert addressed(url, recorded=True) is goes


@pytest.mark.parametrize("url", ["pypi.org", "pypi.org/a:b", "pypi.org:443/a", "pypi.org:443"])
def test_a_host_may_be_written_without_its_scheme(url: str) -> None:
    assert addressed(url, recorded=False)


@pytest.mark.parametrize(
    ("release", "does", "path"),
    [
        ("v0.2.1", False, False),
        ("v0.2.2", True, False),
        ("v0.5.1", True, False),
        ("v0.5.2", True, True),
        ("v0.9.0", True, True),
        ("latest", True, True),
        ("v1.0.0", True, True),
    ],
)
def test_the_releases_that_send_requests_elsewhere(release: str, *, does: bool, path: bool) -> None:
    assert (misdirects(release), misdirects(release, PATH_SINCE)) == (does, path)


@pytest.mark.parametrize(
    ("rule", "passes"),
    [
        ("domain=pypi.org", True),
        ("domain=*.pypi.org", True),
        ("domain=*", True),
        ("method=POST domain=pypi.org path=/api/*", True),
        ("method=GET domain=pypi.org", False),
        ("domain=pypi.org path=/simple/*", False),
        ("domain=10.1.2.3", False),
    ],
)
def test_a_rule_with_method_and_path_leaves_these_alone(rule: str, *, passes: bool) -> None:
    policy = Policy([PolicyRule(Rule.parse(rule), "stack", "x")])
    assert (everywhere(policy, *TOKEN) is not None) is passes
    # As Boundary decides, of the target that is sent.
    host = rule.partition("domain=")[2].split()[0].replace("*", "x")
    assert policy.decide(TOKEN[0], f"{host}:{TOKEN[1]}").allowed is (passes or "10." in rule)
