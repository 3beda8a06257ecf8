"""What LogQL's operators do with two numbers."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from typing import Final

COMPARE: Final[Mapping[str, Callable[[float, float], bool]]] = {
    "==": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}


def _divided(one: float, other: float) -> float:
    # Not an infinity, as it would be in PromQL.
    return one / other if other else math.nan


ARITHMETIC: Final[Mapping[str, Callable[[float, float], float]]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": _divided,
    "%": lambda one, other: math.fmod(one, other) if other else math.nan,
}
