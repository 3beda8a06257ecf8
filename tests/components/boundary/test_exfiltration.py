import pytest

from components.boundary import WORST, Own, Policy, PolicyRule, Rule, exfiltration_report
from components.boundary.exfiltration import SINKS
from components.boundary.numbers import SERVICES


def grade(rule: str) -> str:
    return exfiltration_report(Policy([PolicyRule(Rule.parse(rule), "test", "a test")])).grade


def test_the_table_names_each_host_once_as_a_rule_does() -> None:
    hosts = [sink.host for sink in SINKS]
    assert len(hosts) == len(set(hosts)) > 60
    for sink in SINKS:
        assert Rule.parse(f"domain={sink.host}").labels
        assert grade(f"domain={sink.host}") >= sink.grade
        reading = "H" if sink.labels[1:] in SERVICES else "B"
        assert grade(f"method=GET,HEAD domain={sink.host}") == reading


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("domain=*.ubuntu.com", "E"),
        ("domain=GIST.github.com", "E"),
        ("domain=archive.ubuntu.com", "A"),
        ("domain=bucket.s3.amazonaws.com", "E"),
        # Who registers a host below one of these receives what is sent there.
        ("domain=*.com", "G"),
        ("domain=*.co.uk path=/a", "G"),
        ("domain=x.*.com", "G"),
        ("method=GET domain=*.com", "F"),
        ("method=GET,HEAD domain=*.co.uk", "F"),
        ("method=GET domain=*.*.net", "F"),
        ("domain=*.github.io", "E"),
        ("method=GET domain=*.github.io", "B"),
        ("domain=*.a.co.uk", "A"),
        ("domain=test.pypi.org", "D"),
        ("domain=pypi.org", "A"),
        ("domain=api.anthropic.com", "C"),
        ("method=GET,POST domain=github.com", "D"),
        ("method=GET domain=*", "F"),
        ("method=GET,HEAD", "F"),
        ("path=/a", "G"),
        ("method=POST domain=* path=/a/b", "G"),
        ("method=POST domain=*", "H"),
        ("domain=*", "H"),
        ("", "H"),
        ("domain=github.com path=/coder/*", "D"),
        ("method=POST domain=github.com path=/*/*/git-upload-pack", "B"),
        ("method=POST domain=github.com path=/*/*/git-upload-pack,/*/*/git-receive-pack", "D"),
        ("domain=github.com path=/*/*/git-upload-pack", "D"),
        # Anybody's server takes what is sent there under any name.
        ("method=POST domain=*.workers.dev path=/*/git-upload-pack", "E"),
        ("method=POST domain=paste.rs path=/*/git-upload-pack", "E"),
        ("method=POST domain=*.github.com path=/*/*/git-upload-pack", "E"),
        ("method=POST domain=*.com path=/*/git-upload-pack", "G"),
        ("method=POST domain=* path=/a/git-upload-pack", "G"),
    ],
)
def test_a_rule_costs_the_grade_of_the_worst_host_that_it_reaches(rule: str, expected: str) -> None:
    assert grade(rule) == expected


