"""AI providers that somebody else changed in Coder in what no settings name, such as their keys.

Coder shows the ends of an API key, which the engine masks, and of AWS keys nothing. The moment of
the last change is that of the stack's own update, unless somebody else changed something since.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from ops.changes import without_secrets
from ops.markdown import code
from ops.tokens import AI_PROVIDER

WRITTEN: Final = "somebody changed an AI provider in Coder, perhaps its key"
"""Warning of a headline."""
# A refresh takes what its provider would not change for the same.
_READ: Final = frozenset({"refresh", "same", "update"})
_MOMENT: Final = "updatedAt"
_ENDS: Final = "apiKeyMasked"
_KEY: Final = "perhaps its key, which up sends again only when the stack has another"


@dataclass(frozen=True)
class WrittenProvider:
    """A provider that somebody wrote.

    Attributes:
        name: its name in Coder.
        differs: what differs that Coder shows and the settings do not name, in words.
    """

    name: str
    differs: tuple[str, ...]

    def told(self, name: str) -> str:
        """Say it of what is called `name`."""
        what = "; ".join((*self.differs, _KEY) if self.differs else (f"nothing shown, {_KEY}",))
        return f"{name}: {what}"


def written(metadata: Iterable[Mapping[str, Any]]) -> tuple[WrittenProvider, ...]:
    """Return the providers that somebody wrote in nothing that an update would restore.

    Args:
        metadata: of `res_outputs_event`, as plain data, of a run that reads back.
    """
    found = (
        _written(each) for each in metadata if each["type"] == AI_PROVIDER and _word(each) in _READ
    )
    return tuple(sorted(filter(None, found), key=lambda each: each.name))


def lines(providers: Collection[WrittenProvider]) -> list[str]:
    """Return what was written as lines of Markdown."""
    return [
        f"- ⚠️ {each.told(f'{code(each.name)} **was changed in Coder by somebody else**')}"
        for each in providers
    ]


def told(providers: Collection[WrittenProvider]) -> list[str]:
    """Return the same as lines of a refresh."""
    return [each.told(f"changed by somebody else: AI provider {each.name}") for each in providers]


def to_json(providers: Collection[WrittenProvider]) -> list[dict[str, Any]]:
    """Return the same as plain data."""
    return [{"name": each.name, "differs": list(each.differs)} for each in providers]


def _written(metadata: Mapping[str, Any]) -> WrittenProvider | None:
    old, new = (dict((metadata.get(side) or {}).get("outputs") or {}) for side in ("old", "new"))
    moments = old.pop(_MOMENT, None), new.pop(_MOMENT, None)
    if None in moments or moments[0] == moments[1]:
        return None
    for side in (old, new):
        side.pop(_ENDS, None)
    inputs = (metadata["old"] or {}).get("inputs") or {}
    named, before, after = (dict(_leaves(without_secrets(each))) for each in (inputs, old, new))
    differs = [each for each in before | after if before.get(each) != after.get(each)]
    # Those a preview and a refresh tell, and an update restores.
    if not named.keys().isdisjoint(differs):
        return None
    words = (f"{each} is {after.get(each) or 'not set'} now" for each in differs)
    return WrittenProvider(str(new.get("name")), tuple(words))


def _leaves(value: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    for key, each in value.items():
        if isinstance(each, Mapping):
            yield from _leaves(each, f"{path}{key}.")
        else:
            yield f"{path}{key}", each


def _word(metadata: Mapping[str, Any]) -> str:
    return str(getattr(metadata["op"], "value", metadata["op"]))
