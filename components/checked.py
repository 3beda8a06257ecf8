"""A check of a value that settings and Args share, as pydantic runs it."""

from collections.abc import Callable
from typing import Any

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema


class CheckedBy:
    """Metadata of an annotated type: the check runs on what the type has taken.

    As pydantic's AfterValidator for a function of the value alone, whose signature pydantic then
    need not read: that took a tenth of a command's start.

    Args:
        check: returns the value as it is kept; raises ValueError with what would be right.
    """

    def __init__(self, check: Callable[[Any], Any]) -> None:
        self._check = check

    def __get_pydantic_core_schema__(
        self, source: type[Any], handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Return the type's schema with the check behind it."""
        return core_schema.no_info_after_validator_function(self._check, handler(source))
