"""What the panels of Control Plane, Provisioners and Status must show over the generated series.

Computed in Python from the samples alone; keys are dashboard, panel title and the target's letter.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta

from components.dashboards.metrics import Metric, Metrics
from tests.components.dashboards.metric_figures import Figures, Key
from tests.components.dashboards.prometheus import Vector, key
from tests.components.dashboards.series import CONTAINERS, TARGETS
from tests.components.dashboards.series_deployment import REPLICAS, Series

PROVISIONERS = tuple(pod for _, pod, _ in CONTAINERS if "provisioner" in pod)
STATUS, CONTROL_PLANE, BUILDERS = "coder-status", "coderd", "provisionerd"

Valued = Sequence[tuple[Series, float]]
"""Series, and what each contributes."""


def one(value: float) -> Vector:
    return {key(): float(value)}


def group(valued: Valued, *by: str, how: Callable[[list[float]], float] = math.fsum) -> Vector:
    groups: dict[tuple[tuple[str, str], ...], list[float]] = defaultdict(list)
    for each, value in valued:
        groups[key(**{label: each.labels[label] for label in by})].append(value)
    return {labels: float(how(values)) for labels, values in groups.items()}


def of(
    f: Figures, metric: Metric, pods: Iterable[str] = (), *, suffix: str = "", **labels: str
) -> list[Series]:
    """Return the series of a metric, those of some pods if any are named."""
    wanted = set(pods)
    return [e for e in f.of(metric, suffix, **labels) if not wanted or e.labels["pod"] in wanted]


def last(f: Figures, series: Iterable[Series]) -> Valued:
    seen = [(each, each.seen(f.view.end)) for each in series]
    return [(each, value) for each, value in seen if value is not None]


def grown(f: Figures, series: Iterable[Series], seconds: int) -> Valued:
    return [(each, f.increase(each, seconds)) for each in series]


def rates(f: Figures, series: Iterable[Series]) -> Valued:
    seconds = int(f.view.builtin["__rate_interval"].rstrip("s"))
    return [(each, growth / seconds) for each, growth in grown(f, series, seconds)]


def added(f: Figures, series: Iterable[Series], seconds: int) -> Valued:
    """Return the difference to an earlier sample; all of it where the counter began anew."""
    result = []
    for each in series:
        now = each.seen(f.view.end)
        before = each.seen(f.view.end - timedelta(seconds=seconds))
        assert now is not None
        result.append((each, now if before is None or before > now else now - before))
    return result


def distinct(f: Figures, metric: Metric, **labels: str) -> Valued:
    """Return one series of those that all replicas report alike."""
    seen: dict[tuple[str, ...], tuple[Series, float]] = {}
    for each, value in last(f, f.of(metric, **labels)):
        seen[tuple(each.labels[name] for name in sorted(metric.own_labels))] = (each, value)
    return list(seen.values())


def quantile_across(valued: Valued, quantile: float) -> float:
    values = sorted(value for _, value in valued)
    rank = quantile * (len(values) - 1)
    low = math.floor(rank)
    high = min(low + 1, len(values) - 1)
    return values[low] + (values[high] - values[low]) * (rank - low)


def quantile_within(valued: Valued, quantile: float, *by: str) -> Vector:
    """Return a quantile of observations that were counted into buckets."""
    result: Vector = {}
    for labels in group(valued, *by):
        inside = [pair for pair in valued if labels == key(**{n: pair[0].labels[n] for n in by})]
        counts = {float(dict(le)["le"]): n for le, n in group(inside, "le").items()}
        bounds = sorted(counts)
        rank = quantile * counts[math.inf]
        upper = next(bound for bound in bounds if counts[bound] >= rank)
        index = bounds.index(upper)
        if upper == math.inf:
            result[labels] = bounds[index - 1]
            continue
        lower, below = (bounds[index - 1], counts[bounds[index - 1]]) if index else (0.0, 0.0)
        result[labels] = lower + (upper - lower) * (rank - below) / (counts[upper] - below)
    return result


def peak(f: Figures, at: Callable[[Figures], float]) -> Vector:
    """Return the highest of what a reader saw at each point of the range."""
    step, end = f.view.interval, int(f.view.end.timestamp())
    moments = range(end - f.view.seconds + step, end + 1, step)
    return one(
        max(at(f.seen_from(datetime.fromtimestamp(t, UTC))) for t in moments if t % step == 0)
    )


def largest(f: Figures, metric: Metric, pods: Iterable[str], resource: str) -> Vector:
    by_pod = group(last(f, of(f, metric, pods, container="coder", resource=resource)), "pod")
    return one(max(by_pod.values()))


def _resources(uid: str, pods: Sequence[str]) -> dict[Key, Callable[[Figures], Vector]]:
    """Figures of the panels that are alike for all pods."""

    def containers(f: Figures, metric: Metric) -> list[Series]:
        return of(f, metric, pods, container="coder")

    def of_reason(f: Figures) -> Vector:
        seen = [
            (each, max(value for _, value in each.window(f.view.interval, f.view.end)))
            for each in containers(f, Metrics.POD_TERMINATED_REASON)
        ]
        return group(seen, "reason")

    return {
        (uid, "CPU", "A"): lambda f: group(rates(f, containers(f, Metrics.CONTAINER_CPU)), "pod"),
        (uid, "CPU", "B"): lambda f: largest(f, Metrics.POD_REQUESTS, pods, "cpu"),
        (uid, "CPU", "C"): lambda f: largest(f, Metrics.POD_LIMITS, pods, "cpu"),
        (uid, "Memory", "A"): lambda f: group(
            last(f, containers(f, Metrics.CONTAINER_MEMORY)), "pod"
        ),
        (uid, "Memory", "B"): lambda f: largest(f, Metrics.POD_REQUESTS, pods, "memory"),
        (uid, "Memory", "C"): lambda f: largest(f, Metrics.POD_LIMITS, pods, "memory"),
        (uid, "Restarts", "A"): lambda f: group(
            grown(f, containers(f, Metrics.POD_RESTARTS), f.view.seconds)
        ),
        (uid, "Terminations", "A"): of_reason,
        (uid, "Last terminations", "A"): lambda f: group(
            [
                (each, value)
                for each, value in last(f, containers(f, Metrics.POD_LAST_TERMINATED_REASON))
                if value == 1
            ],
            *("pod", "container", "reason"),
            how=max,
        ),
    }


def _requests(f: Figures, code: str = "") -> list[Series]:
    everything = of(f, Metrics.API_REQUESTS, REPLICAS)
    return [each for each in everything if each.labels["code"].startswith(code)]


def _failing(f: Figures) -> Vector:
    failed, everything = (group(rates(f, _requests(f, code)))[key()] for code in ("5", ""))
    return one(failed / everything)


def _replica_figures(uid: str) -> dict[Key, Callable[[Figures], Vector]]:
    return {
        (uid, "Replicas up", "A"): lambda _: one(len(REPLICAS)),
        (uid, "Replicas down", "A"): lambda _: one(0),
    }


def _pubsub(quantile: float, metric: Metric) -> Callable[[Figures], Vector]:
    return lambda f: one(quantile_across(last(f, of(f, metric, REPLICAS)), quantile))


def _by_class(code: str) -> Callable[[Figures], Vector]:
    return lambda f: group(rates(f, _requests(f, code)))


def _highest(metric: Metric) -> Callable[[Figures], Vector]:
    return lambda f: group(last(f, f.of(metric)), how=max)


def _busy(f: Figures) -> float:
    return group(last(f, f.of(Metrics.PROVISIONER_JOBS)))[key()] / _daemons(f)


def _daemons(f: Figures, pods: Iterable[str] = ()) -> float:
    return sum(value for _, value in last(f, of(f, Metrics.PROVISIONER_DAEMONS, pods)))


def _finished(f: Figures, **labels: str) -> Vector:
    timings = f.of(Metrics.PROVISIONER_JOB_TIMINGS, "_count", **labels)
    return group(grown(f, timings, f.view.seconds))


def _within_range(quantile: float, metric: Metric) -> Callable[[Figures], Vector]:
    return lambda f: quantile_within(grown(f, f.of(metric, "_bucket"), f.view.seconds), quantile)


def _within_hour(quantile: float, metric: Metric, *by: str) -> Callable[[Figures], Vector]:
    return lambda f: quantile_within(added(f, f.of(metric, "_bucket"), 3600), quantile, *by)


def _provisioner_figures(uid: str) -> dict[Key, Callable[[Figures], Vector]]:
    return {
        (uid, "Built-in provisioners", "A"): lambda f: one(_daemons(f, REPLICAS)),
        (uid, "External provisioners", "A"): lambda f: one(_daemons(f, PROVISIONERS)),
    }


def _workspaces(**labels: str) -> Callable[[Figures], Vector]:
    return lambda f: group(distinct(f, Metrics.WORKSPACE_LATEST_BUILD_STATUS, **labels))


def _cpu_at(pods: Sequence[str]) -> Callable[[Figures], float]:
    return lambda f: sum(
        value for _, value in rates(f, of(f, Metrics.CONTAINER_CPU, pods, container="coder"))
    )


def _memory_at(pods: Sequence[str]) -> Callable[[Figures], float]:
    return lambda f: sum(
        each.seen(f.view.end) or 0.0
        for each in of(f, Metrics.CONTAINER_MEMORY, pods, container="coder")
    )


def _transactions(**labels: str) -> Callable[[Figures], Vector]:
    return lambda f: group(rates(f, f.of(Metrics.DB_TX_DURATION, "_count", **labels)))


def _transaction_time(quantile: float) -> Callable[[Figures], Vector]:
    return lambda f: quantile_within(rates(f, f.of(Metrics.DB_TX_DURATION, "_bucket")), quantile)


def _up(*tools: str) -> Callable[[Figures], Vector]:
    pods = [pod for _, _, _, pod in TARGETS if pod.startswith(tools)]
    return lambda f: group(last(f, of(f, Metrics.UP, pods)), how=min)


def _up_by_pod(*tools: str) -> Callable[[Figures], Vector]:
    pods = [pod for _, _, _, pod in TARGETS if pod.startswith(tools)]
    return lambda f: group(last(f, of(f, Metrics.UP, pods)), "pod", how=min)


_COLLECTORS = ("promtail", "k8s-alloy")
_TIMINGS, _QUEUE = Metrics.PROVISIONER_JOB_TIMINGS, Metrics.PROVISIONER_QUEUE_WAIT
_SEND, _RECEIVE = Metrics.PUBSUB_SEND_LATENCY, Metrics.PUBSUB_RECEIVE_LATENCY
_RUNNING = _workspaces(status="succeeded", workspace_transition="start")
_FAILED = _workspaces(status="failed")

EXPECTED: dict[Key, Callable[[Figures], Vector]] = {
    **_replica_figures(CONTROL_PLANE),
    (CONTROL_PLANE, "Licence in use", "A"): lambda f: one(
        _highest(Metrics.LICENSE_ACTIVE_USERS)(f)[key()]
        / _highest(Metrics.LICENSE_LIMIT_USERS)(f)[key()]
    ),
    (CONTROL_PLANE, "Active users", "A"): _highest(Metrics.LICENSE_ACTIVE_USERS),
    (CONTROL_PLANE, "User limit", "A"): _highest(Metrics.LICENSE_LIMIT_USERS),
    (CONTROL_PLANE, "User limit enforced", "A"): _highest(Metrics.LICENSE_USER_LIMIT_ENABLED),
    (CONTROL_PLANE, "Replicas over time", "A"): lambda _: {key(pod=pod): 1.0 for pod in REPLICAS},
    (CONTROL_PLANE, "Users against the licence", "A"): _highest(Metrics.LICENSE_ACTIVE_USERS),
    (CONTROL_PLANE, "Users against the licence", "B"): _highest(Metrics.LICENSE_LIMIT_USERS),
    **_resources(CONTROL_PLANE, REPLICAS),
    (CONTROL_PLANE, "Pubsub send median", "A"): _pubsub(0.5, _SEND),
    (CONTROL_PLANE, "Pubsub receive median", "A"): _pubsub(0.5, _RECEIVE),
    (CONTROL_PLANE, "Pubsub send p90", "A"): _pubsub(0.9, _SEND),
    (CONTROL_PLANE, "Pubsub receive p90", "A"): _pubsub(0.9, _RECEIVE),
    (CONTROL_PLANE, "Pubsub errors", "A"): lambda f: group(
        grown(f, of(f, Metrics.PUBSUB_LATENCY_ERRORS, REPLICAS), f.view.seconds)
    ),
    (CONTROL_PLANE, "Pubsub latency to send", "A"): _pubsub(0.5, _SEND),
    (CONTROL_PLANE, "Pubsub latency to send", "B"): _pubsub(0.9, _SEND),
    (CONTROL_PLANE, "Pubsub latency to receive", "A"): _pubsub(0.5, _RECEIVE),
    (CONTROL_PLANE, "Pubsub latency to receive", "B"): _pubsub(0.9, _RECEIVE),
    (CONTROL_PLANE, "API requests by replica", "A"): lambda f: group(rates(f, _requests(f)), "pod"),
    **{
        (CONTROL_PLANE, "API requests by status", letter): _by_class(code)
        for letter, code in zip("ABCD", "2345", strict=True)
    },
    (CONTROL_PLANE, "Share of requests that fail", "A"): _failing,
    (CONTROL_PLANE, "Failing routes", "A"): lambda f: {
        path: failed
        for path, failed in group(grown(f, _requests(f, "5"), f.view.seconds), "path").items()
        if failed
    },
    (CONTROL_PLANE, "Busiest routes", "A"): lambda f: group(
        grown(f, _requests(f), f.view.seconds), "path"
    ),
    **_provisioner_figures(BUILDERS),
    (BUILDERS, "Jobs running", "A"): lambda f: group(last(f, f.of(Metrics.PROVISIONER_JOBS))),
    (BUILDERS, "Daemons busy", "A"): lambda f: one(_busy(f)),
    (BUILDERS, "Time in queue, median", "A"): _within_range(0.5, _QUEUE),
    (BUILDERS, "Time in queue, p90", "A"): _within_range(0.9, _QUEUE),
    (BUILDERS, "Jobs against daemons", "A"): lambda f: group(
        last(f, f.of(Metrics.PROVISIONER_JOBS))
    ),
    (BUILDERS, "Jobs against daemons", "B"): lambda f: one(_daemons(f)),
    (BUILDERS, "Daemons by pod", "A"): lambda f: group(
        last(f, f.of(Metrics.PROVISIONER_DAEMONS)), "pod"
    ),
    (BUILDERS, "Jobs finished", "A"): _finished,
    (BUILDERS, "Jobs failed", "A"): lambda f: _finished(f, status="failed"),
    (BUILDERS, "Job time, median", "A"): _within_range(0.5, _TIMINGS),
    (BUILDERS, "Job time, p90", "A"): _within_range(0.9, _TIMINGS),
    (BUILDERS, "Jobs by result", "A"): lambda f: group(
        added(f, f.of(_TIMINGS, "_count"), f.view.interval), "status"
    ),
    (BUILDERS, "Job time over the last hour", "A"): _within_hour(0.5, _TIMINGS),
    (BUILDERS, "Job time over the last hour", "B"): _within_hour(0.9, _TIMINGS),
    (BUILDERS, "Time in queue, p90 of the last hour", "A"): _within_hour(0.9, _QUEUE, "job_type"),
    **_resources(BUILDERS, PROVISIONERS),
    **_replica_figures(STATUS),
    **_provisioner_figures(STATUS),
    (STATUS, "Running workspaces", "A"): _RUNNING,
    (STATUS, "Failed builds", "A"): _FAILED,
    (STATUS, "Latest builds", "A"): lambda f: group(
        distinct(f, Metrics.WORKSPACE_LATEST_BUILD_STATUS), "status"
    ),
    (STATUS, "Workspaces over time", "A"): _RUNNING,
    (STATUS, "Workspaces over time", "B"): _workspaces(
        status="succeeded", workspace_transition="stop"
    ),
    (STATUS, "Workspaces over time", "C"): _FAILED,
    (STATUS, "Control plane CPU", "A"): lambda f: peak(f, _cpu_at(REPLICAS)),
    (STATUS, "Provisioner CPU", "A"): lambda f: peak(f, _cpu_at(PROVISIONERS)),
    (STATUS, "Control plane memory", "A"): lambda f: peak(f, _memory_at(REPLICAS)),
    (STATUS, "Provisioner memory", "A"): lambda f: peak(f, _memory_at(PROVISIONERS)),
    (STATUS, "PostgreSQL", "A"): lambda _: one(1),
    (STATUS, "Transactions", "A"): _transactions(),
    (STATUS, "Transactions", "B"): _transactions(success="false"),
    (STATUS, "Transaction time", "A"): _transaction_time(0.5),
    (STATUS, "Transaction time", "B"): _transaction_time(0.99),
    (STATUS, "Prometheus", "A"): _up("prometheus"),
    (STATUS, "Loki", "A"): _up("loki"),
    (STATUS, "Log collectors", "A"): _up(*_COLLECTORS),
    (STATUS, "Observability pods", "A"): _up_by_pod("prometheus"),
    (STATUS, "Observability pods", "B"): _up_by_pod("loki"),
    (STATUS, "Observability pods", "C"): _up_by_pod(*_COLLECTORS),
}
