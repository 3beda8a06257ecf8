"""What the jobs run is what a person can run: every command parses, and whole scripts are run."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
import typer
import yaml

from local.environment import Environment
from ops.cli import app
from ops.comment import marker
from tests.ops.forge_server import TOKEN, ForgeServer, serving
from tests.pipelines.files import (
    DEPLOYED,
    ROOT,
    github_steps,
    gitlab_jobs,
    load,
    ops_commands,
    scripts,
)

FIRST = DEPLOYED[0]
SCRIPTS = list(scripts())
COMMANDS = [(each.where, words) for each in SCRIPTS for words in ops_commands(each.text)]
Run = Callable[..., subprocess.CompletedProcess[str]]
DASHBOARD = "/api/v1/namespaces/monitoring/configmaps"


def step(file: str, job: str, command: str) -> str:
    """Return the script of the one step of a workflow's job that runs `ops COMMAND`."""
    found = [
        step["run"]
        for step in load(ROOT / ".github/workflows" / file)["jobs"][job]["steps"]
        if f"python -m ops {command} " in step.get("run", "")
    ]
    (text,) = found
    return str(text)


def gitlab(job: str) -> str:
    """Return the script of a job of .gitlab-ci.yml, without what makes its container ready."""
    return "\n".join(gitlab_jobs()[job]["script"])


@pytest.mark.parametrize(
    ("where", "words"), COMMANDS, ids=[f"{where}: {words[0]}" for where, words in COMMANDS]
)
def test_a_command_parses(where: str, words: list[str]) -> None:
    group = typer.main.get_command(app)
    name, command, rest = group.resolve_command(  # type: ignore[attr-defined]
        group.make_context("ops", words, resilient_parsing=True), words
    )
    assert command is not None, name
    # A number stands in for a variable: what it becomes is a number where one is asked for.
    command.make_context(name, [re.sub(r"\$\w+", "7", word) for word in rest])


def test_the_commands_of_both_forges_are_found() -> None:
    for place in (".gitlab-ci.yml", "preview.yml", "up.yml", "drift.yml", "verify.yml"):
        assert [words for where, words in COMMANDS if where.startswith(place)]
    assert {words[0] for _, words in COMMANDS} == {"touched", "preview", "comment", "up", "verify"}


def test_a_job_sets_every_variable_that_its_script_reads() -> None:
    given = {
        "GITHUB_ENV", "GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY", "RUNNER_TEMP",
        # Set in GitLab for the project.
        "DRIFT_ISSUE", "EVIDENCE_KEY",
        # Set by GitLab.
        "CI_MERGE_REQUEST_DIFF_BASE_SHA", "CI_MERGE_REQUEST_EVENT_TYPE",
        # What a runner and a machine say of the authorities that they trust.
        "CI_SERVER_TLS_CA_FILE", "SSL_CERT_FILE",
    }  # fmt: skip
    for script in SCRIPTS:
        read = set(re.findall(r"\$\{?([A-Za-z_]\w*)", script.text))
        own = set(re.findall(r"^(\w+)=", script.text, re.MULTILINE))
        assert read <= script.variables | own | given, script.where


@pytest.mark.parametrize(
    ("job", "file", "github_job"),
    [
        (f"preview {FIRST}", "preview.yml", "preview"),
        (f"plan {FIRST}", "up.yml", "plan"),
        (f"up {FIRST}", "up.yml", "up"),
        (f"drift {FIRST}", "drift.yml", "drift"),
        (f"verify {FIRST}", "verify.yml", "verify"),
    ],
)
def test_both_forges_run_the_same(job: str, file: str, github_job: str) -> None:
    steps = [
        words
        for where, _, step in github_steps()
        if where.startswith(f"{file}: {github_job},")
        for words in ops_commands(step.get("run", ""))
    ]
    assert steps == ops_commands(gitlab(job))
    assert len(steps) == 1


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """This project's files as a repository of their own, on main, but for those no job reads.

    Of its stacks it has the examples, deployed somewhere, and one that is an example.
    """
    place = tmp_path_factory.mktemp("pipelines") / "checkout"
    files = subprocess.run(
        ["git", "-C", ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard",
         "--", ".", ":!bench", ":!tests", ":!docs/dashboards"],
        capture_output=True, text=True, check=True,
    ).stdout.split("\0")  # fmt: skip
    for name in filter(None, files):
        if (ROOT / name).is_file():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, place / name)
    for file in (place / "stacks").glob("Pulumi.*.yaml"):
        if file.name not in {"Pulumi.dev.yaml", "Pulumi.local.yaml", "Pulumi.usgov.yaml"}:
            file.unlink()
    shutil.copy2(place / "stacks/Pulumi.dev.yaml", place / "stacks/Pulumi.sample.yaml")
    for name in ("dev", "usgov"):
        file = place / f"stacks/Pulumi.{name}.yaml"
        file.write_text(file.read_text().replace(".example.com", ".acme.internal"))
    _git(place, "init", "-q", "-b", "main")
    _git(place, "add", "-A")
    _git(place, "commit", "-qm", "first")
    try:
        yield place
    finally:
        Environment(place).remove()


