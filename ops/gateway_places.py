"""What a preview changes of where an AI provider's prompts go: region, model, role; and by what.

An address of AWS says little of that: the region and the model stand beside it, and whose account
answers is the role's to say.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from ops.changes import Step
from ops.markdown import code
from ops.told import Told

_PLACES: Final[Mapping[str, tuple[str, str]]] = {
    "region": ("AWS region", "prompts go to another AWS region"),
    "roleArn": ("AWS role", "prompts go out by another AWS role"),
    "model": ("model", "prompts go to another model"),
    "smallFastModel": ("model of background tasks", "prompts go to another model"),
}
_UNSET: Final[Mapping[str, str]] = {
    "region": "the one of the address",
    "roleArn": "none",
    "model": "Coder's choice",
    "smallFastModel": "Coder's choice",
}
_CREDENTIALS: Final[Mapping[str, str]] = {
    "none": "none, or what coderd's process has",
    "api_key": "a key of the stack's",
    "aws_keys": "an AWS access key of the stack's",
}
_BEDROCK: Final = "settings.bedrock"
_VERSIONS: Final = frozenset({"apiKeyWoVersion", "credentialsWoVersion"})


def places(step: Step) -> tuple[Told, ...]:
    """Return what a step changes of where prompts go, and by what; of a new provider, both."""
    if step.op in {"delete", "import"}:
        return ()
    return (*_where(step), *(() if step.op == "create" else _credential(step)))


def tells(path: str, step: Step) -> bool:
    """Whether `places` says what differs at a path of the inputs."""
    parts = path.split(".")
    if parts[-1] in _VERSIONS:
        return _kind(step.old) != _kind(step.new)
    return (path.startswith(f"{_BEDROCK}.") and parts[-1] in _PLACES) or path == "settings"


def _where(step: Step) -> Iterator[Told]:
    old, new = (_bedrock(inputs) for inputs in (step.old, step.new))
    for key, (name, warning) in _PLACES.items():
        before, after = (_shown(key, bedrock.get(key)) for bedrock in (old, new))
        if step.op == "create":
            if new.get(key):
                yield Told(f"{name}: {after}")
        elif before != after:
            yield Told(f"{name}: {before} → {after}", warning)


def _credential(step: Step) -> Iterator[Told]:
    before, after = (_kind(inputs) for inputs in (step.old, step.new))
    if before != after:
        told = " → ".join(f"{code(each)} ({_CREDENTIALS[each]})" for each in (before, after))
        yield Told(f"credential: {told}")


def _shown(key: str, value: Any) -> str:
    return code(str(value)) if value else _UNSET[key]


def _bedrock(inputs: Mapping[str, Any]) -> Mapping[str, Any]:
    settings = inputs.get("settings")
    found = settings.get("bedrock") if isinstance(settings, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def _kind(inputs: Mapping[str, Any]) -> str:
    """Return what Coder proves itself with, in the settings' words; each key has a version."""
    if inputs.get("apiKeyWoVersion"):
        return "api_key"
    return "aws_keys" if _bedrock(inputs).get("credentialsWoVersion") else "none"
