"""Loki's HTTP API (https://grafana.com/docs/loki/latest/reference/loki-http-api/)."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator

from ops.verification.clients.service import Service


class _Stream(BaseModel):
    stream: dict[str, str]
    # Times in nanoseconds, lines, and of newer releases a third part, the structured metadata.
    values: list[Annotated[tuple[str, str], BeforeValidator(lambda pair: tuple(pair[:2]))]]


class _Streams(BaseModel):
    resultType: Literal["streams"]
    result: list[_Stream]


class _Answer(BaseModel):
    status: Literal["success"]
    data: _Streams


class Loki:
    """Lines of a Loki, asked directly or through Grafana's data source.

    Args:
        service: with the base URL of Loki, or of its data source's proxy.
    """

    def __init__(self, service: Service) -> None:
        self._service = service

    def lines(self, query: str, start: datetime, end: datetime, limit: int = 500) -> list[str]:
        """Return the newest lines of a LogQL log query, the oldest of them first.

        Args:
            query: LogQL.
            start: the first time, with its time zone.
            end: the last.
            limit: how many at most.

        Raises:
            ServiceError: as Service.get does, also when the query makes numbers.
        """
        pairs = [pair for stream in self._asked(query, start, end, limit) for pair in stream.values]
        return [line for _, line in sorted(pairs)]

    def has(self, query: str, start: datetime, end: datetime) -> bool:
        """Return whether there is any line of a LogQL log query, of which nothing is kept.

        Raises:
            ServiceError: as of lines.
        """
        return any(stream.values for stream in self._asked(query, start, end, 1, unshown=True))

    def _asked(
        self, query: str, start: datetime, end: datetime, limit: int, *, unshown: bool = False
    ) -> list[_Stream]:
        return self._service.get(
            _Answer,
            "/loki/api/v1/query_range",
            {
                "query": query,
                "start": str(int(start.timestamp() * 1e9)),
                "end": str(int(end.timestamp() * 1e9)),
                "limit": str(limit),
                "direction": "backward",
            },
            unshown=unshown,
        ).data.result
