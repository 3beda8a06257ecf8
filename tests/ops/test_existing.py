"""Which objects are asked for again when one that is not there ended the reading."""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from ops import existing
from ops.existing import Object, objects

FIRST, SECOND, GONE = ((f"kubernetes:core/v1:{x}", "a/b") for x in ("Secret", "Pod", "Service"))
ABSENT = {GONE: "error: resource 'a/b' does not exist"}


def test_what_was_found_is_not_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = [({FIRST: {"x": 1}}, ABSENT), ({SECOND: {"x": 2}}, {})]
    asked: list[list[Object]] = []

    def read(_: Any, __: Any, wanted: Sequence[Object]) -> Any:
        asked.append(list(wanted))
        return answers[len(asked) - 1]

    monkeypatch.setattr(existing, "_read", read)
    stack: Any = SimpleNamespace()
    assert objects(stack, None, [FIRST, SECOND, GONE]) == {FIRST: {"x": 1}, SECOND: {"x": 2}}
    assert asked == [[FIRST, SECOND, GONE], [SECOND]]