OWN = Own(frozenset({"coder.example.com"}), frozenset({"gitlab.example.com"}))


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("domain=coder.example.com", "H"),
        ("domain=*.example.com", "H"),
        ("domain=*.com", "H"),
        ("method=POST domain=coder.example.com path=/api/v2/users/me/keys/tokens", "H"),
        ("method=POST domain=coder.example.com path=/api/*", "H"),
        ("domain=coder.example.com path=/*/*/*/*/workspaces", "H"),
        ("method=POST domain=coder.example.com path=/@me/other/apps/claude/message", "H"),
        ("method=POST domain=coder.example.com path=/api/experimental/mcp/http", "H"),
        ("method=GET domain=coder.example.com", "A"),
        ("method=POST domain=coder.example.com path=/api/v2/aibridge/openai/v1/responses", "A"),
        ("method=POST domain=coder.example.com path=/api/v2/workspaces", "H"),
        ("domain=*.coder.example.com", "H"),
        ("domain=registry.coder.example.com", "A"),
        ("domain=other.example.com", "A"),
        # Boundary compares the host as it is sent, and an agent sends it as the rule has it.
        ("domain=CODER.example.com", "H"),
        ("domain=*.Example.com", "H"),
        ("method=POST domain=Coder.EXAMPLE.com path=/api/v2/users/me/keys/tokens", "H"),
    ],
)
def test_what_lets_an_agent_leave_through_coder_is_the_worst(rule: str, expected: str) -> None:
    policy = Policy([PolicyRule(Rule.parse(rule), "stack", "a test")])
    report = exfiltration_report(policy, OWN)
    # What *.com reaches besides is no worse.
    assert report.grade == expected
    assert bool(report.excess("G")) is (expected == "H")
    assert not report.excess(WORST)


OWN_POD = (
    *("0.0.0.0", "127.0.0.2", "127.1", "127.*.*.1", "*.0.0.2", "0", "2130706433", "0x7f.1"),
    *("ip6-localhost", "ip6-loopback", "localhost.localdomain", "app.localhost", "LOCALHOST"),
)


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("domain=webhook.site", "E"),
        ("domain=*.webhook.site", "E"),
        ("domain=abc.webhook.site", "E"),
        ("domain=10.0.0.1.nip.io", "E"),
        ("domain=203-0-113-7.sslip.io", "E"),
        # Any address is also that of a metadata service.
        ("domain=*.nip.io", "H"),
        ("method=GET domain=*.sslip.io", "H"),
        ("domain=*.io", "G"),
        ("domain=dns.google", "E"),
        ("method=GET domain=dns.google path=/resolve", "B"),
        ("domain=www.google.com", "A"),
    ],
)
def test_hosts_that_hand_on_what_they_are_asked_are_graded(rule: str, expected: str) -> None:
    assert grade(rule) == expected


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("domain=169.254.169.254", "H"),
        ("method=GET domain=169.254.169.254 path=/latest/meta-data/*", "H"),
        ("method=GET domain=metadata.google.internal", "H"),
        ("method=GET domain=*.internal", "H"),
        ("domain=169.254.170.2", "H"),
        ("method=GET domain=kubernetes.default.svc", "H"),
        ("domain=*.default.svc.cluster.local", "H"),
        ("domain=localhost", "H"),
        ("method=POST domain=127.0.0.1 path=/message", "H"),
        ("method=GET domain=localhost", "A"),
        *((f"domain={each}", "H") for each in OWN_POD),
        *((f"method=GET domain={each}", "A") for each in OWN_POD if "*" not in each),
        ("domain=127.example.com", "A"),
        ("domain=0.pool.example.com", "A"),
        ("domain=128.0.0.1", "A"),
        ("method=GET domain=168.63.129.16", "H"),
        ("method=GET domain=169.254.42.42", "H"),
        ("method=GET domain=*.*.129.16", "H"),
        ("method=GET domain=100.100.100.200", "H"),
        ("method=GET domain=100.100.100.201", "A"),
        ("method=GET domain=metadata.goog", "H"),
        ("method=GET domain=*.metadata.goog", "H"),
        ("method=GET domain=instance-data", "H"),
        ("method=GET domain=metadata.tencentyun.com", "H"),
        ("method=GET domain=*.tencentyun.com", "H"),
        ("method=GET domain=mirrors.tencentyun.com", "A"),
        ("method=GET domain=*.pod.cluster.local", "H"),
        ("domain=10-244-0-7.coder.pod.cluster.local", "H"),
        ("domain=10-244-0-7.coder.pod", "H"),
        ("method=GET domain=169.254.169.254.nip.io", "H"),
        ("method=GET domain=www.169-254-169-254.sslip.io", "H"),
        ("method=GET domain=app-168-63-129-16.nip.io", "H"),
        ("method=GET domain=A9FEA9FE.nip.io", "H"),
        ("method=GET domain=10.0.0.1.169.254.169.254.nip.io", "H"),
        ("method=GET domain=fd00-ec2--254.sslip.io", "H"),
        ("method=GET domain=0-0-0-0-0-ffff-a9fe-a9fe.sslip.io", "H"),
        ("method=GET domain=64-ff9b--a9fe-a9fe.sslip.io", "H"),
        ("method=GET domain=10.0.0.1.nip.io", "B"),
        ("domain=127.0.0.1.nip.io", "H"),
        ("domain=app.localtest.me", "H"),
        ("method=GET domain=lvh.me", "A"),
        ("domain=other.me", "A"),
        # 169.254.169.254 in other words.
        ("method=GET domain=2852039166", "H"),
        ("method=GET domain=0xa9fea9fe", "H"),
        ("domain=localhost.example.com", "A"),
        ("domain=metadata.example.com", "A"),
        # A pattern of every host is graded by what it is.
        ("method=GET domain=*", "F"),
        ("method=GET", "F"),
    ],
)
def test_what_lets_an_agent_leave_beside_coder_is_the_worst(rule: str, expected: str) -> None:
    assert grade(rule) == expected


