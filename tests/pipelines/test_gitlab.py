"""`.gitlab-ci.yml` by GitLab's published schema, its keyword reference, and `ops touched`."""

import re
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import check_jsonschema
import pytest
import yaml
from click.testing import CliRunner, Result

from ops import stacks
from ops.touched import touched
from tests.pipelines.files import DEPLOYED, GITLAB, GITLAB_GLOBAL, ROOT, gitlab_jobs, load

JOBS = gitlab_jobs()
KINDS = ("preview", "plan", "up", "drift", "verify")
FORKLESS = "$CI_MERGE_REQUEST_SOURCE_PROJECT_ID == $CI_PROJECT_ID"
TRACKED = subprocess.run(
    ["git", "-C", ROOT, "ls-files"], capture_output=True, text=True, check=True
).stdout.splitlines()
# Not there today.
THOUGHT_OF = [
    "components/new/deep/er/file.tf", "components/.hidden", "sdks/coderd/a/b.py", "other.py",
    "stacks/old/Pulumi.dev.yaml", "stacks/Pulumi.dev.yaml.bak", "docs/components/a.md",
    "tests/__main__.py", "requirements.txt.orig", "tools/pulumi/deep/x.go", "tools/pulumix/go.mod",
]  # fmt: skip


def check(path: Path, text: str) -> Result:
    """Check a pipeline whose jobs have what they extend merged in: the schema skips hidden jobs."""
    document = {key: value for key, value in yaml.safe_load(text).items() if key in GITLAB_GLOBAL}
    path.write_text(yaml.safe_dump({**document, **gitlab_jobs(text)}))
    return CliRunner().invoke(
        check_jsonschema.main, ["--builtin-schema", "vendor.gitlab-ci", str(path)]
    )


def test_gitlabs_schema_takes_it(tmp_path: Path) -> None:
    done = check(tmp_path / "pipeline.yml", GITLAB.read_text())
    assert done.exit_code == 0, done.output


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("action: access", "action: look"),
        ("when: manual", "when: asked"),
        ("resource_group: $STACK", "resource_groups: $STACK"),
        ("stages: [", "stages: [1, "),
    ],
)
def test_gitlabs_schema_refuses_a_slip(right: str, wrong: str, tmp_path: Path) -> None:
    text = GITLAB.read_text()
    assert right in text
    assert check(tmp_path / "pipeline.yml", text.replace(right, wrong)).exit_code == 1


@pytest.mark.parametrize("name", JOBS)
def test_a_job_runs_in_a_stage_by_rules_after_jobs_that_exist(name: str) -> None:
    job = JOBS[name]
    stages = load(GITLAB)["stages"]
    assert job["stage"] in stages
    assert job["rules"]
    for need in job.get("needs", ()):
        needed = JOBS[need["job"] if isinstance(need, dict) else need]
        assert stages.index(needed["stage"]) <= stages.index(job["stage"])
        # A job whose needs are not in the pipeline makes the whole pipeline invalid.
        if not (isinstance(need, dict) and need.get("optional")):
            assert _where(needed) >= _where(job)


def _where(job: dict[str, Any]) -> set[tuple[str, str]]:
    """The pipelines that a job is in: a source, and the stack that must be touched there."""
    found = set()
    for rule in job["rules"]:
        sources = set(re.findall(r'\$CI_PIPELINE_SOURCE == "(\w+)"', rule["if"]))
        if '!= "schedule"' in rule["if"]:
            sources = {"push", "merge_request_event"}
        for stack in DEPLOYED if "changes" not in rule else [job["variables"]["STACK"]]:
            found |= {(source, stack) for source in sources}
    return found


@pytest.mark.parametrize("stack", DEPLOYED)
def test_every_deployed_stack_has_its_jobs(stack: str) -> None:
    jobs = {kind: JOBS[f"{kind} {stack}"] for kind in KINDS}
    assert {job["variables"]["STACK"] for job in jobs.values()} == {stack}
    assert jobs["up"]["environment"] == {"name": "$STACK"}
    assert jobs["up"]["resource_group"] == "$STACK"
    assert jobs["up"]["interruptible"] is False
    assert jobs["up"]["needs"] == [f"plan {stack}"]
    (rule,) = jobs["up"]["rules"]
    assert (rule["when"], rule["allow_failure"]) == ("manual", False)
    for kind in ("preview", "plan", "drift"):
        assert jobs[kind]["environment"] == {"name": "$STACK-preview", "action": "access"}
    # What signs evidence is out of a change's reach.
    assert jobs["verify"]["environment"] == {"name": "$STACK-verify", "action": "access"}
    assert [rule["if"] for rule in jobs["verify"]["rules"]] == ['$CI_PIPELINE_SOURCE == "schedule"']
    assert {"job": f"preview {stack}", "optional": True} in JOBS["comment"]["needs"]
    assert f"drift {stack}" in JOBS["comment drift"]["needs"]
    # One that is ended half-way may leave a workspace behind.
    assert jobs["verify"]["interruptible"] is False


def test_no_stack_has_jobs_that_is_not_there() -> None:
    named = {job["variables"]["STACK"] for job in JOBS.values() if "variables" in job}
    assert named == set(DEPLOYED)


def test_a_forks_change_gets_no_secret() -> None:
    for name, job in JOBS.items():
        if "environment" not in job and "comment" not in name:
            continue
        for rule in job["rules"]:
            if "merge_request_event" in rule["if"]:
                assert FORKLESS in rule["if"], name


@pytest.mark.parametrize("stack", DEPLOYED)
@pytest.mark.parametrize("kind", ["preview", "plan", "up"])
def test_the_changes_that_start_a_job_are_those_that_touch_its_stack(kind: str, stack: str) -> None:
    (rule,) = JOBS[f"{kind} {stack}"]["rules"]
    for path in [*TRACKED, *THOUGHT_OF]:
        starts = any(_glob(pattern).fullmatch(path) for pattern in rule["changes"])
        assert starts == (stack in touched([path], stacks.names())), path


@cache
def _glob(pattern: str) -> re.Pattern[str]:
    """GitLab's globs: Ruby's File.fnmatch with PATHNAME, DOTMATCH and EXTGLOB."""
    assert not set(pattern) & set("?[]{}\\!")
    parts = re.split(r"(\*\*/|\*)", pattern)
    meaning = {"**/": "(?:[^/]+/)*", "*": "[^/]*"}
    return re.compile("".join(meaning.get(part, re.escape(part)) for part in parts))


def test_what_jobs_write_leaves_the_tree_clean() -> None:
    document = load(GITLAB)
    places = [path for job in JOBS.values() for path in job.get("artifacts", {}).get("paths", ())]
    places += document["default"]["cache"]["paths"]
    places += [
        str(value).removeprefix("$CI_PROJECT_DIR/")
        for value in document["variables"].values()
        if str(value).startswith("$CI_PROJECT_DIR/")
    ]
    assert len(places) > 5
    for place in places:
        subprocess.run(
            ["git", "-C", ROOT, "check-ignore", "-q", f"{place.rstrip('/')}/x"], check=True
        )


def test_no_merge_cancels_the_plan_of_another() -> None:
    rules = load(GITLAB)["workflow"]["rules"]
    (merged,) = (rule for rule in rules if '"push"' in rule["if"])
    assert merged["auto_cancel"] == {"on_new_commit": "none"}
