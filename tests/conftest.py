"""The files that drive the engine for minutes begin first, so that no worker waits for one."""

import fcntl
import gc
import os
import signal
import sys
import tempfile
from collections.abc import Generator, Iterator
from importlib.machinery import SourceFileLoader
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from local.cluster import LocalCluster

# The engine, its plugins and the API server are Go's, and most of them live for seconds: garbage is
# collected only by those that grow large, which makes the tests a seventh shorter.
os.environ.setdefault("GOGC", "off")
os.environ.setdefault("GOMEMLIMIT", "600MiB")

# As for a command (ops/startup.py): garbage is not looked for after every 700 objects.
gc.set_threshold(100_000)

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
    "tests/program/test_coderd.py",
    "tests/program/test_package.py",
    # After test_verify_local.py, for both have to be alone with the processes of workspaces.
    "tests/program/test_recovery.py",
    # It begins with two who start one environment, in which the next goes on.
    "tests/ops/test_two_stacks_local.py",
    "tests/ops/test_rollback_local.py",
    "tests/ops/test_adopt.py",
    "tests/conformance/test_walk.py",
    "tests/pipelines/test_commands.py",
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
    "tests/program/test_recovery.py": "tests/program/test_local.py",
    "tests/program/test_coderd.py": "tests/program/test_local.py",
    "tests/program/test_package.py": "tests/program/test_local.py",
    # Both have pip build what is here, by one installation of what builds it.
    "tests/components/package/test_git_address.py": "tests/program/test_local.py",
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
    "tests/conformance/test_walk.py": "tests/local/providers/test_engine.py",
    # And these one stand-in for coderd.
    **{
        f"tests/local/providers/coderd/test_{name}.py": "tests/local/providers/coderd/test_stack.py"
        for name in ("ai_gateway", "functions", "group", "inputs", "mcp", "provider", "template")
    },
}


# Fixtures of a session that keep processes running, each for a group of files.
RUNNING = frozenset({"shared", "empty", "environment", "running_cluster"})
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
def pytest_collection(session: pytest.Session) -> Generator[None, object, object]:
    """Load the tests without looking for garbage among modules, now or ever after: they stay."""
    gc.disable()
    begin_elsewhere(session.config)
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def begin_elsewhere(config: pytest.Config) -> None:
    """Let each of several workers begin with files that the others come to later.

    They load all of them at the same time, and in a fresh clone what one has compiled the others
    need not.
    """
    own: dict[str, Any] | None = getattr(config, "workerinput", None)
    if own is None or config.args != config.getini("testpaths"):
        return
    # As much to compile in each part.
    parts = [["components"], ["ops"], ["local", "program", "toolchain", "docs"]]
    number = int(own["workerid"].removeprefix("gw")) % len(parts)
    for part in parts[number]:
        for path in sorted((config.rootpath / part).rglob("*.py")):
            SourceFileLoader("", str(path)).get_code("")
    first = [config.rootpath / "tests" / part for part in parts[number]]
    others = sorted((config.rootpath / "tests").iterdir())
    every = dict.fromkeys([*first, *others])
    config.args = [
        str(path) for path in every if any(path.rglob("test_*.py")) or path.match("test_*.py")
    ]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort the files: the longest first, and the others in one order in every worker."""
    if "hypothesis" in sys.modules:
        from hypothesis.internal.conjecture import providers

        # It would read every file of ours that is loaded for constants to draw: for seconds in a
        # fresh clone, and what is drawn would differ by what else a worker has loaded.
        providers._get_local_constants = lambda: providers._local_constants
    places = {name: place for place, name in enumerate(LONGEST)}
    files = [item.nodeid.partition("::")[0] for item in items]
    order = sorted(
        range(len(items)), key=lambda at: (places.get(files[at], len(places)), files[at])
    )
    items[:] = [items[at] for at in order]


@pytest.fixture(scope="session")
def running_cluster(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[LocalCluster]":
    """One cluster for all tests of a worker that need nothing else, in a directory of its own."""
    from local.cluster import LocalCluster

    cluster = LocalCluster(tmp_path_factory.mktemp("cluster"))
    try:
        yield cluster
    finally:
        cluster.stop()


@pytest.fixture
def cluster(running_cluster: "LocalCluster") -> "LocalCluster":
    """The same, running, also after a test that ended it."""
    running_cluster.start()
    return running_cluster


@pytest.fixture(scope="session")
def builds(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return the environment in which pip builds with what pyproject.toml pins, installed once.

    In an environment of its own for each build pip would install it each time, for seconds. Whether
    it is what a package asks for is still checked by pip.
    """
    import subprocess
    import sys
    import tomllib

    folder = tmp_path_factory.mktemp("builds")
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())
    pip = (sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    wanted = project["build-system"]["requires"]
    subprocess.run([*pip, "--no-compile", "--target", folder, *wanted], check=True)
    return {
        # Pip's own way to say no to what it does without being asked.
        "PIP_NO_BUILD_ISOLATION": "no",
        "PIP_CHECK_BUILD_DEPENDENCIES": "yes",
        # What a package asks for is here already, and a second is gone until pip has seen that.
        "PIP_NO_DEPS": "yes",
        "PYTHONPATH": str(folder),
    }


@pytest.fixture(scope="module")
def alone() -> Iterator[None]:
    """Nobody else runs tests meanwhile that start Claude Code or look for its processes.

    Workspaces of one machine see each other's processes, which those of pods do not.
    """
    lock = Path(tempfile.gettempdir()) / f"firewalled-coder-processes-{os.getuid()}.lock"
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
