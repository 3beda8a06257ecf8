"""Provisioners: whether builds find a free daemon, how long they take, and why they fail."""

from __future__ import annotations

from grafana_foundation_sdk.models.dashboard import Dashboard

from components.dashboards import kubernetes, logql, uids
from components.dashboards.context import DashboardContext
from components.dashboards.layout import Section, build_dashboard
from components.dashboards.log_fields import StreamLabel
from components.dashboards.metrics import Metric, Metrics
from components.dashboards.panel import Color, Panel, Threshold, Unit
from components.dashboards.panels import logs_panel, stat_panel, timeseries_panel
from components.dashboards.promql import (
    Expression,
    added,
    aggregate,
    events,
    quantile_of,
    quantile_of_few,
    select,
)
from components.dashboards.queries import loki_lines, loki_metric, promql

UID = uids.PROVISIONERS
TITLE = "Provisioners"

LOGGER = "provisionerd"
"""Part of the logger's name in every line of a daemon, built in or external."""

_STATUS_COLORS = {"success": Color.GREEN, "failed": Color.RED}
_DAEMONS = aggregate("sum", select(Metrics.PROVISIONER_DAEMONS))
_JOBS = aggregate("sum", select(Metrics.PROVISIONER_JOBS))


def daemons(pods: kubernetes.Matchers) -> Expression:
    """Return the daemons that some pods run."""
    return aggregate("sum", select(Metrics.PROVISIONER_DAEMONS, **pods)).or_zero()


def built_in_panel(context: DashboardContext, *, detail: str = "") -> Panel:
    """Return the number of daemons in coderd itself."""
    return stat_panel(
        "Built-in provisioners",
        "Daemons inside coderd (CODER_PROVISIONER_DAEMONS for each replica). Zero is right where "
        "external ones build; zero of both: no workspace starts.",
        promql(daemons(kubernetes.coderd_pods(context)), instant=True),
        detail=detail,
    )


def external_panel(context: DashboardContext, *, detail: str = "") -> Panel:
    """Return the number of daemons in pods of their own."""
    return stat_panel(
        "External provisioners",
        "Daemons in pods of their own that Prometheus scrapes. Fewer than deployed: look at those "
        "pods, or at the scrape of their metrics port.",
        promql(daemons(kubernetes.provisioner_pods(context)), instant=True),
        detail=detail,
    )


def _capacity(context: DashboardContext) -> Section:
    by_pod = aggregate("sum", select(Metrics.PROVISIONER_DAEMONS), "pod")
    return Section(
        "Capacity",
        [
            built_in_panel(context),
            external_panel(context),
            stat_panel(
                "Jobs running",
                "Jobs that daemons work on now: builds, template imports, dry runs. A daemon does "
                "one at a time.",
                promql(_JOBS.or_zero(), instant=True),
            ),
            stat_panel(
                "Daemons busy",
                "Jobs as a share of daemons. At 100 % the next build waits: add daemons if Time in "
                "queue grows too.",
                promql(_JOBS.or_zero() / (_DAEMONS > 0), instant=True),
                unit=Unit.PERCENT,
                base=Color.GREEN,
                thresholds=[Threshold(0.8, Color.ORANGE), Threshold(1, Color.RED)],
                decimals=0,
                no_value="no daemon",
            ),
            *(
                stat_panel(
                    f"Time in queue, {name}",
                    "From a job's creation until a daemon took it, over the range. Above 30 s "
                    "people wait for a daemon: add some. Daemons idle beside it: tags differ.",
                    promql(_over_range(quantile, Metrics.PROVISIONER_QUEUE_WAIT), instant=True),
                    unit=Unit.SECONDS,
                    base=Color.GREEN,
                    thresholds=[Threshold(10, Color.ORANGE), Threshold(30, Color.RED)],
                    no_value="no job",
                )
                for name, quantile in {"median": 0.5, "p90": 0.9}.items()
            ),
            timeseries_panel(
                "Jobs against daemons",
                "Jobs running and daemons there are. Jobs that lie on the line of daemons: builds "
                "wait.",
                promql(_JOBS, "Jobs"),
                promql(_DAEMONS, "Daemons"),
                colors={"Daemons": Color.RED},
                dashed=["Daemons"],
            ),
            timeseries_panel(
                "Daemons by pod",
                "Daemons of each pod. A step down without a rollout: the pod lost its connection "
                "to coderd, read the log stream below.",
                promql(by_pod, "{{pod}}"),
                stacked=True,
            ),
        ],
    )


def _over_range(quantile: float, histogram: Metric) -> Expression:
    # No event at all is a quantile of NaN, which the comparison leaves out.
    return quantile_of(quantile, events(histogram, "le", suffix="_bucket")) > 0


