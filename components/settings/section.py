"""A section of a stack's settings: what all of them are.

Every command that reads settings waits for these classes, so they are made with little: modules
of sections do not postpone annotations, which pydantic would evaluate one by one; a default
section is made by `model_construct`, which compiles nothing; and the factories below stand for
`list` and `dict`, whose signatures in C take Python longer to read than all of the fields.
"""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler
from pydantic.alias_generators import to_camel
from pydantic_core import CoreSchema, core_schema


class SettingsSection(BaseModel):
    """A part of a stack's settings.

    A key has one spelling, camelCase, and one that is unknown is an error. Sections are compiled
    with the first settings that are read, all of them at once.
    """

    model_config = ConfigDict(
        extra="forbid", frozen=True, alias_generator=to_camel, defer_build=True
    )


def strictly(value: Any) -> bool:
    """Return a boolean; raises ValueError for any other word for one, such as yes or 1.

    `pydantic` alone takes them. The texts true and false are what `pulumi config set` may store.
    """
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value in {"true", "false"}:
        return value == "true"
    raise ValueError("must be true or false")


class _Strict:
    """Metadata of a boolean that `strictly` takes."""

    def __get_pydantic_core_schema__(
        self, source: type[Any], handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Return the type's schema with the check before it."""
        return core_schema.no_info_before_validator_function(strictly, handler(source))


Flag = Annotated[bool, _Strict()]


def no_list() -> list[Any]:
    """Return the list of nothing, a default."""
    return []


def no_map() -> dict[Any, Any]:
    """Return the mapping of nothing, a default."""
    return {}
