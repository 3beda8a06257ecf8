import contextlib
import fcntl
import os
import re
import signal
import stat
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from toolchain import engine, tools


def test_every_tool_named_in_the_tree_has_a_recipe() -> None:
    modules = {path.parent for path in (tools.ROOT / "tools").glob("*/go.mod")}
    assert {tool.module for tool in tools.TOOLS.values()} == modules


def test_the_engine_is_the_release_of_the_python_sdk() -> None:
    pins = (tools.ROOT / "requirements.txt").read_text().splitlines()
    assert f"pulumi=={tools.PULUMI_VERSION}" in pins
    module = (tools.ROOT / "tools" / "pulumi" / "go.mod").read_text()
    assert f"github.com/pulumi/pulumi/pkg/v3 v{tools.PULUMI_VERSION}" in module


def test_queries_are_evaluated_by_the_prometheus_that_judges_them() -> None:
    (judge,), (evaluator,) = (
        re.findall(
            r"github.com/prometheus/prometheus v\S+",
            (tools.ROOT / "tools" / name / "go.mod").read_text(),
        )
        for name in ("promtool", "promql")
    )
    assert judge == evaluator


def test_unknown_tool_is_refused_with_the_known_ones() -> None:
    with pytest.raises(tools.ToolError, match=r"'helm'; there are .*etcd.*pulumi"):
        tools.build("helm")


def program(folder: Path, source: str) -> tools.Tool:
    module = folder / "tools" / "hello"
    module.mkdir(parents=True)
    (module / "go.mod").write_text("module hello\n\ngo 1.24\n")
    (module / "main.go").write_text(source)
    return tools.Tool("hello", ".")


@pytest.fixture
def hello(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tools.Tool:
    monkeypatch.setattr(tools, "ROOT", tmp_path)
    monkeypatch.setenv("FIREWALLED_CODER_CACHE", str(tmp_path / "cache"))
    tool = program(tmp_path, 'package main\n\nfunc main() { println("hello") }\n')
    monkeypatch.setattr(tools, "TOOLS", {"hello": tool})
    return tool


def test_a_tool_is_built_once_and_again_when_its_source_changes(hello: tools.Tool) -> None:
    said: list[str] = []
    first = tools.build("hello", said.append)
    assert first.stat().st_mode & stat.S_IXUSR
    assert said[0].startswith("building hello")
    before = list(said)
    assert tools.build("hello", said.append) == first
    assert said == before
    (hello.module / "main.go").write_text('package main\n\nfunc main() { println("bye") }\n')
    assert tools.build("hello", said.append) != first


def test_a_build_of_another_process_is_waited_for_and_told(hello: tools.Tool) -> None:
    binary = tools.build("hello")
    binary.unlink()
    said: list[str] = []
    with (binary.parent.parent / "lock").open("w") as lock, ThreadPoolExecutor(1) as pool:
        fcntl.flock(lock, fcntl.LOCK_EX)
        waiting = pool.submit(tools.build, "hello", said.append)
        while not said and not waiting.done():
            time.sleep(0.01)
        assert said == ["hello is being built already: waiting for that"]
        assert not waiting.done()
        binary.write_text("made by the other")
        fcntl.flock(lock, fcntl.LOCK_UN)
        assert waiting.result() == binary
    assert binary.read_text() == "made by the other"


def test_an_interrupt_ends_a_build_that_a_shell_has_in_the_background(tmp_path: Path) -> None:
    go, began = tmp_path / "go", tmp_path / "began"
    go.write_text(f"#!/bin/sh\ntouch {began}\nexec sleep 60\n")
    go.chmod(0o755)
    shell = subprocess.Popen(
        ["/bin/sh", "-c", f"{sys.executable} -m toolchain.tools etcd & wait"],
        cwd=tools.ROOT,
        env={
            "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}",
            "FIREWALLED_CODER_CACHE": str(tmp_path / "cache"),
        },
        stderr=subprocess.PIPE,
        text=True,
        process_group=0,
    )
    try:
        while not began.exists():
            assert shell.poll() is None
            time.sleep(0.01)
        os.killpg(shell.pid, signal.SIGINT)
        # The pipe ends with the last process that has it.
        _, said = shell.communicate(timeout=10)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(shell.pid, signal.SIGKILL)
    assert said.splitlines() == [
        "building etcd (once; a few minutes on a machine that never built it)"
    ]


def test_a_failed_build_says_what_the_compiler_said(hello: tools.Tool) -> None:
    (hello.module / "main.go").write_text("package main\n\nfunc main() { nonsense }\n")
    with pytest.raises(tools.ToolError, match="undefined: nonsense"):
        tools.build("hello", lambda _: None)
    assert not list(tools.cache().rglob("bin/*"))


def test_a_machine_without_go_is_told_so(
    hello: tools.Tool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(tools.ToolError, match="Go is needed to build hello"):
        tools.build("hello")


def fake(folder: Path, answer: str) -> None:
    folder.mkdir(exist_ok=True)
    path = folder / "pulumi"
    path.write_text(f"#!/bin/sh\necho {answer}\n")
    path.chmod(0o755)


@pytest.mark.parametrize("answer", [f"v{tools.PULUMI_VERSION}", "v3.999.1"])
def test_a_pulumi_on_path_is_used(
    answer: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake(tmp_path / "bin", answer)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    found = engine.find()
    assert found == tmp_path / "bin" / "pulumi"
    # Asked once alone, as that takes as long as a command does.
    fake(tmp_path / "bin", "v1.0.0")
    assert engine.release(found) == answer.removeprefix("v")


def test_an_engine_that_was_built_is_not_asked_what_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake(tmp_path / "bin", "v1.0.0")
    monkeypatch.setattr(tools, "kept", lambda name: tmp_path / "bin" / name)
    assert engine.release(tmp_path / "bin" / "pulumi") == tools.PULUMI_VERSION
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=os.pathsep)
    assert engine.find() == tmp_path / "bin" / "pulumi"


@pytest.mark.parametrize("answer", ["v3.1.0", "v4.0.0", "nonsense"])
def test_a_pulumi_that_does_not_fit_is_not(
    answer: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake(tmp_path / "bin", answer)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    said: list[str] = []
    monkeypatch.setattr(tools, "build", lambda name, progress: Path("/built") / name)
    assert engine.find(said.append) == Path("/built/pulumi")
    assert "building that" in said[0]
