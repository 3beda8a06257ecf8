"""Whole dashboards: variables, and a sequence of `Section`s (rows) of panels."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import orjson
from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard as models

from components.dashboards.context import DashboardContext
from components.dashboards.panel import Panel
from components.dashboards.queries import source_ref

TAG = "firewalled-coder"
"""On every dashboard; the links between them select by it."""

GRID_COLUMNS = 24


@dataclass(frozen=True)
class Section:
    """A row of the dashboard: a heading and its panels, laid out from left to right.

    Attributes:
        title: The heading.
        panels: In their order.
        repeat: A variable, for each chosen value of which Grafana makes the row once; titles may
            name the value, as `$preset`.
    """

    title: str
    panels: Sequence[Panel]
    repeat: str = ""


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
        .uid(f"{context.uid_prefix}{uid}")
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
        row = builders.Row(section.title).id(_claim(f"row {section.title}", seen))
        builder.with_row(row.repeat(section.repeat) if section.repeat else row)
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
    orjson.OPT_SORT_KEYS
    | orjson.OPT_APPEND_NEWLINE
    | orjson.OPT_PASSTHROUGH_SUBCLASS
    | orjson.OPT_PASSTHROUGH_DATACLASS
)


def render(dashboard: models.Dashboard) -> str:
    """Return the dashboard's JSON: the same bytes for the same dashboard, without indentation.

    The state and the engine's messages hold it three times, and two fifths of it would be spaces;
    the engine and the reviews compare it by its fields.
    """
    return orjson.dumps(dashboard, default=_ENCODER.default, option=_STABLE).decode()
