"""The section of the workspaces' dashboard on builds, and what all its sections choose by."""

from __future__ import annotations

from components.dashboards import uids
from components.dashboards.layout import Section
from components.dashboards.links import by_cell
from components.dashboards.metrics import Metrics
from components.dashboards.panel import Color, Panel
from components.dashboards.panels import (
    bar_gauge_panel,
    table_panel,
    timeseries_panel,
)
from components.dashboards.promql import (
    Expression,
    added,
    chosen,
    events,
    rounded,
    topk,
)
from components.dashboards.queries import promql

TOP = 20
TRANSITION_COLORS = {"START": Color.BLUE, "STOP": Color.YELLOW, "DESTROY": Color.RED}
STATUS_COLORS = {"success": Color.GREEN, "failed": Color.RED}

TEMPLATE = {"template_name": chosen("template_name")}
WORKSPACE = {"workspace_name": chosen("workspace_name")}
BOTH = {**WORKSPACE, **TEMPLATE}

_WORKSPACE_LINK = by_cell(uids.WORKSPACE_DETAIL, "workspace_name")
_TEMPLATE_LINK = by_cell(uids.WORKSPACES, "template_name")


def builds_section() -> Section:
    """Return the section on builds of workspaces."""
    builds = Metrics.WORKSPACE_BUILDS
    identity = (
        "workspace_owner",
        "workspace_name",
        "template_name",
        "template_version",
        "workspace_transition",
        "status",
    )

    def failed(*by: str) -> Expression:
        return topk(TOP, rounded(events(builds, *by, status="failed", **BOTH)))

    def over_time(title: str, description: str, status: str) -> Panel:
        return timeseries_panel(
            title,
            description,
            promql(
                added(builds, "workspace_transition", status=status, **BOTH),
                "{{workspace_transition}}",
            ),
            bars=True,
            stacked=True,
            colors=TRANSITION_COLORS,
            interval="5m",
        )

    return Section(
        "Builds",
        [
            over_time(
                "Successful builds by transition",
                "Starts, stops and deletions that succeeded in each interval. Many starts at the "
                "same minute: autostart; spread the schedules if provisioners queue.",
                "success",
            ),
            over_time(
                "Failed builds by transition",
                "Builds that failed in each interval. From one moment on: a template version, a "
                "registry or a quota; look who is affected below.",
                "failed",
            ),
            bar_gauge_panel(
                "Failed builds by template version",
                "Failures of the range. One version above the one before it: promote the earlier "
                "version, or go back with `python -m ops rollback`.",
                promql(
                    failed("template_name", "template_version"),
                    "{{template_name}}: {{template_version}}",
                    instant=True,
                ),
                color=Color.RED,
            ),
            bar_gauge_panel(
                "Failed builds by user",
                "Failures of the range by owner. One person with most of them struggles with a "
                "parameter or a quota: offer help before they ask.",
                promql(failed("workspace_owner"), "{{workspace_owner}}", instant=True),
                color=Color.RED,
            ),
            table_panel(
                "Builds of the range",
                "How often each workspace was built in the range, and how it ended. Follow a "
                "workspace to its detail, a template to filter by it.",
                promql(rounded(events(builds, *identity, **BOTH)), instant=True),
                columns={
                    "workspace_owner": "Owner",
                    "workspace_name": "Workspace",
                    "template_name": "Template",
                    "template_version": "Template version",
                    "workspace_transition": "Transition",
                    "status": "Status",
                    "Value": "Builds",
                },
                colors={"Status": STATUS_COLORS},
                links={"Workspace": _WORKSPACE_LINK, "Template": _TEMPLATE_LINK},
            ),
        ],
    )
