"""What the panels of Prebuilds, Workspaces and Workspace Detail must show, computed in Python.

Computed from the samples as a person would: what the replicas share once, what each counts of its
own added up.
"""

import math
from collections.abc import Callable
from datetime import timedelta

from components.dashboards.metrics import Metric, Metrics
from tests.components.dashboards.metric_figures import Figures
from tests.components.dashboards.prebuild_figures import (
    Panels,
    Where,
    both,
    everything,
    grouped,
    label,
    not_,
    now,
    prebuilds,
)
from tests.components.dashboards.prometheus import Vector, key
from tests.components.dashboards.series_deployment import AGENTS


def ended(f: Figures, metric: Metric, *by: str, where: Where = everything, **match: str) -> Vector:
    """Return how much the counters of pods grew in the range, in whole numbers."""
    values = []
    for each in f.of(metric, **match):
        points = each.window(f.view.seconds, f.view.end)
        if points and where(each.labels):
            born = each.window(10**9, f.view.end)[0]
            before = born[1] if born == points[0] and not each.seen(f.view.start) else 0.0
            values.append((each.labels, f.increase(each, f.view.seconds) + before))
    # Half rounds up, as Prometheus does it.
    return {group: math.floor(v + 0.5) for group, v in grouped(values, by).items()}


def zero(vector: Vector) -> Vector:
    """Return 0 where there is nothing, as a panel with one number shows it."""
    return vector or {key(): 0.0}


def across(q: float) -> Callable[[list[float]], float]:
    """Return the quantile across values, interpolated between the two next to it."""

    def of(values: list[float]) -> float:
        ordered = sorted(values)
        rank = q * (len(ordered) - 1)
        low = math.floor(rank)
        high = min(low + 1, len(ordered) - 1)
        return ordered[low] + (ordered[high] - ordered[low]) * (rank - low)

    return of


# Of workspaces -------------------------------------------------------------------------------

LATEST = Metrics.WORKSPACE_LATEST_BUILD_STATUS
BUILDS = Metrics.WORKSPACE_BUILDS
IN_WORKSPACES = label("namespace", "coder-workspaces")


def pods(f: Figures, metric: Metric, where: Where = everything) -> Vector:
    """Sum what containers of workspaces report at the end, by pod."""
    chosen = both(IN_WORKSPACES, where)
    values = [
        (each.labels, value)
        for each in f.of(metric)
        if chosen(each.labels) and (value := each.seen(f.view.end)) is not None
    ]
    return grouped(values, ["pod"])


def cores(f: Figures) -> Vector:
    """Return the cores that pods of workspaces use."""
    seconds = int(f.view.builtin["__rate_interval"].rstrip("s"))
    grown = f.increases(Metrics.CONTAINER_CPU, seconds, "pod", "namespace")
    return {
        key(pod=dict(group)["pod"]): value / seconds
        for group, value in grown.items()
        if IN_WORKSPACES(dict(group))
    }


def restarts(f: Figures, seconds: int, *by: str) -> Vector:
    grown = f.increases(Metrics.POD_RESTARTS, seconds, "pod", "namespace")
    return grouped(
        [(dict(group), value) for group, value in grown.items() if IN_WORKSPACES(dict(group))], by
    )


def resource(name: str) -> Where:
    return label("resource", name)


def memory_share(f: Figures) -> Vector:
    used, limits = pods(f, Metrics.CONTAINER_MEMORY), limit(f, "memory")
    return {pod: used[pod] / limits[pod] for pod in used}


def limit(f: Figures, name: str) -> Vector:
    return pods(f, Metrics.POD_LIMITS, resource(name))


def largest(f: Figures, metric: Metric, name: str) -> Vector:
    return {key(): max(pods(f, metric, resource(name)).values())}


def terminations(f: Figures) -> Vector:
    values = []
    for each in f.of(Metrics.POD_TERMINATED_REASON):
        points = each.window(f.view.interval, f.view.end)
        if points and IN_WORKSPACES(each.labels):
            values.append((each.labels, max(value for _, value in points)))
    return grouped(values, ["reason"])


def last_terminations(f: Figures) -> Vector:
    values = [
        (each.labels, value)
        for each in f.of(Metrics.POD_LAST_TERMINATED_REASON)
        if IN_WORKSPACES(each.labels) and (value := each.seen(f.view.end))
    ]
    return grouped(values, ["pod", "container", "reason"], max)


