"""What git says about a checkout: commit, branch, whether it is clean; and temporary worktrees."""

from __future__ import annotations

import getpass
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from components.errors import OperatorError

SHORT = 12
# Who started the job, as GitHub Actions and GitLab CI name them.
_ACTORS = ("GITHUB_ACTOR", "GITLAB_USER_LOGIN")
# A hook or an outer git command sets these, and they would redirect every command here.
_REDIRECTS = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_COMMON_DIR")


class GitError(OperatorError):
    """Git cannot answer; the message says what was asked and what git said."""


@dataclass(frozen=True)
class Facts:
    """A checkout at one moment.

    Attributes:
        commit: the full hash of HEAD, None outside of a repository or before its first commit.
        dirty: whether anything that is not ignored differs from HEAD, untracked files included;
            True without a commit, since nothing can be found again then.
        branch: name of the branch, None when HEAD is detached.
        problem: why there is no commit, else empty.
    """

    commit: str | None
    dirty: bool
    branch: str | None
    problem: str = ""


def facts(root: Path) -> Facts:
    """Return what git says of the checkout at `root`; a folder without git is dirty."""
    try:
        check(root)
    except GitError as error:
        return Facts(None, True, None, str(error))
    try:
        commit = run(root, "rev-parse", "--verify", "--quiet", "HEAD")
    except GitError:
        return Facts(None, True, None, "the repository has no commit yet")
    try:
        changed = run(root, "status", "--porcelain", "--untracked-files=normal")
    except GitError as error:
        return Facts(None, True, None, str(error))
    try:
        branch: str | None = _shown(run(root, "symbolic-ref", "--short", "HEAD"))
    except GitError:
        branch = None
    return Facts(commit, bool(changed), branch)


def check(root: Path) -> None:
    """Raise GitError, with git's own reason, unless `root` is a repository that git reads."""
    run(root, "rev-parse", "--git-dir")


def fetching(root: Path) -> str:
    """Return how a commit comes that the repository at `root` has not; raises GitError."""
    # In a complete clone git refuses --unshallow.
    if run(root, "rev-parse", "--is-shallow-repository") == "true":
        return "the clone is shallow, fetch the history: git fetch --unshallow"
    return "fetch it first: git fetch --all"


def changed(root: Path) -> tuple[str, ...]:
    """Return the paths that differ from HEAD, to be shown; raises GitError.

    Untracked ones are among them.
    """
    lines = run(root, "status", "--porcelain", "--untracked-files=normal", strip=False)
    return tuple(_shown(line[3:]) for line in lines.splitlines())


def contains(root: Path, branch: str, commit: str) -> bool | None:
    """Return whether `branch` has `commit` in its history, None if it is not known here.

    Raises GitError when git does not read the repository.
    """
    check(root)
    try:
        run(root, "rev-parse", "--verify", "--quiet", f"{branch}^{{commit}}")
    except GitError:
        return None
    try:
        return run(root, "merge-base", commit, branch) == run(root, "rev-parse", commit)
    except GitError:
        return False


def comes_after(root: Path, later: str, earlier: str) -> bool | None:
    """Return whether a commit has another in its history, None if one of them is not known here.

    Raises GitError when git does not read the repository.
    """
    if not has_commit(root, later) or not has_commit(root, earlier):
        return None
    return later != earlier and bool(contains(root, later, earlier))


def who(root: Path) -> str:
    """Return who is at work: the actor of a CI job, git's user, or the account's name."""
    for name in _ACTORS:
        if os.environ.get(name):
            return _shown(os.environ[name])
    for key in ("user.email", "user.name"):
        try:
            found = run(root, "config", key)
        except GitError:
            continue
        if found:
            return _shown(found)
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


def has_commit(root: Path, commit: str) -> bool:
    """Return whether the repository at `root` has `commit` with its content.

    Raises GitError when git does not read the repository.
    """
    check(root)
    try:
        run(root, "rev-parse", "--verify", "--quiet", f"{commit}^{{tree}}")
    except GitError:
        return False
    return True


@contextmanager
def worktree(root: Path, commit: str) -> Iterator[Path]:
    """Check `commit` out into a temporary folder; it is removed at the end, whatever happens.

    Yields the folder that matches `root`, also when `root` is below the repository's top.
    Raises GitError when git cannot check it out.
    """
    top = Path(run(root, "rev-parse", "--show-toplevel"))
    parent = Path(tempfile.mkdtemp(prefix="firewalled-coder-"))
    place = parent / "checkout"
    try:
        # Links of worktrees whose process was killed; git keeps those that are in use.
        run(root, "worktree", "prune")
        run(root, "worktree", "add", "--detach", "--force", str(place), commit)
        yield place / root.resolve().relative_to(top.resolve())
    finally:
        shutil.rmtree(parent, ignore_errors=True)
        run(root, "worktree", "prune")


def run(root: Path, *arguments: str, strip: bool = True) -> str:
    """Return what `git arguments` prints in `root`; raises GitError."""
    environment = {key: value for key, value in os.environ.items() if key not in _REDIRECTS}
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *arguments],
            capture_output=True,
            # Names are bytes: they come back as the files that they are.
            encoding="utf-8",
            errors="surrogateescape",
            check=True,
            timeout=120,
            env={**environment, "LC_ALL": "C"},
        )
    except FileNotFoundError:
        raise GitError("git is not installed") from None
    except subprocess.TimeoutExpired:
        raise GitError(f"git {arguments[0]} took longer than 120 s") from None
    except subprocess.CalledProcessError as error:
        why = _reason(error.stderr or "") or f"status {error.returncode}"
        raise GitError(_shown(f"git {arguments[0]}: {why}")) from None
    return done.stdout.strip() if strip else done.stdout


def _shown(text: str) -> str:
    """Return text that can be written down: what is no UTF-8 in it as a question mark."""
    return text.encode(errors="surrogateescape").decode(errors="replace")


def _reason(said: str) -> str:
    """The line of git's that says why, and the command that it advises."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    fatal = [line.removeprefix("fatal: ") for line in lines if line.startswith("fatal: ")]
    advised = [
        line for line in lines if line.startswith("git config --global --add safe.directory")
    ]
    why = fatal[0] if fatal else lines[-1] if lines else ""
    return f"{why}; if you trust it: {advised[0]}" if advised else why
