"""A stack's state is where the operator put it, and no command makes another."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from pulumi import automation
from typer.testing import CliRunner

from components.errors import OperatorError
from ops import backend, engine, host
from ops.cli import app
from ops.project import ROOT

FILE = "config:\n  firewalled-coder:protected: true\n"


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with the stack dev, and an empty backend beside it."""
    (tmp_path / "stacks").mkdir()
    (tmp_path / "stacks" / "Pulumi.dev.yaml").write_text(FILE)
    (tmp_path / "Pulumi.yaml").write_text((ROOT / "Pulumi.yaml").read_text())
    (tmp_path / "state").mkdir()
    monkeypatch.setenv(backend.VARIABLE, f"file://{tmp_path}/state?metadata=skip")
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "pp")
    monkeypatch.setenv("PULUMI_HOME", str(tmp_path / "home"))
    return tmp_path


def quiet(_: str) -> None:
    pass


def opened(root: Path) -> automation.Stack:
    with engine.session("dev", quiet, root=root) as ready:
        return ready.stack


def made(root: Path) -> list[str]:
    return sorted(path.name for path in (root / "state/.pulumi/stacks").rglob("*.json"))


def test_a_stack_that_the_backend_has_not_is_made_by_no_command(root: Path) -> None:
    with pytest.raises(OperatorError) as told:
        opened(root)
    assert str(told.value) == (
        f"no stack dev in the backend file://{root}/state: make it with `pulumi stack init dev` "
        "(docs/backends.md says with which secrets provider), or set PULUMI_BACKEND_URL to the "
        "backend that has it"
    )
    assert (root / "stacks" / "Pulumi.dev.yaml").read_text() == FILE
    assert made(root) == []


def test_a_stack_that_was_made_is_the_one_that_commands_run(root: Path) -> None:
    workspace = automation.LocalWorkspace(work_dir=str(root), pulumi_command=engine._command(quiet))
    host.Stack("dev", workspace, host.StackInitMode.CREATE)
    before = (root / "stacks" / "Pulumi.dev.yaml").read_text()
    assert "encryptionsalt" in before
    assert opened(root).history() == []
    assert (root / "stacks" / "Pulumi.dev.yaml").read_text() == before
    assert made(root) == ["dev.json"]


def in_process(command: str) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "ops", command, "dev"],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def here(command: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, [command, "dev"])
    return done.exit_code, done.stdout, done.stderr


@pytest.mark.parametrize(
    ("command", "run"),
    [
        ("history", in_process),
        ("preview", here),
        ("refresh", here),
        ("adopt", here),
        ("up", here),
    ],
)
def test_a_command_without_its_stack_ends_with_one_error(
    command: str,
    run: Callable[[str], tuple[int, str, str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file = ROOT / "stacks" / "Pulumi.dev.yaml"
    before = file.read_bytes()
    monkeypatch.setenv(backend.VARIABLE, f"file://{tmp_path}?metadata=skip")
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "pp")
    monkeypatch.setenv("PULUMI_HOME", str(tmp_path / "home"))
    try:
        status, out, error = run(command)
        after = file.read_bytes()
    finally:
        file.write_bytes(before)
    assert status == 1
    # A preview is a report, with what is wrong in it.
    said = out if command == "preview" else error
    assert said.count(f"no stack dev in the backend file://{tmp_path}: make it with") == 1
    assert command == "preview" or said.count("\n") == 1
    assert after == before
    assert not list(tmp_path.rglob("dev.json"))


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("s3://bucket/path?region=us-gov-west-1&secret=hunter2", "s3://bucket/path"),
        ("https://ada:hunter2@pulumi.example.com/", "https://pulumi.example.com/"),
        ("postgres://ada:hunter2@db:5432/pulumi", "postgres://db:5432/pulumi"),
        ("azblob://container#hunter2", "azblob://container"),
        ("https://[hunter2", "that PULUMI_BACKEND_URL names"),
    ],
)
def test_a_backend_is_named_without_a_credential(
    url: str, shown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(backend.VARIABLE, url)
    assert backend.place() == f"the backend {shown}"


def test_without_a_url_the_login_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(backend.VARIABLE, raising=False)
    assert str(backend.NoStackError("dev")).startswith(
        "no stack dev in the backend where `pulumi login` was (PULUMI_BACKEND_URL is not set): "
    )
