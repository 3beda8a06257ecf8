"""Engines that are killed in mid-update, and what others made meanwhile."""

import contextlib
import io
import os
import signal
import tarfile
import threading
import time
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import pytest
from pulumi import automation

from local.environment import Environment
from local.providers.coderd_template import TemplateKind
from ops.engine import Session
from tests.ops.api_proxy import through
from tests.program.conftest import resources, state, state_file

TEMPLATES = ("claude-code", "firewalled")


def engine_processes(environment: Environment) -> list[int]:
    """Return the processes of the engine that work on this environment's state."""
    mark = f"PULUMI_BACKEND_URL=file://{environment.state / 'state'}".encode()
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            with contextlib.suppress(OSError):
                name = (entry / "comm").read_text().strip()
                if name == "pulumi" and mark in (entry / "environ").read_bytes():
                    found[int(entry.name)] = int(
                        (entry / "stat").read_text().rpartition(")")[2].split()[1]
                    )
    # A child has its name until it runs what it is for.
    return [process for process, parent in found.items() if parent not in found]


class Held:
    """Holds the provider in an operation on some templates, after those in `done` are done."""

    def __init__(self, operation: str, names: Collection[str], done: Collection[str]) -> None:
        self._operation, self._names = operation, {f"{name}-template" for name in names}
        self._done = {f"{name}-template" for name in done}
        self._real = getattr(TemplateKind, operation)
        self._reached = threading.Semaphore(0)
        self._let_go = threading.Event()

    def held(self) -> Callable[..., Any]:
        def hold(kind: Any, call: Any, *rest: Any) -> Any:
            if call.preview or call.name not in self._names:
                return self._real(kind, call, *rest)
            result = self._real(kind, call, *rest) if call.name in self._done else None
            self._reached.release()
            assert self._let_go.wait(60)
            return result

        return hold

    def wait(self, environment: Environment) -> None:
        """Wait until every template is held, and nothing else is being made."""
        for _ in self._names:
            assert self._reached.acquire(timeout=60)
        wanted = {f"{self._operation.removesuffix('e')}ing {name}" for name in self._names}
        file = state_file(environment)
        began = quiet = time.monotonic()
        seen: tuple[set[str], list[str]] = (set(), [])
        saved = 0
        # Between two of the others nothing is being made, either: so for a while nothing new is.
        while time.monotonic() < quiet + 2:
            assert time.monotonic() < began + 60, pending(environment)
            # To read it takes as long as much else of a test: only once it was saved anew.
            if file.exists() and (now := file.stat().st_mtime_ns) != saved:
                there = pending(environment), [each["urn"] for each in resources(environment)]
                saved, seen, before = now, there, seen
                quiet = time.monotonic() if there != before else quiet
            if seen[0] != wanted:
                quiet = time.monotonic()
            time.sleep(0.1)

    def let_go(self) -> None:
        self._let_go.set()


def kill_while_held(
    session: Session,
    environment: Environment,
    monkeypatch: pytest.MonkeyPatch,
    operation: str,
    names: Collection[str] = TEMPLATES,
    done: Collection[str] = TEMPLATES,
    on_event: Callable[[automation.EngineEvent], None] | None = None,
    heard: Callable[[], bool] = lambda: True,
) -> None:
    """Bring the stack up, and kill the engine while the provider is in an operation.

    Not before `heard`: of what an engine does it tells a little later.
    """
    ended: list[BaseException] = []

    def bring_up() -> None:
        try:
            session.stack.up(on_event=on_event)
        except BaseException as error:  # noqa: BLE001  looked at below
            ended.append(error)

    holding = Held(operation, names, done)
    with monkeypatch.context() as patched:
        patched.setattr(TemplateKind, operation, holding.held())
        thread = threading.Thread(target=bring_up)
        thread.start()
        try:
            holding.wait(environment)
            deadline = time.monotonic() + 60
            while not heard():
                assert time.monotonic() < deadline
                time.sleep(0.01)
            for process in engine_processes(environment):
                os.kill(process, signal.SIGKILL)
            thread.join(60)
            assert ended
        finally:
            holding.let_go()
    session.stack.cancel()


def kill_once_written(session: Session, environment: Environment, part: str, count: int) -> None:
    """Bring the stack up, and kill the engine once so many objects were applied or deleted.

    It knows that of none of them: `part` is of the path of each.
    """

    written = threading.Semaphore(0)
    killed = threading.Event()

    def hold() -> None:
        written.release()
        assert killed.wait(60)

    def kill() -> None:
        for _ in range(count):
            assert written.acquire(timeout=60)
        for process in engine_processes(environment):
            os.kill(process, signal.SIGKILL)
        killed.set()

    killer = threading.Thread(target=kill)
    killer.start()
    with through(environment.cluster, part, hold), pytest.raises(automation.CommandError):
        session.stack.up()
    killer.join()
    session.stack.cancel()


def pending(environment: Environment) -> set[str]:
    return {
        f"{each['type']} {each['resource']['urn'].rpartition('::')[2]}"
        for each in state(environment)["pending_operations"]
    }


def make_template(api: Any, name: str) -> None:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as tar:
        member = tarfile.TarInfo("main.tf")
        member.size = len(text := b'resource "coder_agent" "main" { os = "linux" }\n')
        tar.addfile(member, io.BytesIO(text))
    tar_type = {"Content-Type": "application/x-tar"}
    file = api.post("files", content=content.getvalue(), headers=tar_type).json()["hash"]
    body = {
        "name": "by-hand",
        "storage_method": "file",
        "provisioner": "terraform",
        "file_id": file,
    }
    made = api.post("organizations/default/templateversions", json=body).json()
    while api.get(f"templateversions/{made['id']}").json()["job"]["status"] != "succeeded":
        time.sleep(0.01)
    answer = api.post(
        "organizations/default/templates",
        json={"name": name, "template_version_id": made["id"]},
    )
    assert answer.is_success, answer.text