INSIDE = Own.of(
    ["coder.example.com", "10.1.2.3"], ["10.96.0.9"], ["10.20.0.0/16"], ["10.96.0.0/12", "x"]
)
TOKENS = "path=/api/v2/users/me/keys/tokens"


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("domain=10.1.2.3", "H"),
        (f"method=POST domain=10.1.2.3 {TOKENS}", "H"),
        ("method=POST domain=10.1.2.3 path=/api/v2/ai-gateway/anthropic/v1/messages", "A"),
        ("method=GET domain=10.1.2.3 path=/api/v2/buildinfo", "A"),
        (f"method=POST domain=0xa010203 {TOKENS}", "H"),
        (f"method=POST domain=*.1.2.3 {TOKENS}", "H"),
        (f"method=POST domain=10.20.7.7 {TOKENS}", "H"),
        (f"method=POST domain=10.*.7.7 {TOKENS}", "H"),
        (f"method=POST domain=10-1-2-3.sslip.io {TOKENS}", "H"),
        (f"method=POST domain=10.21.7.7 {TOKENS}", "A"),
        # Anything of the cluster may be its API, to which a request to read is one too many.
        ("method=GET domain=10.96.0.1", "H"),
        ("method=GET domain=10.111.255.1", "H"),
        ("method=GET domain=10.*.0.1", "H"),
        ("method=GET domain=10.112.0.1", "A"),
        ("domain=10.96.0.9", "A"),
    ],
)
def test_an_address_of_coder_is_graded_as_its_host_and_the_clusters_as_its_api(
    rule: str, expected: str
) -> None:
    policy = Policy([PolicyRule(Rule.parse(rule), "stack", "a test")])
    assert exfiltration_report(policy, INSIDE).grade == expected


def test_a_coder_inside_the_clusters_addresses_is_graded_by_its_paths() -> None:
    own = Own.of(["https://10.96.0.5"], [], ["10.96.0.6"], ["10.96.0.0/12"])
    for host in ("10.96.0.5", "10.96.0.6"):
        for request, expected in (("GET", "A"), ("POST", "H")):
            rule = Rule.parse(f"method={request} domain={host} path=/api/v2/users/me/keys")
            report = exfiltration_report(Policy([PolicyRule(rule, "stack", "x")]), own)
            assert report.grade == expected


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("domain=ngrok.io", "E"),
        ("domain=net", "G"),
        ("method=GET domain=com", "F"),
        ("method=GET domain=internal", "H"),
        ("method=POST domain=coder.example.com path=/api/v2/ai-gateway/x/v1/messages", "H"),
        ("domain=pypi.org", "D"),
        ("domain=*.pypi.org", "D"),
        ("domain=go.dev", "A"),
    ],
)
def test_a_release_that_lets_hosts_below_through_is_graded_by_them(
    rule: str, expected: str
) -> None:
    policy = Policy([PolicyRule(Rule.parse(rule), "stack", "a test")])
    report = exfiltration_report(policy, OWN, "v0.5.4")
    assert report.grade == expected
    assert len(report.entries) == (expected != "A")
    for release in ("v0.9.0", "latest", "v1.0.0", None):
        assert exfiltration_report(policy, OWN, release) == exfiltration_report(policy, OWN)


