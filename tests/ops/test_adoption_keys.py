"""Keys of AI providers that an adoption takes over."""

from typing import Any

import httpx
import pytest

from components.coder.api import CoderdAccess, CoderdApi
from ops.adoption import keys
from ops.steps import ForeseenStep
from ops.tokens import AI_PROVIDER, TEMPLATE


@pytest.mark.parametrize(
    ("kind", "inputs", "there", "told"),
    [
        (AI_PROVIDER, {}, [{"masked": "sk-a...6789"}], True),
        (AI_PROVIDER, {}, [], False),
        # The next update sends the stack's own in its place.
        (AI_PROVIDER, {"apiKeyWoVersion": 7}, [{"masked": "sk-a...6789"}], False),
        (TEMPLATE, {}, [{"masked": "sk-a...6789"}], False),
    ],
)
def test_a_key_that_stays_without_the_settings_is_told(
    kind: str, inputs: dict[str, Any], there: list[dict[str, str]], told: bool
) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        assert request.url.path == "/api/v2/ai/providers/claude"
        return httpx.Response(200, json={"name": "claude", "api_keys": there})

    step = ForeseenStep("create", "urn::x", kind, {"name": "claude", **inputs}, {})
    access = CoderdAccess("https://coder.example.com", "t", httpx.MockTransport(answer))
    with CoderdApi(access) as api:
        lines = list(keys.kept(api, [step]))
    assert [each.startswith("AI provider claude has a key in Coder") for each in lines] == (
        [True] if told else []
    )
