"""AI providers that somebody wrote in Coder though nothing of them differs."""

from typing import Any

import pytest

from ops import drift, gateway_drift, report
from ops.assessment import StackPreview
from ops.gateway_drift import WRITTEN, WrittenProvider
from ops.tokens import AI_PROVIDER, TEMPLATE

# The engine masks the ends of a key.
THERE = {"name": "claude", "apiKeyMasked": "[secret]", "updatedAt": 1}
TOUCHED = {**THERE, "updatedAt": 2}


def read(
    op: str, old: dict[str, Any], new: dict[str, Any] | None, kind: str = AI_PROVIDER
) -> dict[str, Any]:
    inputs = {"name": "claude", "baseUrl": "https://a.example"}
    return {
        "op": op,
        "urn": f"urn:pulumi:dev::p::{kind}::claude-provider",
        "type": kind,
        "old": {"inputs": inputs, "outputs": old},
        "new": new and {"inputs": inputs, "outputs": new},
    }


KEYED = WrittenProvider("claude", ())
MODEL = {**TOUCHED, "settings": {"bedrock": {"model": "other"}}}


@pytest.mark.parametrize("op", ["refresh", "same", "update"])
@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (THERE, TOUCHED, "claude: nothing shown, perhaps its key, which up sends again only when"),
        ({"name": "claude", "updatedAt": 1}, TOUCHED, "claude: nothing shown, perhaps its key,"),
        (THERE, MODEL, "claude: settings.bedrock.model is other now; perhaps its key, which up"),
    ],
)
def test_a_provider_that_was_written_is_named(
    op: str, old: dict[str, Any], new: dict[str, Any], words: str
) -> None:
    events = [read(op, old, new)]
    (line,) = gateway_drift.told(gateway_drift.written(events))
    assert line.startswith(f"changed by somebody else: AI provider {words}")
    assert drift.refreshed(events) == (), "an update restores nothing of it"


@pytest.mark.parametrize(
    "event",
    [
        read("refresh", THERE, THERE),
        read("refresh", {"name": "claude"}, TOUCHED),
        read("delete", THERE, None),
        read("same", THERE, TOUCHED, TEMPLATE),
        # What differs that Coder shows, a preview and a refresh tell by itself.
        read("update", THERE, {**TOUCHED, "baseUrl": "https://else.example"}),
    ],
)
def test_what_is_as_it_was_or_told_elsewhere_is_not(event: dict[str, Any]) -> None:
    assert gateway_drift.written([event]) == ()


def test_a_preview_that_reads_back_has_it_in_its_headline() -> None:
    found = StackPreview("dev", written=(KEYED,))
    assert report.headline([found]) == f"⚠️ {WRITTEN}"
    assert "#### AI Gateway\n\n- ⚠️ `claude` **was changed in Coder by somebody else**: " in (
        report.to_markdown([found])
    )
    assert report.to_json([found])["stacks"][0]["aiProvidersWrittenByOthers"] == [
        {"name": "claude", "differs": []}
    ]
