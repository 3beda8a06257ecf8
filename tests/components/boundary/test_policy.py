from pathlib import Path

import pytest
import yaml

from components.boundary import (
    DEFAULT,
    SETS,
    Contract,
    Expectation,
    ExtraRule,
    Policy,
    PolicyError,
    RuleError,
    audit,
    build_policy,
    compare,
    exfiltration_report,
    host_of,
    render_config,
)

LIST = Path(__file__).with_name("allowlist.tsv")


def deployed(**changes) -> Policy:
    wanted = {"coder_host": "coder.example.com", "gitlab_hosts": ["gitlab.example.com"], **changes}
    return build_policy(["summit-2026"], **wanted)


def with_rules(*rules: str, groups: tuple[str, ...] = ("coder",)) -> Policy:
    return build_policy(
        groups,
        coder_host="coder.example.com",
        gitlab_hosts=["gitlab.example.com"],
        extra=[ExtraRule(rule, "a test") for rule in rules],
    )


def test_the_set_of_the_demonstration_is_the_deployed_list_in_its_order() -> None:
    lines = [line for line in LIST.read_text().splitlines() if not line.startswith("#")]
    rules = [f"{group.name}\t{rule}" for group in SETS["summit-2026"] for rule in group.rules]
    assert rules == lines
    assert len(deployed()) == 175
    hosts = {"{coder_host}": "coder.example.com", "{gitlab_host}": "gitlab.example.com"}
    texts = [line.partition("\t")[2] for line in lines]
    for key, host in hosts.items():
        texts = [text.replace(key, host) for text in texts]
    assert list(deployed().texts) == texts


def test_groups_and_a_set_beside_each_other_name_no_rule_twice() -> None:
    policy = build_policy(
        [*DEFAULT, "gitlab-read", "version-control-read", "summit-2026"],
        coder_host="coder.example.com",
        gitlab_hosts=["gitlab.example.com", "gitlab.com"],
    )
    assert len(set(policy.texts)) == len(policy.texts)


def test_nothing_of_the_catalogue_is_doubtful_but_what_was_deployed_so() -> None:
    hosts = {"coder_host": "coder.example.com", "gitlab_hosts": ["gitlab.example.com"]}
    for groups in (DEFAULT, ["coder", "gitlab-read", "version-control-read"]):
        found = audit(build_policy(list(groups), **hosts))
        assert {each.reason for each in found} <= {"shadowed: earlier rules allow it all"}
        assert not {"coder", "gitlab"} & {each.rule for each in found}


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("https://coder.example.com/api/v2/buildinfo", True),
        ("https://gitlab.example.com/users/sign_in", True),
        ("https://pypi.org/simple/", True),
        ("https://github.com/", True),
        ("https://registry.npmjs.org/left-pad", False),
        ("https://example.com/", False),
    ],
)
def test_demonstration(url: str, allowed: bool) -> None:
    decision = deployed().decide("GET", url)
    assert decision.allowed is allowed
    assert (decision.rule is not None) is allowed


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://coder.example.com:8443", "coder.example.com"),
        ("http://127.0.0.1:7080", "127.0.0.1"),
        ("gitlab.example.com:8443", "gitlab.example.com"),
        ("https://Coder.Example.com.", "coder.example.com"),
    ],
)
def test_a_port_never_reaches_a_rule(url: str, host: str) -> None:
    assert host_of(url) == host


@pytest.mark.parametrize("url", ["https://[::1]:8443", "https://", "https://a_b.example.com"])
def test_a_host_no_rule_can_name_is_refused(url: str) -> None:
    with pytest.raises(PolicyError, match="names no host"):
        host_of(url)


def test_the_first_matching_rule_is_named() -> None:
    policy = with_rules("method=GET domain=a.com", "domain=*.com", "domain=a.com")
    assert policy.decide("GET", "https://a.com/").rule.rule.text == "method=GET domain=a.com"
    assert policy.decide("POST", "https://a.com/").rule.rule.text == "domain=*.com"
    assert policy.decide("POST", "https://b.com/").rule.rule.text == "domain=*.com"


