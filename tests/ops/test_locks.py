"""Whether something holds a stack, and what `cancel` says of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from ops import engine, locks
from ops.cli import app

LOCK = ".pulumi/locks/organization/firewalled-coder/{}/4711.json"


@dataclass
class Stack:
    """A stack whose backend is at a URL; `cancel` removes its locks there, as the engine does."""

    root: Path
    url: str
    name: str = "local"

    @property
    def workspace(self) -> Any:
        return SimpleNamespace(
            work_dir=str(self.root), who_am_i=lambda: SimpleNamespace(url=self.url)
        )

    def cancel(self) -> None:
        for file in self.root.rglob("*.json"):
            file.unlink()


def lock(root: Path, path: str) -> None:
    file = root / path
    file.parent.mkdir(parents=True)
    file.write_text("{}")


@pytest.mark.parametrize("url", ["file://{root}?metadata=skip", "file://.", "file://~"])
@pytest.mark.parametrize(
    ("path", "held"),
    [
        (LOCK.format("local"), True),
        (".pulumi/locks/local/4711.json", True),
        (LOCK.format("dev"), False),
        (".pulumi/locks/organization/other/local/4711.json", False),
        (".pulumi/stacks/firewalled-coder/local.json", False),
    ],
)
def test_a_lock_of_this_stack_holds_it_wherever_the_files_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str, path: str, held: bool
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    lock(tmp_path, path)
    stack = Stack(tmp_path, url.format(root=tmp_path))
    assert locks.held(stack) is held  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("url", "path", "said"),
    [
        ("file://.", LOCK.format("local"), "stack local is free again"),
        ("file://.", None, "nothing held stack local: no update is running"),
        ("s3://bucket", None, "stack local is free; its backend does not tell"),
    ],
)
def test_cancel_says_whether_something_held_the_stack(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str, path: str | None, said: str
) -> None:
    @contextmanager
    def session(*_: Any) -> Iterator[engine.Session]:
        yield engine.Session(Stack(tmp_path, url), tmp_path)  # type: ignore[arg-type]

    monkeypatch.setattr(engine, "session", session)
    if path:
        lock(tmp_path, path)
    result = CliRunner().invoke(app, ["cancel", "local"])
    assert result.exit_code == 0, result.output
    assert said in result.stdout
    assert not list(tmp_path.rglob("*.json"))
