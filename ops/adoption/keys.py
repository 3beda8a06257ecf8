"""Keys of what is adopted: nobody can read them, and what the settings do not send stays."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from components.coder.api import CoderdApi
from ops.steps import ForeseenStep
from ops.tokens import AI_PROVIDER

_KEY: Final = "apiKeyWoVersion"
_AWS_KEYS: Final = "credentialsWoVersion"


def sends(step: ForeseenStep) -> bool:
    """Whether an update sends what is write-only, whose version an import does not bring."""
    within = step.inputs.get("settings") if "settings" in step.diffs else None
    return any(each.endswith("WoVersion") for each in step.diffs) or _AWS_KEYS in str(within)


def kept(api: CoderdApi, steps: Iterable[ForeseenStep]) -> Iterator[str]:
    """Yield a line for each AI provider whose key in Coder the settings do not replace.

    Args:
        api: coderd's.
        steps: of what is there and is taken over.

    Raises CoderdError.
    """
    for step in steps:
        if step.type != AI_PROVIDER or _KEY in step.inputs:
            continue
        name = step.inputs["name"]
        if api.get(f"/api/v2/ai/providers/{name}").get("api_keys"):
            yield (
                f"AI provider {name} has a key in Coder that the settings do not have: it stays, "
                "and up does not take it away; docs/ai-gateway.md says how it goes"
            )