def test_every_problem_of_a_policy_at_once() -> None:
    with pytest.raises(PolicyError) as caught:
        build_policy(
            ["coder", "npm"],
            coder_host="c.example.com",
            gitlab_hosts=[],
            extra=[ExtraRule("domain=https://a", "x"), ExtraRule("method=GET", "x")],
        )
    assert len(caught.value.problems) == 3
    assert "unknown group 'npm'" in caught.value.problems[0]
    assert "character 13" in caught.value.problems[1]
    assert "opens every host" in caught.value.problems[2]


@pytest.mark.parametrize("why", ["", " "])
def test_an_extra_rule_without_a_reason_is_refused(why: str) -> None:
    added = [ExtraRule("domain=a.example.com", why)]
    with pytest.raises(PolicyError, match=r"'domain=a\.example\.com' gives no reason"):
        build_policy([], coder_host="c", gitlab_hosts=[], extra=added, accept_everything=True)


def test_opening_every_host_can_be_accepted() -> None:
    policy = build_policy(
        [], coder_host="c", gitlab_hosts=[], extra=[ExtraRule("", "x")], accept_everything=True
    )
    assert policy.decide("GET", "http://a.b/").allowed
    assert not policy.decide("GET", "http://a b/").allowed


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        ("", "matches every request"),
        ("domain=*", "opens every host"),
        ("path=/a", "opens every host"),
        (
            "domain=a.com domain=b.com",
            "Boundary takes it, joined with the first domain to one host",
        ),
    ],
)
def test_a_rule_that_was_surely_not_meant_is_an_error(rule: str, reason: str) -> None:
    with pytest.raises(PolicyError, match=reason):
        with_rules(rule)


def test_findings_name_what_was_surely_not_meant() -> None:
    policy = with_rules(
        "domain=*.a.com",
        "method=GET domain=b.a.com",
        "domain=*.a.com",
        "domain=GitHub.com",
        "method=get domain=c.com",
        "domain=d.com path=/a%20b",
        "path=/,/a,/b=c/ domain=e.com",
        "method=GET,* domain=f.com",
    )
    reasons = {finding.rule: finding.reason for finding in audit(policy)}
    assert "shadowed" in reasons["method=GET domain=b.a.com"]
    assert "duplicate" in reasons["domain=*.a.com"]
    assert "upper case" in reasons["domain=GitHub.com"]
    assert "an agent sends what it likes" in reasons["domain=GitHub.com"]
    assert "'get' never matches GET" in reasons["method=get domain=c.com"]
    slash = reasons["path=/,/a,/b=c/ domain=e.com"]
    assert "drops the slash at the end of /b=c/: it matches /b=c and not /b=c/" in slash
    assert "a method beside *" in reasons["method=GET,* domain=f.com"]
    assert len(reasons) == 7
    assert "percent escape" in reasons["domain=d.com path=/a%20b"]


@pytest.mark.parametrize(
    ("path", "left", "asked"),
    [
        ("/a/*", "/a/", "/a/../x"),
        ("/a/b/*", "/a/b/", "/a/b/../x"),
        ("/a/*/b", "/a/", "/a/../b"),
        ("/*/a/*/*/b/c", "/*/a/", "/*/a/../*/b/c"),
        ("/a/*/b/*", "/a/", "/a/../b/*"),
    ],
)
def test_a_wildcard_that_dot_segments_leave_is_a_finding(path: str, left: str, asked: str) -> None:
    (finding,) = audit(with_rules(f"domain=a.com path={path}", groups=()))
    assert f"dot segments leave {left}: Boundary compares {asked} as it is" in finding.reason


@pytest.mark.parametrize("path", ["/*", "/*/*/info/refs", "/a/b", "/*/b"])
def test_where_no_fixed_folder_stands_before_a_wildcard_there_is_none_to_leave(path: str) -> None:
    assert not audit(with_rules(f"domain=a.com path={path}", groups=()))


@pytest.mark.parametrize(
    ("rule", "below"),
    [
        ("domain=*.com", "com"),
        ("method=GET domain=*.co.uk", "co.uk"),
        ("domain=*.github.io path=/a", "github.io"),
        ("domain=x.*.com", "com"),
    ],
)
def test_a_wildcard_over_a_public_suffix_is_a_finding(rule: str, below: str) -> None:
    (finding,) = audit(with_rules(rule, groups=()))
    assert finding.reason == f"anyone may register a host below {below}"


def test_a_wildcard_within_one_owners_hosts_is_none() -> None:
    assert not audit(with_rules("domain=*.a.com", "domain=x.*.b.co.uk", groups=()))


