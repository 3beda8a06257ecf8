"""Providers and prices of the AI Gateway in a report."""

from typing import Any

import pytest

from ops import report
from ops.assessment import StackPreview
from ops.changes import Step
from ops.tokens import AI_MODEL_PRICE, AI_PROVIDER

CLAUDE = {"name": "claude", "baseUrl": "https://api.anthropic.com"}
PRICE = {"providerType": "anthropic", "model": "claude-x", "inputPrice": 3000000}
STAYS = "no longer the stack's; it stays in Coder, which cannot remove it"


def step(op: str, kind: str, old: dict[str, Any] | None, new: dict[str, Any] | None = None) -> Step:
    urn = f"urn:pulumi:dev::firewalled-coder::{kind}::thing"
    return Step(op, urn, kind, old or {}, new or {})


@pytest.mark.parametrize(
    ("change", "lines"),
    [
        (
            step("create", AI_PROVIDER, None, CLAUDE),
            ["- ⚠️ `claude`: created, `https://api.anthropic.com`"],
        ),
        (step("delete", AI_PROVIDER, CLAUDE), ["- `claude`: **deleted**"]),
        (
            step("replace", AI_PROVIDER, CLAUDE, {**CLAUDE, "type": "openai"}),
            ["- `claude`: **replaced**", "  - `type`: not set → `openai`"],
        ),
        (
            step("update", AI_PROVIDER, CLAUDE, {**CLAUDE, "baseUrl": "https://else.example"}),
            [
                "- `claude`",
                "  - ⚠️ **another address**: `https://api.anthropic.com` → `https://else.example`; "
                "prompts, and the key, go there",
            ],
        ),
        (
            step("create", AI_MODEL_PRICE, None, PRICE),
            [
                "- price of `anthropic/claude-x`: set",
                "  - `inputPrice`: not set → `3000000`",
            ],
        ),
        (step("delete", AI_MODEL_PRICE, PRICE), [f"- price of `anthropic/claude-x`: {STAYS}"]),
    ],
)
def test_what_comes_goes_or_changes(change: Step, lines: list[str]) -> None:
    text = report.to_markdown([StackPreview("dev", {}, {}, steps=(change,))])
    assert "#### AI Gateway\n\n" + "\n".join(lines) + "\n" in text


def test_a_preview_without_any_has_no_such_section() -> None:
    assert "AI Gateway" not in report.to_markdown([StackPreview("dev", {}, {}, steps=())])


MORE = "prompts may go to one more AI provider"
MOVED = "an AI provider has another address"
OFF = {**CLAUDE, "enabled": False}
ELSE = {**CLAUDE, "baseUrl": "https://else.example"}


@pytest.mark.parametrize(
    ("change", "warnings"),
    [
        (step("create", AI_PROVIDER, None, CLAUDE), (MORE,)),
        (step("create", AI_PROVIDER, None, OFF), ()),
        (step("import", AI_PROVIDER, None, CLAUDE), ()),
        (step("delete", AI_PROVIDER, CLAUDE), ()),
        (step("update", AI_PROVIDER, CLAUDE, ELSE), (MOVED,)),
        (step("replace", AI_PROVIDER, CLAUDE, {**ELSE, "type": "openai"}), (MOVED,)),
        (step("update", AI_PROVIDER, OFF, {**ELSE, "enabled": True}), (MORE, MOVED)),
        (step("update", AI_PROVIDER, CLAUDE, {**CLAUDE, "displayName": "x"}), ()),
        (step("update", AI_PROVIDER, CLAUDE, OFF), ()),
    ],
)
def test_where_prompts_go_stands_in_the_headline(change: Step, warnings: tuple[str, ...]) -> None:
    found = StackPreview("dev", {}, {}, steps=(change,))
    assert found.warnings == warnings
    if warnings and change.op != "replace":
        assert report.headline([found]) == f"⚠️ {'; '.join(warnings)}"


def test_machines_are_told_where_prompts_go() -> None:
    found = StackPreview("dev", {}, {}, steps=(step("update", AI_PROVIDER, CLAUDE, ELSE),))
    moved = {"before": "https://api.anthropic.com", "after": "https://else.example"}
    assert report.to_json([found])["stacks"][0]["aiProviders"] == [
        {"name": "claude", "op": "update", "added": False, "address": moved}
    ]
