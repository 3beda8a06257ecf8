"""The walk on the stand-ins, so that it cannot rot; and what a run does when it cannot end.

The cluster is there before, as a real one is, so that the namespace of the run comes and goes.
"""

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import pytest

from components.coder.api import CoderdError
from local.cluster import CONTEXT, LocalCluster
from tests.conformance import parts, walk
from tests.conformance import run as run_module
from tests.conformance.cluster import OwnNamespace
from tests.conformance.extras import Extra
from tests.conformance.project import CommandFailedError, Project
from tests.conformance.run import Place, Run, RunOptions, RunRefusedError
from tests.conformance.walk import StepOutcome
from toolchain.plugins import Located, Origin, Plugin

STEPS = ["preview", "up", "nothing", "change", "drift", "adopt", "rollback", "destroy"]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    for name in ("CODER_URL", "CODER_SESSION_TOKEN", "KUBECONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PULUMI_HOME", str(tmp_path / "home"))
    lines: list[str] = []
    return Run(RunOptions("walk", brief=True), lines.append, tmp_path / "runs", dict(os.environ))


def test_the_walk_on_the_stand_ins(run: Run, cluster: LocalCluster) -> None:
    run.environment = {**run.environment, "KUBECONFIG": str(cluster.kubeconfig)}
    every, results, left = run.go()
    assert [part.real for part in every if part.name in {"engine", "coderd", "cluster"}] == [
        True,
        False,
        True,
    ]
    failed = {each.name: each.detail for each in results if each.outcome is not StepOutcome.PASSED}
    # All but the prices, which the package of Coder's provider lacks.
    assert failed.keys() == {Extra.PRICES}
    assert "needs the provider coder/coderd newer than" in failed[Extra.PRICES]
    walked, missing = results[:-1], results[-1]
    assert missing.outcome is StepOutcome.NOT_WALKED
    assert [each.name.partition(" ")[0] for each in walked] == STEPS
    assert walked[1].detail.endswith(", 1 provider, their pod's policy and template")
    assert left == []
    assert not run.folder.exists()
    assert processes(run.folder) == []
    assert not OwnNamespace(str(cluster.kubeconfig), CONTEXT, "walk").exists()


