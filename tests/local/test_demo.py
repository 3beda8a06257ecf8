"""The demonstration's order, its end, and what it says of the time it took."""

import os
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest

from local import cluster, coderd, demo
from toolchain import tools


@pytest.fixture(autouse=True)
def _nothing_built(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tools, "built", [])


def clock() -> Callable[[], float]:
    """Ten seconds later each time it is looked at."""
    ticks = count(step=10)
    return lambda: float(next(ticks))


def build() -> int:
    tools.built.extend([("etcd", 3.0), ("kube-apiserver", 4.5)])
    return 0


def test_what_was_built_is_told_apart_from_what_needed_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert demo.main([("the policy", lambda: 0), ("the start", build)], clock()) == 0
    assert capsys.readouterr().out.splitlines()[-5:] == [
        "Where the time went",
        "  the policy                10.0 s",
        "  the start                 10.0 s",
        "    built etcd               3.0 s",
        "    built kube-apiserver     4.5 s",
    ]


def test_packages_that_were_installed_for_it_are_told_too(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tools, "ROOT", tmp_path)
    for name in (demo.INSTALLED, demo.INSTALLING):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    ended = time.time()
    (tmp_path / demo.INSTALLING).write_text(f"{ended - 61.5}\n")
    os.utime(tmp_path / demo.INSTALLED, (ended, ended))
    assert demo.main([("first", lambda: 0)], clock()) == 0
    assert capsys.readouterr().out.endswith(
        "Where the time went\n  the packages    61.5 s\n  first           10.0 s\n"
    )
    # Of an earlier run.
    os.utime(tmp_path / demo.INSTALLED, (ended - 31, ended - 31))
    assert list(demo.installed()) == []


def test_it_ends_with_what_fails_and_still_says_where_the_time_went(
    capsys: pytest.CaptureFixture[str],
) -> None:
    ran: list[str] = []
    steps = [("first", lambda: 3), ("second", lambda: ran.append("second") or 0)]
    assert (demo.main(steps, clock()), ran) == (3, [])
    assert capsys.readouterr().out.endswith("Where the time went\n  first    10.0 s\n")


def test_what_can_be_read_comes_before_anything_is_built(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (name, explain), *_ = demo.STEPS
    monkeypatch.setenv("PATH", "/nowhere")
    assert (name, explain()) == ("what an agent may reach", 0)
    said = capfd.readouterr().out
    assert "DENY" in said
    assert "ALLOW" in said
    assert tools.built == []


def test_a_command_that_fails_is_no_answer(capfd: pytest.CaptureFixture[str]) -> None:
    assert demo.ops("explain", "nosuch", "https://a.example/", passes=(0, 1)) == 2
    assert "no stack 'nosuch'" in capfd.readouterr().err


@pytest.mark.parametrize(
    "error", [tools.ToolError, cluster.LocalClusterError, coderd.LocalCoderdError]
)
def test_what_cannot_be_started_is_one_line(
    error: type[Exception], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def start(self: demo.Environment, progress: tools.Progress) -> None:
        raise error("there is no Go")

    monkeypatch.setattr(demo.Environment, "start", start)
    assert demo.start() == 1
    assert capsys.readouterr().err == "error: there is no Go\n"
