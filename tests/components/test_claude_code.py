"""Claude Code's managed settings."""

import json
from typing import Any

import pytest
from pydantic import ValidationError

from components.claude_code import ClaudePolicy, tasks_problem
from components.settings.load import load
from components.settings.problems import SettingsError

FULL = {
    "allow": ["Read", "Bash(git status)"],
    "ask": ["Bash(git push *)"],
    "deny": ["Read(./.env)", "WebFetch", "mcp__github", "mcp__github__delete_file"],
    "onlyTheseRules": True,
    "hooks": [
        {"event": "PreToolUse", "matcher": "Bash", "command": "/usr/local/bin/audit"},
        {"event": "PreToolUse", "command": "a", "timeoutSeconds": 5},
        {"event": "SessionEnd", "command": "b"},
    ],
    "onlyTheseHooks": True,
}


def policy(**given: Any) -> ClaudePolicy:
    return ClaudePolicy.model_validate(given)


def settings(**workspaces: Any) -> Any:
    return load(
        "dev",
        {
            "coder": {"accessUrl": "https://coder.example.com"},
            "externalAuth": {"providers": [{"host": "gitlab.example.com"}]},
            "workspaces": workspaces,
            "templates": [{"name": "a", "firewall": {}}],
            "secrets": {
                "coderToken": "t",
                "externalAuth": {"gitlab": {"clientId": "i", "clientSecret": "s"}},
            },
        },
    )


def test_everything_as_claude_code_reads_it() -> None:
    def command(words: str, timeout: int) -> dict[str, Any]:
        return {"type": "command", "command": words, "timeout": timeout}

    assert json.loads(policy(**FULL).to_json()) == {
        "permissions": {
            "allow": ["Read", "Bash(git status)"],
            "ask": ["Bash(git push *)"],
            "deny": ["Read(./.env)", "WebFetch", "mcp__github", "mcp__github__delete_file"],
            "disableBypassPermissionsMode": "disable",
        },
        "allowManagedPermissionRulesOnly": True,
        "hooks": {
            "PreToolUse": [
                {"matcher": "Bash", "hooks": [command("/usr/local/bin/audit", 60)]},
                {"matcher": "", "hooks": [command("a", 5)]},
            ],
            "SessionEnd": [{"matcher": "", "hooks": [command("b", 60)]}],
        },
        "allowManagedHooksOnly": True,
        "env": {"DISABLE_TELEMETRY": "1", "DISABLE_ERROR_REPORTING": "1"},
    }


def test_what_is_not_said_is_not_written_but_for_what_is_safe() -> None:
    assert policy().document() == {
        "permissions": {"disableBypassPermissionsMode": "disable"},
        "env": {"DISABLE_TELEMETRY": "1", "DISABLE_ERROR_REPORTING": "1"},
    }
    assert policy(bypass=True, telemetry=True).document() == {}


def test_each_thing_it_says_is_a_line() -> None:
    assert policy(**FULL).statements() == (
        "allow Read",
        "allow Bash(git status)",
        "ask Bash(git push *)",
        "deny Read(./.env)",
        "deny WebFetch",
        "deny mcp__github",
        "deny mcp__github__delete_file",
        "hook PreToolUse Bash, 60 s: /usr/local/bin/audit",
        "hook PreToolUse (every tool), 5 s: a",
        "hook SessionEnd (every tool), 60 s: b",
        "rules of people and repositories are void",
        "hooks of people and repositories are void",
        "nobody starts it without permissions",
        "it reports nothing to Anthropic",
    )
    assert policy(bypass=True, telemetry=True).statements() == ()


@pytest.mark.parametrize(
    "given",
    [
        {"deny": ["bash"]},
        {"deny": ["Bash()"]},
        {"deny": ["Bash(git"]},
        {"deny": [""]},
        {"deny": ["Read", "Read"]},
        {"deny": ["Bash(a\nb)"]},
        {"hooks": [{"event": "Sometimes", "command": "a"}]},
        {"hooks": [{"event": "Stop", "command": ""}]},
        {"hooks": [{"event": "Stop", "command": "a", "timeoutSeconds": 0}]},
        {"hooks": [{"event": "Stop", "command": "curl https://u:hunter22@a.example/"}]},
        {"only_these_rules": True},
        {"unknown": True},
    ],
)
def test_what_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as caught:
        policy(**given)
    with pytest.raises(SettingsError) as told:
        settings(tasks=False, claudePolicy=given)
    assert "workspaces.claudePolicy" in str(told.value)
    assert "hunter22" not in str(told.value)
    assert caught.value.error_count() == 1


@pytest.mark.parametrize(
    ("tasks", "given", "fits"),
    [
        (True, {}, False),
        (True, {"bypass": True}, True),
        (False, {}, True),
        (True, None, True),
    ],
)
def test_tasks_need_what_the_policy_refuses(
    tasks: bool, given: dict[str, Any] | None, fits: bool
) -> None:
    found = None if given is None else policy(**given)
    assert (tasks_problem(found, tasks=tasks) == "") is fits
    if fits:
        assert settings(tasks=tasks, claudePolicy=given).workspaces.claude_policy == found
    else:
        with pytest.raises(SettingsError, match=r"workspaces\.claudePolicy\.bypass = false: Tasks"):
            settings(tasks=tasks, claudePolicy=given)