def recent_builds(f: Figures, *by: str, where: Where = everything) -> Vector:
    """Return how many builds ended in the last interval, each pod's new counter in full."""
    values = []
    for each in f.of(BUILDS):
        last = each.seen(f.view.end)
        before = each.seen(f.view.end - timedelta(seconds=f.view.interval))
        if last is not None and where(each.labels):
            values.append((each.labels, last - (before or 0)))
    return grouped(values, by)


def latest(*by: str, where: Where = everything) -> Callable[[Figures], Vector]:
    return lambda f: now(f, LATEST, *by, where=where)


def per_minute(metric: Metric, *by: str) -> Callable[[Figures], Vector]:
    return lambda f: {group: value / 60 for group, value in now(f, metric, *by).items()}


def workspaces() -> Panels:
    def of(title: str, *figures: Callable[[Figures], Vector]) -> Panels:
        return {("workspaces", title, chr(65 + n)): figure for n, figure in enumerate(figures)}

    agents = Metrics.AGENT_CONNECTIONS
    identity = (
        "workspace_owner",
        "workspace_name",
        "template_name",
        "template_version",
        "workspace_transition",
        "status",
    )
    started = both(label("status", "succeeded"), label("workspace_transition", "start"))
    return {
        **of("Workspaces", latest()),
        **of("Running", latest(where=started)),
        **of("Builds in progress", latest(where=label("status", "running"))),
        **of("Latest build failed", latest(where=label("status", "failed"))),
        **of(
            "Agents not connected",
            lambda f: zero(now(f, agents, where=not_(label("status", "connected")), combine=len)),
        ),
        **of(
            "Pods not ready",
            lambda f: {
                key(): sum(pods(f, Metrics.POD_READY, label("condition", "false")).values())
            },
        ),
        **of("CPU", cores),
        **of("Memory", lambda f: pods(f, Metrics.CONTAINER_MEMORY)),
        **of(
            "Restarts",
            lambda f: restarts(f, int(f.view.builtin["__rate_interval"].rstrip("s")), "pod"),
        ),
        **of("Terminations", terminations),
        **of(
            "Pods against their limits",
            cores,
            lambda f: limit(f, "cpu"),
            lambda f: pods(f, Metrics.CONTAINER_MEMORY),
            lambda f: limit(f, "memory"),
            memory_share,
        ),
        **of(
            "Successful builds by transition",
            lambda f: recent_builds(f, "workspace_transition", where=label("status", "success")),
        ),
        **of(
            "Failed builds by transition",
            lambda f: recent_builds(f, "workspace_transition", where=label("status", "failed")),
        ),
        **of(
            "Failed builds by template version",
            lambda f: ended(f, BUILDS, "template_name", "template_version", status="failed"),
        ),
        **of(
            "Failed builds by user",
            lambda f: ended(f, BUILDS, "workspace_owner", status="failed"),
        ),
        **of("Builds of the range", lambda f: ended(f, BUILDS, *identity)),
        **of("Workspaces by user", latest("workspace_owner")),
        **of("Workspaces by user and template", latest("workspace_owner", "template_name")),
        **of("Workspaces by template", latest("template_name")),
        **of("Workspaces by template version", latest("template_name", "template_version")),
        **of("Agents by template", lambda f: now(f, Metrics.AGENTS_UP, "template_name")),
        **of("Agents by connection", lambda f: now(f, agents, "status")),
        **of(
            "Connection latency, 95th percentile",
            lambda f: now(f, Metrics.AGENT_LATENCIES, "derp_region", combine=across(0.95)),
        ),
        **of(
            "Slowest startup scripts",
            lambda f: now(
                f, Metrics.AGENT_STARTUP_SCRIPT, "username", "workspace_name", combine=max
            ),
        ),
        **of(
            "Traffic of agents",
            per_minute(Metrics.AGENT_RX_BYTES),
            per_minute(Metrics.AGENT_TX_BYTES),
        ),
    }


def moved(metric: Metric) -> Callable[[Figures], Vector]:
    """Return the bytes of the range, a sample a minute; both replicas report each agent alike."""

    def added_up(f: Figures) -> Vector:
        agents: dict[tuple, list[float]] = {}
        for each in f.of(metric):
            samples = [value for _, value in each.window(f.view.seconds, f.view.end)]
            own = {name: each.labels[name] for name in metric.own_labels}
            seen = agents.setdefault(key(**own), samples)
            assert seen == samples
        return {key(): sum(map(sum, agents.values()))}

    return added_up


