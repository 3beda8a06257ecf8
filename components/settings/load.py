"""Reads a stack's settings: plain data in, the typed model or every problem of it out."""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from components.boundary.credentials import HIDDEN
from components.settings import ai_gateway_checks
from components.settings import network as settings_network
from components.settings.ai_gateway_checks import GatewayParts
from components.settings.checks import Parts, policies, relations
from components.settings.confinement import start_problems
from components.settings.credentials import credentials
from components.settings.model import Settings
from components.settings.problems import (
    PROJECT,
    Problem,
    SettingsError,
    problems_of,
    set_secret,
    unquoted_dates,
)
from components.settings.stored import in_file, strays


def load(
    stack: str,
    values: Mapping[str, Any],
    *,
    encrypted: bool = True,
    proven: bool = True,
    stored: Iterable[Problem] = (),
) -> Settings:
    """Return the settings of `stack`.

    Args:
        stack: name of the stack, for messages.
        values: plain data by top-level key, secrets decrypted or as placeholders.
        encrypted: whether the key `secrets` is stored encrypted; an error when it is not.
        proven: whether a policy must keep its contract and grade. Not to be deployed otherwise.
        stored: what is wrong with the file that the values stand in.

    Raises SettingsError with every problem found.
    """
    problems = list(stored)
    settings: Settings | None = None
    try:
        settings = Settings.model_validate(dict(values))
    except ValidationError as error:
        problems += problems_of(error, Settings)
    public = {key: value for key, value in values.items() if key != "secrets"}
    if dates := list(unquoted_dates(public)):
        told = {problem.key for problem in dates}
        problems = [*(problem for problem in problems if problem.key not in told), *dates]
    if "secrets" in values and not encrypted and not any(map(_of_secrets, problems)):
        problems.append(
            Problem("secrets", HIDDEN, f"stored in clear; {set_secret(('secrets',))} encrypts")
        )
    parts = Parts.of(settings) if settings is not None else Parts.salvaged(values)
    problems += relations(parts, datetime.datetime.now(datetime.UTC).date())
    gateway = GatewayParts.of(settings) if settings is not None else GatewayParts.salvaged(values)
    problems += ai_gateway_checks.relations(gateway)
    problems += credentials(values)
    if settings is not None and not problems:
        problems += policies(settings, proven)
        problems += settings_network.problems(settings)
        if not problems:
            problems += start_problems(settings)
    if problems or settings is None:
        raise SettingsError(stack, problems)
    return settings


def from_pulumi(
    stack: str,
    config: Mapping[str, str],
    secret_keys: Iterable[str],
    stored: Iterable[Problem] = (),
) -> Settings:
    """Return the settings from the engine's configuration of a run.

    Args:
        stack: name of the stack, for messages.
        config: text by full key, structured values as JSON.
        secret_keys: the full keys of which something is encrypted.
        stored: what is wrong with the stack's file.

    Raises SettingsError with every problem found.
    """
    prefix = f"{PROJECT}:"
    values = {
        key.removeprefix(prefix): structured(text)
        for key, text in config.items()
        if key.startswith(prefix)
    }
    return load(
        stack,
        values,
        encrypted=f"{prefix}secrets" in set(secret_keys),
        # An environment that the file imports has keys as well.
        stored=dict.fromkeys((*stored, *strays(config))),
    )


def _of_secrets(problem: Problem) -> bool:
    return problem.key.partition(".")[0] == "secrets" and problem.namespace == PROJECT


def from_engine(stack: str, project: Path) -> Settings:
    """Return the settings of the run that the engine has started, for the project at `project`.

    Raises SettingsError with every problem found.
    """
    # Only the whole map shows a key that nobody asks for: an unknown one.
    from pulumi.runtime import config  # noqa: PLC0415  ops reads settings without Pulumi

    values = config.CONFIG.get() or config.get_config_env()
    keys = config._SECRET_KEYS.get() or config.get_config_secret_keys_env()
    return from_pulumi(stack, values, keys, in_file(stack, project))


def structured(text: Any) -> Any:
    """Return what a value of the engine's configuration says: JSON where it is some."""
    if not isinstance(text, str):
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text


def json_schema() -> dict[str, Any]:
    """Return the JSON schema of a stack file, for editors."""
    inner = Settings.model_json_schema(by_alias=True, ref_template="#/$defs/{model}")
    secure = {
        "type": "object",
        "properties": {"secure": {"type": "string"}},
        "required": ["secure"],
        "additionalProperties": False,
        "description": "Encrypted by pulumi config set --secret.",
    }
    definitions = inner.pop("$defs")
    for pair in ("ClientCredentials", "AiCredentials"):
        definitions[pair]["properties"] = dict.fromkeys(definitions[pair]["properties"], secure)
    definitions["Secrets"]["properties"]["coderToken"] = secure
    for section in ("mcp", "verify"):
        definitions["Secrets"]["properties"][section]["additionalProperties"] = secure
    properties = {f"{PROJECT}:{key}": value for key, value in inner["properties"].items()}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Settings of a firewalled-coder stack",
        "type": "object",
        "properties": {
            "secretsprovider": {"type": "string"},
            "encryptionsalt": {"type": "string"},
            "encryptedkey": {"type": "string"},
            "environment": {"type": ["object", "array"]},
            "config": {
                "type": "object",
                "properties": properties,
                "patternProperties": {f"^{PROJECT}:": False, "^pulumi:": {}},
            },
        },
        "required": ["config"],
        "additionalProperties": False,
        "$defs": definitions,
    }