def _builds() -> Section:
    timings = Metrics.PROVISIONER_JOB_TIMINGS
    all_jobs = events(timings, suffix="_count")
    failed = events(timings, suffix="_count", status="failed")
    return Section(
        "Jobs",
        [
            stat_panel(
                "Jobs finished",
                "Jobs that ended in the range, well or not. None while people start workspaces: "
                "daemons are not scraped, or there are none.",
                promql(all_jobs.or_zero(), instant=True),
                unit=Unit.WHOLE,
                width=6,
            ),
            stat_panel(
                "Jobs failed",
                "Jobs that ended in an error. Several within minutes: a template's new version, or "
                "the cluster is full; read the log stream below.",
                promql(failed.or_zero(), instant=True),
                base=Color.GREEN,
                thresholds=[Threshold(1, Color.ORANGE)],
                unit=Unit.WHOLE,
                width=6,
            ),
            *(
                stat_panel(
                    f"Job time, {name}",
                    "How long a job took, over the range. Minutes: look for slow downloads of "
                    "images and providers, or use prebuilt workspaces.",
                    promql(_over_range(quantile, timings), instant=True),
                    unit=Unit.SECONDS,
                    base=Color.GREEN,
                    thresholds=[Threshold(120, Color.ORANGE), Threshold(600, Color.RED)],
                    no_value="no job",
                    width=6,
                )
                for name, quantile in {"median": 0.5, "p90": 0.9}.items()
            ),
            timeseries_panel(
                "Jobs by result",
                "Jobs that ended in each hour, by result. Failures from one hour on: look for what "
                "changed then, a template version or the cluster.",
                promql(added(timings, "status", suffix="_count"), "{{status}}"),
                bars=True,
                stacked=True,
                colors=_STATUS_COLORS,
                interval="1h",
            ),
            timeseries_panel(
                "Job time over the last hour",
                "Median and p90 of the jobs of the hour before each point. Buckets end at an hour: "
                "longer jobs show as one hour.",
                promql(quantile_of_few(0.5, timings), "median"),
                promql(quantile_of_few(0.9, timings), "p90"),
                unit=Unit.SECONDS,
            ),
            timeseries_panel(
                "Time in queue, p90 of the last hour",
                "How long jobs of the hour before each point waited for a daemon, by kind. Only "
                "one kind waits: its tags match too few daemons.",
                promql(
                    quantile_of_few(0.9, Metrics.PROVISIONER_QUEUE_WAIT, "job_type"),
                    "{{job_type}}",
                ),
                unit=Unit.SECONDS,
                thresholds=[Threshold(30, Color.RED)],
                width=24,
                height=6,
            ),
        ],
    )


def _resources(context: DashboardContext) -> Section:
    containers = kubernetes.provisioner_containers(context)
    return Section(
        "External provisioners",
        [
            kubernetes.cpu_panel(
                "CPU",
                "Cores in use by pod of external provisioners. At the limit Terraform is throttled "
                "and jobs take longer: raise it. Built-in daemons: see Control Plane.",
                containers,
            ),
            kubernetes.memory_panel(
                "Memory",
                "Working set by pod. Near the limit: a plan with many resources gets the pod "
                "killed and its job fails; raise the limit.",
                containers,
            ),
            kubernetes.restarts_panel(
                "Restarts",
                "Restarts over the range; each one failed the job it worked on. See Last "
                "terminations for the reason.",
                containers,
            ),
            kubernetes.terminations_panel(
                "Terminations",
                "Containers found terminated, by reason. OOMKilled: raise the memory limit. Error: "
                "read the pod's previous log, mostly its key or coderd's URL.",
                containers,
            ),
            kubernetes.last_terminations_table(
                "Last terminations",
                "Why each container that was restarted had ended. An old entry stays until its "
                "pod is replaced.",
                containers,
            ),
        ],
    )


def _logs(context: DashboardContext) -> Section:
    lines = logql.containing(context.coder_namespace_logs, LOGGER)
    pod = context.label(StreamLabel.POD)
    return Section(
        "Logs",
        [
            timeseries_panel(
                "Provisioner log events",
                "Lines a second by pod that name provisionerd. A burst: read them below.",
                loki_metric(
                    logql.total(logql.rate(lines), pod),
                    "{{" + pod + "}}",
                ),
                unit=Unit.PER_SECOND,
                width=24,
                height=6,
            ),
            logs_panel(
                "Provisioner log stream",
                "What daemons log: jobs taken and ended, connections to coderd, errors of "
                "Terraform. The build's own log is on the workspace's page in Coder.",
                loki_lines(lines),
            ),
        ],
    )


def build(context: DashboardContext) -> Dashboard:
    """Return the dashboard for one stack."""
    return build_dashboard(
        uid=UID,
        title=TITLE,
        description="Provisioner daemons: capacity, jobs, resources and logs.",
        context=context,
        time_from="now-24h",
        sections=[_capacity(context), _builds(), _resources(context), _logs(context)],
    )