def test_a_rule_that_is_graded_by_what_is_below_its_host_says_so() -> None:
    policy = Policy([PolicyRule(Rule.parse("domain=github.com"), "stack", "a test")])
    (entry,) = exfiltration_report(policy, OWN, "v0.5.4").entries
    assert (entry.grade, entry.why) == ("E", "anyone may paste (a host below the rule's)")
    assert [each.grade for each in exfiltration_report(policy, OWN).entries] == ["D"]


@pytest.mark.parametrize(
    ("rule", "noted"),
    [
        ("path=/api/v2/workspaceagents/me/gitsshkey", "ssh key"),
        ("path=/*/api/v2/workspaceagents/me/gitsshkey", "ssh key"),
        ("path=/api/v2/workspacebuilds/*/state", "Terraform's state"),
        ("path=/api/v2/workspaces/1/external-agent/main/credentials", "tokens of other agents"),
        ("path=/api/v2/buildinfo", ""),
    ],
)
def test_what_of_somebody_elses_is_read_is_noted(rule: str, noted: str) -> None:
    text = f"method=GET domain=coder.example.com {rule}"
    report = exfiltration_report(Policy([PolicyRule(Rule.parse(text), "stack", "x")]), OWN)
    assert report.grade == "A"
    assert [noted in each.why for each in report.notes] == [True] * bool(noted)


def test_an_own_host_that_no_rule_can_name_is_none_that_a_rule_reaches_by_name() -> None:
    own = Own.of(["https://coder.test:8443/x", "https://[::1]:8080", "10.0.0.1:80"], ["git.test"])
    assert own == Own(frozenset({"coder.test", "10.0.0.1"}), frozenset({"git.test"}))


def test_the_own_hosts_are_those_that_the_groups_name() -> None:
    rules = (("coder", "domain=coder.test path=/a"), ("gitlab-read", "method=GET domain=git.test"))
    policy = Policy([PolicyRule(Rule.parse(rule), group, "") for group, rule in rules])
    assert Own.named_by(policy) == Own(frozenset({"coder.test"}), frozenset({"git.test"}))
    wide = Policy([*policy, PolicyRule(Rule.parse("method=POST domain=*.test"), "stack", "")])
    report = exfiltration_report(wide)
    assert report.grade == "H"
    assert [note.rule.rule.text for note in report.notes] == ["method=POST domain=*.test"]


@pytest.mark.parametrize(
    ("rule", "noted"),
    [
        ("domain=gitlab.example.com", True),
        ("method=POST domain=gitlab.example.com path=/*/*/git-receive-pack", True),
        ("method=PUT domain=*.example.com path=/x", True),
        ("domain=GitLab.example.com", True),
        ("method=GET,HEAD domain=gitlab.example.com", False),
        ("method=POST domain=gitlab.example.com path=/*/*/*/git-upload-pack", False),
        ("domain=gitlab.com", False),
    ],
)
def test_pushing_to_the_own_gitlab_is_noted_for_its_runners(rule: str, noted: bool) -> None:
    policy = Policy([PolicyRule(Rule.parse(rule), "stack", "a test")])
    assert bool(exfiltration_report(policy, OWN).notes) is noted
