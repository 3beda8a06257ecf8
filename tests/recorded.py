"""What real software said (`tests/recordings/`), and how an answer is held against it."""

import gzip
import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

RECORDINGS = Path(__file__).parent / "recordings"
UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
DIGEST = re.compile(r"[0-9a-f]{64}")


@cache
def lines(path: str) -> tuple[Any, ...]:
    """The recorded lines of JSON."""
    file = RECORDINGS / path
    content = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
    return tuple(json.loads(line) for line in content.decode().splitlines())


class Names:
    """Ids of the recording, and the ids that stand for them here."""

    def __init__(self) -> None:
        self._ours: dict[str, str] = {}

    def learn(self, recorded: Any, ours: Any) -> None:
        """Pair the ids that stand at the same place of two answers."""
        if isinstance(recorded, Mapping) and isinstance(ours, Mapping):
            for key in recorded.keys() & ours.keys():
                self.learn(recorded[key], ours[key])
        elif isinstance(recorded, list) and isinstance(ours, list):
            for one, other in zip(recorded, ours, strict=False):
                self.learn(one, other)
        elif recorded != ours and _is_id(recorded) and _is_id(ours):
            self._ours[recorded] = ours

    def pair(self, recorded: str, ours: str) -> None:
        """Say what stands for a recorded text."""
        self._ours[recorded] = ours

    def ours(self, value: Any) -> Any:
        """A recorded value with our ids in place of the recorded ones."""
        if isinstance(value, Mapping):
            return {self.ours(key): self.ours(each) for key, each in value.items()}
        if isinstance(value, list):
            return [self.ours(each) for each in value]
        if isinstance(value, str):
            for recorded, ours in self._ours.items():
                value = value.replace(recorded, ours)
        return value


def _is_id(value: Any) -> bool:
    return isinstance(value, str) and bool(UUID.fullmatch(value) or DIGEST.fullmatch(value))


def shape(value: Any) -> Any:
    """What kind of value it is, at any depth; of a list, the kinds that its items have."""
    if isinstance(value, Mapping):
        return {key: shape(each) for key, each in value.items()}
    if isinstance(value, list):
        kinds = [shape(each) for each in value]
        return [each for place, each in enumerate(kinds) if each not in kinds[:place]]
    if value is None or isinstance(value, bool):
        return str((value is None and "null") or "boolean")
    return "number" if isinstance(value, int | float) else "text"


def differences(recorded: Any, ours: Any, path: str = "") -> Iterator[str]:
    """Where the shape of our answer is not that of the recorded one, by path and what is wrong."""
    if isinstance(recorded, Mapping) and isinstance(ours, Mapping):
        for key in sorted({*recorded, *ours}):
            inner = f"{path}.{key}".lstrip(".")
            if key not in ours:
                yield f"{inner} is missing"
            elif key not in recorded:
                yield f"{inner} is not in the recording"
            else:
                yield from differences(recorded[key], ours[key], inner)
    elif isinstance(recorded, list) and isinstance(ours, list):
        if bool(recorded) != bool(ours):
            yield f"{path}[] has {len(ours)} items, not {len(recorded)}"
        elif recorded:
            yield from differences(_merged(recorded), _merged(ours), f"{path}[]")
    elif shape(recorded) != shape(ours):
        yield f"{path} is {shape(ours)}, not {shape(recorded)}"


def _merged(items: list[Any]) -> Any:
    """One item with every key that any of them has."""
    if not all(isinstance(each, Mapping) for each in items):
        return items[0]
    return {key: value for each in reversed(items) for key, value in each.items()}