def _git(place: Path, *arguments: str) -> str:
    return subprocess.run(
        ["git", "-C", place, "-c", "user.name=grace", "-c", "user.email=grace@example.com",
         *arguments],
        capture_output=True, text=True, check=True,
    ).stdout.strip()  # fmt: skip


@pytest.fixture
def run(checkout: Path) -> Run:
    """Run a script as GitHub's runner and GitLab's do: bash, ending at the first failure."""

    def run(text: str, **variables: str) -> subprocess.CompletedProcess[str]:
        inherited = ("HOME", "LANG", "GOPATH", "GOFLAGS", "GOPROXY", "FIREWALLED_CODER_CACHE",
                     "KUBEBUILDER_ASSETS", "XDG_CACHE_HOME")  # fmt: skip
        clean = {name: os.environ[name] for name in inherited if name in os.environ}
        clean["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        return subprocess.run(
            ["bash", "-e", "-o", "pipefail", "-c", text],
            cwd=checkout, env=clean | variables, capture_output=True, text=True, check=False,
            timeout=300,
        )  # fmt: skip

    return run


@pytest.fixture
def merged(checkout: Path) -> Iterator[str]:
    """A change of the settings of dev and of a page, merged into main; yields main before it."""
    before = _git(checkout, "rev-parse", "main")
    _git(checkout, "checkout", "-qb", "change")
    for name in ("stacks/Pulumi.dev.yaml", "docs/rollback.md"):
        with (checkout / name).open("a") as file:
            file.write("# changed\n")
    _git(checkout, "commit", "-qam", "change")
    _git(checkout, "checkout", "-q", "main")
    _git(checkout, "merge", "-q", "--no-ff", "-m", "merge", "change")
    yield before
    _git(checkout, "reset", "-q", "--hard", before)
    _git(checkout, "branch", "-qD", "change")


def outputs(path: Path) -> dict[str, str]:
    return dict(line.split("=", 1) for line in path.read_text().splitlines())


@pytest.mark.parametrize("file", ["preview.yml", "up.yml"])
def test_the_matrix_is_what_the_change_touches(
    file: str, run: Run, merged: str, tmp_path: Path
) -> None:
    out = tmp_path / "output"
    done = run(step(file, "touched", "touched"), GITHUB_OUTPUT=str(out), BASE=merged)
    assert done.returncode == 0, done.stderr
    assert outputs(out) == {"stacks": '["dev"]'}


def test_the_first_push_of_a_branch_and_one_by_force_touch_everything_and_what_is_no_commit_fails(
    run: Run, tmp_path: Path
) -> None:
    script = step("up.yml", "touched", "touched")
    for digit in "01":
        out = tmp_path / digit
        done = run(script, GITHUB_OUTPUT=str(out), BASE=digit * 40)
        assert (done.returncode, json.loads(outputs(out)["stacks"])) == (0, ["dev", "usgov"])
    done = run(script, GITHUB_OUTPUT=str(tmp_path / "none"), BASE="gone")
    assert (done.returncode, (tmp_path / "none").exists()) == (1, False)


@pytest.mark.parametrize(
    ("plans", "stacks"), [((), []), (("dev",), ["dev"]), (("dev", "usgov"), ["dev", "usgov"])]
)
def test_what_is_applied_is_what_has_a_plan(
    plans: tuple[str, ...], stacks: list[str], tmp_path: Path
) -> None:
    for stack in plans:
        (tmp_path / "build/plans").mkdir(parents=True, exist_ok=True)
        (tmp_path / f"build/plans/{stack}.json").touch()
    out = tmp_path / "output"
    steps = load(ROOT / ".github/workflows/up.yml")["jobs"]["planned"]["steps"]
    (script,) = (each["run"] for each in steps if each.get("id") == "planned")
    environ = {**os.environ, "GITHUB_OUTPUT": str(out)}
    subprocess.run(["bash", "-e", "-c", script], cwd=tmp_path, env=environ, check=True)
    assert json.loads(outputs(out)["stacks"]) == stacks


def test_every_deployed_stack_is_looked_at_by_night(run: Run, tmp_path: Path) -> None:
    # Both ask the same: it is run once.
    for script in {step(file, "stacks", "touched") for file in ("drift.yml", "verify.yml")}:
        out = tmp_path / "output"
        done = run(script, GITHUB_OUTPUT=str(out))
        assert (done.returncode, json.loads(outputs(out)["stacks"])) == (0, ["dev", "usgov"])
        out.unlink()


@pytest.fixture
def reports(checkout: Path) -> Iterator[Path]:
    folder = checkout / "build" / "reports"
    folder.mkdir(parents=True, exist_ok=True)
    yield folder
    shutil.rmtree(folder)


