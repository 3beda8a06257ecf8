"""What a move between the modules of Claude Code, or of Tasks, is for people."""

from typing import Any

import pytest

from components.workspace_template.args import WorkspaceTemplateArgs
from components.workspace_template.render import render
from components.workspace_template.wiring import ModuleVersions
from ops.template_changes import Registered, wiring_lines


def registered(module: str | None, tasks: bool | None = None) -> Registered:
    outputs: dict[str, Any] = {"pins": {"module claude-code": module} if module else {}}
    return Registered.of(outputs if tasks is None else {**outputs, "tasks": tasks})


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("4.7.3", "5.4.0", "**module 4 to 5** at a workspace's next start: the chat on"),
        ("5.4.0", "4.9.2", "**module 5 to 4** at a workspace's next start: the app in"),
        ("4.7.3", "4.9.2", ""),
        (None, "5.4.0", ""),
    ],
)
def test_a_move_between_the_modules_of_claude_code(old: str | None, new: str, said: str) -> None:
    lines = wiring_lines(registered(old), registered(new))
    assert [said in line and "homes stay" in line for line in lines] == ([True] if said else [])
    # Nothing moves of a template that is new, or goes.
    assert wiring_lines(None, registered(new)) == wiring_lines(registered(old), None) == []


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (True, False, ["  - ⚠️ Coder Tasks **go**"]),
        (False, True, ["  - ⚠️ Coder Tasks **come**"]),
        (True, True, []),
        (None, False, []),
    ],
)
def test_tasks_that_go(before: bool | None, after: bool, said: list[str]) -> None:
    assert wiring_lines(registered("4.7.3", before), registered("4.7.3", after)) == said


def test_the_pin_by_which_a_move_is_known_is_the_templates() -> None:
    pins = [
        render(WorkspaceTemplateArgs("s", "t", "n", "a:1", None, module_versions=each)).pins
        for each in (ModuleVersions("4.7.3"), ModuleVersions("5.4.0"))
    ]
    (line,) = wiring_lines(*(Registered.of({"pins": each}) for each in pins))
    assert "**module 4 to 5**" in line
