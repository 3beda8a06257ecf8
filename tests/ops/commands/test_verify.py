"""What `ops verify` refuses before it does anything."""

from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner
from typer.testing import Result as Ended

from components.errors import OperatorError
from ops.cli import app
from ops.verification import evidence
from ops.verification.evidence import SUMS
from ops.verification.left_out import LeftOut
from tests.ops.verification.test_evidence import EVIDENCE
from tests.ops.verification.test_evidence_parts import FORMAT_1


@pytest.fixture(autouse=True)
def _nothing_is_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    def reached(*_: object) -> None:
        raise AssertionError("the deployment is reached")

    monkeypatch.setattr("ops.verification.command.access", reached)


def refused(*arguments: object, **variables: str) -> str:
    command = ["verify", "local", *map(str, arguments)]
    ended: Ended = CliRunner().invoke(app, command, env=variables)
    assert ended.exit_code == 1, ended.output
    assert ended.output.count("\n") == 1, ended.output
    return ended.output


def test_a_key_that_is_not_there_is_refused_before_the_run(tmp_path: Path) -> None:
    evidence, key = tmp_path / "evidence", tmp_path / "no-key"
    for output in (
        refused("--evidence", evidence, "--sign", key),
        refused("--evidence", evidence, EVIDENCE_KEY=str(key)),
    ):
        assert f"there is no ssh key {key}" in output
    assert not evidence.exists()


def test_a_signature_is_over_evidence() -> None:
    assert "--sign needs --evidence DIR, which it signs" in refused("--sign", "key")


def test_a_key_in_a_variable_asks_for_no_evidence() -> None:
    ended = CliRunner().invoke(app, ["verify", "local"], env={"EVIDENCE_KEY": "no-key"})
    assert str(ended.exception) == "the deployment is reached"


def test_a_folder_that_cannot_be_written_is_refused_before_the_run(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    folder = tmp_path / "file" / "evidence"
    assert f"{folder} cannot be written" in refused("--evidence", folder)


def test_a_file_of_signers_that_is_not_there_is_refused(tmp_path: Path) -> None:
    signers = tmp_path / "no-signers"
    output = refused("--check", FORMAT_1, "--signer", signers)
    assert f"there is no file of allowed signers {signers}" in output


def test_a_signer_is_of_evidence_that_is_checked() -> None:
    assert "--signer needs --check DIR" in refused("--signer", "signers")


def test_what_the_evidence_is_of_is_told_before_what_has_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = LeftOut(("mcp",), ("open",), ("path.built",))
    evidence.write(replace(EVIDENCE, left_out=left, resumed="2026-11-27T05:05:00Z"), tmp_path)

    def gone(*_: object) -> None:
        raise OperatorError("it is gone")

    monkeypatch.setattr("ops.verification.command.access", gone)
    ended = CliRunner().invoke(app, ["verify", "--check", str(tmp_path)])
    assert ended.exit_code == 3
    assert ended.output.splitlines() == [
        "whole: stack dev, not checked, ended 2026-11-27T05:10:00Z by dana",
        "of a part of the stack; left out: group mcp; template open",
        "The run was cut off and resumed at 2026-11-27T05:05:00Z: 1 of 1 results are of before, "
        "the oldest of 2026-11-27T05:02:00Z",
        "not signed",
        "what has changed since is not known: it is gone",
    ]


def test_a_folder_with_evidence_is_refused_before_the_run(tmp_path: Path) -> None:
    (tmp_path / SUMS).touch()
    assert f"{tmp_path} holds evidence already" in refused("--evidence", tmp_path)
