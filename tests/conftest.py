"""The files that drive the engine for minutes begin first, so that no worker waits for one."""

import fcntl
import gc
import os
import signal
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

# The engine, its plugins and the API server are Go's, and most of them live for seconds: garbage is
# collected only by those that grow large, which makes the tests a seventh shorter.
os.environ.setdefault("GOGC", "off")
os.environ.setdefault("GOMEMLIMIT", "600MiB")

# A shell starts what it runs in the background deaf to these, and `nohup` to a hang-up, which a
# child of a test inherits; a handler it does not. This process stays as deaf as it was.
for _number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, lambda *_: None)

LONGEST = (
    # The first of them as it finds the stack that they share, which the next two change.
    "tests/ops/test_preview_local.py",
    "tests/ops/test_verify_local.py",
    "tests/ops/test_plan_local.py",
    "tests/ops/test_packages.py",
    # It begins with two who start one environment, in which the next goes on.
    "tests/ops/test_two_stacks_local.py",
    "tests/ops/test_rollback_local.py",
    "tests/ops/test_adopt.py",
    "tests/program/test_recovery.py",
    "tests/conformance/test_walk.py",
    "tests/program/test_coderd.py",
    "tests/pipelines/test_commands.py",
    "tests/program/test_package.py",
    "tests/local/providers/test_engine.py",
    "tests/program/test_local.py",
    "tests/program/test_stacks.py",
    "tests/program/test_network.py",
    "tests/components/test_settings_build.py",
    "tests/ops/test_stack_file_local.py",
    "tests/program/test_observability.py",
    "tests/components/package/test_git_address.py",
    "tests/components/workspace_template/test_jail_watch.py",
    "tests/local/test_controllers.py",
    "tests/pipelines/test_gitlab_jobs.py",
    "tests/docs/test_write_licences.py",
    "tests/local/providers/coderd/test_stack.py",
)

# Each worker starts one environment, or one cluster, for the files that it runs: these share one.
TOGETHER = {
    "tests/ops/test_verify_local.py": "tests/ops/test_preview_local.py",
    "tests/ops/test_plan_local.py": "tests/ops/test_preview_local.py",
    "tests/ops/test_packages.py": "tests/ops/test_preview_local.py",
    "tests/ops/test_rollback_local.py": "tests/ops/test_two_stacks_local.py",
    "tests/program/test_coderd.py": "tests/program/test_recovery.py",
    "tests/program/test_package.py": "tests/program/test_recovery.py",
    "tests/program/test_stacks.py": "tests/program/test_local.py",
    "tests/program/test_network.py": "tests/program/test_local.py",
    "tests/program/test_observability.py": "tests/program/test_local.py",
    "tests/program/test_coder_agents.py": "tests/program/test_local.py",
    "tests/program/test_mcp_probe.py": "tests/program/test_local.py",
    "tests/program/test_foreign_policies.py": "tests/program/test_local.py",
    "tests/program/test_in_use.py": "tests/program/test_local.py",
    "tests/program/test_rotated.py": "tests/program/test_local.py",
    "tests/local/test_controllers.py": "tests/local/providers/test_engine.py",
    "tests/local/test_cluster.py": "tests/local/providers/test_engine.py",
}


# Fixtures of a session that keep processes running, each for a group of files.
RUNNING = frozenset({"shared", "empty", "environment", "cluster"})
running: list[pytest.FixtureDef[Any]] = []


def group(item: str) -> str:
    """Return what one worker runs in a row, of a test's file or identifier."""
    file = item.partition("::")[0]
    return TOGETHER.get(file, file)


@pytest.hookimpl(tryfirst=True)
def pytest_fixture_setup(fixturedef: pytest.FixtureDef[Any]) -> None:
    if fixturedef.argname in RUNNING and fixturedef.scope == "session":
        running.append(fixturedef)


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """End what no file of this worker uses any more: at rest an API server takes its share, too.

    A file which wants it after all starts it anew.
    """
    if nextitem is not None and group(item.nodeid) != group(nextitem.nodeid):
        while running:
            running.pop().finish(item._request)  # type: ignore[attr-defined]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Give a worker whole files, and with one those that belong together."""
    if config.getvalue("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling

    class ByEnvironment(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return group(super()._split_scope(nodeid))

    return ByEnvironment(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Load the tests without looking for garbage among modules, now or ever after: they stay."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    places = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.nodeid.partition("::")[0], len(LONGEST)))


@pytest.fixture(scope="module")
def alone() -> Iterator[None]:
    """Nobody else runs tests meanwhile that start Claude Code or look for its processes.

    Workspaces of one machine see each other's processes, which those of pods do not.
    """
    lock = Path(tempfile.gettempdir()) / f"firewalled-coder-processes-{os.getuid()}.lock"
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
