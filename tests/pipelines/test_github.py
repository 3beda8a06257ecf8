"""The workflows by GitHub's rules, as actionlint and a JSON schema have them, and by our own."""

import re
import subprocess
from pathlib import Path
from typing import Any

import check_jsonschema
import pytest
from click.testing import CliRunner

from tests.pipelines.files import ACTIONS, ROOT, WORKFLOWS, github_steps, load
from toolchain import tools

PINNED = re.compile(r"uses: (?:\./[\w./-]+|[\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+)\Z")
JOBS = [(path.name, name, job) for path in WORKFLOWS for name, job in load(path)["jobs"].items()]
IDS = [f"{file}-{name}" for file, name, _ in JOBS]


def lint(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [tools.build("actionlint"), *map(str, arguments)],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_actionlint_finds_nothing_and_would(tmp_path: Path) -> None:
    done = lint(*WORKFLOWS)
    assert (done.returncode, done.stdout) == (0, "")
    broken = tmp_path / "broken.yml"
    broken.write_text(WORKFLOWS[0].read_text().replace("runs-on:", "runs-at:"))
    assert lint(broken).returncode == 1


@pytest.mark.parametrize("path", ACTIONS, ids=lambda path: path.parent.name)
def test_an_action_is_what_github_takes(path: Path, tmp_path: Path) -> None:
    def check(file: Path) -> int:
        asked = ["--builtin-schema", "vendor.github-actions", str(file)]
        return CliRunner().invoke(check_jsonschema.main, asked).exit_code

    assert check(path) == 0
    (tmp_path / "action.yml").write_text(path.read_text().replace("using:", "use:"))
    assert check(tmp_path / "action.yml") == 1


def test_there_are_workflows() -> None:
    assert [path.stem for path in WORKFLOWS] == ["checks", "drift", "preview", "up", "verify"]


@pytest.mark.parametrize("path", [*WORKFLOWS, *ACTIONS], ids=lambda path: path.stem)
def test_every_action_is_pinned_by_its_commit(path: Path) -> None:
    lines = [line.strip(" -") for line in path.read_text().splitlines() if "uses:" in line]
    assert lines
    assert [line for line in lines if not PINNED.match(line)] == []


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_reads_and_a_fork_gets_nothing(path: Path) -> None:
    workflow = load(path)
    assert workflow["permissions"] == {"contents": "read"}
    on = workflow["on"] if isinstance(workflow["on"], dict) else {workflow["on"]: None}
    # These run with the project's secrets on a stranger's change or at a stranger's word.
    assert not on.keys() & {"pull_request_target", "workflow_run", "issue_comment"}
    if "secrets." in path.read_text() and "pull_request" in on:
        assert "head.repo.full_name == github.repository" in workflow["jobs"]["touched"]["if"]


@pytest.mark.parametrize(("file", "name", "job"), JOBS, ids=IDS)
def test_a_job_has_the_least_it_needs(file: str, name: str, job: dict[str, Any]) -> None:
    writes = {key for key, value in job.get("permissions", {}).items() if value == "write"}
    expected = {("preview.yml", "comment"): {"pull-requests"}, ("drift.yml", "comment"): {"issues"}}
    assert writes == expected.get((file, name), set())
    if "uses" in job:
        return
    assert job["timeout-minutes"] <= 60
    # Secrets are an environment's own, so that it can ask for an approval and limit branches.
    assert ("secrets." in str(job["steps"])) == ("environment" in job)
    assert not ("environment" in job and writes)


@pytest.mark.parametrize(
    ("where", "job", "step"), list(github_steps()), ids=[each[0] for each in github_steps()]
)
def test_a_step_leaks_and_injects_nothing(
    where: str, job: dict[str, Any], step: dict[str, Any]
) -> None:
    # An expression is pasted into the script; a variable is not.
    assert "${{" not in step.get("run", "")
    if str(step.get("uses", "")).startswith("actions/checkout@"):
        assert step["with"]["persist-credentials"] is False
    assert "secrets." not in str(job.get("env", {}))


def test_a_stack_is_applied_by_one_job_at_a_time_with_its_environments_approval() -> None:
    jobs = load(ROOT / ".github/workflows/up.yml")["jobs"]
    up, planned = jobs["up"], jobs["planned"]
    assert up["environment"] == "${{ matrix.stack }}"
    assert up["concurrency"] == {"group": "up-${{ matrix.stack }}", "cancel-in-progress": False}
    # One whose plan failed is not applied, and keeps no other from it.
    assert (planned["needs"], up["needs"]) == (["touched", "plan"], "planned")
    assert "!cancelled()" in planned["if"]
    assert "needs.planned.result == 'success'" in up["if"]
    assert "needs.planned.outputs.stacks" in up["strategy"]["matrix"]["stack"]
    # What signs evidence is out of a change's reach, too.
    own = {
        ("up.yml", "up"): "${{ matrix.stack }}",
        ("verify.yml", "verify"): "${{ matrix.stack }}-verify",
    }
    for file, name, job in JOBS:
        expected = own.get((file, name), "${{ matrix.stack }}-preview")
        assert job.get("environment", expected) == expected, (file, name)
        assert ("EVIDENCE_KEY" in str(job)) == (expected.endswith("-verify")), (file, name)
