"""A section of a stack's settings: what all of them are.

Every command that reads settings waits for these classes, so they are made with little: modules
of sections do not postpone annotations, which pydantic would evaluate one by one; a default
section is made by `model_construct`, which compiles nothing; and the factories below stand for
`list` and `dict`, whose signatures in C take Python longer to read than all of the fields.
"""

from typing import Any

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel


class SettingsSection(BaseModel):
    """A part of a stack's settings.

    A key has one spelling, camelCase, and one that is unknown is an error. Sections are compiled
    with the first settings that are read, all of them at once.
    """

    model_config = ConfigDict(
        extra="forbid", frozen=True, alias_generator=to_camel, defer_build=True
    )


def no_list() -> list[Any]:
    """Return the list of nothing, a default."""
    return []


def no_map() -> dict[Any, Any]:
    """Return the mapping of nothing, a default."""
    return {}
