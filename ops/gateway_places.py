"""What a preview changes of where an AI provider's prompts go: region, model, role; and by what.

An address of AWS says little of that: the region and the model stand beside it, and whose account
answers is the role's to say. What the settings leave out is not gone by that: Coder's Terraform
provider sends no null for a key, a model or a name, so Coder keeps what it has.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from components.coder.ai_gateway import bedrock_region
from ops.changes import Step
from ops.markdown import code
from ops.tokens import AI_PROVIDER
from ops.told import Told

KEEPS_KEY: Final = "Coder keeps a key that the settings take from an AI provider"
"""Warning of a headline."""
_PLACES: Final[Mapping[str, tuple[str, str]]] = {
    "region": ("AWS region", "prompts go to another AWS region"),
    "roleArn": ("AWS role", "prompts go out by another AWS role"),
    "model": ("model", "prompts go to another model"),
    "smallFastModel": ("model of background tasks", "prompts go to another model"),
    "protocol": ("protocol", ""),
}
_UNSET: Final[Mapping[str, str]] = {
    "region": "not set",
    "roleArn": "none",
    "model": "Coder's choice",
    "smallFastModel": "Coder's choice",
    "protocol": "Coder's default",
}
# Coder's provider plans for these what its record has, where the settings say nothing.
_KEPT: Final = frozenset({"region", "model", "smallFastModel"})
_CREDENTIALS: Final[Mapping[str, str]] = {
    "none": "no key of the stack's",
    "api_key": "a key of the stack's",
    "aws_keys": "an AWS access key of the stack's",
}
_BEDROCK: Final = "settings.bedrock"
_VERSIONS: Final = frozenset({"apiKeyWoVersion", "credentialsWoVersion"})
# Coder's own, which a refresh or an import writes among the inputs.
_CODERS: Final = "externalId"
_NAME: Final = "displayName"


def places(step: Step) -> tuple[Told, ...]:
    """Return what a step changes of where prompts go, and by what; of a new provider, both."""
    if step.op in {"delete", "import"}:
        return ()
    if step.op == "create":
        return tuple(_where(step))
    return (*_where(step), *_credential(step), *_key(step), *_kept(step))


def kept(step: Step) -> tuple[Told, ...]:
    """Return what the settings leave out, and Coder keeps, of a provider that nothing changes."""
    return tuple(_kept(step)) if step.op == "same" else ()


def left(steps: Iterable[Step]) -> Iterator[str]:
    """Yield what Coder keeps of providers although the settings leave it out, a plain line each."""
    for step in steps:
        if step.type == AI_PROVIDER and step.op in {"same", "update"}:
            name = step.new.get("name", step.name)
            for each in (*_key(step), *_kept(step)):
                yield f"AI provider {name}: {each.words.replace('**', '')}"


def tells(path: str, step: Step) -> bool:
    """Whether `places` says what differs at a path of the inputs."""
    parts = path.split(".")
    if parts[-1] in _VERSIONS:
        return _kind(step.old) != _kind(step.new)
    if path == _NAME:
        return not step.new.get(_NAME)
    if path in {"settings", _BEDROCK}:
        return True
    return path.startswith(f"{_BEDROCK}.") and (parts[-1] in _PLACES or parts[-1] == _CODERS)


def _where(step: Step) -> Iterator[Told]:
    for key, (name, warning) in _PLACES.items():
        before, after = _before(step, key), _after(step, key)
        if step.op == "create":
            if _bedrock(step.new).get(key):
                yield Told(f"{name}: {code(after)}")
        elif before != after:
            yield Told(f"{name}: {_shown(key, before)} → {_shown(key, after)}", warning)


def _credential(step: Step) -> Iterator[Told]:
    before, after = (_kind(inputs) for inputs in (step.old, step.new))
    if before == after:
        return
    told = " → ".join(f"{code(each)} ({_CREDENTIALS[each]})" for each in (before, after))
    yield Told(f"credential: {told}")


def _key(step: Step) -> Iterator[Told]:
    """Yield that Coder keeps a key which the settings had, and what takes it away."""
    before, after = (_kind(inputs) for inputs in (step.old, step.new))
    if before in {"none", after} or step.op == "replace":
        return
    name = str(step.new.get("name", ""))
    if before == "aws_keys":
        out = "give the provider another name, which makes one without it"
    else:
        request = f'PATCH /api/v2/ai/providers/{name} {{"api_keys": []}}'
        out = f"{code(request)} takes it away, or give the provider another name"
    used = "" if before == "api_key" and _is_aws(step.new) else " and goes on with it"
    yield Told(f"**Coder keeps the key**{used}: {out}", KEEPS_KEY)


def _kept(step: Step) -> Iterator[Told]:
    """Yield what Coder keeps of what the settings named before and leave out now."""
    if step.op == "replace":
        return
    old, new = _bedrock(step.old), _bedrock(step.new)
    for key in _PLACES:
        stays = key in _KEPT and old.get(key) and _is_aws(step.new) and not new.get(key)
        if stays and _after(step, key) == _before(step, key) != _of_address(step.new, key):
            yield Told(_stays(_PLACES[key][0], _before(step, key)))
    if (there := step.old.get(_NAME)) and not step.new.get(_NAME):
        yield Told(_stays("display name", str(there)))


def _stays(name: str, value: str) -> str:
    return f"{name}: the settings name none, and Coder keeps {code(value)}"


def _before(step: Step, key: str) -> str:
    """Return what Coder has; its provider's record says more than inputs."""
    old = step.live if step.live else step.old
    return str(_bedrock(old).get(key) or _of_address(step.old, key))


def _after(step: Step, key: str) -> str:
    """Return what Coder has afterwards."""
    if named := _bedrock(step.new).get(key) or _of_address(step.new, key):
        return str(named)
    stays = key in _KEPT and _is_aws(step.new) and step.op != "replace"
    return _before(step, key) if stays else ""


def _of_address(inputs: Mapping[str, Any], key: str) -> str:
    """Return the region that the address of AWS names."""
    in_use = key == "region" and _is_aws(inputs)
    return bedrock_region(str(inputs.get("baseUrl", ""))) if in_use else ""


def _shown(key: str, value: str) -> str:
    return code(value) if value else _UNSET[key]


def _is_aws(inputs: Mapping[str, Any]) -> bool:
    settings = inputs.get("settings")
    return isinstance(settings, Mapping) and isinstance(settings.get("bedrock"), Mapping)


def _bedrock(inputs: Mapping[str, Any]) -> Mapping[str, Any]:
    return inputs["settings"]["bedrock"] if _is_aws(inputs) else {}


def _kind(inputs: Mapping[str, Any]) -> str:
    """Return what Coder proves itself with, in the settings' words; each key has a version."""
    if inputs.get("apiKeyWoVersion"):
        return "api_key"
    return "aws_keys" if _bedrock(inputs).get("credentialsWoVersion") else "none"