def homes(f: Figures, metric: Metric) -> Vector:
    """Return what is said of the claims of the chosen pods' homes, by claim."""
    pods = f.view.variables["pod"]
    wanted = {f"{agent.pod}-home" for agent in AGENTS if pods in ([".*"], [agent.pod])}
    values = [
        (each.labels, value)
        for each in f.of(metric)
        if each.labels["persistentvolumeclaim"] in wanted
        and IN_WORKSPACES(each.labels)
        and (value := each.seen(f.view.end)) is not None
    ]
    return grouped(values, ["persistentvolumeclaim"])


def detail() -> Panels:
    def of(title: str, *figures: Callable[[Figures], Vector]) -> Panels:
        return {
            ("workspace-detail", title, chr(65 + n)): figure for n, figure in enumerate(figures)
        }

    agents, startup = Metrics.AGENT_CONNECTIONS, Metrics.AGENT_STARTUP_SCRIPT
    owned = ("username", "workspace_name")
    identity = (
        "workspace_owner",
        "workspace_name",
        "template_version",
        "workspace_transition",
        "status",
    )

    def shown(metric: Metric) -> Callable[[Figures], Vector]:
        return lambda f: now(f, metric, *sorted(metric.own_labels))

    def total(metric: Metric) -> Callable[[Figures], Vector]:
        return lambda f: now(f, metric)

    return {
        **of(
            "Agents connected",
            lambda f: zero(now(f, agents, where=label("status", "connected"), combine=len)),
        ),
        **of(
            "Agents not ready",
            lambda f: zero(
                now(f, agents, where=not_(label("lifecycle_state", "ready")), combine=len)
            ),
        ),
        **of("Startup script", lambda f: now(f, startup, combine=max)),
        **of(
            "Startup scripts failed",
            lambda f: zero(now(f, startup, where=label("success", "false"), combine=len)),
        ),
        **of("Latency", lambda f: now(f, Metrics.AGENT_LATENCIES, combine=max)),
        **of("Failed builds", lambda f: ended(f, BUILDS, status="failed")),
        **of("Agents", shown(agents)),
        **of("Templates", shown(Metrics.AGENTS_UP)),
        **of(
            "Latency by relay",
            lambda f: now(f, Metrics.AGENT_LATENCIES, *owned, "derp_region", combine=max),
        ),
        **of(
            "Traffic",
            per_minute(Metrics.AGENT_RX_BYTES, *owned),
            per_minute(Metrics.AGENT_TX_BYTES, *owned),
        ),
        **of(
            "Sessions",
            total(Metrics.AGENT_SESSIONS_VSCODE),
            total(Metrics.AGENT_SESSIONS_JETBRAINS),
            total(Metrics.AGENT_SESSIONS_SSH),
            total(Metrics.AGENT_SESSIONS_PTY),
        ),
        **of(
            "CPU",
            cores,
            lambda f: largest(f, Metrics.POD_REQUESTS, "cpu"),
            lambda f: largest(f, Metrics.POD_LIMITS, "cpu"),
        ),
        **of(
            "Memory",
            lambda f: pods(f, Metrics.CONTAINER_MEMORY),
            lambda f: largest(f, Metrics.POD_REQUESTS, "memory"),
            lambda f: largest(f, Metrics.POD_LIMITS, "memory"),
        ),
        **of(
            "Home volume",
            lambda f: homes(f, Metrics.VOLUME_USED),
            lambda f: {key(): max(homes(f, Metrics.VOLUME_CAPACITY).values())},
        ),
        **of("Received in the range", moved(Metrics.AGENT_RX_BYTES)),
        **of("Sent in the range", moved(Metrics.AGENT_TX_BYTES)),
        **of("Restarts", lambda f: restarts(f, f.view.seconds)),
        **of("Terminations", terminations),
        **of("Last terminations", last_terminations),
        **of("Builds by transition", lambda f: recent_builds(f, "workspace_transition")),
        **of("Builds of the range", lambda f: ended(f, BUILDS, *identity)),
    }


EXPECTED: Panels = {**prebuilds(), **workspaces(), **detail()}
