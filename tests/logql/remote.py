"""Asks a real Loki by its HTTP API, in place of the evaluator.

LOKI_URL names it. It has to take old samples (`reject_old_samples: false`) and to be empty, or to
tell tenants apart, for every run writes as a tenant of its own.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from typing import Any, Final

import httpx

from tests.logql.engine import NANO, Answer, Labels, Stream
from tests.logql.pipeline import Line
from tests.logql.tree import QueryError

_LONGEST_ANSWER: Final = 5000
_PUSHED_AT_ONCE: Final = 500


class RemoteLoki:
    """A Loki that holds these streams.

    Args:
        url: its address.
        streams: written to it at once; each run as another tenant.
        transport: how to reach it, for tests.

    Raises httpx.HTTPError when it does not take them.
    """

    def __init__(
        self, url: str, streams: Sequence[Stream], transport: httpx.BaseTransport | None = None
    ) -> None:
        self._client = httpx.Client(
            base_url=url.rstrip("/"),
            headers={"X-Scope-OrgID": f"test-{secrets.token_hex(8)}"},
            timeout=60,
            transport=transport,
        )
        times = [time for stream in streams for time, _ in stream.entries]
        self._first, self._last = min(times, default=0), max(times, default=0)
        for stream in streams:
            values = [[str(time), text] for time, text in stream.entries]
            for place in range(0, len(values), _PUSHED_AT_ONCE):
                body = {"stream": stream.labels, "values": values[place : place + _PUSHED_AT_ONCE]}
                self._client.post("/loki/api/v1/push", json={"streams": [body]}).raise_for_status()

    def evaluate(self, query: str, start: int, end: int, step: int) -> Answer:
        """Return what a query answers; arguments as of the evaluator. Raises QueryError."""
        if query.lstrip().startswith("{"):
            # Loki takes no query over all times; there is nothing outside of these.
            bounds = {
                "start": max(start * NANO, self._first),
                "end": min(end * NANO, self._last + 1),
            }
            limits = {"limit": _LONGEST_ANSWER, "direction": "forward"}
            data = self._ask("query_range", query=query, **bounds, **limits)
        elif step:
            data = self._ask("query_range", query=query, start=start, end=end, step=step)
        else:
            data = self._ask("query", query=query, time=end)
        if data["resultType"] == "streams":
            found = [
                Line(int(time), text, stream["stream"])
                for stream in data["result"]
                for time, text in stream["values"]
            ]
            return Answer(lines=sorted(found, key=lambda line: (line.nanoseconds, line.text)))
        return Answer(series={_labels(each): _points(each) for each in data["result"]})

    def _ask(self, what: str, **parameters: Any) -> Any:
        answer = self._client.get(f"/loki/api/v1/{what}", params=parameters)
        if answer.status_code == httpx.codes.BAD_REQUEST:
            raise QueryError(answer.text)
        answer.raise_for_status()
        return answer.json()["data"]


def _labels(series: Mapping[str, Any]) -> Labels:
    return tuple(sorted(series["metric"].items()))


def _points(series: Mapping[str, Any]) -> dict[int, float]:
    points = series["values"] if "values" in series else [series["value"]]
    return {int(time): float(value) for time, value in points}
