"""Providers and prices of the AI Gateway in a report."""

from dataclasses import replace
from typing import Any

import pytest

from ops import report
from ops.assessment import StackPreview
from ops.changes import UNKNOWN, Step
from ops.gateway_places import KEEPS_KEY, left
from ops.headline import headline
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
        assert headline([found]) == f"⚠️ {'; '.join(warnings)}"


def bedrock(**settings: str) -> dict[str, Any]:
    address = "https://bedrock-runtime.us-gov-west-1.amazonaws.com"
    return {"name": "bedrock", "baseUrl": address, "settings": {"bedrock": settings}}


KEYED = {**CLAUDE, "apiKeyWoVersion": "a-b"}


@pytest.mark.parametrize(
    ("old", "new", "warning", "line"),
    [
        (
            bedrock(),
            bedrock(region="cn-north-1"),
            "prompts go to another AWS region",
            "  - ⚠️ AWS region: `us-gov-west-1` → `cn-north-1`",
        ),
        (
            bedrock(model="claude-a"),
            bedrock(model="other"),
            "prompts go to another model",
            "  - ⚠️ model: `claude-a` → `other`",
        ),
        (
            bedrock(),
            bedrock(roleArn="arn:aws:iam::1:role/x"),
            "prompts go out by another AWS role",
            "  - ⚠️ AWS role: none → `arn:aws:iam::1:role/x`",
        ),
        (
            bedrock(),
            bedrock(credentialsWoVersion=UNKNOWN),
            "",
            "  - credential: `none` (no key of the stack's) → `aws_keys` (an AWS access key of the "
            "stack's)",
        ),
        (
            KEYED,
            CLAUDE,
            KEEPS_KEY,
            "  - credential: `api_key` (a key of the stack's) → `none` (no key of the stack's)\n"
            "  - ⚠️ **Coder keeps the key** and goes on with it: `PATCH /api/v2/ai/providers/claude "
            '{"api_keys": []}` takes it away, or give the provider another name',
        ),
        (
            bedrock(credentialsWoVersion="a-b"),
            bedrock(),
            KEEPS_KEY,
            "  - credential: `aws_keys` (an AWS access key of the stack's) → `none` (no key of the "
            "stack's)\n  - ⚠️ **Coder keeps the key** and goes on with it: give the provider "
            "another name, which makes one without it",
        ),
        (
            bedrock(model="a", protocol="invoke-model"),
            bedrock(smallFastModel="b"),
            "prompts go to another model",
            "  - ⚠️ model of background tasks: Coder's choice → `b`\n"
            "  - protocol: `invoke-model` → Coder's default\n"
            "  - model: the settings name none, and Coder keeps `a`",
        ),
        (
            {**CLAUDE, "displayName": "Claude"},
            {**CLAUDE, "enabled": True},
            "",
            "  - display name: the settings name none, and Coder keeps `Claude`\n"
            "  - `enabled`: not set → `true`",
        ),
        (
            {**CLAUDE, "enabled": True},
            {**CLAUDE, "settings": {"bedrock": {"protocol": "mantle", "region": "us-east-1"}}},
            "prompts go to another AWS region",
            "  - ⚠️ AWS region: not set → `us-east-1`\n"
            "  - protocol: Coder's default → `mantle`\n"
            "  - `enabled`: `true` → **removed**",
        ),
        (
            KEYED,
            {**KEYED, "apiKeyWoVersion": "c-d"},
            "",
            "  - `apiKeyWoVersion`: `a-b` → `c-d`",
        ),
    ],
)
def test_where_prompts_go_and_by_what_is_said_in_words(
    old: dict[str, Any], new: dict[str, Any], warning: str, line: str
) -> None:
    found = StackPreview("dev", {}, {}, steps=(step("update", AI_PROVIDER, old, new),))
    assert found.warnings == ((warning,) if warning else ())
    assert report.to_markdown([found]).split("#### AI Gateway\n\n")[1].split("\n\n")[0] == (
        f"- `{new['name']}`\n{line}"
    )


def test_a_provider_that_is_new_is_told_with_its_region_and_model() -> None:
    new = bedrock(region="us-gov-west-1", model="claude-a")
    found = StackPreview("dev", {}, {}, steps=(step("create", AI_PROVIDER, None, new),))
    assert found.warnings == (MORE,)
    assert "\n  - AWS region: `us-gov-west-1`\n  - model: `claude-a`\n" in report.to_markdown(
        [found]
    )


def test_machines_are_told_where_prompts_go() -> None:
    found = StackPreview("dev", {}, {}, steps=(step("update", AI_PROVIDER, CLAUDE, ELSE),))
    moved = {"before": "https://api.anthropic.com", "after": "https://else.example"}
    assert report.to_json([found])["stacks"][0]["aiProviders"] == [
        {
            "name": "claude",
            "op": "update",
            "added": False,
            "address": moved,
            "warnings": [MOVED],
        }
    ]


def found_with(old: dict[str, Any], new: dict[str, Any], op: str = "update") -> StackPreview:
    change = replace(step(op, AI_PROVIDER, old, new), live=old)
    steps, kept = ((), (change,)) if op == "same" else ((change,), ())
    return StackPreview("dev", {}, {}, steps=steps, kept=kept)


@pytest.mark.parametrize("op", ["same", "update"])
def test_a_region_that_the_address_names_as_well_is_no_other_region(op: str) -> None:
    """An import and a refresh write it among the inputs; the settings do not name it."""
    found = found_with(bedrock(region="us-gov-west-1", externalId="X"), bedrock(), op)
    assert found.warnings == ()
    told = report.to_markdown([found]).split("<details>")[0]
    assert "us-gov-west-1" not in told
    assert "externalId" not in told


def test_the_region_of_an_address_takes_the_place_of_one_that_the_settings_leave_out() -> None:
    found = found_with(bedrock(region="cn-north-1"), bedrock())
    assert "⚠️ AWS region: `cn-north-1` → `us-gov-west-1`" in report.to_markdown([found])
    assert found.warnings == ("prompts go to another AWS region",)


def test_a_model_that_the_settings_leave_out_stays_in_coder_and_the_review_says_so() -> None:
    found = found_with(bedrock(model="claude-a"), bedrock(), "same")
    assert (found.verdict, found.warnings) == ("same", ())
    assert report.to_markdown([found]).split("#### AI Gateway\n\n")[1] == (
        "- `bedrock`\n  - model: the settings name none, and Coder keeps `claude-a`\n"
    )


def test_an_update_says_in_plain_lines_what_coder_keeps() -> None:
    update = found_with(KEYED, {**CLAUDE, "displayName": "Claude"})
    same = found_with({**bedrock(model="claude-a"), "displayName": "AWS"}, bedrock(), "same")
    assert list(left((*update.steps, *same.kept))) == [
        "AI provider claude: Coder keeps the key and goes on with it: `PATCH /api/v2/ai/providers/"
        'claude {"api_keys": []}` takes it away, or give the provider another name',
        "AI provider bedrock: model: the settings name none, and Coder keeps `claude-a`",
        "AI provider bedrock: display name: the settings name none, and Coder keeps `AWS`",
    ]


def test_a_provider_that_is_made_anew_keeps_nothing() -> None:
    old = {**bedrock(model="a", credentialsWoVersion="a-b"), "type": "anthropic"}
    found = found_with(old, {**bedrock(), "type": "bedrock"}, "replace")
    assert "keeps" not in report.to_markdown([found])
    assert not list(left(found.steps))
    assert "  - ⚠️ model: `a` → Coder's choice\n" in report.to_markdown([found])
