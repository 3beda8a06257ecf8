"""What a stack's file may hold, besides what each setting may be: no secret in clear, no stray key.

The engine decrypts a stack's secrets before it hands them to the program, and says of a whole key
alone whether something in it was encrypted; so the file itself is looked at.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from components.boundary.credentials import HIDDEN
from components.settings.model import Settings
from components.settings.problems import PROJECT, Problem, key_of, set_secret
from components.settings.secrets import Secrets

FOLDER: Final = "stacks"
_SECRETS: Final = "secrets"
# Every scalar is text to it, whatever YAML 1.1 makes of one: what is encrypted is text as well.
# libyaml's takes a fifteenth of the time; not every build of PyYAML has it.
_LOADER: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
NULLS: Final = ("", "~", "null", "Null", "NULL")
"""The texts that are nothing to yaml.v3, by which the engine reads."""
# Two thirds of the letters: firewalled and firewall are near, coder and coderd are not.
_NEAR: Final = 0.66


def file_of(stack: str, project: Path) -> Path:
    """Return where the settings of `stack` stand, for the project at `project`."""
    return project / FOLDER / f"Pulumi.{stack}.yaml"


def in_file(stack: str, project: Path) -> list[Problem]:
    """Return what is wrong with the file of `stack`; nothing where the engine reads no such file.

    The engine can be told of another file, and refuses by itself one that is no YAML.
    """
    try:
        document = first_document(file_of(stack, project).read_bytes(), _LOADER)
    except (OSError, yaml.YAMLError, RecursionError):
        return []
    config = document.get("config") if isinstance(document, Mapping) else None
    return in_config(config) if isinstance(config, Mapping) else []


def first_document(content: bytes, loader_class: Any) -> Any:
    """Return the first document of a stack's file, as the engine does, silent on the others.

    Args:
        content: of the file.
        loader_class: PyYAML's, which decides what its scalars are.

    Raises yaml.YAMLError and RecursionError.
    """
    loader = loader_class(content)
    try:
        return loader.get_data() if loader.check_data() else None
    finally:
        loader.dispose()


def in_config(config: Mapping[Any, Any]) -> list[Problem]:
    """Return what is wrong with the map `config` of a stack's file, secrets encrypted as are."""
    stored = config.get(f"{PROJECT}:{_SECRETS}", config.get(_SECRETS))
    return [*strays(map(str, config)), *in_clear(stored)]


def in_clear(secrets: Any) -> Iterator[Problem]:
    """Find each unknown key and each value in clear under `secrets`; never shows a value."""
    known = _keys(Secrets)
    if isinstance(secrets, Mapping) and not _is_encrypted(secrets):
        for key in secrets:
            if str(key) not in {*known, "<<"}:
                right = f"unknown key; known here: {', '.join(sorted(known))}"
                yield Problem(key_of((_SECRETS, str(key))), HIDDEN, right)
    for location in _clear((_SECRETS,), secrets):
        if len(location) == 1 or location[1] in known:
            yield Problem(
                key_of(location),
                HIDDEN,
                "stands in clear in the stack's file; take it out of there, and of use where it "
                f"was issued, and set a new one: {set_secret(location)}",
            )


def encrypted(secrets: Any) -> dict[Any, Any]:
    """Return of a map under `secrets` what the engine has encrypted."""
    if not isinstance(secrets, Mapping) or _is_encrypted(secrets):
        return dict(secrets) if isinstance(secrets, Mapping) else {}
    kept = {key: encrypted(value) for key, value in secrets.items()}
    return {key: value for key, value in kept.items() if value}


def _is_encrypted(value: Mapping[Any, Any]) -> bool:
    return set(value) == {"secure"} and isinstance(value["secure"], str)


def strays(keys: Iterable[str]) -> Iterator[Problem]:
    """Find each full key that is meant for this project and has another namespace.

    What others read stays: the engine's `pulumi:`, providers', what an environment shares.
    """
    known = _keys(Settings)
    for key in keys:
        namespace, separator, name = key.partition(":")
        if not separator or namespace == PROJECT:
            continue
        near = difflib.get_close_matches(namespace.lower(), [PROJECT], 1, _NEAR)
        if near or name.partition(".")[0].partition("[")[0] in known:
            yield Problem(
                name,
                "",
                f"no setting with the namespace {namespace}; {PROJECT}:{name} is right",
                namespace,
            )


def _clear(location: tuple[str | int, ...], value: Any) -> Iterator[tuple[str | int, ...]]:
    if value is None or value in NULLS:
        return
    if isinstance(value, Mapping):
        if not _is_encrypted(value):
            for key, each in value.items():
                # What is merged stands at the place itself.
                yield from _clear(location if key == "<<" else (*location, str(key)), each)
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from _clear((*location, index), each)
    else:
        yield location


def _keys(section: type[Settings | Secrets]) -> set[str]:
    return {field.alias or name for name, field in section.model_fields.items()}
