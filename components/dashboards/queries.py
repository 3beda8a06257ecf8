"""Queries of panels, each with its data source, as Grafana takes them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from grafana_foundation_sdk.builders import (
    loki,
    prometheus,
)
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from components.dashboards.context import DashboardContext
from components.dashboards.promql import Expression
from components.dashboards.sql import Select

MAX_LINES = 200
"""Log lines a panel asks for; the data source allows 1000."""


@dataclass(frozen=True)
class Query:
    """A query of one panel, and its data source.

    Attributes:
        kind: The data source's language.
        text: PromQL, LogQL or SQL, with Grafana's macros and variables.
        legend: Name of each series, with `{{label}}` placeholders.
        instant: One value at the end of the range, or rows, instead of values over time.
    """

    kind: Literal["prometheus", "loki", "postgres"]
    text: str
    legend: str = ""
    instant: bool = False


def promql(expression: Expression, legend: str = "", *, instant: bool = False) -> Query:
    """Return a query to Prometheus."""
    return Query("prometheus", expression.text, legend, instant)


def loki_metric(expression: str, legend: str = "", *, instant: bool = False) -> Query:
    """Return a query to Loki for numbers."""
    return Query("loki", expression, legend, instant)


def loki_lines(pipeline: str) -> Query:
    """Return a query to Loki for lines."""
    return Query("loki", pipeline)


def sql_rows(select: Select) -> Query:
    """Return a query to PostgreSQL for rows or for one number."""
    return Query("postgres", str(select), instant=True)


def sql_series(select: Select) -> Query:
    """Return a query to PostgreSQL for values over time; its first column is named `time`."""
    return Query("postgres", str(select))


class PostgresDataquery(Dataquery):
    """A target of Grafana's PostgreSQL data source, which the SDK has no builder for."""

    def __init__(self, query: Query, ref_id: str, source: models.DataSourceRef) -> None:
        self.query = query
        self.ref_id = ref_id
        self.source = source

    def to_json(self) -> dict[str, object]:
        """Return the target as Grafana stores it."""
        return {
            "datasource": self.source,
            "editorMode": "code",
            "format": "table" if self.query.instant else "time_series",
            "rawQuery": True,
            "rawSql": self.query.text,
            "refId": self.ref_id,
        }


class _Built(Builder[Dataquery]):
    def __init__(self, target: Dataquery) -> None:
        self.target = target

    def build(self) -> Dataquery:
        return self.target


def source_ref(kind: str, context: DashboardContext) -> models.DataSourceRef:
    """Return the reference to the data source that answers queries of a kind."""
    plugin, uid = {
        "prometheus": ("prometheus", context.prometheus_uid),
        "loki": ("loki", context.loki_uid),
        "postgres": ("grafana-postgresql-datasource", context.postgres_uid),
    }[kind]
    return models.DataSourceRef(type_val=plugin, uid=uid)


def target(
    query: Query, ref_id: str, context: DashboardContext, *, as_table: bool = False
) -> Builder[Dataquery]:
    """Return a query as its data source takes it."""
    source = source_ref(query.kind, context)
    if query.kind == "postgres":
        return _Built(PostgresDataquery(query, ref_id, source))
    if query.kind == "loki":
        lines = (
            loki.Dataquery()
            .expr(query.text)
            .ref_id(ref_id)
            .datasource(source)
            .query_type("instant" if query.instant else "range")
        )
        return lines.legend_format(query.legend) if query.legend else lines.max_lines(MAX_LINES)
    samples = prometheus.Dataquery().expr(query.text).ref_id(ref_id).datasource(source)
    samples = samples.instant() if query.instant else samples.range()
    if as_table:
        samples = samples.format(PromQueryFormat.TABLE)
    return samples.legend_format(query.legend) if query.legend else samples