def job_variables(server: ForgeServer) -> Mapping[str, str]:
    if server.kind == "github":
        return {
            "GITHUB_TOKEN": TOKEN, "GITHUB_REPOSITORY": "acme/infra", "ISSUE": "70",
            "GITHUB_REF": "refs/pull/7/merge", "GITHUB_API_URL": server.url,
            "STACKS": '["dev", "usgov"]',
        }  # fmt: skip
    return {
        "GITLAB_TOKEN": TOKEN, "CI_PROJECT_ID": "acme/infra", "CI_MERGE_REQUEST_IID": "7",
        "CI_API_V4_URL": f"{server.url}/api/v4", "DRIFT_ISSUE": "70",
        "CI_MERGE_REQUEST_DIFF_BASE_SHA": "main",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "key", "script"),
    [
        ("github", "preview", step("preview.yml", "comment", "comment")),
        ("github", "drift", step("drift.yml", "comment", "comment")),
        ("gitlab", "preview", gitlab("comment")),
        ("gitlab", "drift", gitlab("comment drift")),
    ],
    ids=["github", "github-drift", "gitlab", "gitlab-drift"],
)
def test_the_comment_is_kept_up_to_date(
    kind: str, key: str, script: str, run: Run, reports: Path, merged: str
) -> None:
    # That of the night is found again as that of a request is: its script is run once.
    texts = ("## first", "## second") if key == "preview" else ("## first",)
    with serving(ForgeServer(kind, knows_user=kind == "gitlab")) as server:
        for text in texts:
            (reports / "dev.md").write_text(text)
            (reports / "usgov.md").write_text("## another")
            done = run(script, **job_variables(server))
            assert done.returncode == 0, done.stderr
            assert TOKEN not in done.stdout + done.stderr
            assert [each["body"] for each in server.comments] == [
                f"{marker(key)}\n\n{text}\n\n## another"
            ]
        written = [path for method, path in server.log if method == "POST"]
        assert len(written) == 1
        assert ("70" in written[0]) == (key == "drift")


@pytest.fixture
def protected(checkout: Path) -> Iterator[None]:
    """The stack local protected, and its commit on the main branch of the forge."""
    before = _git(checkout, "rev-parse", "main")
    file = checkout / "stacks/Pulumi.local.yaml"
    config = yaml.safe_load(file.read_text())["config"]
    needed = ("coder", "externalAuth", "templates")
    kept = {name: config[f"firewalled-coder:{name}"] for name in needed}
    # One template, and one dashboard to delete: of what a stack may have, the scripts do the same.
    small = {
        **kept,
        "templates": kept["templates"][-1:],
        "grafana": {"dashboards": ["agent-firewall"], "databaseRole": {"delivery": "none"}},
        "alerts": {"rules": []},
        "protected": True,
    }
    settings = {f"firewalled-coder:{name}": value for name, value in small.items()}
    file.write_text(yaml.safe_dump({"config": settings}))
    _git(checkout, "commit", "-qam", "protect")
    # As the runner of GitLab leaves it, and with fetch-depth 0 that of GitHub.
    _git(checkout, "update-ref", "refs/remotes/origin/main", "main")
    _git(checkout, "checkout", "-q", "--detach", "main")
    yield
    _git(checkout, "checkout", "-q", "main")
    _git(checkout, "reset", "-q", "--hard", before)


@pytest.mark.usefixtures("protected")
def test_a_protected_stack_goes_from_review_to_drift(
    run: Run, checkout: Path, tmp_path: Path
) -> None:
    """The scripts of preview, plan, up and drift in their order, for the stack that needs none."""
    report = checkout / "build/reports/local.md"

    def ran(script: str, status: int = 0, stack: str = "local") -> str:
        report.unlink(missing_ok=True)
        done = run(script, STACK=stack)
        assert done.returncode == status, done.stdout + done.stderr
        return report.read_text() if report.exists() else ""

    drift = step("drift.yml", "drift", "preview")
    # Of a change: as the one before a plan, which differs in the plan alone, and has a report of
    # what cannot be previewed.
    reviewed, planned = step("preview.yml", "preview", "preview"), step("up.yml", "plan", "preview")
    plan = ' --save-plan "build/plans/$STACK.json"'
    assert planned == reviewed.replace("build/reports", "build/plans build/reports", 1).replace(
        " --out", f"{plan} --out"
    )
    ran(reviewed, 1, "nosuch")
    refused = report.with_name("nosuch.md")
    assert "no stack" in refused.read_text()
    refused.unlink()
    assert "to create" in ran(planned)
    assert (checkout / "build/plans/local.json").stat().st_size > 0
    ran(step("up.yml", "up", "up"))
    assert "no change" in ran(drift)
    assert _git(checkout, "status", "--porcelain") == ""

    with Environment(checkout).cluster.client() as client:
        found = client.get(DASHBOARD).raise_for_status().json()["items"]
        name = found[0]["metadata"]["name"]
        client.delete(f"{DASHBOARD}/{name}").raise_for_status()
    assert "no change" not in ran(drift, 2)

    summary = tmp_path / "summary"
    (script,) = [
        step["run"]
        for where, _, step in github_steps()
        if where.startswith("drift.yml: drift,") and "SUMMARY" in step.get("run", "")
    ]
    assert run(script, GITHUB_STEP_SUMMARY=str(summary)).returncode == 0
    assert summary.read_text() == report.read_text()