def test_without_a_kubeconfig_a_cluster_stands_in(
    run: Run, cluster: LocalCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    there: list[str] = []

    class Starting:
        kubeconfig = cluster.kubeconfig

        def __init__(self, state: Path) -> None:
            assert state.is_relative_to(run.folder)

        def start(self, _: Any) -> None:
            there.append("started")

        def stop(self) -> None:
            there.append("stopped")

    monkeypatch.setattr(run_module, "LocalCluster", Starting)
    with ExitStack() as stack:
        place = run._place(stack)
        assert [part.real for part in place.parts] == [False, False]
        assert (place.context, there) == (CONTEXT, ["started"])
        assert os.environ["KUBECONFIG"] == str(cluster.kubeconfig)
        assert not place.cluster.exists()
    assert there == ["started", "stopped"]
    assert "KUBECONFIG" not in os.environ
    assert processes(run.folder) == []


def processes(folder: Path) -> list[str]:
    """The commands that run with something of a folder."""
    commands = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            commands.append(path.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
    return [command for command in commands if str(folder) in command]


@pytest.fixture
def hollow(run: Run, monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A run without a deployment: what it asks of the parts is written down."""
    asked: list[str] = []
    told: list[str] = []

    def write(what: str) -> Callable[..., list[str]]:
        def written(*words: object, **_: object) -> list[str]:
            asked.append(" ".join((what, *map(str, words))))
            return []

        return written

    project = SimpleNamespace(
        name="walk",
        file=run.folder,
        root=run.folder,
        ops=write("ops"),
        pulumi=write("pulumi"),
        folder=run.folder,
    )
    cluster = SimpleNamespace(
        make=write("make"), delete=write("delete"), exists=lambda: False, watchers=list
    )
    coder = SimpleNamespace(remove=write("remove from"), taken=lambda _: [])
    here = (parts.Part("coderd", True, ""), parts.Part("cluster", True, ""))
    place = Place(coder, SimpleNamespace(organization="coder"), cluster, None, here)  # type: ignore[arg-type]

    @contextmanager
    def engine(_: Run) -> Iterator[tuple[parts.EngineParts, Any]]:
        yield parts.EngineParts(Path("pulumi"), False, (), ()), project

    monkeypatch.setattr(Run, "_engine", engine)
    monkeypatch.setattr(Run, "_place", lambda *_, **__: place)

    def lay_out(*words: object) -> SimpleNamespace:
        write("lay out")(*words)
        return SimpleNamespace(missing={})

    monkeypatch.setattr(Run, "_lay_out", lay_out)
    run.told = told.append
    return SimpleNamespace(run=run, asked=asked, told=told, coder=coder, cluster=cluster)


def test_an_interrupted_walk_leaves_nothing(
    hollow: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(walk.Walk, "run", interrupted)
    with pytest.raises(KeyboardInterrupt):
        hollow.run.go()
    after = hollow.asked[hollow.asked.index("make") + 2 :]
    assert after == ["ops cancel walk", "ops destroy walk --yes", "remove from coder", "delete"]
    assert not hollow.run.folder.exists()


def test_what_cannot_be_removed_names_the_command(
    hollow: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_: object, **__: object) -> None:
        raise CoderdError("coderd is away")

    def ending(*_: object, **__: object) -> None:
        raise CommandFailedError("destroy ended with status 1")

    monkeypatch.setattr(walk.Walk, "run", failing)
    removes, hollow.coder.remove = hollow.coder.remove, failing
    monkeypatch.setattr(walk, "find_state", ending)
    with pytest.raises(CoderdError):
        hollow.run.go()
    assert hollow.told[-3] == (
        "    destroy ended with status 1\n    removing what is there instead"
    )
    assert hollow.told[-2:] == [
        "left behind: coderd: coderd is away",
        "clean up with: python -m tests.conformance clean walk",
    ]
    with pytest.raises(RunRefusedError, match="did not end, or still runs; then: python -m"):
        hollow.run.check_name()
    hollow.coder.remove = removes
    assert hollow.run.clean() == []
    assert not hollow.run.folder.exists()
    with pytest.raises(RunRefusedError, match="left anything"):
        hollow.run.clean()


def test_a_deployment_that_has_the_names_is_refused(hollow: SimpleNamespace) -> None:
    hollow.coder.taken = lambda _: ["template walk-open"]
    hollow.cluster.exists = lambda: True
    with pytest.raises(RunRefusedError, match="already template walk-open, namespace walk: choose"):
        hollow.run.go()
    assert hollow.asked == []
    assert not hollow.run.folder.exists()


def test_a_grafana_that_would_load_what_is_made_is_refused(hollow: SimpleNamespace) -> None:
    hollow.cluster.watchers = lambda: ["monitoring/grafana-0"]
    with pytest.raises(RunRefusedError, match="monitoring/grafana-0 looks into every namespace"):
        hollow.run.go()
    assert hollow.asked == []


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("Walk", "is no name for a run"),
        ("a--b", "is no name for a run"),
        ("a" * 21, "is no name for a run"),
        ("dev", "is a stack of this checkout"),
    ],
)
def test_a_name_that_is_no_good(tmp_path: Path, name: str, why: str) -> None:
    with pytest.raises(RunRefusedError, match=why):
        Run(RunOptions(name), lambda _: None, tmp_path).go()
    assert list(tmp_path.iterdir()) == []


def test_an_address_without_a_token_is_no_deployment(run: Run) -> None:
    run.environment = {**run.environment, "CODER_URL": "https://coder.example.com"}
    with ExitStack() as stack, pytest.raises(RunRefusedError, match="set both, or neither"):
        run._place(stack)


def test_a_command_that_is_cut_off_may_put_its_state_in_order(tmp_path: Path) -> None:
    project = Project(tmp_path / "run", "walk", Path("pulumi"), {}, lambda _: None)
    project.root.mkdir(parents=True)
    project.logs.mkdir()
    command = ["sh", "-c", "trap 'echo in order; exit 0' INT; echo begun; sleep 60 & wait"]

    def wait(process: subprocess.Popen[str], _: str) -> None:
        while "begun" not in next(project.logs.glob("*.log")).read_text():
            time.sleep(0.01)
        raise KeyboardInterrupt

    with patch.object(project, "_wait", wait), pytest.raises(KeyboardInterrupt):
        project.run(command)
    assert next(project.logs.glob("*.log")).read_text() == "begun\nin order\n"


def test_what_is_said_of_a_plugin(tmp_path: Path) -> None:
    random = Plugin("random", "4.21.4")
    assert parts.plugin_part(Located(random, Origin.FOUND, tmp_path / "plugin")) == parts.Part(
        "plugin random", True, f"4.21.4, found: {tmp_path}/plugin"
    )
    bridge = Plugin("terraform-provider", "1.1.3", ("registry.example.org/a/b", "0.1.0"))
    problem = "pulumi plugin install resource terraform-provider 1.1.3: no such host"
    assert parts.plugin_part(Located(bridge, Origin.STOOD_IN, problem=problem)) == parts.Part(
        "plugin terraform-provider with registry.example.org/a/b 0.1.0", False, problem
    )
