"""What a LogQL query is made of, as frozen values."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache


class QueryError(ValueError):
    """A query is no LogQL, or holds what is not evaluated here."""


@lru_cache(maxsize=512)
def expression(text: str) -> re.Pattern[str]:
    """Return an expression, read as RE2 does where RE2 and Python agree.

    Raises QueryError for one that does not compile, or that RE2 does not know.
    """
    if re.search(r"\(\?(=|!|<=|<!|P=)|(?<!\\)\\[1-9]", text):
        raise QueryError(f"RE2 knows no look-around and no back reference: {text}")
    try:
        return re.compile(text)
    except re.error as error:
        raise QueryError(f"no expression: {error}: {text}") from None


@dataclass(frozen=True)
class Matcher:
    """A label, how it is compared (`=`, `!=`, `=~`, `!~`), and with what."""

    label: str
    comparison: str
    value: str

    def accepts(self, text: str) -> bool:
        """Whether a label's value passes; an expression has to match the whole of it."""
        if self.comparison in ("=", "!="):
            return (text == self.value) == (self.comparison == "=")
        return bool(expression(self.value).fullmatch(text)) == (self.comparison == "=~")


@dataclass(frozen=True)
class NumberFilter:
    """A label whose value is compared as a number."""

    label: str
    comparison: str
    value: float


@dataclass(frozen=True)
class LineFilter:
    """What a line has to hold, or must not (`|=`, `!=`, `|~`, `!~`): one of the values."""

    comparison: str
    values: tuple[str, ...]


Paths = tuple[tuple[str, tuple[str, ...]], ...]
"""Labels, each with its path of keys."""


@dataclass(frozen=True)
class Json:
    """Labels from a line of JSON."""

    paths: Paths


@dataclass(frozen=True)
class Regexp:
    """Labels from the named groups of an expression."""

    pattern: re.Pattern[str]


@dataclass(frozen=True)
class LineFormat:
    """A line made anew from a template."""

    template: str


@dataclass(frozen=True)
class LabelFormat:
    """A label made from a template, or, with `source`, another label under a new name."""

    label: str
    template: str = ""
    source: str = ""


Stage = Matcher | NumberFilter | LineFilter | Json | Regexp | LineFormat | LabelFormat


@dataclass(frozen=True)
class Lines:
    """A query for lines: of which streams, and what is done with each line."""

    selector: tuple[Matcher, ...]
    stages: tuple[Stage, ...]


@dataclass(frozen=True)
class Grouping:
    """By which labels series are put together, or without which."""

    without: bool
    labels: tuple[str, ...]


@dataclass(frozen=True)
class OverRange:
    """Numbers from the lines of a range of `seconds`, which ended `offset` seconds before."""

    function: str
    lines: Lines
    seconds: float
    offset: float = 0.0
    unwrap: str | None = None
    grouping: Grouping | None = None


@dataclass(frozen=True)
class Aggregation:
    """Series put together; `number` is how many topk and bottomk keep."""

    function: str
    of: Numbers
    number: int | None = None
    grouping: Grouping | None = None


@dataclass(frozen=True)
class Matching:
    """By which labels the series of two sides belong together; all of them without `labels`."""

    on: bool = False
    labels: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Binary:
    """Two sides and an operator; with `as_number`, a comparison gives 0 or 1."""

    operator: str
    left: Numbers
    right: Numbers
    matching: Matching = Matching()
    as_number: bool = False


@dataclass(frozen=True)
class Number:
    """A number; as `vector(N)`, a series without labels."""

    value: float
    is_vector: bool = False


Numbers = OverRange | Aggregation | Binary | Number
