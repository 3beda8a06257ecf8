"""What the stages of a query make of one line."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from tests.logql.operators import COMPARE
from tests.logql.tree import (
    Json,
    LabelFormat,
    LineFilter,
    LineFormat,
    Matcher,
    NumberFilter,
    Paths,
    QueryError,
    Regexp,
    Stage,
    expression,
)

ERROR: Final = "__error__"
_ACTION: Final = re.compile(r"\{\{\s*(.*?)\s*\}\}")
_BARE: Final = re.compile(r"\.([A-Za-z_][A-Za-z0-9_]*)\Z")
# Go's own, of text/template; an empty text is false.
_OR: Final = re.compile(r"or \.([A-Za-z_][A-Za-z0-9_]*) \"([^\"\\]*)\"\Z")


@dataclass(frozen=True)
class Line:
    """A line that a query returns.

    Attributes:
        nanoseconds: when it was written, from the epoch.
        text: the line.
        labels: of its stream, and what the stages made.
    """

    nanoseconds: int
    text: str
    labels: Mapping[str, str]


@dataclass
class _Draft:
    """A line on its way through the stages, which do not write over its stream's labels."""

    nanoseconds: int
    text: str
    labels: dict[str, str]
    stream: Mapping[str, str]

    def extract(self, name: str, value: str) -> None:
        """Set a label that a stage found in the line."""
        self.labels[f"{name}_extracted" if name in self.stream else name] = value


def run(
    stages: Sequence[Stage], nanoseconds: int, text: str, stream: Mapping[str, str]
) -> Line | None:
    """Return what the stages make of a line of a stream, None if one of them drops it."""
    first = 0
    for stage in stages:
        # These read the line alone, and drop most.
        if not isinstance(stage, LineFilter):
            break
        if not _holds(stage, text):
            return None
        first += 1
    draft = _Draft(nanoseconds, text, dict(stream), stream)
    for stage in stages[first:]:
        if not _keeps(stage, draft):
            return None
    return Line(nanoseconds, draft.text, draft.labels)


def _keeps(stage: Stage, draft: _Draft) -> bool:
    """Apply one stage to a line; return whether the line goes on."""
    match stage:
        case LineFilter():
            return _holds(stage, draft.text)
        case Matcher():
            return stage.accepts(draft.labels.get(stage.label, ""))
        case NumberFilter():
            return _compared(stage, draft)
        case Json():
            _json(stage, draft)
        case Regexp():
            match = stage.pattern.search(draft.text)
            for name, value in match.groupdict(default="").items() if match else ():
                draft.extract(name, value)
        case LineFormat():
            draft.text = _filled(stage.template, draft)
        case LabelFormat(source=""):
            draft.labels[stage.label] = _filled(stage.template, draft)
        case LabelFormat():
            draft.labels[stage.label] = draft.labels.pop(stage.source, "")
    return True


def _holds(stage: LineFilter, text: str) -> bool:
    comparison = stage.comparison
    plain = comparison in ("|=", "!=")
    for value in stage.values:
        if (value in text) if plain else expression(value).search(text):
            return comparison[0] == "|"
    return comparison[0] != "|"


def _compared(stage: NumberFilter, draft: _Draft) -> bool:
    if ERROR in draft.labels:
        return True
    if stage.label not in draft.labels:
        return False
    try:
        number = float(draft.labels[stage.label])
    except ValueError:
        draft.labels[ERROR] = "LabelFilterErr"
        return True
    return COMPARE[stage.comparison](number, stage.value)


def _json(stage: Json, draft: _Draft) -> None:
    values = _values(draft.text, stage.paths)
    if values is None:
        draft.labels[ERROR] = "JSONParserErr"
        return
    labels, stream = draft.labels, draft.stream
    for name, value in values:
        labels[f"{name}_extracted" if name in stream else name] = value


@lru_cache(maxsize=65536)  # many queries read the same lines
def _values(text: str, paths: Paths) -> Sequence[tuple[str, str]] | None:
    document = _document(text)
    if document is None:
        return None
    return [(name, _written(_at(document, path))) for name, path in paths]


@lru_cache(maxsize=8192)
def _document(text: str) -> dict[str, Any] | None:
    try:
        document = json.loads(text)
    except ValueError:
        return None
    return document if isinstance(document, dict) else None


def _at(value: Any, path: Sequence[str]) -> Any:
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _written(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, dict | list):
        raise QueryError("a label of more than one value is not evaluated here")
    return value if isinstance(value, str) else json.dumps(value)


def _filled(template: str, draft: _Draft) -> str:
    def fill(action: re.Match[str]) -> str:
        if label := _BARE.match(action[1]):
            return draft.labels.get(label[1], "")
        if other := _OR.match(action[1]):
            return draft.labels.get(other[1]) or other[2]
        if action[1] == "__timestamp__ | unixEpoch":
            return str(draft.nanoseconds // 1_000_000_000)
        if action[1] == "__line__":
            return draft.text
        raise QueryError(f"the template {action[0]} is not evaluated here")

    return _ACTION.sub(fill, template)
