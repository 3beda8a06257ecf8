"""Which settings the program of another commit knows: by the schema that stands beside them.

A rollback keeps the stack's present secrets, and the stack `local` fills in addresses; what an
older program does not know it would refuse, and it does not use it either.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from ops import project

SCHEMA: Final = Path("stacks", "settings.schema.json")
_REFERENCE: Final = "#/$defs/"
# How the engine writes an encrypted value, which has no settings in it.
_ENCRYPTED: Final = "secure"


class SettingsThen:
    """What the settings of a checkout may have.

    Args:
        root: the checkout; one without a readable schema is taken to know everything.
    """

    def __init__(self, root: Path) -> None:
        self._file = root / SCHEMA

    def knows(self, section: str) -> bool:
        """Return whether there is a section of that name at the top, such as `verify`."""
        return self._sections is None or self._name(section) in self._sections

    def without_unknown(self, section: str, value: Any) -> tuple[Any, tuple[str, ...]]:
        """Return a section's value without what is not known, and the paths of that."""
        if self._sections is None:
            return value, ()
        if (schema := self._sections.get(self._name(section))) is None:
            return None, (section,)
        left_out = tuple(self._unknown(value, schema, section))
        return _without(value, section, frozenset(left_out)), left_out

    def knows_path(self, path: str) -> bool:
        """Return whether there is a place of that path, such as `secrets.verify.loki`."""
        section, *keys = path.split(".")
        value: Any = ""
        for key in reversed(keys):
            value = {key: value}
        return not self.without_unknown(section, value)[1]

    @staticmethod
    def _name(section: str) -> str:
        return f"{project.PROJECT}:{section}"

    @cached_property
    def _schema(self) -> Mapping[str, Any]:
        try:
            found = json.loads(self._file.read_bytes())
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, Mapping) else {}

    @property
    def _sections(self) -> Mapping[str, Any] | None:
        try:
            return dict(self._schema["properties"]["config"]["properties"])
        except (LookupError, TypeError, ValueError):
            return None

    def _unknown(self, value: Any, schema: Any, path: str) -> Iterator[str]:
        schema = self._resolved(schema)
        if not isinstance(value, Mapping) or set(value) == {_ENCRYPTED} or "anyOf" in schema:
            return
        properties = schema.get("properties", {})
        others = schema.get("additionalProperties", True)
        names = schema.get("propertyNames", {}).get("enum")
        for key, each in value.items():
            inner = f"{path}.{key}"
            if key in properties:
                yield from self._unknown(each, properties[key], inner)
            elif others is False or (names is not None and key not in names):
                yield inner
            elif isinstance(others, Mapping):
                yield from self._unknown(each, others, inner)

    def _resolved(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        name = str(schema.get("$ref", "")).removeprefix(_REFERENCE)
        found = self._schema.get("$defs", {}).get(name, {}) if name else schema
        return found if isinstance(found, Mapping) else {}


def _without(value: Any, path: str, left_out: frozenset[str]) -> Any:
    if not left_out or not isinstance(value, Mapping):
        return value
    return {
        key: _without(each, f"{path}.{key}", left_out)
        for key, each in value.items()
        if f"{path}.{key}" not in left_out
    }
