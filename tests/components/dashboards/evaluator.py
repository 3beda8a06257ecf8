"""Asks an engine of tools/ about data in memory."""

import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from toolchain import tools


class QueryError(ValueError):
    """What an engine refused to evaluate, in its own words."""


@dataclass(frozen=True)
class Query:
    """An expression to be evaluated, at times in seconds from the epoch.

    Attributes:
        expression: A query with its variables expanded.
        end: The last time, or the only one.
        start: The first time; nothing is read from it for numbers at one time.
        step: Seconds between two times; 0 for numbers at `end` alone.
    """

    expression: str
    end: int
    start: int = 0
    step: int = 0


def ask(tool: str, data: Mapping[str, Any], queries: Sequence[Query]) -> Any:
    """Return the results of the queries, as the tool writes them.

    Args:
        tool: One of tools/ that reads JSON.
        data: What is asked about.
        queries: Answered in their order.

    Raises:
        QueryError: A query cannot be read, or not be evaluated.
    """
    done = subprocess.run(
        [str(tools.build(tool))],
        input=json.dumps({**data, "queries": [asdict(query) for query in queries]}),
        check=False,
        capture_output=True,
        encoding="utf-8",
        timeout=120,
    )
    if done.returncode:
        raise QueryError(done.stderr)
    return json.loads(done.stdout)


def points(series: Mapping[str, Any]) -> dict[int, float]:
    """Return the values of a series by time in seconds, of one time or of many."""
    found = series["values"] if "values" in series else [series["value"]]
    return {int(time): float(value) for time, value in found}
