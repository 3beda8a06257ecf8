import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ops import project, stacks
from ops.cli import app
from ops.touched import PROGRAM, STAND_INS, ChangeError, changed, touched

ROOT = Path(__file__).resolve().parents[2]
STACKS = ["dev", "local", "usgov"]
# Top-level names that alter no deployment: tests, docs and what only people or CI run.
HARMLESS = {
    ".ci", ".github", ".gitignore", ".gitlab-ci.yml", "CONTRIBUTING.md", "LICENSE", "Makefile",
    "README.md", "bench", "docs", "ops", "pyproject.toml", "requirements-dev.txt", "tests",
}  # fmt: skip


def git(root: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", root, "-c", "user.name=grace", "-c", "user.email=grace@example.com",
         *arguments],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout.strip()


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with three stacks, on branch `change` that has left main."""
    for name in (*(f"stacks/Pulumi.{stack}.yaml" for stack in STACKS), "__main__.py", "docs/a.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(f"{name}\n")
    (tmp_path / ".gitignore").write_text("build/\n")
    git(tmp_path, "init", "-q", "-b", "main")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-qm", "first")
    git(tmp_path, "checkout", "-qb", "change")
    monkeypatch.setattr(project, "ROOT", tmp_path)
    return tmp_path


def run(*arguments: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["touched", *arguments])
    return result.exit_code, result.stdout, result.stderr


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        ([], []),
        (["stacks/Pulumi.dev.yaml"], ["dev"]),
        (["stacks/Pulumi.usgov.yaml", "stacks/Pulumi.dev.yaml", "README.md"], ["dev", "usgov"]),
        (["components/boundary/rule.py"], STACKS),
        (["components/workspace_template/terraform/main.tf"], STACKS),
        (["__main__.py"], STACKS),
        (["Pulumi.yaml"], STACKS),
        (["requirements.txt"], STACKS),
        (["sdks/coderd/pulumi_coderd/template.py"], STACKS),
        (["tools/pulumi/go.mod"], STACKS),
        # Python finds these before the packages that the program needs.
        (["yaml.py"], STACKS),
        (["httpx/__init__.py"], STACKS),
        (["pydantic_core.so"], STACKS),
        (["docs/yaml.py", "tests/httpx/__init__.py"], []),
        # Which engine, and which plugins.
        (["toolchain/tools.py"], STACKS),
        (["local/cluster.py"], ["local"]),
        (["tools/etcd/go.sum", "stacks/Pulumi.dev.yaml"], ["dev", "local"]),
        (["docs/rollback.md", "tests/ops/test_git.py", "bench/policy.py", "ops/cli.py"], []),
        (["requirements-dev.txt", "tools/opentofu/go.mod", "stacks/settings.schema.json"], []),
        # Of the same name, and elsewhere.
        (["docs/Pulumi.dev.yaml", "stacks/old/Pulumi.dev.yaml", "tests/__main__.py"], []),
        (["stacks/Pulumi.gone.yaml", "stacks/Pulumi.yaml", "componentsx/a.py"], []),
    ],
)
def test_which_stacks_a_path_touches(paths: list[str], expected: list[str]) -> None:
    assert touched(paths, STACKS) == expected


def test_every_file_of_the_repository_is_known_to_matter_or_not() -> None:
    for path in git(ROOT, "ls-files").splitlines():
        top = path.split("/")[0]
        if path.endswith("/__init__.py") and path.count("/") == 1:
            continue
        if touched([path], stacks.names()):
            assert top not in HARMLESS, path
        elif top == "tools":
            assert not path.startswith(tuple(each for each in STAND_INS + PROGRAM if "/" in each))
        else:
            assert top in HARMLESS or path == "stacks/settings.schema.json", path


def test_every_place_that_touches_is_there() -> None:
    assert [each for each in (*PROGRAM, *STAND_INS) if not (ROOT / each).exists()] == []


def test_commits_of_the_branch_count_and_those_of_the_base_do_not(root: Path) -> None:
    assert changed(root, "main") == []
    (root / "stacks/Pulumi.dev.yaml").write_text("changed\n")
    git(root, "commit", "-qam", "dev")
    git(root, "checkout", "-q", "main")
    (root / "__main__.py").write_text("changed\n")
    git(root, "commit", "-qam", "moved on")
    git(root, "checkout", "-q", "change")
    assert changed(root, "main") == ["stacks/Pulumi.dev.yaml"]
    assert run("main") == (0, "dev\n", "")


def test_what_is_not_committed_counts_and_what_is_ignored_does_not(root: Path) -> None:
    (root / "stacks/Pulumi.new.yaml").write_text("new\n")
    (root / "stacks/Pulumi.usgov.yaml").write_text("changed\n")
    (root / "build").mkdir()
    (root / "build/__main__.py").write_text("rendered\n")
    assert changed(root, "main") == ["stacks/Pulumi.new.yaml", "stacks/Pulumi.usgov.yaml"]
    assert run("main", "--json") == (0, '["new", "usgov"]\n', "")


def test_a_name_that_git_would_quote_is_read_as_it_is(root: Path) -> None:
    (root / "stacks/Pulumi.prüfung \n2.yaml").write_text("x\n")
    git(root, "add", "-A")
    assert changed(root, "main") == ["stacks/Pulumi.prüfung \n2.yaml"]


def test_a_rename_touches_what_it_left(root: Path) -> None:
    (root / "components").mkdir()
    git(root, "mv", "__main__.py", "docs/main.py")
    assert changed(root, "main") == ["__main__.py", "docs/main.py"]
    assert json.loads(run("main", "--json")[1]) == STACKS


def test_a_stack_that_is_removed_is_said_and_cannot_be_previewed(root: Path) -> None:
    git(root, "rm", "-q", "stacks/Pulumi.dev.yaml")
    status, said, warned = run("main")
    assert (status, said) == (0, "")
    assert "settings of stack dev are removed" in " ".join(warned.split())


def test_a_program_below_the_repositorys_top(root: Path) -> None:
    below = root / "infra"
    (below / "stacks").mkdir(parents=True)
    (below / "stacks/Pulumi.dev.yaml").write_text("x\n")
    (root / "__main__.py").write_text("changed\n")
    git(root, "add", "-A")
    assert changed(below, "main") == ["stacks/Pulumi.dev.yaml"]


def test_every_stack_for_a_new_branch_and_for_all(root: Path) -> None:
    for arguments in (("0" * 40,), ("--all",)):
        assert run(*arguments)[1].split() == STACKS
        assert run(*arguments, "--deployed")[1].split() == ["dev", "usgov"]


def test_an_example_is_no_deployment(root: Path) -> None:
    shutil.copy(ROOT / "stacks/Pulumi.dev.yaml", root / "stacks/Pulumi.dev.yaml")
    status, said, warned = run("--all", "--deployed", "--json")
    assert (status, said) == (0, '["usgov"]\n')
    assert "stack dev is an example: its coder.accessUrl is an address that is nobody's" in warned
    assert run("--all")[1].split() == STACKS


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nowhere",), "git knows no commit 'nowhere' here; fetch it first"),
        (("--", "--output=x"), "git knows no commit '--output=x'"),
        ((), "name a BASE such as main, or give --all"),
        (("main", "--all"), "name a BASE such as main, or give --all"),
    ],
)
def test_a_base_that_cannot_be_compared_with(
    root: Path, arguments: tuple[str, ...], message: str
) -> None:
    status, said, error = run(*arguments)
    assert (status, said) == (1, "")
    assert message in " ".join(error.split())


def test_histories_without_a_common_commit(root: Path) -> None:
    git(root, "checkout", "-q", "--orphan", "other")
    git(root, "commit", "-qm", "another first")
    with pytest.raises(ChangeError, match="main and HEAD have no commit in common"):
        changed(root, "main")


def test_what_a_push_by_force_took_away_counts(root: Path) -> None:
    (root / "stacks/Pulumi.dev.yaml").write_text("opened\n")
    git(root, "commit", "-qam", "opened")
    opened = git(root, "rev-parse", "HEAD")
    git(root, "reset", "-q", "--hard", "HEAD~1")
    assert run(opened) == (0, "", "")
    assert run(opened, "--pushed") == (0, "dev\n", "")
    # What it left is in no branch any more, and a fetch does not bring it.
    assert run("f" * 40, "--pushed")[:2] == (0, "dev\nlocal\nusgov\n")
    status, _, said = run("f" * 40)
    assert (status, "fetch it first" in said) == (1, True)
    assert run("gone", "--pushed")[0] == 1


@pytest.mark.parametrize("other", ["preview", "verify"])
def test_no_stack_is_called_as_anothers_environment(root: Path, other: str) -> None:
    (root / f"stacks/Pulumi.dev-{other}.yaml").touch()
    status, _, said = run("--all")
    assert status == 1
    assert f"stack dev-{other} cannot be called so beside stack dev" in said
    assert f"rename stacks/Pulumi.dev-{other}.yaml" in said
    (root / "stacks/Pulumi.dev.yaml").unlink()
    assert run("--all")[0] == 0


def test_a_name_of_other_bytes_than_utf_8_is_a_name(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = os.fsdecode(b"docs/caf\xe9.md")
    (root / name).write_text("")
    assert changed(root, "main") == [name]
    git(root, "add", "-A")
    git(root, "commit", "-qm", "second")
    assert changed(root, "main") == [name]
    (root / os.fsdecode(b"stacks/Pulumi.caf\xe9.yaml")).write_text("")
    monkeypatch.setattr(project, "ROOT", root)
    ended = CliRunner().invoke(app, ["touched", "main", "--json"])
    assert (ended.exit_code, json.loads(ended.stdout)) == (0, [os.fsdecode(b"caf\xe9")])
