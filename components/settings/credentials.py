"""What looks like a credential in a stack's settings, wherever no secret belongs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from components.boundary.credentials import HIDDEN, form_of, names_credential
from components.settings.problems import Problem, key_of

# URLs that a contract denies may well pretend to have a user.
_CONTRACT: Final = frozenset({"mustAllow", "mustDeny"})
# Maps whose names are a stack's own; the agents' variables are checked as their component does.
_NAMED: Final = frozenset({"labels", "ruleLabels", "provisionerTags"})


def credentials(values: Mapping[str, Any]) -> Iterator[Problem]:
    """Find what looks like a credential anywhere but under `secrets`, in plain data."""
    for location, text in _texts((), {k: v for k, v in values.items() if k != "secrets"}):
        named = location[-2:-1] and location[-2] in _NAMED
        named = named and names_credential(str(location[-1]), text)
        form = form_of(text) or ("what its name calls a credential" if named else None)
        if form and not (location[-1] == "url" and _CONTRACT.intersection(location)):
            yield Problem(
                key_of(location),
                HIDDEN,
                f"holds {form}, which everybody who may read the settings could read; secrets "
                "stand under `secrets`, encrypted",
            )


def _texts(
    location: tuple[str | int, ...], value: Any
) -> Iterator[tuple[tuple[str | int, ...], str]]:
    if isinstance(value, str):
        yield location, value
    elif isinstance(value, Mapping):
        for key, each in value.items():
            yield from _texts((*location, str(key)), each)
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from _texts((*location, index), each)
