"""Args made of sections of the settings: a field is the setting of the same name."""

from __future__ import annotations

from dataclasses import fields
from functools import cache
from typing import Any, TypeVar

T = TypeVar("T")


def taken(args: type[T], sections: tuple[object, ...], **more: Any) -> T:
    """Return Args whose fields the first section that has one of the same name tells.

    Args:
        args: a dataclass.
        sections: parts of the settings.
        more: fields that no section has, or has in another form.
    """
    found = _sources(args, tuple(map(type, sections)))  # type: ignore[arg-type]
    for name, place in found:
        if name not in more:
            value = getattr(sections[place], name)
            more[name] = tuple(value) if isinstance(value, list) else value
    return args(**more)


@cache
def _sources(args: type[Any], sections: tuple[type[Any], ...]) -> tuple[tuple[str, int], ...]:
    """Return the fields of Args that sections of these types have, each with a section's place."""
    # A field without a default is no attribute of its class.
    names = [
        {*dir(each), *getattr(each, "model_fields", ()), *getattr(each, "__dataclass_fields__", ())}
        for each in sections
    ]
    return tuple(
        (field.name, place)
        for field in fields(args)
        for place, known in enumerate(names)
        if field.name in known
    )
