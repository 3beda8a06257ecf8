"""A section of a stack's settings: what all of them are."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel


class Section(BaseModel):
    """A part of a stack's settings.

    A key has one spelling, camelCase, and one that is unknown is an error. A section is compiled
    with the first settings that are read, and not at its import: half the time of a start.
    """

    model_config = ConfigDict(
        extra="forbid", frozen=True, alias_generator=to_camel, defer_build=True
    )
