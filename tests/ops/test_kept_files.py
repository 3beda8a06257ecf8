"""What is read of a backend's files, and when the engine is asked instead.

That it is what the engine tells stands in tests/program/test_recovery.py, on a real stack.
"""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pulumi import automation

from ops import backend, engine, kept_files

STATES, HISTORY = ".pulumi/stacks/firewalled-coder", ".pulumi/history/firewalled-coder/dev"


def stack_of(url: str, folder: Path) -> Any:
    variables = {backend.VARIABLE: url} if url else {}
    return SimpleNamespace(
        name="dev", workspace=SimpleNamespace(env_vars=variables, work_dir=str(folder))
    )


@pytest.fixture
def stack(tmp_path: Path) -> Any:
    """A stack with three updates."""
    (tmp_path / STATES).mkdir(parents=True)
    (tmp_path / STATES / "dev.json").write_text(state())
    (tmp_path / HISTORY).mkdir(parents=True)
    for number in (1, 2, 3):
        (tmp_path / HISTORY / f"dev-{number}.history.json").write_text(update(number))
        (tmp_path / HISTORY / f"dev-{number}.checkpoint.json").write_text(state())
    return stack_of(f"file://{tmp_path}?metadata=skip", tmp_path)


def state(version: int = 3, **more: Any) -> str:
    checkpoint = {"stack": "x", "latest": {"resources": [{"urn": "a"}]}}
    return json.dumps({"version": version, "checkpoint": checkpoint, **more})


def update(number: int) -> str:
    told = {"kind": "update", "message": str(number), "environment": {}, "result": "failed"}
    return json.dumps({**told, "startTime": number, "endTime": number, "version": 0})


def listed(stack: Any, *page: int) -> list[str] | None:
    found = kept_files.history(stack, *(page or (None, None)))
    return None if found is None else [each.message for each in found]


def test_pages_are_of_the_latest_updates_first(stack: Any) -> None:
    assert listed(stack) == ["3", "2", "1"]
    assert listed(stack, 1, 1) == ["3"]
    assert listed(stack, 2, 2) == ["1"]
    assert listed(stack, 2, 3) == []


def test_a_stack_without_an_update_has_none(stack: Any, tmp_path: Path) -> None:
    for file in (tmp_path / HISTORY).iterdir():
        file.unlink()
    (tmp_path / HISTORY).rmdir()
    assert listed(stack) == []


def test_the_variable_of_this_process_names_the_folder_as_well(
    stack: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(backend.VARIABLE, raising=False)
    assert not kept_files.known("dev", tmp_path)
    monkeypatch.setenv(backend.VARIABLE, "file://.")
    assert kept_files.known("dev", tmp_path)
    assert not kept_files.known("other", tmp_path)
    found = kept_files.deployment(stack_of("", tmp_path))
    assert found == {"version": 3, "deployment": {"resources": [{"urn": "a"}]}}


@pytest.mark.parametrize("end", ["gz", "zst"])
def test_of_two_states_the_engine_knows_which_is_the_one(
    stack: Any, tmp_path: Path, end: str
) -> None:
    (tmp_path / STATES / f"dev.json.{end}").touch()
    assert kept_files.deployment(stack) is None
    assert listed(stack) is None


def test_below_a_prefix_the_engine_is_asked(stack: Any, tmp_path: Path) -> None:
    stack.workspace.env_vars[backend.VARIABLE] = f"file://{tmp_path}?metadata=skip&prefix=b/"
    assert kept_files.deployment(stack) is None


@pytest.mark.parametrize("url", ["file://[abc", "s3://[x", "file://~nobody-of-this-name/x"])
def test_of_a_place_that_is_none_the_engine_tells(
    tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(backend.VARIABLE, url)
    assert not kept_files.known("dev", tmp_path)
    assert not kept_files.known("x" * 300, tmp_path)


@pytest.mark.parametrize("url", ["", "s3://bucket", "https://api.pulumi.com", "file:///nowhere"])
def test_of_another_backend_the_engine_is_asked(
    tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(backend.VARIABLE, raising=False)
    other = stack_of(url, tmp_path)
    assert kept_files.deployment(other) is None
    assert listed(other) is None


@pytest.mark.parametrize("content", [state(4), state(features=["x"]), "{", "[]", '{"version": 3}'])
def test_of_a_state_that_is_written_otherwise_the_engine_is_asked(
    stack: Any, tmp_path: Path, content: str
) -> None:
    (tmp_path / STATES / "dev.json").write_text(content)
    assert kept_files.deployment(stack) is None


@pytest.mark.parametrize(
    ("file", "content"),
    [("dev-4.history.json.gz", "x"), ("dev-4.history.json", "{"), ("dev-4.history.json", "{}")],
)
def test_of_a_history_that_is_written_otherwise_the_engine_is_asked(
    stack: Any, tmp_path: Path, file: str, content: str
) -> None:
    (tmp_path / HISTORY / file).write_text(content)
    assert listed(stack, 1, 1) is None


def test_a_setting_is_decrypted_once_while_the_stacks_file_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, bool]] = []

    def get_config(_: Any, key: str, *, path: bool = False) -> automation.ConfigValue:
        asked.append((key, path))
        return automation.ConfigValue(str(len(asked)))

    monkeypatch.setattr(automation.Stack, "get_config", get_config)
    workspace = automation.LocalWorkspace(
        work_dir=str(tmp_path), pulumi_command=engine._command(lambda _: None)
    )
    monkeypatch.setattr(workspace, "select_stack", lambda _: None)
    made = engine._Stack("dev", workspace, automation._stack.StackInitMode.SELECT)
    assert [made.get_config("a:b").value for _ in range(2)] == ["1", "1"]
    assert made.get_config("a:b", path=True).value == "2"
    (tmp_path / "stacks").mkdir()
    (tmp_path / "stacks" / "Pulumi.dev.yaml").write_text("config: {}\n")
    assert made.get_config("a:b").value == "3"
