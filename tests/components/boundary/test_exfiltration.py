import pytest

from components.boundary import Policy, PolicyRule, Rule, exfiltration_report
from components.boundary.exfiltration import SINKS


def grade(rule: str) -> str:
    return exfiltration_report(Policy([PolicyRule(Rule.parse(rule), "test", "a test")])).grade


def test_the_table_names_each_host_once_as_a_rule_does() -> None:
    hosts = [sink.host for sink in SINKS]
    assert len(hosts) == len(set(hosts)) > 60
    for sink in SINKS:
        assert Rule.parse(f"domain={sink.host}").labels
        assert grade(f"domain={sink.host}") >= sink.grade
        assert grade(f"method=GET,HEAD domain={sink.host}") == "B"


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("domain=*.ubuntu.com", "E"),
        ("domain=archive.ubuntu.com", "A"),
        ("domain=bucket.s3.amazonaws.com", "E"),
        ("domain=*.com", "E"),
        ("domain=test.pypi.org", "D"),
        ("domain=pypi.org", "A"),
        ("domain=api.anthropic.com", "C"),
        ("method=GET,POST domain=github.com", "D"),
        ("method=POST domain=*", "F"),
        ("method=GET", "B"),
        ("domain=github.com path=/coder/*", "D"),
    ],
)
def test_a_rule_costs_the_grade_of_the_worst_host_that_it_reaches(rule: str, expected: str) -> None:
    assert grade(rule) == expected
