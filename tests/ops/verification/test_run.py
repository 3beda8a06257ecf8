"""Taking checks, being interrupted, and going on."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from components.coder.api import CoderdError
from ops.verification.clients.errors import UnreachableError
from ops.verification.model import Failed, Interrupted, NotChecked, Outcome, note
from ops.verification.redaction import Redaction
from ops.verification.run import Clock, Run
from ops.verification.state import RESUMABLE, Leftover, RunState, StateError
from ops.verification.terminal import TerminalError
from tests.ops.verification.fake_coderd import TOKEN
from tests.ops.verification.making import Making

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def making(tmp_path: Path) -> Making:
    return Making(tmp_path)


def raising(error: Exception):  # type: ignore[no-untyped-def]
    def make() -> str:
        raise error

    return make


@pytest.mark.parametrize(
    ("error", "outcome", "detail", "next_step"),
    [
        (Failed("it is open", "close it"), Outcome.FAILED, "it is open", "close it"),
        (NotChecked("no token", "give one"), Outcome.NOT_CHECKED, "no token", "give one"),
        (CoderdError("404: gone"), Outcome.FAILED, "404: gone", "see what was asked"),
        (UnreachableError("Loki is away"), Outcome.FAILED, "Loki is away", "see what was asked"),
        (TerminalError("no terminal"), Outcome.FAILED, "no terminal", "see what was asked"),
        (Interrupted(), Outcome.NOT_CHECKED, "the run was interrupted", "--resume"),
        (KeyError("x"), Outcome.NOT_CHECKED, "a fault of this program, KeyError at", "report it"),
    ],
)
def test_what_comes_of_a_check(
    making: Making, error: Exception, outcome: Outcome, detail: str, next_step: str
) -> None:
    run = making.run()
    assert run.take("path.owner", "x", raising(error)) is (outcome is not Outcome.FAILED)
    (result,) = making.told
    assert (result.outcome, result.subject) == (outcome, "x")
    assert detail in result.detail
    assert next_step in result.next_step


def test_no_secret_is_told_or_kept(making: Making) -> None:
    def make() -> str:
        note(f"GET /x {TOKEN}", "answer")
        raise Failed(f"the answer has {TOKEN} and Bearer abcdefgh123", f"remove {TOKEN}")

    run = making.run()
    run.take("path.owner", "", make)
    (result,) = making.told
    assert result.detail == "the answer has [secret] and Bearer [secret]"
    assert TOKEN not in result.next_step
    assert "abcdefgh123" not in run.state.path.read_text()


def test_redaction_of_answers() -> None:
    redact = Redaction(["s3cret-value"])
    shown = redact.excerpt(
        {
            "name": "x s3cret-value",
            "session_token": "abc",
            "nested": [{"email": "dana@example.com", "has_api_key": False, "apiKey": "k"}],
            "url": "https://user:pass@example.com/",
        }
    )
    for hidden in ("s3cret-value", "abc", "dana@", ":pass@", '"k"'):
        assert hidden not in shown
    assert '"has_api_key": false' in shown
    assert len(redact.excerpt("x" * 5000)) < 1100
    for secret in (
        "ghp_abcdefgh1234",
        "glpat-abcdefgh12",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln",
    ):
        assert secret not in redact.text(f"token {secret} end")


def test_checks_are_told_in_their_order_and_once(making: Making) -> None:
    run = making.run(chosen=lambda check: check != "path.agent")
    run.take("path.deleted", "a", lambda: "gone")
    run.take("path.owner", "b", lambda: "known")
    run.take("path.owner", "a", lambda: "known")
    assert run.take("path.agent", "a", raising(Failed("never", "asked")))
    run.leave(["path.owner", "path.built", "path.agent"], "a", "after", "mend")
    assert [(result.check, result.subject) for result in run.results] == [
        ("path.owner", "a"),
        ("path.owner", "b"),
        ("path.built", "a"),
        ("path.deleted", "a"),
    ]


def test_what_is_stood_in_is_not_made(making: Making) -> None:
    run = making.run(stood_in={"jail.udp": "pods are processes"})
    assert run.take("jail.udp", "x", raising(Failed("never", "asked")))
    (result,) = making.told
    assert result.stood_in
    assert result.outcome is Outcome.NOT_CHECKED
    assert result.detail == "stood in here: pods are processes"


def test_tasks_are_done_at_once_and_all_to_their_end(making: Making) -> None:
    run = making.run(clock=Clock())
    barrier, ended = threading.Barrier(2), []

    def fails() -> None:
        barrier.wait(10)
        raise ValueError("one of them")

    def waits() -> None:
        barrier.wait(10)
        with pytest.raises(Interrupted):
            run.clock.wait(60)
        ended.append(True)

    with pytest.raises(ValueError, match="one of them"):
        run.parallel([fails, waits])
    assert ended == [True]


# Going on ---------------------------------------------------------------------------------------


def test_a_run_that_was_cut_off_is_resumed(making: Making) -> None:
    first = making.run()
    first.take("path.owner", "a", lambda: "known")
    first.take("path.built", "a", raising(Failed("no quota", "ask")))
    first.take("jail.policy", "a", lambda: note("asked", "answered") or "same")
    again = making.run()
    assert again.state.resume() == 2
    making.told.clear()
    assert again.take("path.owner", "a", raising(AssertionError()))
    again.take("path.built", "a", lambda: "runs")
    again.leave(["jail.policy"], "a", "never", "told")
    assert [result.detail for result in again.results] == ["known", "runs", "same"]
    assert again.results[2].exchanges[0].answer == "answered"
    again.state.close(complete=True)
    assert not again.state.path.exists()


def test_what_is_forgotten_is_made_again(making: Making) -> None:
    making.run().take("path.owner", "a", lambda: "known")
    again = making.run()
    again.state.resume()
    again.state.forget([("path.owner", "a")])
    again.take("path.owner", "a", lambda: "known again")
    assert again.results[0].detail == "known again"


def test_a_run_on_another_basis_or_too_old_is_not_resumed(
    making: Making, monkeypatch: pytest.MonkeyPatch
) -> None:
    making.run().take("path.owner", "a", lambda: "known")
    with pytest.raises(StateError, match="the settings have changed since that run"):
        RunState(making.folder, "dev", "other settings").resume()
    with pytest.raises(StateError, match="there is no run to resume"):
        RunState(making.folder, "usgov", "basis").resume()

    class Later(datetime):
        @classmethod
        def now(cls, tz=None):  # type: ignore[no-untyped-def]
            return datetime.now(UTC) + RESUMABLE + timedelta(minutes=1)

    monkeypatch.setattr("ops.verification.state.datetime", Later)
    with pytest.raises(StateError, match="is too old: run it anew"):
        RunState(making.folder, "dev", "basis").resume()


@pytest.mark.parametrize("content", ["", "{", "[]", '{"format": 99}'])
def test_a_state_that_cannot_be_read_is_none(making: Making, content: str) -> None:
    state = RunState(making.folder, "dev", "basis")
    state.path.parent.mkdir(parents=True)
    state.path.write_text(content)
    assert RunState(making.folder, "dev", "basis").leftovers == []
    with pytest.raises(StateError, match="there is no run to resume"):
        state.resume()


def test_the_state_is_for_this_user_alone(making: Making) -> None:
    run = making.run()
    run.state.making(Leftover("admin", "verify-1"))
    assert run.state.path.stat().st_mode & 0o077 == 0
    assert [path.name for path in run.state.path.parent.iterdir()] == ["dev.json"]
    run.state.close(complete=True)
    assert RunState(making.folder, "dev", "basis").leftovers == [Leftover("admin", "verify-1")]


# Being ended ------------------------------------------------------------------------------------

PROGRAM = """
import sys, time
from pathlib import Path
from ops.verification.redaction import Redaction
from ops.verification.run import Clock, Run, ended_by
from ops.verification.state import Leftover, RunState

