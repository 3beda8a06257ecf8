"""Which groups of checks a command line chooses, and how it ends."""

import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner
from typer.testing import Result as Ended

from components.coder.api import CoderdAccess
from ops import project, stacks
from ops.cli import app
from ops.verification import command, evidence, session
from ops.verification.access import Access
from ops.verification.command import NOT_CHECKED, chosen, counted, line, status
from ops.verification.model import CheckGroup, Outcome, Result
from ops.verification.run import Run
from ops.verification.state import Leftover, RunState
from tests.ops.verification.fake_coderd import TOKEN, URL, FakeCoderd


@pytest.mark.parametrize("group", [CheckGroup.JAIL, CheckGroup.AGENTS])
def test_what_looks_into_a_workspace_has_it_built(group: CheckGroup) -> None:
    assert chosen([group]) == {group, CheckGroup.PATH}


def test_another_group_is_alone_and_none_named_is_all() -> None:
    assert chosen([CheckGroup.MCP, CheckGroup.PREFLIGHT]) == {CheckGroup.MCP, CheckGroup.PREFLIGHT}
    assert chosen([]) == set(CheckGroup)


@pytest.mark.parametrize(
    ("outcomes", "ends", "said"),
    [
        ([Outcome.PASSED], 0, "1 passed, 0 failed, 0 not checked"),
        # A fault of a real part is told, and fails nobody's deployment.
        (
            [Outcome.PASSED, Outcome.KNOWN_FAULT],
            0,
            "1 passed, 0 failed, 0 not checked, 1 known fault",
        ),
        (
            [Outcome.KNOWN_FAULT, Outcome.NOT_CHECKED],
            3,
            "0 passed, 0 failed, 1 not checked, 1 known fault",
        ),
        (
            [Outcome.KNOWN_FAULT, Outcome.FAILED],
            1,
            "0 passed, 1 failed, 0 not checked, 1 known fault",
        ),
    ],
)
def test_how_it_ends(outcomes: list[Outcome], ends: int, said: str) -> None:
    results = [Result("jail.target", "", each, "seen", "look") for each in outcomes]
    assert (status(results), counted(results)) == (ends, said)
    assert all(each.outcome in line(each).plain for each in results)
    assert all("next: look" in line(each).plain for each in results)


def verify(*arguments: str) -> Ended:
    return CliRunner().invoke(app, ["verify", *arguments])


@pytest.fixture
def coderd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeCoderd:
    """The Coder of every stack, and no state of an earlier run."""
    coderd = FakeCoderd()

    @contextmanager
    def reached(stack: str, _: object) -> Iterator[Access]:
        yield Access(stacks.settings(stack), TOKEN)

    place = CoderdAccess(URL, TOKEN, httpx.MockTransport(coderd))
    monkeypatch.setattr(command, "CoderdAccess", lambda *_: place)
    monkeypatch.setattr(command, "access", reached)
    monkeypatch.setattr(project, "ROOT", tmp_path)
    return coderd


def test_evidence_of_chosen_checks_names_the_rest_and_is_checked_against_coder(
    coderd: FakeCoderd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    coderd.templates = {"firewalled": False}
    coderd.files["file-1"] = b""

    def verified(run: Run, _: object) -> None:
        run.take("preflight.agents", "firewalled", lambda: "agents_allowed is false")

    monkeypatch.setattr(command, "context", lambda *_: None)
    monkeypatch.setattr(session, "verify", verified)
    folder = str(tmp_path / "evidence")
    choice = ("--group", "preflight", "--template", "firewalled")
    ended = verify("dev", *choice, "--evidence", folder)
    assert ended.exit_code == 0, ended.output
    left = evidence.check(Path(folder)).left_out
    assert "jail" in left.groups
    assert "firewalled" not in left.templates
    ended = verify("--check", folder)
    assert ended.exit_code == 0, ended.output
    assert f"of a part of the stack; left out: {left}" in ended.output
    assert "nothing of what is compared has changed since" in ended.output
    coderd.templates["firewalled"] = True
    ended = verify("--check", folder)
    assert ended.exit_code == NOT_CHECKED
    assert ended.output.endswith("template firewalled: agents_allowed false → true\n")
    ended = verify("--check", folder, "--json")
    told = json.loads(ended.stdout)
    assert (ended.exit_code, told["stack"], told["outcome"]) == (NOT_CHECKED, "dev", "not checked")
    assert told["left_out"] == {
        "groups": list(left.groups),
        "templates": list(left.templates),
        "checks": list(left.checks),
    }
    assert told["signature"] == "not signed"
    assert told["changed"] == ["template firewalled: agents_allowed false → true"]
    assert "Coder's release" in told["compared"]
    assert told["not_compared"]
    assert told["not_known"] == ""


def test_evidence_that_nobody_can_compare_is_data_too(
    coderd: FakeCoderd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "context", lambda *_: None)
    monkeypatch.setattr(session, "verify", lambda *_: None)
    coderd.templates, coderd.files["file-1"] = {"firewalled": False}, b""
    folder = str(tmp_path / "evidence")
    verify("dev", "--group", "mcp", "--evidence", folder)
    coderd.organizations = []
    ended = verify("--check", folder, "--json")
    told = json.loads(ended.stdout)
    assert (ended.exit_code, told["changed"], told["compared"]) == (NOT_CHECKED, [], [])
    assert told["not_known"]


def test_a_deletion_that_is_interrupted_says_how_to_go_on(
    coderd: FakeCoderd, tmp_path: Path
) -> None:
    coderd.exists, coderd.builds = True, [({"status": "running"}, "starting")]
    RunState(tmp_path, "dev", "").making(Leftover("admin", "verify-1"))

    def interrupted(*_: object) -> httpx.Response:
        os.kill(os.getpid(), signal.SIGINT)
        return coderd.json({})

    coderd.cancel = interrupted  # type: ignore[method-assign]
    ended = verify("dev", "--clean")
    assert ended.exit_code == 130, ended.output
    assert ended.stdout == (
        "not deleted: admin/verify-1: the run was interrupted\n"
        "interrupted: `python -m ops verify dev --clean` goes on\n"
    )
    coderd.builds = [({"status": "succeeded"}, "running")]
    ended = verify("dev", "--clean")
    assert (ended.exit_code, ended.stdout) == (0, "")
    RunState(tmp_path, "dev", "").making(Leftover("admin", "verify-2"))
    ended = verify("dev", "--clean", "--json")
    assert ended.exit_code == 0, ended.output
    assert json.loads(ended.stdout) == {
        "stack": "dev",
        "deleted": ["admin/verify-2"],
        "not_deleted": [],
    }
    assert verify("dev", "--clean").stdout == "nothing was left\n"
