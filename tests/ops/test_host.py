"""Programs on the engine, and what it hears of them."""

from pathlib import Path
from typing import Any

import pulumi
import pytest
from pulumi.runtime import settings as runtime
from pulumi.runtime.proto import engine_pb2

from ops import host


class Recorder:
    """An engine that keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[int, str]] = []

    def Log(self, request: engine_pb2.LogRequest) -> None:
        self.told.append((request.severity, request.message))

    def GetRootResource(self, request: Any) -> str:
        return "root"


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
