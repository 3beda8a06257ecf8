"""What `ops verify` refuses before it does anything."""

from pathlib import Path

import pytest
from typer.testing import CliRunner
from typer.testing import Result as Ended

from ops.cli import app
from ops.verification.evidence import SUMS


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


def test_a_folder_with_evidence_is_refused_before_the_run(tmp_path: Path) -> None:
    (tmp_path / SUMS).touch()
    assert f"{tmp_path} holds evidence already" in refused("--evidence", tmp_path)
