import os
import subprocess
from pathlib import Path

import pytest

from ops import git


def sh(root: Path, *arguments: str) -> str:
    return subprocess.run(
        ["git", *arguments], cwd=root, check=True, capture_output=True, text=True
    ).stdout.strip()


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("GITHUB_ACTOR", "GITLAB_USER_LOGIN"):
        monkeypatch.delenv(name, raising=False)
    root = tmp_path / "repository"
    root.mkdir()
    sh(root, "init", "-q", "-b", "main")
    sh(root, "config", "user.email", "ada@example.com")
    sh(root, "config", "user.name", "Ada")
    (root / "deploy").mkdir()
    (root / "deploy" / "a").write_text("one\n")
    (root / ".gitignore").write_text("ignored\n")
    sh(root, "add", ".")
    sh(root, "commit", "-q", "-m", "one")
    return root


def test_a_clean_checkout(repository: Path) -> None:
    found = git.facts(repository / "deploy")
    assert found == git.Facts(sh(repository, "rev-parse", "HEAD"), False, "main")
    (repository / "ignored").write_text("")
    assert git.facts(repository) == found


@pytest.mark.parametrize("path", ["deploy/a", "untracked"])
def test_a_changed_and_an_untracked_file_make_it_dirty(repository: Path, path: str) -> None:
    (repository / path).write_text("two\n")
    assert git.facts(repository).dirty


def test_a_detached_head_has_no_branch(repository: Path) -> None:
    sh(repository, "checkout", "-q", "--detach")
    assert git.facts(repository).branch is None


def test_without_a_commit_nothing_can_be_found_again(tmp_path: Path) -> None:
    nowhere = "git rev-parse: not a git repository (or any of the parent directories): .git"
    assert git.facts(tmp_path) == git.Facts(None, True, None, nowhere)
    sh(tmp_path, "init", "-q")
    empty = "the repository has no commit yet"
    assert git.facts(tmp_path) == git.Facts(None, True, None, empty)


def test_a_hook_does_not_redirect_git(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    assert git.facts(repository).branch == "main"


def test_who_is_the_actor_of_the_job_or_the_user(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert git.who(repository) == "ada@example.com"
    monkeypatch.setenv("GITLAB_USER_LOGIN", "grace")
    assert git.who(repository) == "grace"


def test_a_worktree_holds_the_commit_and_goes_away(repository: Path) -> None:
    first = sh(repository, "rev-parse", "HEAD")
    (repository / "deploy" / "a").write_text("two\n")
    sh(repository, "commit", "-q", "-a", "-m", "two")
    with git.worktree(repository / "deploy", first) as place:
        assert (place / "a").read_text() == "one\n"
        assert len(sh(repository, "worktree", "list").splitlines()) == 2
    assert not place.exists()
    assert len(sh(repository, "worktree", "list").splitlines()) == 1
    assert (repository / "deploy" / "a").read_text() == "two\n"


def test_a_worktree_goes_away_after_an_error(repository: Path) -> None:
    with pytest.raises(RuntimeError, match="inside"), git.worktree(repository, "HEAD") as place:
        raise RuntimeError("inside")
    assert not place.parent.exists()
    assert len(sh(repository, "worktree", "list").splitlines()) == 1


def test_a_commit_that_is_not_there(repository: Path) -> None:
    assert git.has_commit(repository, sh(repository, "rev-parse", "HEAD"))
    missing = "0" * 39 + "1"
    assert not git.has_commit(repository, missing)
    with pytest.raises(git.GitError, match="worktree"), git.worktree(repository, missing):
        pass


LATIN = b"caf\xe9"


def test_names_of_other_bytes_than_utf_8_are_read(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (repository / os.fsdecode(LATIN)).write_text("")
    paths = git.run(repository, "ls-files", "--others", "-z").split("\0")
    assert [os.fsencode(path) for path in paths if path] == [LATIN]
    sh(repository, "config", "core.quotepath", "false")
    assert any("caf" in path for path in git.changed(repository))
    for path in git.changed(repository):
        path.encode()


def test_who_is_at_work_and_where_can_be_written_down_whatever_the_bytes(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    subprocess.run(["git", "checkout", "-qb", LATIN], cwd=repository, check=True)
    assert git.facts(repository).branch == "caf\ufffd"
    subprocess.run(["git", "config", "user.email", LATIN], cwd=repository, check=True)
    assert git.who(repository) == "caf\ufffd"
    monkeypatch.setenv("GITHUB_ACTOR", os.fsdecode(LATIN))
    assert git.who(repository) == "caf\ufffd"


def test_a_refusal_that_names_other_bytes_can_be_shown(repository: Path) -> None:
    with pytest.raises(git.GitError) as refused:
        git.run(repository, "rev-parse", "--verify", os.fsdecode(LATIN), "--")
    str(refused.value).encode()