def test_a_broken_contract_names_url_rule_and_reason() -> None:
    contract = Contract(
        must_allow=(Expectation("GET", "https://pypi.com/x", "pip installs"),),
        must_deny=(Expectation("GET", "https://github.com/", "closed network"),),
    )
    allow, deny = map(str, contract.check(deployed()))
    assert "GET https://pypi.com/x must be allowed (pip installs), but no rule allows it" in allow
    assert "'domain=pypi.org' (python: another host)" in allow
    assert deny.endswith("but rule 'domain=github.com' of group version-control allows it")
    beside = Contract(must_allow=(Expectation("PUT", "https://typicode.com/x", "tests write"),))
    (breach,) = map(str, beside.check(deployed()))
    assert "the nearest are 'method=GET domain=typicode.com' (test-fixtures: for method GET)" in (
        breach
    )
    broken = Contract(must_allow=(Expectation("GET", "https://a b/", "a slip"),))
    assert "cannot be parsed: invalid character" in str(broken.check(deployed())[0])
    assert not Contract(must_allow=contract.must_deny, must_deny=contract.must_allow).check(
        deployed()
    )


def test_comparison_understands_wildcards() -> None:
    old = with_rules("domain=*.a.com", "domain=b.com path=/x/*")
    covered = with_rules("domain=*.a.com", "domain=c.a.com", "domain=b.com path=/x/*,/x/y")
    assert compare(old, covered).empty
    new = with_rules("domain=a.com", "method=GET,HEAD domain=b.com path=/x/y", "domain=e.com")
    changed = compare(old, new)
    assert [str(reach) for reach in changed.opened] == [
        "a.com (all methods, all paths)",
        "e.com (all methods, all paths)",
    ]
    assert [str(reach) for reach in changed.closed] == [
        "*.a.com (all methods, all paths)",
        "b.com (all methods, /x/*)",
    ]
    assert compare(new, old).opened == changed.closed


def test_a_policy_survives_the_stack_state() -> None:
    policy = deployed()
    again = Policy.from_json(policy.to_json())
    assert again == policy
    assert again != with_rules()


def test_what_boundary_takes_is_read_of_a_deployed_policy_and_compared() -> None:
    texts = ("method=GET,,PUT domain=a.com", "domain=b.com path=/a*", "method=, domain=c.com")
    old = Policy.from_json([{"rule": text, "group": "stack", "why": "old"} for text in texts])
    assert old.texts == texts
    assert old.decide("GET", "https://b.com/a*").allowed
    assert not old.decide("GET", "https://b.com/ab").allowed
    new = with_rules("method=GET domain=a.com", groups=())
    assert [str(reach) for reach in compare(old, new).closed] == [
        "a.com (PUT, all paths)",
        "b.com (all methods, /a*)",
    ]
    assert compare(old, old).empty
    reasons = {finding.rule: finding.reason for finding in audit(old)}
    assert set(reasons) == set(texts)
    assert "Boundary takes it, as an empty method" in reasons[texts[0]]
    assert "as a * in the path itself" in reasons[texts[1]]
    with pytest.raises(RuleError, match="expected a label"):
        Policy.from_json([{"rule": "domain=", "group": "stack", "why": "old"}])


def test_config_file_is_what_boundary_reads() -> None:
    text = render_config(deployed(), jail_type="landjail")
    assert text == render_config(deployed(), jail_type="landjail")
    assert yaml.safe_load(text) == {
        "allowlist": list(deployed().texts),
        "log_dir": "/tmp/boundary_logs",
        "log_level": "warn",
        "proxy_port": 8087,
        "jail_type": "landjail",
    }


@pytest.mark.parametrize(
    ("rules", "grade"),
    [
        ((), "A"),
        (("method=GET domain=github.com",), "B"),
        (("domain=*.sentry.io",), "C"),
        (("domain=github.com", "domain=*.sentry.io"), "D"),
        (("domain=*.s3.amazonaws.com",), "E"),
    ],
)
def test_exfiltration_grade_is_that_of_the_worst_host(rules: tuple[str, ...], grade: str) -> None:
    report = exfiltration_report(with_rules(*rules))
    assert report.grade == grade
    assert [entry.rule.rule.text for entry in report.entries] == list(rules)
