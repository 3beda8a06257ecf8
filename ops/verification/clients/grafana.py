"""Grafana's HTTP API (https://grafana.com/docs/grafana/latest/developer-resources/api-reference/)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, Field

from ops.verification.clients.errors import NotFoundError
from ops.verification.clients.service import Service


class Health(BaseModel):
    """What a data source says of itself."""

    status: str
    message: str = ""


class FrameColumn(BaseModel):
    """A column of a frame."""

    name: str = ""
    type: str = ""


class _Schema(BaseModel):
    fields: list[FrameColumn] = []


class _Data(BaseModel):
    values: list[list[Any]] = []


class Frame(BaseModel):
    """A table that a query returns, column by column."""

    columns: _Schema = Field(_Schema(), alias="schema")
    data: _Data = _Data()

    def column(self, name: str) -> list[Any]:
        """Return the values of a column; empty if there is none of the name."""
        for column, values in zip(self.columns.fields, self.data.values, strict=False):
            if column.name == name:
                return values
        return []


class QueryResult(BaseModel):
    """What came of one query.

    Attributes:
        status: HTTP status that the data source's answer stands for.
        error: why it has none, empty otherwise.
    """

    status: int = 200
    error: str = ""
    frames: list[Frame] = []


class _Queries(BaseModel):
    results: dict[str, QueryResult]


class _Meta(BaseModel):
    folderTitle: str | None = None


class _Dashboard(BaseModel):
    dashboard: dict[str, Any]
    meta: _Meta = _Meta()


class Grafana:
    """A Grafana.

    Args:
        service: with its base URL and a service account's token (role Viewer).
    """

    def __init__(self, service: Service) -> None:
        self.service = service

    def health(self, uid: str) -> Health:
        """Return whether a data source works.

        Raises:
            ServiceError: as Service.get does; NotFoundError when there is none of the uid.
        """
        # 400 for one that does not work.
        return self.service.get(Health, f"/api/datasources/uid/{uid}/health", also=(400,))

    def dashboard(self, uid: str) -> tuple[dict[str, Any] | None, str | None]:
        """Return a dashboard's model, None if there is none of the uid, and its folder's title.

        Raises:
            ServiceError: as Service.get does.
        """
        try:
            found = self.service.get(_Dashboard, f"/api/dashboards/uid/{uid}")
        except NotFoundError:
            return None, None
        return found.dashboard, found.meta.folderTitle

    def query(
        self, queries: Sequence[Mapping[str, Any]], start: str = "now-1h", end: str = "now"
    ) -> dict[str, QueryResult]:
        """Return what queries of data sources return, by their refId.

        Args:
            queries: each with refId, datasource.uid and what its data source wants.
            start: of the range, in milliseconds of the epoch or as `now-1h`.
            end: of the range.

        Raises:
            ServiceError: as Service.post does.
        """
        body = {"queries": list(queries), "from": start, "to": end}
        # 207, 400 and 500 when a query failed; each result has its own reason.
        return self.service.post(_Queries, "/api/ds/query", body, also=(400, 500)).results
