"""Which jobs GitLab runs when, told by gitlab-ci-local, an independent reader of its pipelines."""

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import npm
from tests.pipelines.files import DEPLOYED, GITLAB

MERGE_REQUEST = {
    "CI_PIPELINE_SOURCE": "merge_request_event",
    "CI_PROJECT_ID": "1",
    "CI_MERGE_REQUEST_SOURCE_PROJECT_ID": "1",
}
FORK = MERGE_REQUEST | {"CI_MERGE_REQUEST_SOURCE_PROJECT_ID": "2"}
PUSH = {"CI_PIPELINE_SOURCE": "push"}
NIGHT = {"CI_PIPELINE_SOURCE": "schedule"}
FIRST = DEPLOYED[0]
STACK, PROGRAM, DOCS = (
    f"stacks/Pulumi.{FIRST}.yaml", "components/boundary/rule.py", "docs/rollback.md",
)  # fmt: skip

Jobs = Callable[..., dict[str, str]]
Read = Callable[..., str]


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone of the project, whose main branch has its pipeline alone."""
    folder = tmp_path_factory.mktemp("jobs")
    (folder / ".gitlab-ci.yml").write_text(GITLAB.read_text())
    git(folder, "init", "-q", "-b", "main")
    git(folder, "remote", "add", "origin", "git@gitlab.example.com:acme/infra.git")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "first")
    git(folder, "update-ref", "refs/remotes/origin/main", "main")
    git(folder, "symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/main")
    return folder


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(
        ["git", "-C", folder, "-c", "user.name=grace", "-c", "user.email=g@example.com",
         *arguments],
        check=True, capture_output=True,
    )  # fmt: skip


@pytest.fixture(scope="module")
def read(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Read]:
    """Return what gitlab-ci-local says, one process for all: compiling it is most of what it takes.

    It holds the pipeline to GitLab's schema the first time, which takes as long as the rest.
    """
    main = npm.installed("gitlab-ci-local") / "node_modules/gitlab-ci-local/dist/index.js"
    ours = {k: v for k, v in os.environ.items() if not k.startswith(("CI_", "GITLAB_", "GCL_"))}
    process = subprocess.Popen(
        [npm.NODE, Path(__file__).with_name("gitlab_ci_local.mjs"), main],
        cwd=repository, env=ours, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdin
    assert process.stdout
    given = ["--home", str(tmp_path_factory.mktemp("home")),
             "--ignore-predefined-vars", ",".join(MERGE_REQUEST)]  # fmt: skip
    schema: list[str] = []

    def read(*arguments: str) -> str:
        assert process.stdin
        assert process.stdout
        process.stdin.write(json.dumps([*given, *schema, *arguments]) + "\n")
        process.stdin.flush()
        done = json.loads(process.stdout.readline())
        assert done["status"] == 0, done
        assert ("json schema validated" in done["stderr"]) == (not schema)
        schema[:] = ["--json-schema-validation=false"]
        return str(done["stdout"])

    yield read
    process.communicate(timeout=60)


@pytest.fixture
def jobs(repository: Path, read: Read) -> Jobs:
    """Return the jobs of a pipeline with when each runs, by event and changed file."""

    def jobs(variables: dict[str, str], changed: str, branch: str = "main") -> dict[str, str]:
        git(repository, "checkout", "-qB", branch, "origin/main")
        (repository / changed).parent.mkdir(parents=True, exist_ok=True)
        (repository / changed).write_text("changed\n")
        git(repository, "add", "-A")
        git(repository, "commit", "-qm", "change")
        given = [each for pair in variables.items() for each in ("--variable", "=".join(pair))]
        listed: list[dict[str, Any]] = json.loads(read("--list-json", *given))
        active = [job for job in listed if job["when"] != "never"]
        if any(job.get("needs") for job in active):
            read("--validate-dependency-chain", *given)
        return {job["name"]: job["when"] for job in active}

    return jobs


def test_a_request_previews_what_it_touches_and_says_so(jobs: Jobs) -> None:
    assert jobs(MERGE_REQUEST, STACK, "change") == {
        "check": "on_success",
        f"preview {FIRST}": "on_success",
        "comment": "always",
    }


def test_the_program_touches_every_stack(jobs: Jobs) -> None:
    assert {f"preview {stack}" for stack in DEPLOYED} < jobs(
        MERGE_REQUEST, PROGRAM, "change"
    ).keys()


def test_a_request_that_touches_none_still_looks_after_its_comment(jobs: Jobs) -> None:
    assert jobs(MERGE_REQUEST, DOCS, "change").keys() == {"check", "comment"}


def test_a_forks_request_is_only_checked(jobs: Jobs) -> None:
    assert jobs(FORK, PROGRAM, "change").keys() == {"check"}


def test_a_merge_is_planned_and_waits_for_someone(jobs: Jobs) -> None:
    assert jobs(PUSH, STACK) == {
        "check": "on_success",
        f"plan {FIRST}": "on_success",
        f"up {FIRST}": "manual",
    }


def test_a_merge_of_a_page_is_checked_and_no_more(jobs: Jobs) -> None:
    assert jobs(PUSH, DOCS).keys() == {"check"}


def test_at_night_every_stack_is_looked_at_and_nothing_is_applied(jobs: Jobs) -> None:
    names = [f"{kind} {stack}" for kind in ("drift", "verify") for stack in DEPLOYED]
    assert jobs(NIGHT, PROGRAM) == dict.fromkeys(names, "on_success")


def test_the_night_is_reported_where_an_issue_is_kept_for_it(jobs: Jobs) -> None:
    assert jobs(NIGHT | {"DRIFT_ISSUE": "3"}, DOCS)["comment drift"] == "always"
