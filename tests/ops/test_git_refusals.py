"""A checkout that git refuses to read: its own reason, wherever a commit is asked for."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import typer

from ops import (
    against,
    deployed,
    git,
    history,
    plan,
    protection,
    rollback,
    stacks,
    terminal,
    touched,
    up,
)
from ops.traffic import InputError
from tests.ops.test_protection import protected
from tests.ops.test_rollback import update

REASON = "detected dubious ownership in repository at"
WAY_OUT = "git config --global --add safe.directory"


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with one commit that belongs to another account."""
    for scope in ("GLOBAL", "SYSTEM"):
        monkeypatch.setenv(f"GIT_CONFIG_{scope}", "/dev/null")
    git.run(tmp_path, "init", "-q", "-b", "main")
    git.run(tmp_path, "config", "user.email", "ada@example.com")
    git.run(tmp_path, "config", "user.name", "Ada")
    (tmp_path / "stacks").mkdir()
    (tmp_path / "stacks" / "Pulumi.dev.yaml").write_text("config: {}\n")
    git.run(tmp_path, "add", "-A")
    git.run(tmp_path, "commit", "-q", "-m", "one")
    # Git's own switch for its tests: as if the owner were another.
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    return tmp_path


def is_told(text: str) -> None:
    assert REASON in text
    assert WAY_OUT in text
    assert "unshallow" not in text
    assert "\n" not in text.strip()


def test_the_facts_say_why_there_is_no_commit(checkout: Path) -> None:
    found = git.facts(checkout)
    assert found.commit is None
    is_told(found.problem)


def test_a_commit_that_is_asked_for_is_not_called_unknown(checkout: Path) -> None:
    for ask in (
        lambda: git.has_commit(checkout, "HEAD"),
        lambda: git.contains(checkout, "main", "HEAD"),
        lambda: git.fetching(checkout),
    ):
        with pytest.raises(git.GitError) as refused:
            ask()
        is_told(str(refused.value))


def test_touched_says_it(checkout: Path) -> None:
    with pytest.raises(touched.ChangeError) as refused:
        touched.changed(checkout, "main")
    is_told(str(refused.value))


def test_explain_against_a_commit_says_it(checkout: Path) -> None:
    with pytest.raises(InputError) as refused:
        against.other("dev", "main", checkout)
    is_told(str(refused.value))


def test_rollback_says_it(checkout: Path) -> None:
    with (
        pytest.raises(rollback.RollbackError) as refused,
        rollback.earlier("dev", update(1, "a" * 40), lambda _: None, root=checkout),
    ):
        pass
    is_told(str(refused.value))


def test_a_protected_stack_says_it(checkout: Path) -> None:
    (problem,) = protection.source(protected(), checkout)
    is_told(problem)
    with pytest.raises(protection.ProtectedError) as refused:
        protection.check_commit("usgov", protected(), checkout, "a" * 40)
    assert REASON in str(refused.value)


def test_a_plan_whose_place_in_the_history_git_does_not_tell_is_one_error(
    checkout: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    saved = cast(Any, SimpleNamespace(basis=SimpleNamespace(commit="a" * 40, update=1)))
    with pytest.raises(typer.Exit), terminal.reported():
        plan.check_order(saved, [update(2, "b" * 40)], checkout)
    is_told(capsys.readouterr().err)


@pytest.mark.parametrize("kind", ["other owner", "no repository", "no commit", "no git"])
def test_up_says_that_it_records_no_commit_and_why(
    kind: str, checkout: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    root, why = checkout, REASON
    if kind != "other owner":
        monkeypatch.delenv("GIT_TEST_ASSUME_DIFFERENT_OWNER")
    if kind == "no repository":
        root, why = checkout.parent, "not a git repository"
    elif kind == "no commit":
        git.run(checkout, "update-ref", "-d", "HEAD")
        why = "no commit yet"
    elif kind == "no git":
        monkeypatch.setenv("PATH", str(checkout))
        why = "git is not installed"
    found = recorded(root, monkeypatch)
    said = " ".join(capsys.readouterr().err.split())
    assert "this update records no commit" in said
    assert "rollback" in said
    assert why in said
    again = history.parse(found.message())
    assert again == found
    assert why in found.title


def test_with_a_commit_up_says_nothing_of_it(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("GIT_TEST_ASSUME_DIFFERENT_OWNER")
    assert recorded(checkout, monkeypatch).no_commit == ""
    assert capsys.readouterr().err == ""


def recorded(root: Path, monkeypatch: pytest.MonkeyPatch) -> history.Record:
    settings = protected()
    monkeypatch.setattr(stacks, "settings", lambda name, place: settings)
    monkeypatch.setattr(deployed, "of_stack", lambda stack: deployed.Deployed({}, None))
    return up.recorded("dev", cast(Any, None), root)


def test_only_a_shallow_clone_is_told_to_fetch_its_history(
    checkout: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GIT_TEST_ASSUME_DIFFERENT_OWNER")
    git.run(checkout, "commit", "-q", "--allow-empty", "-m", "two")
    first = git.run(checkout, "rev-parse", "HEAD~1")
    clone = tmp_path_factory.mktemp("clone")
    git.run(clone, "clone", "-q", "--depth", "1", f"file://{checkout}", ".")
    with pytest.raises(touched.ChangeError, match="git fetch --unshallow"):
        touched.changed(clone, first)
    git.run(clone, "fetch", "-q", "--unshallow")
    assert touched.changed(clone, first) == []
    with pytest.raises(touched.ChangeError, match="git fetch --all") as refused:
        touched.changed(clone, "nowhere")
    assert "unshallow" not in str(refused.value)
