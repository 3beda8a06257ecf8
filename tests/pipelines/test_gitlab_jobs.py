"""Which jobs GitLab runs when, told by gitlab-ci-local, an independent reader of its pipelines."""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests import npm
from tests.pipelines.files import GITLAB

MERGE_REQUEST = {
    "CI_PIPELINE_SOURCE": "merge_request_event",
    "CI_PROJECT_ID": "1",
    "CI_MERGE_REQUEST_SOURCE_PROJECT_ID": "1",
}
FORK = MERGE_REQUEST | {"CI_MERGE_REQUEST_SOURCE_PROJECT_ID": "2"}
PUSH = {"CI_PIPELINE_SOURCE": "push"}
NIGHT = {"CI_PIPELINE_SOURCE": "schedule"}
DEV, PROGRAM, DOCS = "stacks/Pulumi.dev.yaml", "components/boundary/rule.py", "docs/rollback.md"

Jobs = Callable[..., dict[str, str]]


@pytest.fixture
def jobs(tmp_path: Path) -> Jobs:
    """Return the jobs of a pipeline with when each runs, by event and changed file."""

    def git(*arguments: str) -> None:
        subprocess.run(
            ["git", "-C", tmp_path, "-c", "user.name=grace", "-c", "user.email=g@example.com",
             *arguments],
            check=True, capture_output=True,
        )  # fmt: skip

    def ran(*arguments: str) -> str:
        main = npm.installed("gitlab-ci-local") / "node_modules/gitlab-ci-local/dist/index.js"
        ours = {k: v for k, v in os.environ.items() if not k.startswith(("CI_", "GITLAB_", "GCL_"))}
        done = subprocess.run(
            [npm.NODE, main, "--home", tmp_path, "--ignore-predefined-vars",
             ",".join(MERGE_REQUEST), *arguments],
            cwd=tmp_path, env=ours, capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def jobs(variables: dict[str, str], changed: str, branch: str = "main") -> dict[str, str]:
        (tmp_path / ".gitlab-ci.yml").write_text(GITLAB.read_text())
        git("init", "-q", "-b", "main")
        git("remote", "add", "origin", "git@gitlab.example.com:acme/infra.git")
        git("add", "-A")
        git("commit", "-qm", "first")
        git("update-ref", "refs/remotes/origin/main", "main")
        git("symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/main")
        git("checkout", "-qB", branch)
        (tmp_path / changed).parent.mkdir(parents=True)
        (tmp_path / changed).write_text("changed\n")
        git("add", "-A")
        git("commit", "-qm", "change")
        given = [each for pair in variables.items() for each in ("--variable", "=".join(pair))]
        ran("--validate-dependency-chain", *given)
        listed: list[dict[str, Any]] = json.loads(ran("--list-json", *given))
        return {job["name"]: job["when"] for job in listed if job["when"] != "never"}

    return jobs


def test_a_request_previews_what_it_touches_and_says_so(jobs: Jobs) -> None:
    assert jobs(MERGE_REQUEST, DEV, "change") == {
        "check": "on_success",
        "preview dev": "on_success",
        "comment": "always",
    }


def test_the_program_touches_every_stack(jobs: Jobs) -> None:
    assert {"preview dev", "preview usgov"} < jobs(MERGE_REQUEST, PROGRAM, "change").keys()


def test_a_request_that_touches_none_still_looks_after_its_comment(jobs: Jobs) -> None:
    assert jobs(MERGE_REQUEST, DOCS, "change").keys() == {"check", "comment"}


def test_a_forks_request_is_only_checked(jobs: Jobs) -> None:
    assert jobs(FORK, PROGRAM, "change").keys() == {"check"}


def test_a_merge_is_planned_and_waits_for_someone(jobs: Jobs) -> None:
    assert jobs(PUSH, DEV) == {"check": "on_success", "plan dev": "on_success", "up dev": "manual"}


def test_a_merge_of_a_page_is_checked_and_no_more(jobs: Jobs) -> None:
    assert jobs(PUSH, DOCS).keys() == {"check"}


def test_at_night_every_stack_is_looked_at_and_nothing_is_applied(jobs: Jobs) -> None:
    names = [f"{kind} {stack}" for kind in ("drift", "verify") for stack in ("dev", "usgov")]
    assert jobs(NIGHT, PROGRAM) == dict.fromkeys(names, "on_success")


def test_the_night_is_reported_where_an_issue_is_kept_for_it(jobs: Jobs) -> None:
    assert jobs(NIGHT | {"DRIFT_ISSUE": "3"}, DOCS)["comment drift"] == "always"
