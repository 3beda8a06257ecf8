"""What a stack's file may hold, besides what each setting may be: no secret in clear, no stray key.

The engine decrypts a stack's secrets before it hands them to the program, and says of a whole key
alone whether something in it was encrypted; so the file itself is looked at.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Iterator, Mapping
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
KEYS: Final = ("config", "environment", "secretsprovider", "encryptedkey", "encryptionsalt")
"""What the engine reads of a stack's file (ProjectStack in its sdk/go/common/workspace, 3.259)."""
# Two thirds of the letters: firewalled and firewall are near, coder and coderd are not.
_NEAR: Final = 0.66


def file_of(stack: str, project: Path) -> Path:
    """Return where the settings of `stack` stand, for the project at `project`."""
    return project / FOLDER / f"Pulumi.{stack}.yaml"


def in_file(stack: str, project: Path) -> list[Problem]:
    """Return what is wrong with the file of `stack`; nothing where the engine reads no such file.

    The engine can be told of another file, and refuses by itself one that is no YAML.
    """
    path = file_of(stack, project)
    try:
        document, second = documents(path.read_bytes(), _LOADER)
    except (OSError, yaml.YAMLError, RecursionError):
        return []
    return in_document(document if isinstance(document, Mapping) else {}, second, path.name)


def documents(content: bytes, loader_class: Any) -> tuple[Any, int]:
    """Return the first document of a stack's file, which alone the engine reads.

    Beside it, the line at which another begins, 0 if there is none or nothing in it.

    Args:
        content: of the file.
        loader_class: PyYAML's, which decides what its scalars are.

    Raises yaml.YAMLError and RecursionError for the first.
    """
    loader = loader_class(content)
    try:
        first = loader.get_data() if loader.check_data() else None
        return first, _second(loader)
    finally:
        loader.dispose()


def _second(loader: Any) -> int:
    try:
        while loader.check_node():
            node = loader.get_node()
            if not isinstance(node, yaml.ScalarNode) or node.value not in NULLS:
                return int(node.start_mark.line) + 1
    except yaml.MarkedYAMLError as error:
        # The engine does not look there at all.
        mark = error.problem_mark or error.context_mark
        return mark.line + 1 if mark else 1
    return 0


def in_document(document: Mapping[Any, Any], second: int, name: str) -> list[Problem]:
    """Return what is wrong with a stack's file.

    Args:
        document: its first, secrets encrypted as they are.
        second: line at which another begins, 0 if there is none.
        name: of the file.
    """
    found = list(_passed_over(document, second, name))
    config = document.get("config")
    return [*found, *in_config(config)] if isinstance(config, Mapping) else found


def passed_over(problem: Problem) -> bool:
    """Whether a problem is that the engine does not read what the file says."""
    return problem.namespace.endswith(".yaml")


def _passed_over(document: Mapping[Any, Any], second: int, name: str) -> Iterator[Problem]:
    """Find what the engine does not read, and says nothing of."""
    for key in map(str, document):
        if key in KEYS:
            continue
        setting = key.removeprefix(f"{PROJECT}:")
        if setting.partition(".")[0] in _keys(Settings):
            right = f"stands beside `config:`; {PROJECT}:{setting} under it is right"
        else:
            near = difflib.get_close_matches(key.lower(), KEYS, 1, _NEAR)
            right = (
                f"unknown key; {near[0]} is right"
                if near
                else (
                    f"unknown key; known here: {', '.join(KEYS)}; a setting stands under `config:`"
                )
            )
        yield Problem(key, "", right, name)
    if second:
        right = "a second YAML document, which the engine does not read; a stack's file has one"
        yield Problem(f"line {second}", "", right, name)


def in_config(config: Mapping[Any, Any]) -> list[Problem]:
    """Return what is wrong with the map `config` of a stack's file, secrets encrypted as are."""
    stored = config.get(f"{PROJECT}:{_SECRETS}", config.get(_SECRETS))
    keys = [str(key) for key in config]
    return [*strays(keys), *_twice(keys), *in_clear(stored)]


def _twice(keys: Collection[str]) -> Iterator[Problem]:
    """Find each setting that stands with and without the project's name, of which one counts."""
    for key in keys:
        if f"{PROJECT}:{key}" in keys:
            yield Problem(
                key, "", f"stands twice, as {key} and as {PROJECT}:{key}; the second alone is right"
            )


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
