"""Grafana's own grammar of LogQL, which its query editor reads a query with."""

import json
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tests import npm

_FINE: set[str] = set()
"""Queries that were read before: many tests ask the same."""


def check(queries: Sequence[str]) -> None:
    """Read the queries.

    Raises:
        SyntaxError: A query is not LogQL, as Grafana sees it.
    """
    new = [query for query in queries if query not in _FINE]
    if not new:
        return
    done = subprocess.run(
        [npm.NODE, npm.installed("logql") / "parse.mjs"],
        input=json.dumps(new),
        capture_output=True,
        check=True,
        encoding="utf-8",
        timeout=60,
    )
    for tree, query in zip(json.loads(done.stdout), new, strict=True):
        for node in _nodes(tree):
            if node["name"] == "⚠":
                raise SyntaxError(f"not LogQL at {node['from']}: {query!r}")
    _FINE.update(new)


def _nodes(tree: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield tree
    for child in tree["children"]:
        yield from _nodes(child)
