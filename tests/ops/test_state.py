"""What is written back of a state, and what another update recorded meanwhile."""

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ops import backend, engine, kept_files, locks, recovery
from ops.state import ChangedStateError, StackState
from tests.ops.test_locks import LOCK, lock

STATE = ".pulumi/stacks/firewalled-coder/dev.json"
HISTORY = ".pulumi/history/firewalled-coder/dev"
OURS = "what the last update left behind"
PENDING = [{"type": "creating", "resource": {"urn": "b", "type": "t"}}]


class Backend:
    """A folder as the engine keeps it, and the commands of the engine that read and write it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for path in (HISTORY, str(Path(STATE).parent)):
            (folder / path).mkdir(parents=True)
        self.updates = 0
        self.write({"urn": "a"}, pending=PENDING)
        self.record("update", "killed")
        workspace = SimpleNamespace(
            env_vars={backend.VARIABLE: f"file://{folder}"},
            work_dir=str(folder),
            pulumi_command=SimpleNamespace(run=self._run),
            who_am_i=lambda: SimpleNamespace(url=f"file://{folder}"),
        )
        self.stack: Any = SimpleNamespace(name="dev", workspace=workspace)
        self.stack.history = self._history
        self.stack.info = lambda: next(iter(self._history(1, 1, show_secrets=False)), None)

    @property
    def resources(self) -> list[Any]:
        latest = json.loads((self.folder / STATE).read_text())["checkpoint"]["latest"]
        return [each["urn"] for each in latest["resources"]]

    def write(self, *resources: dict[str, Any], pending: Any = ()) -> None:
        self._write({"resources": list(resources), "pending_operations": list(pending)})

    def record(self, kind: str, message: str) -> None:
        self.updates += 1
        told = {"kind": kind, "message": message, "environment": {}, "result": "succeeded"}
        times = {"startTime": self.updates, "endTime": self.updates, "version": self.updates}
        file = self.folder / HISTORY / f"dev-{self.updates}.history.json"
        file.write_text(json.dumps({**told, **times}))

    def _write(self, deployment: Any) -> None:
        document = {"version": 3, "checkpoint": {"stack": "dev", "latest": deployment}}
        (self.folder / STATE).write_text(json.dumps(document))

    def _history(self, page_size: int, page: int, *, show_secrets: bool) -> list[Any]:
        assert not show_secrets, "of these the engine is asked"
        return kept_files.history(self.stack, page_size, page) or []

    def _run(self, command: list[str], *_: Any) -> Any:
        assert command[:2] == ["stack", "import"], command
        document = json.loads(Path(command[command.index("--file") + 1]).read_text())
        self._write(document["deployment"])
        return SimpleNamespace(stdout="")


@pytest.fixture
def kept(tmp_path: Path) -> Backend:
    return Backend(tmp_path)


def another(kept: Backend) -> None:
    """Another update ends."""
    kept.write({"urn": "a"}, {"urn": "b"}, {"urn": "c"})
    kept.record("update", "somebody else's")


def own(kept: Backend) -> None:
    """A refresh of ours fails, and has read one thing by then."""
    kept.write({"urn": "a", "outputs": {"read": "back"}})
    kept.record("refresh", OURS)


def repaired(kept: Backend) -> StackState:
    state = StackState(kept.stack)
    state.forget_pending()
    return state


def test_a_state_is_written_where_nobody_else_wrote_it(kept: Backend) -> None:
    state = repaired(kept)
    state.put({"urn": "b"})
    state.save()
    assert kept.resources == ["a", "b"]
    assert StackState(kept.stack).pending == []


def test_what_another_update_recorded_meanwhile_is_not_written_over(kept: Backend) -> None:
    state = repaired(kept)
    another(kept)
    with pytest.raises(ChangedStateError, match=r"of stack dev meanwhile.* the same command again"):
        state.save()
    assert kept.resources == ["a", "b", "c"]


def test_a_secret_that_is_encrypted_anew_is_no_change(kept: Backend) -> None:
    secret = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270"}
    kept.write({"urn": "a", "outputs": {"key": {**secret, "ciphertext": "1"}}})
    state = repaired(kept)
    kept.write({"urn": "a", "outputs": {"key": {**secret, "ciphertext": "2"}}})
    state.save()


@pytest.mark.parametrize(
    ("meanwhile", "left"),
    [((), ["a"]), ((own,), ["a"]), ((own, own), ["a"])],
)
def test_a_repair_that_failed_is_taken_back(
    kept: Backend, meanwhile: tuple[Callable[[Backend], None], ...], left: list[str]
) -> None:
    state = repaired(kept)
    state.put({"urn": "b"})
    state.save()
    for each in meanwhile:
        each(kept)
    state.restore(OURS)
    assert kept.resources == left
    assert StackState(kept.stack).pending == PENDING


@pytest.mark.parametrize("meanwhile", [(another,), (own, another), (another, own)])
def test_nothing_is_taken_back_where_another_update_ended_since(
    kept: Backend, meanwhile: tuple[Callable[[Backend], None], ...]
) -> None:
    state = repaired(kept)
    state.save()
    for each in meanwhile:
        each(kept)
    there = kept.resources
    with pytest.raises(ChangedStateError):
        state.restore(OURS)
    assert kept.resources == there


def test_an_update_that_is_running_is_not_taken_for_one_that_was_killed(
    kept: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recovery, "finish", lambda *_, **__: pytest.fail("it is running"))
    lock(kept.folder, LOCK.format("dev"))
    holder = {"pid": 1, "username": "ada", "hostname": "elsewhere", "timestamp": "noon"}
    (kept.folder / LOCK.format("dev")).write_text(json.dumps(holder))
    with pytest.raises(locks.HeldError) as found:
        recovery.go_on(engine.Session(kept.stack, kept.folder), "dev")
    assert str(found.value) == (
        "another update of this stack is running by ada@elsewhere, process 1, since noon; nothing "
        "was applied. Wait for it, or, when that process is gone, run `python -m ops cancel dev`"
    )


@pytest.mark.parametrize("url", ["https://api.pulumi.com", "s3://bucket"])
def test_a_backend_that_does_not_tell_of_locks_has_its_killed_updates_finished(
    kept: Backend, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    kept.stack.workspace.who_am_i = lambda: SimpleNamespace(url=url)
    locks.check(kept.stack)


def test_a_lock_that_tells_nothing_is_one_all_the_same(kept: Backend) -> None:
    lock(kept.folder, LOCK.format("dev"))
    with pytest.raises(locks.HeldError, match=r"update of this stack is running; .* cancel dev`"):
        locks.check(kept.stack)