def waits():
    run.clock.wait(60)
    return "waited"

def deletes():
    time.sleep(float(sys.argv[2]))
    run.state.gone(Leftover("admin", "verify-1"))
    return "gone"

state = RunState(Path(sys.argv[1]), "dev", "basis")
run = Run(state, Redaction(), says=lambda text: print(text, flush=True))
with ended_by(run):
    state.making(Leftover("admin", "verify-1"))
    print("waiting", flush=True)
    run.parallel([lambda: run.take("path.built", "a", waits)])
    run.take("path.deleted", "a", deletes, always=True)
for result in run.results:
    print(result.check, result.outcome, result.detail, flush=True)
"""


def start(folder: Path, deletes: float) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(PROGRAM), str(folder), str(deletes)],
        cwd=ROOT, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout
    assert process.stdout.readline() == "waiting\n"
    return process


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_deletes_what_it_made(making: Making, number: signal.Signals) -> None:
    process = start(making.folder, 0)
    process.send_signal(number)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "ending: what was made is being deleted" in said
    assert "path.built not checked the run was interrupted" in said
    assert "path.deleted passed gone" in said
    assert RunState(making.folder, "dev", "basis").leftovers == []


def test_a_second_interrupt_leaves_it_and_says_what_deletes_it(making: Making) -> None:
    process = start(making.folder, 60)
    process.send_signal(signal.SIGINT)
    assert process.stdout
    assert "ending" in process.stdout.readline()
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "left: admin/verify-1; `python -m ops verify STACK --clean` deletes it" in said
    assert RunState(making.folder, "dev", "basis").leftovers == [Leftover("admin", "verify-1")]


def test_a_killed_run_leaves_nothing_unknown(making: Making) -> None:
    process = start(making.folder, 60)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate(timeout=60)
    assert RunState(making.folder, "dev", "basis").leftovers == [Leftover("admin", "verify-1")]


def test_signals_are_as_before(making: Making) -> None:
    before = signal.getsignal(signal.SIGINT)
    from ops.verification.run import ended_by

    run: Run = making.run()
    with ended_by(run):
        assert signal.getsignal(signal.SIGINT) != before
    assert signal.getsignal(signal.SIGINT) == before
