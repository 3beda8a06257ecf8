"""Panel builders that the dashboards share, over Grafana's own (grafana_foundation_sdk).

Every panel has a title, a description that says what a reader should do about a bad number, a width
in Grafana's 24 columns and a height in its units of 30 pixels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from grafana_foundation_sdk.builders import (
    bargauge,
    common,
    logs,
    piechart,
    stat,
    table,
    timeseries,
)
from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.models import common as common_models
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models import piechart as piechart_models

from components.dashboards.context import DashboardContext
from components.dashboards.panel import (
    Color,
    Panel,
    PanelBuilder,
    Threshold,
    Unit,
    assembled,
    fixed,
    of_words,
    threshold_config,
    value_map,
)
from components.dashboards.queries import Query


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
        panel.unit(unit).no_value(no_value).thresholds(threshold_config(base, thresholds))
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
            panel.mappings(value_map(mappings))

    return assembled(
        stat.Panel,
        title,
        description,
        queries,
        finish,
        width=width,
        height=height,
        detail=detail,
    )


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
    of_ids: bool = False,
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
        of_ids: Whether series are named by ids of templates or versions; known names replace them.
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
            panel.override_by_name(name, [fixed(color)])
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
            panel.thresholds(threshold_config(Color.GREEN, thresholds)).thresholds_style(
                common.GraphThresholdsStyleConfig().mode(common_models.GraphTresholdsStyleMode.LINE)
            )

    return assembled(
        timeseries.Panel,
        title,
        description,
        queries,
        finish,
        width=width,
        height=height,
        series_of_ids=of_ids,
    )


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
        panel.unit(unit).min(0).thresholds(threshold_config(color, ()))
        panel.orientation(common_models.VizOrientation.HORIZONTAL)
        panel.display_mode(common_models.BarGaugeDisplayMode.BASIC)
        # A table holds a bar in each row; an instant vector holds a bar in each series.
        panel.reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]).values(from_sql))

    return assembled(
        bargauge.Panel, title, description, queries, finish, width=width, height=height
    )


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
            panel.override_by_name(name, [fixed(color)])

    return assembled(
        piechart.Panel, title, description, queries, finish, width=width, height=height
    )


def table_panel(
    title: str,
    description: str,
    *queries: Query,
    units: Mapping[str, Unit] | None = None,
    links: Mapping[str, str] | None = None,
    columns: Mapping[str, str] | None = None,
    colors: Mapping[str, Mapping[str, Color]] | None = None,
    mappings: Mapping[str, Mapping[str, tuple[str, Color]]] | None = None,
    of_ids: Sequence[str] = (),
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
        mappings: Text and colour in place of a cell's value, by column name shown.
        of_ids: Names of columns shown that hold ids of templates or versions; known names replace
            them.
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
        shown = {
            name: {text: (text, color) for text, color in by_text.items()}
            for name, by_text in (colors or {}).items()
        }
        for name, texts in {**shown, **(mappings or {})}.items():
            panel.override_by_name(
                name,
                [
                    models.DynamicConfigValue("custom.cellOptions", {"type": "color-text"}),
                    models.DynamicConfigValue("mappings", value_map(texts)),
                ],
            )

    return assembled(
        table.Panel,
        title,
        description,
        queries,
        finish,
        width=width,
        height=height,
        as_table=True,
        links=links,
        of_ids=of_ids,
    )


def text_panel(
    title: str, description: str, markdown: str, *, width: int = 24, height: int = 4
) -> Panel:
    """Return a panel of words, where there is nothing to ask."""

    def make(_: DashboardContext) -> PanelBuilder:
        return of_words(title, description, markdown, width=width, height=height)

    return Panel(make, title, width, ())


def logs_panel(
    title: str,
    description: str,
    query: Query,
    *,
    oldest_first: bool = False,
    width: int = 24,
    height: int = 10,
) -> Panel:
    """Return a panel of the newest log lines, the newest of them first or last."""
    order = common_models.LogsSortOrder

    def finish(panel: logs.Panel) -> None:
        panel.show_time(True).wrap_log_message(True).enable_log_details(True)
        panel.sort_order(order.ASCENDING if oldest_first else order.DESCENDING)

    return assembled(logs.Panel, title, description, [query], finish, width=width, height=height)
