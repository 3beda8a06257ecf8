"""Makes a component's Args of what a program in another language gives.

Such a program gives lists, maps and numbers, as Pulumi's schemas know them. What it leaves out is
left out here too, so that every default stands in the Args alone.
"""

import dataclasses
import types
import typing
from collections.abc import Awaitable, Iterator, Mapping, Sequence
from datetime import timedelta
from enum import Enum
from pathlib import Path
from typing import Any, Final, Literal, TypeVar

import pulumi
from pydantic import BaseModel, ValidationError
from pydantic.alias_generators import to_camel

from components.errors import ArgsError, refuse

T = TypeVar("T")
M = TypeVar("M", bound=BaseModel)

SDK_NAMES: Final = {"Output": pulumi.Output, "T": Any}
"""What pulumi.Input names in a text, which is looked up only where somebody asks for types."""
_UNIONS: Final = (typing.Union, types.UnionType)
_OUTPUTS: Final = (Awaitable, pulumi.Output)
_NOT_KNOWN: Final = (
    "has to be known before anything is declared: it takes no secret, and no output of a resource "
    "or of another stack"
)


def known(inputs: type, given: Mapping[str, Any]) -> None:
    """Refuse outputs where a component needs the value itself, and name them all.

    Args:
        inputs: a TypedDict that says what a component is given.
        given: what a program gives it.

    Raises:
        ArgsError: an output, at any depth, for what takes none.
    """
    unknown = _outputs(inputs, given, "")
    refuse(inputs.__name__.removesuffix("Inputs"), (f"{at}: {_NOT_KNOWN}" for at in unknown))


def _outputs(hint: Any, value: Any, at: str) -> Iterator[str]:
    """Yield where a value of this type holds an output and may not."""
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if takes_output(hint):
        return
    if isinstance(value, pulumi.Output):
        yield at
    elif typing.is_typeddict(hint) and isinstance(value, Mapping):
        hints = typing.get_type_hints(hint, localns=SDK_NAMES)
        for name in value.keys() & hints.keys():
            yield from _outputs(hints[name], value[name], _beneath(at, to_camel(name)))
    elif origin is dict and isinstance(value, Mapping):
        for name, each in value.items():
            yield from _outputs(inner[1], each, _beneath(at, name))
    elif origin is list and isinstance(value, Sequence):
        for place, each in enumerate(value):
            yield from _outputs(inner[0], each, f"{at}[{place}]")


def takes_output(hint: Any) -> bool:
    """Return whether a type takes what becomes known while resources are made."""
    arms = typing.get_args(hint) if typing.get_origin(hint) in _UNIONS else ()
    return any(typing.get_origin(arm) in _OUTPUTS for arm in arms)


def _beneath(at: str, name: str) -> str:
    return f"{at}.{name}" if at else name


def build(args: type[T], given: Mapping[str, Any], **more: Any) -> T:
    """Return Args of what is given.

    Args:
        args: a dataclass.
        given: values by the names of its fields; durations are hours.
        more: fields that the program is not asked for, or that are made of what it gave.

    Raises:
        ArgsError: a value of a type or choice that a field does not have, and what the Args refuse.
    """
    hints = typing.get_type_hints(args, localns=SDK_NAMES)
    problems: list[str] = []
    values = dict(more)
    for field in dataclasses.fields(args):  # type: ignore[arg-type]
        if field.name in more or given.get(field.name) is None:
            continue
        try:
            values[field.name] = _converted(hints[field.name], given[field.name])
        except ValueError as error:
            problems.append(f"{to_camel(field.name)}: {error}")
    if problems:
        raise ArgsError(args.__name__.removesuffix("Args"), problems)
    return args(**values)


def _converted(hint: Any, value: Any) -> Any:
    """Return a value as a field of this type holds it; raises ValueError."""
    made = value
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if isinstance(value, pulumi.Output):
        pass
    elif origin in _UNIONS:
        made = _converted(_plain(inner), value)
    elif origin is Literal:
        made = _choice(inner, value)
    elif origin is tuple:
        made = tuple(_converted(inner[0], each) for each in value)
    elif isinstance(origin, type) and issubclass(origin, Mapping):
        key, item = inner
        made = {_converted(key, name): _converted(item, each) for name, each in value.items()}
    elif isinstance(origin, type) and issubclass(origin, Sequence):
        made = [_converted(inner[0], each) for each in value]
    elif isinstance(hint, type):
        made = _made(hint, value)
    return made


def _plain(arms: Sequence[Any]) -> Any:
    """Return what a type is when it is there and no output."""
    for arm in arms:
        if arm is not type(None) and typing.get_origin(arm) not in _OUTPUTS:
            return arm
    raise TypeError(f"no plain type among {arms}")


def _made(kind: type, value: Any) -> Any:
    made = value
    if dataclasses.is_dataclass(kind):
        made = build(kind, value)
    elif issubclass(kind, BaseModel):
        made = model(kind, value)
    elif issubclass(kind, Enum):
        made = kind(_choice([each.value for each in kind], value))
    elif kind is timedelta:
        # Rounded to what Coder keeps, whole milliseconds.
        made = timedelta(milliseconds=round(value * 3_600_000))
    elif kind is Path:
        made = Path(value)
    elif kind is int:
        # Pulumi sends every number as one with a fraction.
        if isinstance(value, bool) or value != int(value):
            raise ValueError(f"{value!r} is no whole number")
        made = int(value)
    return made


def _choice(choices: Sequence[Any], value: Any) -> Any:
    if value not in choices:
        raise ValueError(f"{value!r} is not one of {', '.join(map(str, choices))}")
    return value


def model(kind: type[M], value: Mapping[str, Any]) -> M:
    """Return a model of values by its fields' names; raises ArgsError with all that is wrong."""
    try:
        return kind.model_validate(_aliased(value))
    except ValidationError as error:
        told = (
            f"{'.'.join(map(str, each['loc']))}: {each['msg']}"
            for each in error.errors(include_input=False, include_url=False)
        )
        raise ArgsError(kind.__name__, told) from None


def _aliased(value: Any) -> Any:
    """Return a value with its keys in camelCase, the one spelling that models take."""
    if isinstance(value, Mapping):
        return {to_camel(key): _aliased(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_aliased(each) for each in value]
    return value
