"""Values that must differ and do not; no Pulumi, as settings ask too."""

from __future__ import annotations

from collections.abc import Iterable, Iterator


def repeated(values: Iterable[str | None]) -> Iterator[int]:
    """Yield the place, from 0, of every value that an earlier one is equal to; None is none."""
    seen = set()
    for place, value in enumerate(values):
        if value in seen:
            yield place
        elif value is not None:
            seen.add(value)
