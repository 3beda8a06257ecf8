"""Panel builders that the dashboards share, over Grafana's own (grafana_foundation_sdk).

A dashboard is a sequence of `Section`s (rows) of panels. Every panel has a title, a description
that says what a reader should do about a bad number, a width in Grafana's 24 columns and a height
in its units of 30 pixels.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal, Protocol, Self

import orjson
from grafana_foundation_sdk.builders import (
    bargauge,
    common,
    logs,
    loki,
    piechart,
    prometheus,
    stat,
    table,
    timeseries,
)
from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models import common as common_models
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models import piechart as piechart_models
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from components.dashboards.context import DashboardContext
from components.dashboards.links import leads_to, to
from components.dashboards.promql import Expression
from components.dashboards.sql import Select

TAG = "firewalled-coder"
"""On every dashboard; the links between them select by it."""

GRID_COLUMNS = 24
MAX_LINES = 200
"""Log lines a panel asks for; the data source allows 1000."""


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


@dataclass(frozen=True)
class Section:
    """A row of the dashboard: a heading and its panels, laid out from left to right."""

    title: str
    panels: Sequence[Panel]


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


def _panel(
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
) -> Panel:
    def make(context: DashboardContext) -> PanelBuilder:
        builder: PanelBuilder = new()
        builder.title(title).description(description).span(width).height(height)
        builder.datasource(source_ref(queries[0].kind, context))
        for index, query in enumerate(queries):
            builder.with_target(target(query, chr(ord("A") + index), context, as_table=as_table))
        finish(builder)
        if detail and context.has(detail):
            link = builders.DashboardLink("Details").type(models.DashboardLinkType.LINK)
            builder.links([link.url(to(detail))])
        for column, url in (links or {}).items():
            if context.has(leads_to(url)):
                shown = {"title": f"Show {column}", "url": url}
                builder.override_by_name(column, [models.DynamicConfigValue("links", [shown])])
        return builder

    return Panel(make, title, width, tuple(queries))


def _thresholds(base: Color, steps: Sequence[Threshold]) -> builders.ThresholdsConfig:
    first = models.Threshold(value=None, color=base)
    rest = [models.Threshold(value=step.value, color=step.color) for step in steps]
    return builders.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps([first, *rest])


def stat_panel(
    title: str,
    description: str,
    *queries: Query,
    unit: Unit = Unit.SHORT,
    thresholds: Sequence[Threshold] = (),
    base: Color = Color.BLUE,
    mappings: Mapping[str, tuple[str, Color]] | None = None,
    decimals: int | None = None,
    no_value: str = "0",
    detail: str = "",
    width: int = 4,
    height: int = 4,
) -> Panel:
    """Return a panel of one large number.

    Args:
        title: Unique in the dashboard.
        description: What the number is, and what to do when it is bad.
        queries: One query for each number.
        unit: How to show it.
        thresholds: Colours from a value on; `base` below the first.
        base: The colour below the first threshold.
        mappings: Text and colour to show in place of a value.
        decimals: Digits after the point; Grafana's choice if not given.
        no_value: Shown where the query has no result.
        detail: Uid of the dashboard that says more, which the number then links to.
        width: Columns of 24.
        height: Units of 30 pixels.
    """

    def finish(panel: stat.Panel) -> None:
        panel.unit(unit).no_value(no_value).thresholds(_thresholds(base, thresholds))
        panel.color_scheme(
            builders.FieldColor().mode(models.FieldColorModeId.THRESHOLDS)
        ).reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]).values(False))
        panel.color_mode(common_models.BigValueColorMode.VALUE)
        panel.graph_mode(common_models.BigValueGraphMode.NONE)
        if unit == Unit.WHOLE:
            # What increase() returns is extrapolated, and seldom whole.
            panel.decimals(0)
        if decimals is not None:
            panel.decimals(decimals)
        if mappings:
            panel.mappings(_value_map(mappings))

    return _panel(
        stat.Panel,
        title,
        description,
        queries,
        finish,
        width=width,
        height=height,
        detail=detail,
    )


def _value_map(mappings: Mapping[str, tuple[str, Color]]) -> list[models.ValueMapping]:
    options = {
        value: models.ValueMappingResult(text=text, color=color, index=index)
        for index, (value, (text, color)) in enumerate(mappings.items())
    }
    return [models.ValueMap(options=options)]


def timeseries_panel(
    title: str,
    description: str,
    *queries: Query,
    unit: Unit = Unit.SHORT,
    thresholds: Sequence[Threshold] = (),
    stacked: bool = False,
    bars: bool = False,
    maximum: float | None = None,
    colors: Mapping[str, Color] | None = None,
    dashed: Sequence[str] = (),
    interval: str = "",
    width: int = 12,
    height: int = 8,
) -> Panel:
    """Return a panel of values over time, zero on its axis; thresholds are drawn as lines.

    Args:
        title: Unique in the dashboard.
        description: What the values are, and what to do when they are bad.
        queries: Their legends name the series.
        unit: How to show them.
        thresholds: Lines drawn at values.
        stacked: Whether series stand on each other.
        bars: Whether to draw bars, for counts of an interval.
        maximum: Upper end of the axis; the highest value if not given.
        colors: Colour by name of a series.
        dashed: Names of series that are limits, drawn as dashed lines without an area.
        interval: The least distance of two points, such as `5m`; Grafana's choice if empty.
        width: Columns of 24.
        height: Units of 30 pixels.
    """

    def finish(panel: timeseries.Panel) -> None:
        panel.unit(unit).min(0).fill_opacity(60 if bars else 10).line_width(1)
        if interval:
            panel.interval(interval)
        panel.show_points(common_models.VisibilityMode.NEVER)
        panel.legend(
            common.VizLegendOptions()
            .show_legend(True)
            .display_mode(common_models.LegendDisplayMode.LIST)
            .placement(common_models.LegendPlacement.BOTTOM)
        )
        panel.tooltip(
            common.VizTooltipOptions()
            .mode(common_models.TooltipDisplayMode.MULTI)
            .sort(common_models.SortOrder.DESCENDING)
        )
        if bars:
            panel.draw_style(common_models.GraphDrawStyle.BARS)
        if stacked:
            panel.stacking(
                common.StackingConfig().mode(common_models.StackingMode.NORMAL).group("A")
            )
        if maximum is not None:
            panel.max(maximum)
        for name, color in (colors or {}).items():
            panel.override_by_name(name, [_fixed(color)])
        for name in dashed:
            line = {"fill": "dash", "dash": [10, 10]}
            panel.override_by_name(
                name,
                [
                    models.DynamicConfigValue("custom.lineStyle", line),
                    models.DynamicConfigValue("custom.fillOpacity", 0),
                ],
            )
        if thresholds:
            panel.thresholds(_thresholds(Color.GREEN, thresholds)).thresholds_style(
                common.GraphThresholdsStyleConfig().mode(common_models.GraphTresholdsStyleMode.LINE)
            )

    return _panel(timeseries.Panel, title, description, queries, finish, width=width, height=height)


def bar_gauge_panel(
    title: str,
    description: str,
    *queries: Query,
    unit: Unit = Unit.SHORT,
    color: Color = Color.BLUE,
    width: int = 12,
    height: int = 8,
) -> Panel:
    """Return a ranking: one horizontal bar for each row or series of instant queries."""
    from_sql = queries[0].kind == "postgres"

    def finish(panel: bargauge.Panel) -> None:
        panel.unit(unit).min(0).thresholds(_thresholds(color, ()))
        panel.orientation(common_models.VizOrientation.HORIZONTAL)
        panel.display_mode(common_models.BarGaugeDisplayMode.BASIC)
        # A table holds a bar in each row; an instant vector holds a bar in each series.
        panel.reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]).values(from_sql))

    return _panel(bargauge.Panel, title, description, queries, finish, width=width, height=height)


def pie_panel(
    title: str,
    description: str,
    *queries: Query,
    unit: Unit = Unit.SHORT,
    colors: Mapping[str, Color] | None = None,
    slice_by: Literal["row", "column"] = "row",
    width: int = 8,
    height: int = 8,
) -> Panel:
    """Return the shares of a whole: a slice for each row (or column) or instant series."""
    from_sql = queries[0].kind == "postgres" and slice_by == "row"

    def finish(panel: piechart.Panel) -> None:
        panel.unit(unit).pie_type(piechart_models.PieChartType.DONUT)
        panel.reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]).values(from_sql))
        panel.legend(
            piechart.PieChartLegendOptions()
            .show_legend(True)
            .display_mode(common_models.LegendDisplayMode.TABLE)
            .placement(common_models.LegendPlacement.RIGHT)
            .values(
                [
                    piechart_models.PieChartLegendValues.VALUE,
                    piechart_models.PieChartLegendValues.PERCENT,
                ]
            )
        )
        for name, color in (colors or {}).items():
            panel.override_by_name(name, [_fixed(color)])

    return _panel(piechart.Panel, title, description, queries, finish, width=width, height=height)


def table_panel(
    title: str,
    description: str,
    *queries: Query,
    units: Mapping[str, Unit] | None = None,
    links: Mapping[str, str] | None = None,
    columns: Mapping[str, str] | None = None,
    colors: Mapping[str, Mapping[str, Color]] | None = None,
    width: int = 24,
    height: int = 9,
) -> Panel:
    """Return a table.

    Args:
        title: Unique in the dashboard.
        description: What the rows are, and what to do about them.
        queries: Instant queries, or one for log lines. Several queries to Prometheus are joined
            by the labels they share; the values of the first are in the data's column
            `Value #A`, of the second in `Value #B`.
        units: Unit by column name shown.
        colors: Colour of a cell by its text, by column name shown.
        links: Link by column name shown, from links.py.
        columns: Name shown by name in the data, in order; columns not named are left out. For
            log lines the names are those of labels, beside `Time`.
        width: Columns of 24.
        height: Units of 30 pixels.
    """
    lines = queries[0].kind == "loki" and not queries[0].instant

    def finish(panel: table.Panel) -> None:
        panel.show_header(True)
        if lines:
            panel.with_transformation(
                models.DataTransformerConfig(
                    id_val="extractFields",
                    options={"source": "labels", "format": "auto", "replace": False},
                )
            )
        elif queries[0].kind == "loki":
            # An instant vector arrives as a frame for each series.
            panel.with_transformation(
                models.DataTransformerConfig(id_val="labelsToFields", options={"mode": "columns"})
            ).with_transformation(models.DataTransformerConfig(id_val="merge", options={}))
        elif len(queries) > 1:
            panel.with_transformation(models.DataTransformerConfig(id_val="merge", options={}))
        if columns:
            panel.with_transformation(
                models.DataTransformerConfig(
                    id_val="filterFieldsByName", options={"include": {"names": list(columns)}}
                )
            ).with_transformation(
                models.DataTransformerConfig(
                    id_val="organize",
                    options={
                        "excludeByName": {},
                        "indexByName": {name: i for i, name in enumerate(columns)},
                        "renameByName": dict(columns),
                    },
                )
            )
        for name, unit in (units or {}).items():
            panel.override_by_name(name, [models.DynamicConfigValue("unit", unit)])
        for name, by_text in (colors or {}).items():
            texts = {text: (text, color) for text, color in by_text.items()}
            panel.override_by_name(
                name,
                [
                    models.DynamicConfigValue("custom.cellOptions", {"type": "color-text"}),
                    models.DynamicConfigValue("mappings", _value_map(texts)),
                ],
            )

    return _panel(
        table.Panel,
        title,
        description,
        queries,
        finish,
        width=width,
        height=height,
        as_table=True,
        links=links,
    )


def logs_panel(
    title: str, description: str, query: Query, *, width: int = 24, height: int = 10
) -> Panel:
    """Return a panel of log lines, newest first."""

    def finish(panel: logs.Panel) -> None:
        panel.show_time(True).wrap_log_message(True).enable_log_details(True)
        panel.sort_order(common_models.LogsSortOrder.DESCENDING)

    return _panel(logs.Panel, title, description, [query], finish, width=width, height=height)


def _fixed(color: Color) -> models.DynamicConfigValue:
    return models.DynamicConfigValue("color", {"mode": "fixed", "fixedColor": color.value})


def textbox(name: str, label: str, description: str) -> builders.TextBoxVariable:
    """Return a variable that a reader types into; empty at first."""
    return (
        builders.TextBoxVariable(name)
        .label(label)
        .description(description)
        .default_value("")
        .current(models.VariableOption(text="", value="", selected=True))
    )


def choice(
    name: str, label: str, description: str, values: Sequence[str], default: str
) -> builders.CustomVariable:
    """Return a variable with fixed values to choose one of."""
    return (
        builders.CustomVariable(name)
        .label(label)
        .description(description)
        .values(",".join(values))
        .current(models.VariableOption(text=default, value=default, selected=True))
        .options([models.VariableOption(text=v, value=v, selected=v == default) for v in values])
    )


def prometheus_variable(
    name: str, label: str, query: str, context: DashboardContext
) -> builders.QueryVariable:
    """Return a variable whose values Prometheus knows; several or all may be chosen."""
    everything = models.VariableOption(text=["All"], value=["$__all"], selected=True)
    return (
        builders.QueryVariable(name)
        .label(label)
        .datasource(source_ref("prometheus", context))
        .query(query)
        .refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(models.VariableSort.ALPHABETICAL_ASC)
        .multi(True)
        .include_all(True)
        .all_value(".*")
        .current(everything)
    )


def panel_id(title: str) -> int:
    """Return the id of a panel: from its title, so that one more panel moves no other's id."""
    return zlib.crc32(title.encode()) % 1_000_000 + 1


