"""What panels of every kind have: unit, colours, place and queries; over Grafana's own builders."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol, Self

from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.builders import text
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models import text as text_models

from components.dashboards.context import DashboardContext
from components.dashboards.links import leads_to, prefixed, to
from components.dashboards.queries import Query, source_ref, target
from components.dashboards.tables import reads_later
from components.releases import GATEWAY_TABLES_SINCE, words


class Unit(StrEnum):
    """Grafana's unit ids, those in use."""

    SHORT = "short"
    WHOLE = "locale"
    """Every digit of a whole number, where `short` would say 1 K of 1,058."""
    PERCENT = "percentunit"
    SECONDS = "s"
    BYTES = "bytes"
    BYTES_PER_SECOND = "Bps"
    CORES = "none"
    USD = "currencyUSD"
    PER_SECOND = "ops"
    REQUESTS_PER_SECOND = "reqps"
    FROM_NOW = "dateTimeFromNow"
    DATE_TIME = "dateTimeAsIso"


class Color(StrEnum):
    """Grafana's named colours, those in use."""

    GREEN = "green"
    YELLOW = "yellow"
    ORANGE = "orange"
    RED = "red"
    BLUE = "blue"


@dataclass(frozen=True)
class Threshold:
    """The colour from a value on, in the panel's unit."""

    value: float
    color: Color


class PanelBuilder(Protocol):
    """What all of the SDK's panel builders have in common."""

    def build(self) -> models.Panel: ...  # noqa: D102
    def id(self, id_val: int) -> Self: ...  # noqa: D102
    def title(self, title: str) -> Self: ...  # noqa: D102
    def description(self, description: str) -> Self: ...  # noqa: D102
    def datasource(self, datasource: models.DataSourceRef) -> Self: ...  # noqa: D102
    def span(self, w: int) -> Self: ...  # noqa: D102
    def height(self, h: int) -> Self: ...  # noqa: D102
    def with_target(self, target: Builder[Dataquery]) -> Self: ...  # noqa: D102
    def with_transformation(  # noqa: D102
        self, transformation: models.DataTransformerConfig
    ) -> Self: ...
    def links(  # noqa: D102
        self, links: list[Builder[models.DashboardLink]]
    ) -> Self: ...
    def override_by_name(  # noqa: D102
        self, name: str, properties: list[models.DynamicConfigValue]
    ) -> Self: ...


@dataclass(frozen=True)
class Panel:
    """A panel before it has a place and a data source.

    Attributes:
        make: Builds the SDK's panel for a stack.
        title: Unique in its dashboard; the panel's id is made from it.
        width: In columns, 24 to a row.
        queries: What the panel asks.
    """

    make: Callable[[DashboardContext], PanelBuilder]
    title: str
    width: int
    queries: tuple[Query, ...]


_NEEDS_TABLES = (
    f"Coder {words(GATEWAY_TABLES_SINCE)} and newer keep what is shown here in their database. "
    "When this dashboard was written, this Coder was older. After an upgrade bring the stack up "
    "again."
)


def of_words(
    title: str, description: str, markdown: str, *, width: int, height: int
) -> PanelBuilder:
    """Return the SDK's panel of words."""
    builder: PanelBuilder = text.Panel().mode(text_models.TextMode.MARKDOWN).content(markdown)
    return builder.title(title).description(description).span(width).height(height)


def assembled(
    new: Callable[[], Any],
    title: str,
    description: str,
    queries: Sequence[Query],
    finish: Callable[[Any], object],
    *,
    width: int,
    height: int,
    as_table: bool = False,
    detail: str = "",
    links: Mapping[str, str] | None = None,
    of_ids: Sequence[str] = (),
    series_of_ids: bool = False,
) -> Panel:
    """Return a panel: for a stack, `new` makes it and `finish` ends what all panels have.

    Columns `of_ids`, and the series with `series_of_ids`, show the names that the stack knows.
    """

    def make(context: DashboardContext) -> PanelBuilder:
        if not context.gateway_tables and any(reads_later(query.text) for query in queries):
            return of_words(title, description, _NEEDS_TABLES, width=width, height=height)
        builder: PanelBuilder = new()
        builder.title(title).description(description).span(width).height(height)
        builder.datasource(source_ref(queries[0].kind, context))
        for index, query in enumerate(queries):
            builder.with_target(target(query, chr(ord("A") + index), context, as_table=as_table))
        finish(builder)
        if detail and context.has(detail):
            link = builders.DashboardLink("Details").type(models.DashboardLinkType.LINK)
            builder.links([link.url(prefixed(to(detail), context.uid_prefix))])
        for column in of_ids if context.names else ():
            builder.override_by_name(
                column, [models.DynamicConfigValue("mappings", _name_map(context.names))]
            )
        for number, name in context.names.items() if series_of_ids else ():
            builder.override_by_name(number, [models.DynamicConfigValue("displayName", name)])
        for column, url in (links or {}).items():
            if context.has(leads_to(url)):
                shown = {
                    "title": f"Show {column}",
                    "url": prefixed(url, context.uid_prefix),
                }
                builder.override_by_name(column, [models.DynamicConfigValue("links", [shown])])
        return builder

    return Panel(make, title, width, tuple(queries))


def threshold_config(base: Color, steps: Sequence[Threshold]) -> builders.ThresholdsConfig:
    """Return colours from values on, `base` below the first."""
    first = models.Threshold(value=None, color=base)
    rest = [models.Threshold(value=step.value, color=step.color) for step in steps]
    return builders.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps([first, *rest])


def value_map(mappings: Mapping[str, tuple[str, Color]]) -> list[models.ValueMapping]:
    """Return what is shown in place of a value: a text in a colour."""
    options = {
        value: models.ValueMappingResult(text=text, color=color, index=index)
        for index, (value, (text, color)) in enumerate(mappings.items())
    }
    return [models.ValueMap(options=options)]


def _name_map(names: Mapping[str, str]) -> list[models.ValueMapping]:
    options = {
        number: models.ValueMappingResult(text=name, index=index)
        for index, (number, name) in enumerate(names.items())
    }
    return [models.ValueMap(options=options)]


def fixed(color: Color) -> models.DynamicConfigValue:
    """Return a colour whatever the value."""
    return models.DynamicConfigValue("color", {"mode": "fixed", "fixedColor": color.value})
