"""What docs/pipelines.md names is what the pipelines and the commands have."""

import re

import typer

from ops import touched
from ops.cli import app
from ops.comment import marker
from ops.forge import LONGEST
from tests.pipelines.files import DEPLOYED, GITLAB, ROOT, WORKFLOWS, gitlab_jobs, ops_commands

PAGE = (ROOT / "docs" / "pipelines.md").read_text(encoding="utf-8")


def section(title: str) -> str:
    return PAGE.split(f"\n## {title}\n")[1].split("\n## ")[0]


def test_every_command_parses() -> None:
    lines = re.sub("`[^`\\n]*`", "", PAGE).replace("```", "").splitlines()
    found = [words for line in lines for words in ops_commands(line.split("  #")[0])]
    assert len(found) >= 6
    group = typer.main.get_command(app)
    for words in found:
        name, command, rest = group.resolve_command(  # type: ignore[attr-defined]
            group.make_context("ops", words, resilient_parsing=True), words
        )
        assert command is not None, name
        command.make_context(name, rest)


def test_what_touches_a_stack_is_what_the_page_says() -> None:
    rows = re.findall(r"^\| (.*?) \|", section("What touches a stack"), re.MULTILINE)
    named = [tuple(re.findall(r"`([^`]+)`", row)) for row in rows]
    assert sorted(named[2]) == sorted((*touched.PROGRAM, *touched.SHADOWS))
    assert named[3] == touched.STAND_INS


def test_the_credentials_are_those_that_jobs_are_given() -> None:
    rows = re.findall(r"^\| `(\w+)` \|", section("Credentials"), re.MULTILINE)
    text = "".join(path.read_text() for path in WORKFLOWS)
    used = set(re.findall(r"(?:secrets|vars)\.(\w+)", text))
    assert used == {*rows, "DRIFT_ISSUE"}
    for name in ("GITLAB_TOKEN", "DRIFT_ISSUE"):
        assert f"`{name}`" in section("Setting up GitLab")
    assert "$DRIFT_ISSUE" in GITLAB.read_text()


def test_the_numbers_and_names_are_those_of_the_code() -> None:
    said = section("The comment")
    assert marker("preview") in said
    for limit in LONGEST.values():
        assert f"{limit:,}" in said
    expires = gitlab_jobs()[f"plan {DEPLOYED[0]}"]["artifacts"]["expire_in"]
    assert expires == "1 week"
    assert "retention-days: 7" in (ROOT / ".github/workflows/up.yml").read_text()
    assert "for seven days" in PAGE
    assert gitlab_jobs()[f"verify {DEPLOYED[0]}"]["artifacts"]["expire_in"] == "1 year"
    assert "retention-days: 90" in (ROOT / ".github/workflows/verify.yml").read_text()
    kept = " ".join(section("The evidence").split())
    assert "on GitHub, for 90 days, and of the job `verify STACK` on GitLab, for a year" in kept
