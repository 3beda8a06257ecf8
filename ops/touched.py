"""`python -m ops touched BASE`: the stacks whose deployment a change can alter.

A stack's settings file touches that stack; what every stack is made from touches all of them; the
rest, tests and docs among it, touches none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath
from typing import Final

from components.errors import OperatorError
from ops import git, project

PROGRAM: Final = (
    "__main__.py",
    "Pulumi.yaml",
    "components/",
    "program/",
    "requirements.txt",
    "sdks/",
    "toolchain/",
    "tools/pulumi/",
)
"""What every stack is made from: files, and folders that end in a slash. The engine is one, whose
version `toolchain/` has."""

STAND_INS: Final = (
    "local/",
    "tools/etcd/",
    "tools/kubernetes/",
    "tools/pulumi-resource-kubernetes/",
)
"""What the stack local alone runs on."""

SHADOWS: Final = ("*.py", "*.pyc", "*.so", "*/__init__.py", "*/__init__.pyc")
"""Modules and packages in the repository's top, which Python finds before those of packages that
are installed: one that is called `yaml` would run in every program."""

ENVIRONMENTS: Final = ("preview", "verify")
"""What the names of a stack's other environments end in, each with credentials of its own."""

# What GitHub and GitLab give as the commit before the first one of a branch.
_NO_COMMIT: Final = "0" * 40
_COMMIT: Final = re.compile(r"[0-9a-f]{40}")


class ChangeError(OperatorError):
    """What changed cannot be told; the message says why."""


def touched(paths: Iterable[str], stacks: Sequence[str]) -> list[str]:
    """Return those of `stacks` that a change of `paths` touches, in their order.

    Args:
        paths: the files that were added, changed or removed, from the repository's top.
        stacks: names of the stacks that there are.
    """
    found: set[str] = set()
    for path in paths:
        if _below(path, PROGRAM) or _shadows(path):
            return list(stacks)
        if _below(path, STAND_INS):
            found.add(project.LOCAL)
        elif stack := settings_of(path):
            found.add(stack)
    return [stack for stack in stacks if stack in found]


def check_names(stacks: Sequence[str]) -> None:
    """Raise ChangeError where a stack's environment would be another one's for previews."""
    for stack in stacks:
        first, _, last = stack.rpartition("-")
        if last in ENVIRONMENTS and first in stacks:
            raise ChangeError(
                f"stack {stack} cannot be called so beside stack {first}: environment {stack} is "
                f"what pipelines {last} {first} in, with credentials that any branch may use; "
                f"rename stacks/Pulumi.{stack}.yaml"
            )


def settings_of(path: str) -> str | None:
    """Return the stack whose settings file `path` is, None for any other file."""
    file = PurePosixPath(path)
    if file.parent != PurePosixPath("stacks") or file.suffix != ".yaml":
        return None
    first, _, stack = file.stem.partition(".")
    return stack if first == "Pulumi" and stack else None


def changed(root: Path, base: str, *, pushed: bool = False) -> list[str] | None:
    """Return the files that differ between the working tree and where it left `base`.

    Uncommitted and untracked files count, ignored ones do not.

    Args:
        root: the checkout.
        base: a commit or branch.
        pushed: it is what a push replaced: what a push by force took away counts, too.

    Returns None when nobody knows: `base` is the absent commit that a forge gives for a new branch,
    or what a push by force left in no branch. Raises ChangeError when git cannot compare.
    """
    if base == _NO_COMMIT:
        return None
    try:
        way_out = git.fetching(root)
        if base.startswith("-") or not git.has_commit(root, base):
            if pushed and _COMMIT.fullmatch(base):
                return None
            raise ChangeError(f"git knows no commit {base!r} here; {way_out}")
        try:
            start = base if pushed else git.run(root, "merge-base", base, "HEAD")
        except git.GitError:
            raise ChangeError(f"{base} and HEAD have no commit in common; {way_out}") from None
        # A rename touches what it left, too. Names are relative, for a checkout below the top.
        differing = git.run(
            root, "diff", "--name-only", "--no-renames", "--relative", "-z", start, "--",
            strip=False,
        )  # fmt: skip
        new = git.run(root, "ls-files", "--others", "--exclude-standard", "-z", strip=False)
    except git.GitError as error:
        raise ChangeError(str(error)) from None
    return sorted({path for path in (differing + new).split("\0") if path})


def removed(paths: Iterable[str], stacks: Sequence[str]) -> list[str]:
    """Return the stacks whose settings are among `paths` and that there are no longer."""
    return [stack for path in paths if (stack := settings_of(path)) and stack not in stacks]


def _shadows(path: str) -> bool:
    parts = PurePosixPath(path)
    return any(
        len(parts.parts) == len(PurePosixPath(pattern).parts) and parts.match(pattern)
        for pattern in SHADOWS
    )


def _below(path: str, places: Sequence[str]) -> bool:
    return any(path.startswith(place) if place.endswith("/") else path == place for place in places)
