"""What docs/policy.md shows is what happens: commands, sessions, settings and tables."""

import doctest
import re
from pathlib import Path

import pytest
import yaml

from components.boundary import (
    CATALOGUE,
    Policy,
    PolicyRule,
    Rule,
    RuleError,
    audit,
    exfiltration,
    releases,
)
from components.settings.load import load
from docs import examples
from ops import project

PAGE = (examples.ROOT / "docs" / "policy.md").read_text(encoding="utf-8")


def policy(text: str) -> Policy:
    return Policy([PolicyRule(Rule.parse(text), "example", "an example")])


@pytest.mark.parametrize("block", examples.blocks(PAGE, "console"))
def test_a_command_prints_what_the_page_shows(block: str) -> None:
    assert examples.ran(block) == block, "run python -m docs.examples docs/policy.md"


def test_sessions_print_what_the_page_shows() -> None:
    text = "".join(examples.blocks(PAGE, "python"))
    session = doctest.DocTestParser().get_doctest(text, {}, "docs/policy.md", None, 0)
    said: list[str] = []
    result = doctest.DocTestRunner().run(session, out=said.append)
    assert result.failed == 0, "".join(said)
    assert result.attempted >= 10


@pytest.mark.parametrize("block", examples.blocks(PAGE, "yaml"))
def test_settings_are_accepted(block: str) -> None:
    path = Path(project.ROOT, "stacks", "Pulumi.dev.yaml")
    config = {**yaml.safe_load(path.read_text())["config"], **yaml.safe_load(block)}
    values = {key.removeprefix("firewalled-coder:"): value for key, value in config.items()}
    values["secrets"] = {
        "coderToken": "x",
        "externalAuth": {"gitlab": {"clientId": "x", "clientSecret": "x"}},
        "mcp": {server["slug"]: "x" for server in values["mcpServers"]},
    }
    load("dev", values)


ANSWERS = examples.tables(PAGE, "rule | request | answer")
ERRORS = examples.tables(PAGE, "rule | Boundary's refusal")
TAKEN = examples.tables(PAGE, "rule | our refusal")
FINDINGS = examples.tables(PAGE, "rule | finding")


@pytest.mark.parametrize(("rule", "request_", "answer"), ANSWERS)
def test_a_rule_answers_as_the_table_says(rule: str, request_: str, answer: str) -> None:
    decision = policy(rule).decide(*request_.split(" ", 1))
    assert decision.allowed is {"allowed": True, "denied": False}[answer]


@pytest.mark.parametrize(("rule", "error"), [*ERRORS, *TAKEN])
def test_an_error_is_what_the_table_says(rule: str, error: str) -> None:
    with pytest.raises(RuleError) as caught:
        Rule.parse(rule)
    assert str(caught.value) == f"rule {rule!r}, {error}"
    assert caught.value.taken is ((rule, error) in TAKEN)


def test_the_page_names_the_releases_and_what_differs() -> None:
    answered = dict(examples.tables(PAGE, "Boundary | what is answered here"))
    for each in releases.RELEASES:
        said = answered[each.title]
        assert said.endswith(each.difference) if each.difference else "exactly" in said


@pytest.mark.parametrize(("rule", "finding"), FINDINGS)
def test_a_finding_is_what_the_table_says(rule: str, finding: str) -> None:
    (found,) = audit(policy(rule))
    assert finding in found.reason


def test_the_tables_are_whole() -> None:
    assert len(TAKEN) == 5
    assert (len(ANSWERS), len(ERRORS), len(FINDINGS)) == (21, 7, 10)
    assert examples.tables(PAGE, "group | rules | why") == [
        (group.name, str(len(group.rules)), group.why) for group in CATALOGUE.values()
    ]
    documented = re.findall(r"^\| ([A-H]) \| (.*) \|$", exfiltration.__doc__ or "", re.MULTILINE)
    assert examples.tables(PAGE, "grade | what the policy reaches") == documented


def test_an_example_that_is_wrong_would_be_found() -> None:
    assert examples.ran("$ echo right; exit 3\nwrong\n") == "$ echo right; exit 3\nright\n"
