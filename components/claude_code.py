"""What a stack decides of Claude Code itself: its managed settings, which nobody's own override.

Fields as code.claude.com/docs/en/settings and /hooks have them in November 2026.
"""

import json
import re
from collections.abc import Sequence
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from components.boundary.credentials import form_of
from components.checked import CheckedBy

Event = Literal[
    "PreToolUse",
    "PostToolUse",
    "PermissionRequest",
    "UserPromptSubmit",
    "Notification",
    "Stop",
    "SubagentStop",
    "PreCompact",
    "SessionStart",
    "SessionEnd",
]

# A tool, or one with what it is asked to do: Read, Bash(git push *), mcp__github__get_me.
_RULE: Final = r"(?:[A-Z][A-Za-z]*(?:\([^\n]+\))?|mcp__[A-Za-z0-9_-]+(?:\*)?)\Z"


def _rule(value: str) -> str:
    if not re.match(_RULE, value):
        raise ValueError("a rule is a tool, such as Read, Bash(git push *) or mcp__github")
    return value


def _without_credential(value: str) -> str:
    if form := form_of(value):
        raise ValueError(f"holds {form}, and everybody who may read the template could read it")
    return value


def _once(value: list[str]) -> list[str]:
    if twice := sorted({each for each in value if value.count(each) > 1}):
        raise ValueError(f"{twice[0]} is named twice")
    return value


Rules = Annotated[
    list[Annotated[str, CheckedBy(_rule), CheckedBy(_without_credential)]],
    CheckedBy(_once),
]


def _nothing() -> list[Any]:
    # `list` has a signature in C, which takes Python longer to read than all of the fields.
    return []


class _Model(BaseModel):
    # One spelling of a key, camelCase; compiled when it is first used, not at each start.
    model_config = ConfigDict(
        extra="forbid", frozen=True, alias_generator=to_camel, defer_build=True
    )


class Hook(_Model):
    """A command that Claude Code runs at an event, inside its jail."""

    event: Event = Field(description="When it runs.")
    matcher: str = Field("", description="Its tools, as a regular expression; all if empty.")
    command: Annotated[str, CheckedBy(_without_credential)] = Field(
        min_length=1,
        description="A shell command; its exit status 2 stops what was to happen.",
    )
    timeout_seconds: int = Field(60, ge=1, le=3600, description="It is ended after this.")


class ClaudePolicy(_Model):
    """Managed settings of Claude Code: above a person's, a repository's and the command line's."""

    allow: Rules = Field(default_factory=_nothing, description="What it does without asking.")
    ask: Rules = Field(default_factory=_nothing, description="What it asks for each time.")
    deny: Rules = Field(default_factory=_nothing, description="What it never does.")
    only_these_rules: bool = Field(False, description="Rules of people and repositories are void.")
    bypass: bool = Field(
        False, description="People may start it without permissions; Tasks of module 4 do."
    )
    hooks: list[Hook] = Field(default_factory=_nothing, description="Commands that it runs.")
    only_these_hooks: bool = Field(False, description="Hooks of people and repositories are void.")
    telemetry: bool = Field(False, description="It reports its use and errors to Anthropic.")

    def document(self) -> dict[str, Any]:
        """Return the managed settings as Claude Code reads them."""
        permissions: dict[str, Any] = {
            kind: rules for kind, rules in self._rules().items() if rules
        }
        if not self.bypass:
            permissions["disableBypassPermissionsMode"] = "disable"
        found: dict[str, Any] = {"permissions": permissions} if permissions else {}
        if self.only_these_rules:
            found["allowManagedPermissionRulesOnly"] = True
        hooks: dict[str, list[Any]] = {}
        for hook in self.hooks:
            command = {
                "type": "command",
                "command": hook.command,
                "timeout": hook.timeout_seconds,
            }
            hooks.setdefault(hook.event, []).append({"matcher": hook.matcher, "hooks": [command]})
        if hooks:
            found["hooks"] = hooks
        if self.only_these_hooks:
            found["allowManagedHooksOnly"] = True
        if not self.telemetry:
            found["env"] = {"DISABLE_TELEMETRY": "1", "DISABLE_ERROR_REPORTING": "1"}
        return found

    def to_json(self) -> str:
        """Return the file: the same bytes for the same policy."""
        return json.dumps(self.document(), indent=2, ensure_ascii=False) + "\n"

    def statements(self) -> tuple[str, ...]:
        """Return what it says, one thing a line, for reviews."""
        hooks = (
            f"hook {hook.event} {hook.matcher or '(every tool)'}, {hook.timeout_seconds} s: "
            f"{hook.command}"
            for hook in self.hooks
        )
        said = {
            "rules of people and repositories are void": self.only_these_rules,
            "hooks of people and repositories are void": self.only_these_hooks,
            "nobody starts it without permissions": not self.bypass,
            "it reports nothing to Anthropic": not self.telemetry,
        }
        return (
            *(f"{kind} {rule}" for kind, rules in self._rules().items() for rule in rules),
            *hooks,
            *(words for words, holds in said.items() if holds),
        )

    def _rules(self) -> dict[str, Sequence[str]]:
        return {"allow": self.allow, "ask": self.ask, "deny": self.deny}


def tasks_problem(policy: ClaudePolicy | None, *, tasks: bool) -> str:
    """Return why a policy and Coder Tasks do not go together, empty if they do.

    Module 4 starts a Task with --dangerously-skip-permissions, which the policy refuses.
    """
    if policy is None or policy.bypass or not tasks:
        return ""
    return "Tasks start Claude Code without permissions: turn tasks off, or bypass on"
