from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from components.settings.model import Settings
from ops import git, protection, stacks
from ops.cli import app
from ops.protection import ProtectedError


def protected(**changes: Any) -> Settings:
    settings = stacks.settings("usgov")
    assert settings.protected
    assert settings.main_branch == "origin/main"
    return settings.model_copy(update=changes)


def commit(repository: Path, text: str) -> str:
    (repository / "file").write_text(text)
    git.run(repository, "add", "-A")
    git.run(repository, "commit", "-q", "-m", text)
    return git.run(repository, "rev-parse", "HEAD")


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone of a repository whose branch main has two commits."""
    upstream = tmp_path / "upstream"
    upstream.mkdir()
    git.run(upstream, "init", "-q", "-b", "main")
    for path in (upstream, tmp_path / "clone"):
        if not path.exists():
            git.run(tmp_path, "clone", "-q", str(upstream), str(path))
        git.run(path, "config", "user.email", "ada@example.com")
        git.run(path, "config", "user.name", "Ada")
        if path == upstream:
            commit(upstream, "one")
            commit(upstream, "two")
    return tmp_path / "clone"


def refusal(root: Path, *, planned: bool = True, **changes: Any) -> str:
    with pytest.raises(ProtectedError) as refused:
        protection.check("usgov", protected(**changes), root, planned=planned)
    text = str(refused.value)
    assert text.startswith("stack usgov is protected and refuses an update; nothing was applied\n")
    return text


def test_a_clean_commit_of_the_main_branch_with_a_plan_passes(clone: Path) -> None:
    protection.check("usgov", protected(), clone, planned=True)
    git.run(clone, "checkout", "-q", "--detach", "HEAD~1")
    protection.check("usgov", protected(), clone, planned=True)


def test_a_stack_that_is_not_protected_takes_anything(tmp_path: Path) -> None:
    protection.check("dev", stacks.settings("dev"), tmp_path, planned=False)


def test_without_a_plan(clone: Path) -> None:
    text = refusal(clone, planned=False)
    assert "python -m ops preview usgov --save-plan FILE" in text
    assert len(text.splitlines()) == 2


def test_a_dirty_tree_names_what_differs(clone: Path) -> None:
    (clone / "file").write_text("changed")
    (clone / "new").write_text("")
    text = refusal(clone)
    assert "the checkout differs from its commit: file, new;" in text
    assert len(text.splitlines()) == 2


def test_a_commit_that_is_not_merged(clone: Path) -> None:
    made = commit(clone, "three")
    assert f"commit {made[:12]} is not on origin/main" in refusal(clone)
    # Once it is merged, it is.
    git.run(clone, "push", "-q", "origin", "HEAD:refs/heads/reviewed")
    git.run(clone, "fetch", "-q")
    protection.check("usgov", protected(main_branch="origin/reviewed"), clone, planned=True)


def test_a_commit_of_another_history(clone: Path) -> None:
    git.run(clone, "checkout", "-q", "--orphan", "other")
    commit(clone, "other")
    assert "is not on origin/main" in refusal(clone)


def test_a_branch_that_is_not_known(clone: Path) -> None:
    text = refusal(clone, main_branch="upstream/release")
    assert "the branch upstream/release is not known here" in text
    assert "mainBranch" in text


def test_no_checkout_at_all(tmp_path: Path) -> None:
    assert "no git checkout" in refusal(tmp_path)


def test_every_reason_at_once(clone: Path) -> None:
    commit(clone, "three")
    (clone / "file").write_text("changed")
    assert len(refusal(clone, planned=False).splitlines()) == 4


def test_going_back_needs_a_commit_of_the_main_branch(clone: Path) -> None:
    protection.check_commit("usgov", protected(), clone, git.run(clone, "rev-parse", "HEAD~1"))
    with pytest.raises(ProtectedError, match="refuses going back"):
        protection.check_commit("usgov", protected(), clone, commit(clone, "three"))


def test_up_of_a_protected_stack_starts_nothing() -> None:
    result = CliRunner().invoke(app, ["up", "usgov"])
    assert result.exit_code == 1
    assert "stack usgov is protected and refuses an update; nothing was applied" in result.stderr
    assert "there is no plan" in result.stderr
    assert result.stdout == ""


def test_destroy_of_a_protected_stack_is_refused() -> None:
    result = CliRunner().invoke(app, ["destroy", "usgov", "--yes"])
    assert result.exit_code == 1
    assert "stack usgov is protected and refuses destroy" in result.stderr


@pytest.mark.parametrize(
    ("line", "expected"),
    [("true", True), ("false", False), ("'yes'", True)],
)
def test_protection_is_read_from_wrong_settings_too(
    tmp_path: Path, line: str, expected: bool
) -> None:
    (tmp_path / "stacks").mkdir()
    text = f"config:\n  firewalled-coder:protected: {line}\n  firewalled-coder:templates: 1\n"
    (tmp_path / "stacks" / "Pulumi.dev.yaml").write_text(text)
    assert stacks.protected("dev", tmp_path) is expected
