"""Protected stacks: what an update of one has to come from."""

from __future__ import annotations

from pathlib import Path

from components.errors import OperatorError
from components.settings.model import Settings
from ops import git, stacks

_SHOWN = 5


class ProtectedError(OperatorError):
    """A protected stack refuses; the message names every reason. Nothing was applied."""


def check(stack: str, settings: Settings, root: Path, *, planned: bool) -> None:
    """Refuse an update of a protected stack that nobody can have reviewed as it is.

    Args:
        stack: its name.
        settings: its settings; nothing is refused unless they say `protected`.
        root: the checkout whose program and settings are to be deployed.
        planned: whether the update applies a plan.

    Raises ProtectedError.
    """
    if not settings.protected:
        return
    problems = source(settings, root)
    if not planned:
        problems.append(
            f"there is no plan: python -m ops preview {stack} --save-plan FILE, then, reviewed, "
            f"python -m ops up {stack} --plan FILE"
        )
    _refuse(stack, "an update", problems)


def check_commit(stack: str, settings: Settings, root: Path, commit: str) -> None:
    """Refuse to deploy `commit` to a protected stack unless it is on the main branch.

    Raises ProtectedError.
    """
    if settings.protected:
        _refuse(stack, "going back", _unreviewed(settings, root, commit))


def check_destroy(stack: str, root: Path) -> None:
    """Refuse to destroy a protected stack, its settings wrong or not; raises ProtectedError."""
    if stacks.protected(stack, root):
        _refuse(stack, "destroy", ["take `protected` out of its settings first, by review"])


def source(settings: Settings, root: Path) -> list[str]:
    """Return what is wrong with the checkout at `root` as the source of an update."""
    found = git.facts(root)
    if found.commit is None:
        return [f"this is no git checkout to deploy from: {found.problem}"]
    problems = []
    if found.dirty:
        paths = git.changed(root)
        more = f" and {len(paths) - _SHOWN} more" if len(paths) > _SHOWN else ""
        problems.append(
            f"the checkout differs from its commit: {', '.join(paths[:_SHOWN])}{more}; commit "
            "and have it reviewed, or put it back"
        )
    return problems + _unreviewed(settings, root, found.commit)


def _unreviewed(settings: Settings, root: Path, commit: str) -> list[str]:
    branch, short = settings.main_branch, commit[: git.SHORT]
    try:
        known = git.contains(root, branch, commit)
    except git.GitError as error:
        return [f"commit {short} cannot be looked for on {branch}: {error}"]
    if known is None:
        return [
            f"the branch {branch} is not known here, so commit {short} cannot be found on it: "
            "git fetch, or set mainBranch to the reviewed branch"
        ]
    if not known:
        return [
            f"commit {short} is not on {branch}: merge it there first (and git fetch, if it is)"
        ]
    return []


def _refuse(stack: str, what: str, problems: list[str]) -> None:
    if problems:
        lines = "".join(f"\n  {problem}" for problem in problems)
        raise ProtectedError(
            f"stack {stack} is protected and refuses {what}; nothing was applied{lines}"
        )
