"""How commands end when nobody answers, or a lock is met."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ops import diagnostics, terminal
from ops.cli import app
from ops.project import ROOT
from ops.ways_out import with_way_out

LOCK = (
    "error: the stack is currently locked by 1 lock(s). Either wait for the other process(es) to "
    "end or delete the lock file with `pulumi cancel`.\n"
    "  file:///x.json: created by root@{host} (pid {pid}) at 2026-11-27T20:00:00Z"
)


def test_without_anybody_to_ask_yes_is_named_before_the_work(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with Path(os.devnull).open() as nobody:
        monkeypatch.setattr(sys, "stdin", nobody)
        with pytest.raises(SystemExit) as ended:
            app(["destroy", "dev"])
    assert ended.value.code == 1
    said = capsys.readouterr()
    assert "nothing was applied: nobody answers on standard input; give --yes" in said.err
    assert said.out == ""


@pytest.mark.parametrize(
    ("answer", "said"), [("n\n", "nothing was applied"), ("", "give --yes to go ahead")]
)
def test_a_no_says_that_nothing_was_applied(answer: str, said: str) -> None:
    result = CliRunner().invoke(app, ["destroy", "dev"], input=answer)
    assert result.exit_code == 1
    assert said in result.output


def test_a_lock_of_a_process_that_is_gone_says_so_and_names_the_stack() -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()
    host = socket.gethostname()
    said = diagnostics.locked(LOCK.format(host=host, pid=gone.pid), "dev")
    assert "that process is gone" in said
    assert "`python -m ops cancel dev`" in said
    for holder, process in ((host, os.getpid()), ("elsewhere", gone.pid)):
        said = diagnostics.locked(LOCK.format(host=holder, pid=process), "dev")
        assert f"by root@{holder}, process {process}" in said
        assert "that process is gone, on" not in said
        assert "Wait for it" in said


def test_the_engine_does_not_tell_of_the_lock_as_well(capsys: pytest.CaptureFixture[str]) -> None:
    for line in LOCK.format(host="vm", pid=1).splitlines():
        terminal.echo_error(line)
    assert capsys.readouterr().err == ""


def test_no_command_is_named_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    terminal.echo("The resources in the stack have been deleted")
    terminal.echo("If you want to remove the stack completely, run `pulumi stack rm local`.")
    assert capsys.readouterr().out == "The resources in the stack have been deleted\n"


def test_of_a_step_that_takes_long_its_begin_and_its_end_are_shown(
    capsys: pytest.CaptureFixture[str],
) -> None:
    row = " +  random:index:RandomPet one-name"
    colored = f"\x1b[0m{row} \x1b[32mcreating ({{}}s)\x1b[0m"
    shown = [
        f"{row} creating (0s)",
        f"{row} creating (6s) waiting for its Pods",
        f"{row} created (8s)",
        f"{row}s creating (0s)",
        "3 resources changed, refreshing (2 left)",
    ]
    for line in (shown[0], f"{row} creating (3s)", colored.format(5), *shown[1:]):
        terminal.echo(line)
    assert capsys.readouterr().out.splitlines() == shown


def test_without_a_backend_its_variable_is_named() -> None:
    said = "PULUMI_ACCESS_TOKEN must be set for login during non-interactive CLI sessions"
    assert "set PULUMI_BACKEND_URL, as in docs/backends.md" in with_way_out(said)
    assert (ROOT / "docs" / "backends.md").exists()
