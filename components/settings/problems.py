"""What is wrong with a stack's settings: told with stack, key, value and what would be right.

No value that is a credential by its name or form is shown, wherever it was written.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from pydantic import BaseModel, ValidationError

from components.boundary import shown
from components.boundary.credentials import HIDDEN, masked, names_credential, without
from components.boundary.redaction import HIDDEN_PART
from components.errors import OperatorError

PROJECT: Final = "firewalled-coder"
_LONGEST: Final = 120


@dataclass(frozen=True)
class Problem:
    """One wrong setting: its key, the value as shown, what would be right, and the namespace."""

    key: str
    value: str
    right: str
    namespace: str = PROJECT

    def __str__(self) -> str:
        value = f" = {self.value}" if self.value else ""
        return masked(f"{self.key}{value}: {self.right}")


class SettingsError(OperatorError, ValueError):
    """A stack's settings are wrong; the message names every problem. Nothing was applied."""

    def __init__(self, stack: str, problems: Sequence[Problem]) -> None:
        self.stack = stack
        # Two checks may say the same.
        self.problems = tuple({str(problem): problem for problem in problems}.values())
        count = "1 setting is" if len(self.problems) == 1 else f"{len(self.problems)} settings are"
        lines = "\n".join(f"  {problem.namespace}:{problem}" for problem in self.problems)
        super().__init__(f"stack {stack}: {count} wrong, nothing was applied\n{lines}")


class UnknownStackError(SettingsError):
    """There is no stack of that name; the message names those that there are."""

    def __init__(self, stack: str, known: Sequence[str]) -> None:
        super().__init__(stack, ())
        self.args = (f"no stack {stack!r}; there are {', '.join(known) or 'none'}",)


def refuse(stack: str, problems: Iterable[Problem]) -> None:
    """Raise SettingsError if there is any problem."""
    found = list(problems)
    if found:
        raise SettingsError(stack, found)


_RIGHT: Final = {
    "bool_parsing": "must be true or false",
    "bool_type": "must be true or false",
    "int_parsing": "must be a whole number",
    "int_parsing_size": "must be a whole number, of far fewer digits",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_parsing": "must be a number",
    "float_type": "must be a number",
    "finite_number": "must be a finite number",
    "string_type": "must be text",
    "list_type": "must be a list",
    "dict_type": "must be a map of keys and values",
    "model_type": "must be a map of keys and values",
    "model_attributes_type": "must be a map of keys and values",
    "date_from_datetime_inexact": "must be a date such as 2026-12-31, without a time",
    "date_from_datetime_parsing": "must be a date such as 2026-12-31",
    "date_parsing": "must be a date such as 2026-12-31",
    "date_type": "must be a date such as 2026-12-31",
}

# As time.Time's String prints it; the engine hands the program a date so.
_GO_TIME: Final = re.compile(
    r"(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)(?:\.\d+)? ([+-]\d{4}) (?:UTC|[+-]\d{4})"
)

_OF_A_KEY: Final = ("[key]",)


def problems_of(
    error: ValidationError, model: type[BaseModel], location: Sequence[str | int] = ()
) -> list[Problem]:
    """Return what pydantic found, as problems.

    Args:
        error: what it found.
        model: the model of all settings, whose keys are named where one is unknown.
        location: where in it the checked value stands.
    """
    problems = []
    for found in error.errors(include_url=False):
        place = (*location, *found["loc"])
        if place[-1:] == _OF_A_KEY:
            # The key of a map is wrong, and stands before.
            place = place[:-1]
        value = "" if found["type"] == "missing" else _value(model, place, found["input"])
        if found["type"] == "missing":
            right = missing(place)
        elif found["type"] == "extra_forbidden":
            right = f"unknown key; known here: {', '.join(_known(model, place[:-1]))}"
        elif found["type"] == "value_error":
            right = str(found["ctx"]["error"])
        elif found["type"] in _RIGHT:
            right = _RIGHT[found["type"]]
            if found["type"] == "model_type" and (keys := _required(model, place)):
                right += f": {{{', '.join(f'{key}: ...' for key in keys)}}}"
        else:
            right = found["msg"].replace("Input should", "must").replace("String should", "must")
        problems.append(Problem(key_of(place), value, right))
    return problems


