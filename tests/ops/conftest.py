"""The stack `local` as it is committed, up, for the files that look at it and those that change it.

Its first update is one by a plan, from a checkout of its own.
"""

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from local.environment import Environment
from ops import engine, git, plan, preview, up
from ops.assessment import StackPreview
from ops.project import ROOT

CODE = ("__main__.py", "Pulumi.yaml", "requirements.txt", "components", "program", "sdks")


def quiet(_: str) -> None:
    pass


def copied(repository: Path, *names: str) -> None:
    """Make a git repository of what this one has below some names, with nothing committed."""
    files = subprocess.run(
        ["git", "ls-files", "-z", *names], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.split("\0")
    for name in filter(None, files):
        target = repository / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes((ROOT / name).read_bytes())
    git.run(repository, "init", "-q", "-b", "main")
    git.run(repository, "config", "user.email", "ada@example.com")
    git.run(repository, "config", "user.name", "Ada")


@dataclass
class Standing:
    """The stack `local`, up.

    Attributes:
        environment: what it runs on.
        repository: the checkout that its first update is from.
        first: the preview of that.
        as_committed: whether it is still up by the committed settings.
    """

    environment: Environment
    repository: Path
    first: StackPreview
    as_committed: bool = True


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Environment]:
    """An environment for every file that leaves to others what is not its own."""
    environment = Environment(ROOT, tmp_path_factory.mktemp("shared"))
    try:
        environment.start(quiet)
        yield environment
    finally:
        environment.remove()


@pytest.fixture(scope="session")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Environment]:
    """An environment that nobody has started yet, for files that leave nothing up in it."""
    environment = Environment(ROOT, tmp_path_factory.mktemp("empty") / "state")
    try:
        yield environment
    finally:
        environment.remove()


@pytest.fixture(scope="session")
def standing(shared: Environment, tmp_path_factory: pytest.TempPathFactory) -> Standing:
    """The stack `local`, up, however the tests before left it."""
    repository = tmp_path_factory.mktemp("repository")
    copied(repository, *CODE, "stacks")
    git.run(repository, "add", "-A")
    git.run(repository, "commit", "-q", "-m", "as it is")
    file = tmp_path_factory.mktemp("first") / "plan"
    with engine.session("local", quiet, root=repository, state=shared.state) as ready:
        first = preview.planned(ready, "local", file, repository)
        assert not first.failure
        result, _ = up.apply(ready, "local", plan.load(file, "local"), repository)
        # A review and an update count alike.
        assert first.counted == result.summary.resource_changes
    assert set(first.counted) == {"create"}
    return Standing(shared, repository, first)


@pytest.fixture(scope="module")
def committed_stack(standing: Standing) -> Standing:
    """The stack `local` up as it is committed; who changes it says so in `as_committed`."""
    if not standing.as_committed:
        with engine.session("local", quiet, state=standing.environment.state) as ready:
            ready.stack.up()
        standing.as_committed = True
    return standing
