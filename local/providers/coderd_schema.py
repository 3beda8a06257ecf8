"""The schema of the package coderd, and inputs held against it."""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

from local.providers.wire import UNKNOWN, Properties, Secret, plain

SCHEMA: Final = Path(__file__).resolve().parent.parent.parent / "sdks" / "schema" / "coderd.json"
LATER: Final = SCHEMA.with_name("ai_model_price.json")
"""What a release of the provider after 0.0.30 has besides."""

Failures = list[tuple[str, str]]

_NAMES: Final = {
    "string": (str, "a string"),
    "boolean": (bool, "true or false"),
    "number": (int, "a whole number"),
}


@cache
def schema() -> Mapping[str, Any]:
    """The package schema."""
    loaded: Mapping[str, Any] = json.loads(SCHEMA.read_text())
    return loaded


@cache
def _resources() -> Mapping[str, Any]:
    return {**schema()["resources"], **json.loads(LATER.read_text())}


def check_resource(type: str, given: Mapping[str, Any]) -> tuple[Properties, Failures]:
    """The inputs of a resource without nulls, and what is wrong with them by the schema."""
    described = _resources()[type]
    # Without a name the bridge makes one up, which no program here wants.
    named = ["name"] if "name" in described["inputProperties"] else []
    required = dict.fromkeys([*named, *described.get("requiredInputs", ())])
    return _check_object(described["inputProperties"], required, given, "")


def check_function(token: str, given: Mapping[str, Any]) -> tuple[Properties, Failures]:
    """The arguments of a function without nulls, and what is wrong with them by the schema."""
    described = schema()["functions"][token]["inputs"]
    return _check_object(described["properties"], described.get("required", ()), given, "")


def check_config(given: Mapping[str, Any]) -> Failures:
    """What is wrong with the options of the provider by the schema."""
    return _check_object(schema()["provider"]["inputProperties"], (), given, "")[1]


def _check_object(
    properties: Mapping[str, Any], required: Any, given: Mapping[str, Any], path: str
) -> tuple[Properties, Failures]:
    inputs: Properties = {}
    failures: Failures = []
    for name, value in given.items():
        if name.startswith("__") or plain(value) is None:
            continue
        if name not in properties:
            failures.append((f"{path}{name}", "is not an input"))
        else:
            inputs[name], wrong = _check(properties[name], value, f"{path}{name}")
            failures += wrong
    # The bridge's words, which name the property themselves.
    failures += [
        ("", f"Missing required property '{path}{name}'") for name in required if name not in inputs
    ]
    return inputs, failures


def _check(described: Mapping[str, Any], value: Any, path: str) -> tuple[Any, Failures]:
    if isinstance(value, Secret):
        checked, failures = _check(described, value.value, path)
        return Secret(checked), failures
    if value is UNKNOWN:
        return value, []
    if "$ref" in described:
        described = schema()["types"][described["$ref"].removeprefix("#/types/")]
    kind = described["type"]
    if kind == "array":
        return _check_list(described["items"], value, path)
    if kind == "object":
        return _check_mapping(described, value, path)
    wanted, name = _NAMES[kind]
    if not isinstance(value, wanted) or (wanted is int and isinstance(value, bool)):
        return value, [(path, f"must be {name}")]
    return value, []


def _check_list(items: Mapping[str, Any], value: Any, path: str) -> tuple[Any, Failures]:
    if not isinstance(value, list):
        return value, [(path, "must be a list")]
    checked = [_check(items, item, f"{path}[{at}]") for at, item in enumerate(value)]
    return [item for item, _ in checked], [wrong for _, found in checked for wrong in found]


def _check_mapping(described: Mapping[str, Any], value: Any, path: str) -> tuple[Any, Failures]:
    if not isinstance(value, Mapping):
        return value, [(path, "must be a map")]
    if "additionalProperties" in described:
        checked = {
            name: _check(described["additionalProperties"], item, f'{path}["{name}"]')
            for name, item in value.items()
        }
        return (
            {name: item for name, (item, _) in checked.items()},
            [wrong for _, found in checked.values() for wrong in found],
        )
    return _check_object(described["properties"], described.get("required", ()), value, f"{path}.")
