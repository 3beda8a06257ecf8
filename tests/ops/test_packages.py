"""Going back to a commit with other packages, on the real engine: its provider versions count."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from local.environment import Environment
from ops import engine, git, history, packages, project, rollback
from ops.deployed import Deployed
from ops.hosted import hosted
from tests.ops.conftest import quiet

STACK = "packages"
EARLIER, PRESENT = "4.21.3", "4.21.4"
PROGRAM = """
from importlib.metadata import PackageNotFoundError, version

import pulumi
import pulumi_random as random


def seen(name):
    try:
        return version(name)
    except PackageNotFoundError:
        return None


random.RandomPet("pet", keepers={"made": "once"})
pulumi.export("packages", {name: seen(name) for name in ("pulumi-random", "own")})
"""

OWN = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
"""
# The least that pip takes for a backend: one of an index takes seconds to install each time.
BACKEND = """
import zipfile

NAME = "own-{version}"
FILES = {
    "own.py": "",
    NAME + ".dist-info/METADATA": "Metadata-Version: 2.1\\nName: own\\nVersion: {version}\\n",
    NAME + ".dist-info/WHEEL": "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
    NAME + ".dist-info/RECORD": "",
}


def build_wheel(folder, config_settings=None, metadata_directory=None):
    name = NAME + "-py3-none-any.whl"
    with zipfile.ZipFile(folder + "/" + name, "w") as wheel:
        for file, text in FILES.items():
            wheel.writestr(file, text)
    return name
"""


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    root = tmp_path / "repository"
    (root / "stacks").mkdir(parents=True)
    (root / "stacks" / f"Pulumi.{STACK}.yaml").write_text("config: {}\n")
    (root / "Pulumi.yaml").write_bytes((project.ROOT / "Pulumi.yaml").read_bytes())
    (root / "__main__.py").write_text(PROGRAM)
    git.run(root.parent, "init", "-q", "-b", "main", str(root))
    (root / ".gitignore").write_text("build/\n*.egg-info/\n")
    git.run(root, "config", "user.email", "ada@example.com")
    git.run(root, "config", "user.name", "Ada")
    return root


@pytest.fixture
def environments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Environments of earlier commits, which have what the tests have after what pip gives them.

    Pip looks for what is not there yet: all of Pulumi would take it seconds each time.
    """
    create = packages.venv.create

    def filled(home: Path, **options: Any) -> None:
        create(home, **options)
        (own,) = home.glob("lib/*/site-packages")
        (ours,) = (path for path in sys.path if path.endswith("site-packages"))
        (own / "filled.pth").write_text(f"{ours}\n")

    monkeypatch.setattr(packages.venv, "create", filled)
    monkeypatch.setattr(packages, "environments", lambda: tmp_path / "environments")


def requires(repository: Path, version: str) -> str:
    """Commit what needs a version of pulumi-random, and a package of the repository's own."""
    text = f"pulumi==3.259.0\npulumi-random=={version}\n./sdks/own\n"
    (repository / "requirements.txt").write_text(text)
    own = repository / "sdks" / "own"
    own.mkdir(parents=True, exist_ok=True)
    (own / "backend.py").write_text(BACKEND.replace("{version}", version))
    (own / "pyproject.toml").write_text(OWN)
    git.run(repository, "add", "-A")
    git.run(repository, "commit", "-q", "-m", f"pulumi-random {version}")
    return git.run(repository, "rev-parse", "HEAD")


def deploy(repository: Path, shared: Environment, commit: str, python: Path) -> int:
    """Deploy a commit with a Python that has its packages; return the update's number."""
    record = history.Record("up", commit, dirty=False)
    with engine.session(STACK, quiet, root=repository, state=shared.state) as ready:
        with hosted(python, repository, ready, STACK) as host:
            assert host.run("up", message=record.message()).error == ""
        return history.of(ready.stack)[0].number


def deployed(repository: Path, shared: Environment) -> tuple[Any, str, str]:
    """Return what the program saw, the provider's version in the state, and the value made."""
    with engine.session(STACK, quiet, root=repository, state=shared.state) as ready:
        seen = ready.stack.outputs()["packages"].value
        resources = (ready.stack.export_stack().deployment or {})["resources"]
    (pet,) = (each for each in resources if each["type"].endswith(":RandomPet"))
    provider = next(each for each in resources if pet["provider"].startswith(f"{each['urn']}::"))
    return seen, str(provider["inputs"]["version"]), str(pet["id"])


def test_an_earlier_commit_runs_with_its_own_packages_and_provider_versions(
    repository: Path, shared: Environment, environments: None
) -> None:
    commit = requires(repository, EARLIER)
    python = packages.python_for(repository, project.ROOT, quiet)
    first = deploy(repository, shared, commit, python)
    seen, provider, pet = deployed(repository, shared)
    assert (seen, provider) == ({"pulumi-random": EARLIER, "own": EARLIER}, EARLIER)
    # The packages of the tests are the present commit's, but for the repository's own.
    present = requires(repository, PRESENT)
    deploy(repository, shared, present, Path(sys.executable))
    assert deployed(repository, shared)[1:] == (PRESENT, pet)

    said: list[str] = []
    with engine.session(STACK, quiet, root=repository, state=shared.state) as now:
        chosen = rollback.choose(history.of(now.stack), first, STACK)
    with rollback.earlier(STACK, chosen, said.append, root=repository, state=shared.state) as ready:
        _, record = rollback.preview(ready, Deployed({}, None), None)
        rollback.apply(ready, record)
    assert deployed(repository, shared) == (seen, EARLIER, pet), "the value is kept"
    assert not any("installing" in line for line in said), "they were installed once already"
    assert git.facts(repository).dirty is False


def test_packages_that_are_not_to_be_had_are_one_clear_error(
    repository: Path, environments: None
) -> None:
    (repository / "requirements.txt").write_text("./gone\n")
    with pytest.raises(packages.PackagesError, match=r"cannot be installed: .*gone"):
        packages.python_for(repository, project.ROOT, quiet)
    ready = packages.environments().glob("*/.ready")
    assert list(ready) == [], "half an environment is not taken for a whole one"


def test_the_same_packages_take_the_same_python_and_others_do_not(tmp_path: Path) -> None:
    for name in ("now", "then"):
        (tmp_path / name / "sdks" / "coderd").mkdir(parents=True)
        (tmp_path / name / "requirements.txt").write_text("pulumi==3.259.0\n")
        (tmp_path / name / "sdks" / "coderd" / "setup.py").write_text("")
    digests = [packages.digest(tmp_path / name) for name in ("now", "then")]
    assert digests[0] == digests[1]
    (tmp_path / "then" / "sdks" / "coderd" / "setup.py").write_text("VERSION = '2'\n")
    assert packages.digest(tmp_path / "then") != digests[0]


@pytest.mark.parametrize("here", [True, False])
def test_packages_are_installed_by_the_pip_that_is_here_or_by_one_of_their_own(
    here: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: dict[str, bool] = {}
    ran: list[list[str]] = []

    def run(command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        ran.append(command)
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(packages, "find_spec", lambda name: object() if here else None)
    monkeypatch.setattr(packages.venv, "create", lambda _, **options: made.update(options))
    monkeypatch.setattr(packages.subprocess, "run", run)
    python = tmp_path / "bin" / "python"
    packages.install(python, tmp_path, tmp_path)
    assert made["with_pip"] is not here
    (command,) = ran
    own = [str(python), "-m", "pip", "install"]
    other = [sys.executable, "-m", "pip", "--python", str(python), "install"]
    assert command[: len(other if here else own)] == (other if here else own)
