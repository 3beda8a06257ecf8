"""Prebuilds: whether the pools of workspaces built ahead are full, used and worth their cost."""

from __future__ import annotations

from grafana_foundation_sdk.models.dashboard import Dashboard

from components.dashboards import uids
from components.dashboards.context import DashboardContext
from components.dashboards.layout import Section, build_dashboard, prometheus_variable
from components.dashboards.links import by_cell
from components.dashboards.metrics import Metric, Metrics
from components.dashboards.panel import Color, Panel, Threshold, Unit
from components.dashboards.panels import pie_panel, stat_panel, table_panel, timeseries_panel
from components.dashboards.promql import (
    Expression,
    added,
    aggregate,
    chosen,
    label_values,
    once,
    quantile_of_few,
)
from components.dashboards.queries import Query, promql

UID = uids.PREBUILDS
TITLE = "Prebuilds"

_CHOSEN = {"template_name": chosen("template"), "preset_name": chosen("preset")}
_POOL_COLORS = {"Desired": Color.BLUE, "Running": Color.YELLOW, "Eligible": Color.GREEN}
_OPERATION_COLORS = {"Created": Color.BLUE, "Claimed": Color.GREEN, "Failed": Color.RED}
_ORIGIN_COLORS = {"Prebuilt": Color.GREEN, "Regular": Color.BLUE}
_KIND_COLORS = {
    "Regular creation": Color.BLUE,
    "Prebuild creation": Color.YELLOW,
    "Prebuild claim": Color.GREEN,
}
_FILTER_LINKS = {
    shown: by_cell(UID, variable)
    for shown, variable in {"Template": "template", "Preset": "preset"}.items()
}


def _level(metric: Metric) -> Expression:
    return aggregate("sum", once(metric, **_CHOSEN)).or_zero()


def _added(metric: Metric, over: str = "$__range") -> Expression:
    return added(metric, over=over, **_CHOSEN).or_zero()


def _pool() -> Section:
    missing = once(Metrics.PREBUILDS_DESIRED, **_CHOSEN) - once(
        Metrics.PREBUILDS_ELIGIBLE, **_CHOSEN
    )
    return Section(
        "Pool",
        [
            stat_panel(
                "Desired",
                "Prebuilt workspaces that the presets of the active template versions ask for. "
                "Zero: no preset of the chosen templates has prebuilds.",
                promql(_level(Metrics.PREBUILDS_DESIRED), instant=True),
            ),
            stat_panel(
                "Running",
                "Prebuilt workspaces that have started. Above Desired for long: old ones are not "
                "deleted, look at failed builds with transition DESTROY under Workspaces.",
                promql(_level(Metrics.PREBUILDS_RUNNING), instant=True),
            ),
            stat_panel(
                "Eligible",
                "Prebuilt workspaces whose agent is ready, so that a user may claim them. Fewer "
                "than Running for long: agents do not become ready, read the startup script.",
                promql(_level(Metrics.PREBUILDS_ELIGIBLE), instant=True),
            ),
            stat_panel(
                "Missing",
                "Desired minus eligible, over the presets that lack some. Not back to 0 within "
                "the time of one build: provisioners are short, or builds fail.",
                promql(aggregate("sum", missing > 0).or_zero(), instant=True),
                base=Color.GREEN,
                thresholds=[Threshold(1, Color.ORANGE)],
            ),
            stat_panel(
                "Failed builds",
                "Prebuilds that failed to build in the range. Read the build's log in Coder; a "
                "preset that keeps failing is no longer tried.",
                promql(_added(Metrics.PREBUILDS_FAILED), instant=True),
                base=Color.GREEN,
                thresholds=[Threshold(1, Color.RED)],
            ),
            stat_panel(
                "Share from the pool",
                "New workspaces that took a prebuilt one, of all made from these presets in the "
                "range. Below a half: the pool is too small for the demand, raise its instances.",
                promql(_share(), instant=True),
                unit=Unit.PERCENT,
                base=Color.RED,
                thresholds=[Threshold(0.5, Color.YELLOW), Threshold(0.75, Color.GREEN)],
                decimals=0,
                no_value="no creation",
            ),
            _capacity("Pool capacity"),
            _operations("Pool operations"),
            _presets(),
        ],
    )


def _capacity(title: str) -> Panel:
    return timeseries_panel(
        title,
        "Desired, running and eligible over time. Eligible at 0 while users create workspaces: "
        "they wait for a full build.",
        promql(_level(Metrics.PREBUILDS_DESIRED), "Desired"),
        promql(_level(Metrics.PREBUILDS_RUNNING), "Running"),
        promql(_level(Metrics.PREBUILDS_ELIGIBLE), "Eligible"),
        colors=_POOL_COLORS,
    )


def _operations(title: str) -> Panel:
    return timeseries_panel(
        title,
        "Prebuilds created, claimed and failed in each interval. Created without claimed, again "
        "and again: the pool is rebuilt for nothing, look for template updates.",
        promql(_added(Metrics.PREBUILDS_CREATED, "$__interval"), "Created"),
        promql(_added(Metrics.PREBUILDS_CLAIMED, "$__interval"), "Claimed"),
        promql(_added(Metrics.PREBUILDS_FAILED, "$__interval"), "Failed"),
        bars=True,
        colors=_OPERATION_COLORS,
        interval="5m",
    )