def build_dashboard(
    *,
    uid: str,
    title: str,
    description: str,
    context: DashboardContext,
    sections: Sequence[Section],
    variables: Sequence[Builder[models.VariableModel]] = (),
    time_from: str = "now-6h",
    refresh: str = "1m",
) -> models.Dashboard:
    """Return a dashboard of sections laid out one below the other.

    Raises:
        ValueError: Two panels have one title, or a panel is wider than what its row has left.
    """
    builder = (
        builders.Dashboard(title)
        .uid(uid)
        .description(description)
        .tags([TAG])
        .time(time_from, "now")
        .timezone("browser")
        .refresh(refresh)
        .tooltip(models.DashboardCursorSync.CROSSHAIR)
        .variables(list(variables))
        .link(
            builders.DashboardLink("Dashboards")
            .type(models.DashboardLinkType.DASHBOARDS)
            .tags([TAG])
            .as_dropdown(True)
            .keep_time(True)
        )
    )
    seen: set[int] = set()
    for section in sections:
        builder.with_row(builders.Row(section.title).id(_claim(f"row {section.title}", seen)))
        used = 0
        for panel in section.panels:
            if used + panel.width > GRID_COLUMNS:
                raise ValueError(
                    f"{uid}: {panel.title!r} needs {panel.width} columns, "
                    f"{GRID_COLUMNS - used} are left in its row"
                )
            used = (used + panel.width) % GRID_COLUMNS
            made = panel.make(context).id(_claim(panel.title, seen))
            builder.with_panel(made)  # type: ignore[arg-type]
    return builder.build()


def _claim(title: str, seen: set[int]) -> int:
    number = panel_id(title)
    if number in seen:
        raise ValueError(f"two panels share the title {title!r} or its id; rename one")
    seen.add(number)
    return number


_ENCODER = JSONEncoder()
# The SDK's classes go through its own encoder, whatever they are derived from.
_STABLE = (
    orjson.OPT_INDENT_2
    | orjson.OPT_SORT_KEYS
    | orjson.OPT_APPEND_NEWLINE
    | orjson.OPT_PASSTHROUGH_SUBCLASS
    | orjson.OPT_PASSTHROUGH_DATACLASS
)


def render(dashboard: models.Dashboard) -> str:
    """Return the dashboard's JSON: the same bytes for the same dashboard, one field a line."""
    return orjson.dumps(dashboard, default=_ENCODER.default, option=_STABLE).decode()
