"""Programs on the engine, and what it hears of them."""

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path
from typing import Any

import grpc
import pulumi
import pytest
from google.protobuf import empty_pb2
from pulumi import automation
from pulumi.automation import _stack
from pulumi.automation._stack import StackInitMode
from pulumi.runtime import settings as runtime
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc

from ops import host
from ops.project import ROOT


class Recorder:
    """An engine that keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[int, str]] = []

    def Log(self, request: engine_pb2.LogRequest) -> None:
        self.told.append((request.severity, request.message))

    def GetRootResource(self, request: Any) -> str:
        return "root"


class Listening(engine_pb2_grpc.EngineServicer):
    """An engine that answers on a port."""

    def Log(self, request: engine_pb2.LogRequest, context: Any) -> empty_pb2.Empty:
        return empty_pb2.Empty()


def listening(port: int = 0) -> tuple[grpc.Server, int]:
    server = grpc.server(ThreadPoolExecutor(1))
    engine_pb2_grpc.add_EngineServicer_to_server(Listening(), server)
    port = server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    return server, port


def failure(engine: engine_pb2_grpc.EngineStub) -> str:
    with pytest.raises(grpc.RpcError) as failed:
        engine.Log(engine_pb2.LogRequest())
    return str(failed.value)


def test_an_engine_is_reached_on_the_port_of_one_that_is_gone():
    # Two engines of one process, minutes apart, can get the same port of the system.
    server, port = listening()
    gone = runtime.Settings("project", "stack", engine=f"127.0.0.1:{port}").engine
    gone.Log(engine_pb2.LogRequest())
    server.stop(0).wait()
    # The first call may still be written into the connection that ends.
    assert any("Connection refused" in failure(gone) for _ in range(100))
    server, _ = listening(port)
    found = runtime.Settings("project", "stack", engine=f"127.0.0.1:{port}").engine
    assert found.Log(engine_pb2.LogRequest()) == empty_pb2.Empty()
    server.stop(0)


@pytest.fixture
def recorder():
    before = runtime.SETTINGS.engine
    found = Recorder()
    runtime.SETTINGS.engine = found
    yield found
    runtime.SETTINGS.engine = before


def test_the_engine_hears_everything_but_what_is_for_debugging(recorder):
    pulumi.log.debug("before")
    host.without_debugging()
    pulumi.log.debug("left out")
    pulumi.log.info("told")
    pulumi.log.warn("warned")
    pulumi.log.error("failed")
    assert recorder.told == [
        (engine_pb2.DEBUG, "before"),
        (engine_pb2.INFO, "told"),
        (engine_pb2.WARNING, "warned"),
        (engine_pb2.ERROR, "failed"),
    ]
    assert runtime.SETTINGS.engine.GetRootResource(None) == "root"


def test_a_program_of_its_own_is_run_without_it_too(recorder, tmp_path: Path):
    (tmp_path / "__main__.py").write_text(
        "import pulumi\npulumi.log.debug('no')\npulumi.log.info(pulumi.get_root_directory())\n"
    )
    host.run_program(tmp_path, tmp_path / "work")
    assert recorder.told == [(engine_pb2.INFO, str(tmp_path / "work"))]


class Engine:
    """An engine that answers as pulumi does, and counts how often it runs."""

    command = "pulumi"

    def __init__(self) -> None:
        self.ran: list[str] = []

    def run(self, args: list[str], *_: Any, **__: Any) -> Any:
        words = [each for each in args if not each.startswith("-")]
        self.ran.append(" ".join(words[:2]))
        answers = {
            "stack output": '{"a": "b"}',
            "stack history": json.dumps(
                [
                    {
                        "kind": "update",
                        "startTime": "2026-01-02T03:04:05.000Z",
                        "message": "m",
                        "environment": {},
                        "config": {},
                        "result": "succeeded",
                        "version": 1,
                    }
                ]
            ),
        }
        return automation.CommandResult(stdout=answers.get(self.ran[-1], ""), stderr="", code=0)


def stack_on(engine: automation.PulumiCommand, folder: Path) -> host.Stack:
    (folder / "Pulumi.yaml").write_text("name: p\nruntime: python\n")
    workspace = automation.LocalWorkspace(work_dir=str(folder), pulumi_command=engine)
    return host.Stack("dev", workspace, StackInitMode.SELECT)


@pytest.mark.parametrize("operation", ["refresh", "destroy"])
def test_an_operation_runs_the_engine_once_until_somebody_asks(tmp_path: Path, operation: str):
    engine = Engine()
    stack = stack_on(engine, tmp_path)
    engine.ran.clear()
    result = getattr(stack, operation)()
    assert [each.partition(" ")[0] for each in engine.ran] == [operation]
    assert result.summary.result == "succeeded"
    assert engine.ran[1:] == ["stack history"]


def test_an_update_runs_the_engine_once_until_somebody_asks(tmp_path: Path):
    engine = Engine()
    stack = stack_on(engine, tmp_path)
    engine.ran.clear()
    result = stack.up()
    assert [each.partition(" ")[0] for each in engine.ran] == ["up"]
    engine.ran.clear()
    assert result.outputs["a"].value == "b"
    assert result.summary.result == "succeeded"
    assert result.summary is result.summary
    asked = set(engine.ran)
    assert asked == {"stack output", "stack history"}
    assert len(engine.ran) <= 3
    assert stack.outputs()["a"].value == "b", "and after an update as ever"


def test_the_engine_is_told_which_packages_the_program_needs() -> None:
    server = _stack.LanguageServer(lambda: None)
    told = {each.name: each for each in server.GetRequiredPackages(None, None).packages}
    assert set(told) == {"kubernetes", "random", "terraform-provider"}
    assert all(each.kind == "resource" for each in told.values())
    assert told["random"].version == version("pulumi-random")
    coderd = told["terraform-provider"].parameterization
    assert coderd.name == "coderd"
    assert coderd.version == version("pulumi-coderd")
    assert json.loads(coderd.value)["remote"]["version"] == coderd.version


def test_a_package_that_a_commit_has_not_is_not_asked_for(monkeypatch: Any) -> None:
    monkeypatch.setattr(host, "_PACKAGES", ("pulumi_random", "pulumi_nosuch"))
    assert [each.name for each in host._packages()] == ["random"]


SAYING = """
import os, sys
from ops import host
host.select = lambda request: None
host.run = lambda stack, request: {"said": host._pass_on("caf\u00e9")}
sys.argv[1:] = [str(os.open(os.devnull, os.O_WRONLY))]
host.main()
"""


def test_what_the_encoding_of_its_output_has_not_ends_no_update():
    done = subprocess.run(
        [sys.executable, "-c", SAYING],
        input=b"{}\n{}\n",
        cwd=ROOT,
        env={**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"},
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"caf?\n", b"")