def _share() -> Expression:
    claimed, regular = _added(Metrics.PREBUILDS_CLAIMED), _added(Metrics.WORKSPACE_CREATIONS)
    return claimed / ((claimed + regular) > 0)


def _presets() -> Panel:
    shown = {
        "Desired": Metrics.PREBUILDS_DESIRED,
        "Running": Metrics.PREBUILDS_RUNNING,
        "Eligible": Metrics.PREBUILDS_ELIGIBLE,
        "Created": Metrics.PREBUILDS_CREATED,
        "Claimed": Metrics.PREBUILDS_CLAIMED,
        "Failed": Metrics.PREBUILDS_FAILED,
        "Regular": Metrics.WORKSPACE_CREATIONS,
    }
    values = {f"Value #{chr(ord('A') + n)}": name for n, name in enumerate(shown)}
    return table_panel(
        "Presets",
        "The pool of each preset now, and since the deployment began how many prebuilds were "
        "created, claimed and failed, and workspaces made without one. Created far above claimed: "
        "ask for fewer. Follow a cell to filter by it.",
        *(promql(once(metric, **_CHOSEN), instant=True) for metric in shown.values()),
        columns={
            "organization_name": "Organization",
            "template_name": "Template",
            "preset_name": "Preset",
            **values,
        },
        links=_FILTER_LINKS,
        height=7,
    )


def _each_preset() -> Section:
    """Return the row that Grafana repeats for each chosen preset."""
    totals = {
        "created": (
            Metrics.PREBUILDS_CREATED,
            "Prebuilds made since the deployment began. Far above claimed: ask for fewer.",
        ),
        "claimed": (
            Metrics.PREBUILDS_CLAIMED,
            "Workspaces that took one since the deployment began, without waiting for a build.",
        ),
        "failed": (
            Metrics.PREBUILDS_FAILED,
            "Prebuilds that failed since the deployment began. Read the build's log in Coder.",
        ),
        "regular": (
            Metrics.WORKSPACE_CREATIONS,
            "Workspaces made without one since the deployment began: the pool was empty then.",
        ),
    }
    return Section(
        "Preset $preset",
        [
            *(
                stat_panel(
                    f"$preset: {name} in all",
                    description,
                    promql(_level(metric), instant=True),
                    unit=Unit.WHOLE,
                    width=6,
                )
                for name, (metric, description) in totals.items()
            ),
            _capacity("$preset: capacity"),
            _operations("$preset: operations"),
        ],
        repeat="preset",
    )


def _use() -> Section:
    def origins(over: str, *, instant: bool) -> list[Query]:
        return [
            promql(_added(Metrics.PREBUILDS_CLAIMED, over), "Prebuilt", instant=instant),
            promql(_added(Metrics.WORKSPACE_CREATIONS, over), "Regular", instant=instant),
        ]

    return Section(
        "Use and speed",
        [
            pie_panel(
                "Prebuilt and regular workspaces",
                "New workspaces of the range: claimed from a pool, or built from scratch with "
                "one of these presets.",
                *origins("$__range", instant=True),
                colors=_ORIGIN_COLORS,
            ),
            timeseries_panel(
                "Workspaces created",
                "The same for each interval. Regular ones at the same hours every day: the pool "
                "runs dry then, give the preset a schedule.",
                *origins("$__interval", instant=False),
                bars=True,
                stacked=True,
                colors=_ORIGIN_COLORS,
                interval="15m",
                width=16,
            ),
            _latency("Median build time", 0.5),
            _latency("Build time, 95th percentile", 0.95),
        ],
    )


def _latency(title: str, quantile: float) -> Panel:
    def of(metric: Metric, **match: str) -> Expression:
        return quantile_of_few(quantile, metric, **_CHOSEN, **match)

    creation = Metrics.WORKSPACE_CREATION_DURATION
    return timeseries_panel(
        title,
        "Over the hour before each point, estimated from buckets: what a user waits for a regular "
        "workspace and for a claimed one, and a pool for a new one. A claim not much faster than "
        "a regular creation: it replaces resources, see the template's ignore_changes.",
        promql(of(creation, type="regular"), "Regular creation"),
        promql(of(creation, type="prebuild"), "Prebuild creation"),
        promql(of(Metrics.PREBUILD_CLAIM_DURATION), "Prebuild claim"),
        unit=Unit.SECONDS,
        colors=_KIND_COLORS,
    )


def build(context: DashboardContext) -> Dashboard:
    """Return the dashboard for one stack."""
    desired = Metrics.PREBUILDS_DESIRED
    return build_dashboard(
        uid=UID,
        title=TITLE,
        description=(
            "Workspaces that Coder builds ahead of their users: how full each preset's pool is, "
            "how much of the demand it meets, and what time it saves."
        ),
        context=context,
        variables=[
            prometheus_variable(
                "template", "Template", label_values(desired, "template_name"), context
            ),
            prometheus_variable(
                "preset",
                "Preset",
                label_values(desired, "preset_name", template_name=chosen("template")),
                context,
            ),
        ],
        sections=[_pool(), _use(), _each_preset()],
        time_from="now-24h",
    )