def missing(location: Sequence[str | int]) -> str:
    """Return what is to be done about a key that is not there."""
    if location and location[0] == "secrets":
        return f"missing; {set_secret(location)}"
    return "missing; it is required"


def set_secret(location: Sequence[str | int]) -> str:
    """Return the command that sets a secret; the section alone stands for Coder's token."""
    path = key_of(location) if len(location) > 1 else "secrets.coderToken"
    return f"pulumi config set --secret --path '{PROJECT}:{path}'"


def unquoted_dates(values: Any, location: tuple[str | int, ...] = ()) -> Iterator[Problem]:
    """Find each text that is a date to YAML, in plain data: Go's print of one, from the engine."""
    if isinstance(values, Mapping):
        for key, each in values.items():
            yield from unquoted_dates(each, (*location, str(key)))
    elif isinstance(values, list):
        for index, each in enumerate(values):
            yield from unquoted_dates(each, (*location, index))
    elif isinstance(values, str) and (match := _GO_TIME.fullmatch(values)):
        day, clock, zone = match.groups()
        zone = "Z" if zone == "+0000" else f"{zone[:3]}:{zone[3:]}"
        written = day if (clock, zone) == ("00:00:00", "Z") else f"{day}T{clock}{zone}"
        yield Problem(
            key_of(location), written, f'is a date to YAML and no text: quote it, as in "{written}"'
        )


def key_of(location: Sequence[str | int]) -> str:
    """Return a place as it is written: templates[0].name."""
    key = ""
    for part in location:
        key += f"[{part}]" if isinstance(part, int) else f".{part}" if key else str(part)
    return key


def as_shown(value: Any) -> str:
    """Return a value as a message shows it: as JSON, cut, without what looks like a credential."""
    value = without(value)
    if isinstance(value, str) and "@" in value:
        value = _without_login(value)
    try:
        text = json.dumps(value, ensure_ascii=False, default=str)
    except (TypeError, ValueError):
        text = masked(repr(value))
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."


def _value(model: type[BaseModel], location: Sequence[str | int], value: Any) -> str:
    name = str(location[-1]) if location else ""
    # A key that is known says by its name nothing of what stands there: adminUrlSecret is a name.
    if location and location[0] == "secrets":
        return HIDDEN
    if names_credential(name) and name not in _known(model, location[:-1]):
        return HIDDEN
    return as_shown(value)


def _without_login(text: str) -> str:
    # user:password@host without a scheme, or with a slash too few; a digest follows an @ as well.
    before, _, after = text.rpartition("@")
    if ":" in before and not after.startswith("sha"):
        return shown(text).replace(HIDDEN_PART, HIDDEN)
    return text


def _known(model: type[BaseModel], location: Sequence[str | int]) -> list[str]:
    """Return the keys known at a place of the model."""
    return sorted(_schema(model, location).get("properties", {}))


def _required(model: type[BaseModel], location: Sequence[str | int]) -> list[str]:
    """Return the keys that a place of the model cannot be without."""
    return list(_schema(model, location).get("required", ()))


def _schema(model: type[BaseModel], location: Sequence[str | int]) -> dict[str, Any]:
    """Return the JSON schema of a place of the model."""
    schema = _whole_schema(model)
    definitions = schema.get("$defs", {})
    place: dict[str, Any] = schema
    for part in location:
        place = _resolve(place, definitions)
        if isinstance(part, int):
            place = place.get("items", {})
        else:
            place = place.get("properties", {}).get(part) or place.get("additionalProperties", {})
    return _resolve(place, definitions)


# One takes a seventh of a second, and every unknown key asks for it.
@cache
def _whole_schema(model: type[BaseModel]) -> dict[str, Any]:
    return model.model_json_schema(by_alias=True)


def _resolve(place: dict[str, Any], definitions: Mapping[str, Any]) -> dict[str, Any]:
    for option in place.get("anyOf", []):
        if option.get("type") != "null":
            place = option
            break
    for option in place.get("allOf", []):
        place = option
    reference = place.get("$ref")
    return definitions[reference.rsplit("/", 1)[1]] if reference else place
