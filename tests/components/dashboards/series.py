"""Time series as a deployment's Prometheus would hold them, the same in every run.

Every metric of the model gets series: for each agent, prebuild, container, provider or target that
its labels speak of, and for each value of its other labels. Counters grow, pause and restart from
zero; a series may be born late or end early; two replicas of coderd report the same things.
"""

import itertools
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from components.dashboards.model import Metric, MetricKind, Metrics

STEP = 60
"""Seconds between two samples."""
EPOCH = datetime.fromtimestamp(0, UTC)
HOURS = 4
START = EPOCH + timedelta(hours=1)
END = EPOCH + timedelta(hours=HOURS)
COUNT = HOURS * 3600 // STEP + 1

BUCKETS = (0.1, 0.5, 1.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)

Labels = Mapping[str, str]


@dataclass(frozen=True)
class Series:
    """One series, a sample each STEP seconds from the epoch; None where there is none."""

    name: str
    labels: Labels
    samples: tuple[float | None, ...]

    def window(self, seconds: int, end: datetime = END) -> list[tuple[float, float]]:
        """Return time and value of the samples of a range selector, which is open at its left."""
        last = (end - EPOCH).total_seconds()
        return [
            (index * STEP, value)
            for index, value in enumerate(self.samples)
            if value is not None and last - seconds < index * STEP <= last
        ]

    def seen(self, moment: datetime) -> float | None:
        """Return the value that Prometheus sees at a time: the newest of five minutes."""
        recent = self.window(300, moment)
        return recent[-1][1] if recent else None


# What the deployment runs --------------------------------------------------------------------


@dataclass(frozen=True)
class Agent:
    username: str
    workspace_name: str
    template_name: str
    template_version: str
    forwards: bool
    agent_name: str = "main"
    rests: bool = False
    """Whether what it confines has ended before the range began."""

    @property
    def pod(self) -> str:
        return f"coder-{self.username}-{self.workspace_name}-0"

    @property
    def labels(self) -> dict[str, str]:
        return {
            "username": self.username,
            "workspace_owner": self.username,
            "workspace_name": self.workspace_name,
            "agent_name": self.agent_name,
            "template_name": self.template_name,
            "template_version": self.template_version,
        }


AGENTS = (
    Agent("ada", "dev", "firewalled", "v2", True),
    Agent("ada", "review-7", "firewalled", "v1", True),
    Agent("zoe", "dev", "firewalled", "v2", True),
    Agent("quiet", "idle", "firewalled", "v2", False),
    Agent("mika", "night", "firewalled", "v2", True, rests=True),
    Agent("ben", "dev", "claude-code", "v9", False),
)
MOVED, MOVED_AT = "zoe", 190
REPLICAS = ("coder-7d9f8b6c5-aaaaa", "coder-7d9f8b6c5-bbbbb")
CONTAINERS = (
    *(("coder", pod, "coder") for pod in REPLICAS),
    ("coder", "coder-provisioner-5c6d7-ccccc", "coder"),
    ("coder", "coder-db-1", "postgres"),
    *(("coder-workspaces", agent.pod, "dev") for agent in AGENTS),
    # Of another team in the same cluster; on no dashboard.
    ("shop", "web-0", "nginx"),
)
PRESETS = (
    ("default", "firewalled", "small"),
    ("default", "firewalled", "large"),
    ("default", "claude-code", "small"),
)
PROVIDERS = (
    ("anthropic", "anthropic", "enabled"),
    ("bedrock-gov", "bedrock", "enabled"),
    ("openai", "openai", "error"),
    ("old", "openai", "disabled"),
)
TARGETS = (
    *(("coder", f"10.0.0.{n}:2112", "coder", pod) for n, pod in enumerate(REPLICAS)),
    ("coder-provisioner", "10.0.1.1:2112", "coder", "coder-provisioner-5c6d7-ccccc"),
    ("coder-db", "10.0.1.2:9187", "coder", "coder-db-1"),
    ("prometheus-k8s", "10.0.2.1:9090", "monitoring", "prometheus-k8s-0"),
    ("loki", "10.0.2.2:3100", "monitoring", "loki-0"),
    ("promtail", "10.0.2.3:3101", "monitoring", "promtail-x1"),
    ("web", "10.0.3.1:80", "shop", "web-0"),
)

# Labels that vary together, and the values they take together.
_TOGETHER: tuple[tuple[tuple[str, ...], tuple[tuple[str, ...], ...]], ...] = (
    (("organization_name", "template_name", "preset_name"), PRESETS),
    (("provider_name", "provider_type", "status"), PROVIDERS),
    (("resource", "unit"), (("cpu", "core"), ("memory", "byte"))),
    (("lifecycle_state", "status"), (("ready", "connected"), ("off", "disconnected"))),
)
_AGENT_LABELS = frozenset(AGENTS[0].labels)
_VALUES: Mapping[str, tuple[str, ...]] = {
    "status": ("success", "failed"),
    "success": ("true", "false"),
    "workspace_transition": ("start", "stop"),
    "code": ("200", "302", "404", "500"),
    "method": ("GET", "POST"),
    "path": ("/api/v2/buildinfo", "/api/v2/workspaces"),
    "provisioner": ("terraform",),
    "tx_id": ("none", "provisioner_jobs"),
    "type": ("regular", "prebuild"),
    "derp_region": ("Coder Embedded Relay",),
    "preferred": ("true",),
    "tailnet_node": ("nodeid:1",),
    "condition": ("true", "false"),
    "image": ("codercom/enterprise-base:ubuntu",),
    "organization_name": ("default",),
    "template_name": ("firewalled", "claude-code"),
    "template_version": ("v1", "v2"),
    "workspace_owner": ("ada", "zoe"),
    "phase": ("Running", "Failed"),
}
_OF_METRIC: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    Metrics.BATCHES_DROPPED.name: {"reason": ("buffer_full", "forward_failed")},
    Metrics.LOGS_DROPPED.name: {
        "reason": ("buffer_full", "forward_failed", "boundary_channel_full")
    },
    Metrics.POD_TERMINATED_REASON.name: {"reason": ("OOMKilled", "Error", "Completed")},
    Metrics.WORKSPACE_BUILDS.name: {"workspace_transition": ("START", "STOP", "DESTROY")},
    Metrics.WORKSPACE_LATEST_BUILD_STATUS.name: {
        "status": ("succeeded", "failed", "running"),
        "workspace_transition": ("start", "stop", "delete"),
    },
}


def everything() -> list[Series]:
    """Return the series of every metric of the model."""
    return [series for metric in Metrics.all() for series in _series(metric)]


def _series(metric: Metric) -> Iterator[Series]:
    for labels in _label_sets(metric):
        # What the replicas share they report alike.
        seed = {k: v for k, v in labels.items() if k in metric.own_labels or not metric.shared}
        rng = random.Random(metric.name + repr(sorted(seed.items())))
        if metric.kind is MetricKind.HISTOGRAM:
            yield from _histogram(metric.name, labels, rng)
        else:
            samples = tuple(_samples(metric, labels, rng))
            if labels.get("username") == MOVED and _reported(metric):
                yield from _moved(metric.name, labels, samples)
            else:
                yield Series(metric.name, labels, samples)


def _reported(metric: Metric) -> bool:
    return {"username", "template_name", "agent_name"} <= metric.own_labels


def _moved(name: str, labels: Labels, samples: tuple[float | None, ...]) -> Iterator[Series]:
    """Yield a counter whose agent went over to the other replica of coderd, unchanged in value."""
    nothing = (None,) * COUNT
    _, instance, _, pod = TARGETS[1]
    yield Series(name, labels, samples[:MOVED_AT] + nothing[MOVED_AT:])
    yield Series(
        name,
        {**labels, "instance": instance, "pod": pod},
        nothing[:MOVED_AT] + samples[MOVED_AT:],
    )


def _label_sets(metric: Metric) -> Iterator[dict[str, str]]:
    """Yield the labels of each series: its own in all combinations, and those of its target."""
    own = set(metric.own_labels)
    dimensions: list[list[dict[str, str]]] = []
    per_container = {"namespace", "pod"} <= own
    if per_container:
        dimensions.append(_distinct(own, ("namespace", "pod", "container"), CONTAINERS))
        own -= {"namespace", "pod", "container"}
    per_agent = bool(own & {"workspace_name", "username"})
    if per_agent:
        dimensions.append([{k: v for k, v in a.labels.items() if k in own} for a in AGENTS])
        own -= _AGENT_LABELS
    for names, values in _TOGETHER:
        if set(names) <= own:
            dimensions.append(_distinct(own, names, values))
            own -= set(names)
    special = _OF_METRIC.get(metric.name, {})
    for name in sorted(own):
        values = special.get(name) or _VALUES.get(name) or (f"{name} one", f"{name} two")
        dimensions.append([{name: value} for value in values])
    if metric is Metrics.UP:
        scraped = [
            dict(zip(("job", "instance", "namespace", "pod"), t, strict=True)) for t in TARGETS
        ]
    elif per_container:
        scraped = [{"job": "kubelet", "instance": "10.0.9.9:10250"}]
    else:
        # What agents report is passed on by the replica each is connected to.
        scraped = [
            {
                "job": job,
                "instance": instance,
                "namespace": namespace,
                "pod": pod,
                "container": "coder",
                "service": "coder-prometheus",
            }
            for job, instance, namespace, pod in (TARGETS[:1] if _reported(metric) else TARGETS[:2])
        ]
    dimensions.append(scraped)
    for combination in itertools.product(*dimensions):
        yield {name: value for part in combination for name, value in part.items()}


def _distinct(
    own: set[str], names: tuple[str, ...], values: tuple[tuple[str, ...], ...]
) -> list[dict[str, str]]:
    found: list[dict[str, str]] = []
    for row in values:
        labels = {n: v for n, v in zip(names, row, strict=True) if n in own}
        if labels not in found:
            found.append(labels)
    return found


# Values --------------------------------------------------------------------------------------


def _samples(metric: Metric, labels: Labels, rng: random.Random) -> list[float | None]:
    name = metric.name
    if metric in (Metrics.PROVIDERS_LAST_RELOAD, Metrics.PROVIDERS_LAST_RELOAD_SUCCESS):
        return _reloads(labels, succeeded=metric is Metrics.PROVIDERS_LAST_RELOAD_SUCCESS)
    if metric in (Metrics.BATCHES_DROPPED, Metrics.LOGS_DROPPED):
        return _losses(labels)
    if metric is Metrics.BATCHES_FORWARDED:
        (agent,) = [a for a in AGENTS if a.labels.items() >= _agent_part(labels).items()]
        if agent.rests:
            return [7.0] * COUNT
        return _counter(rng) if agent.forwards else [0.0] * COUNT
    if metric is Metrics.WORKSPACE_BUILDS:
        return _builds(rng)
    if metric.kind is MetricKind.COUNTER:
        return _counter(rng)
    if metric is Metrics.UP:
        return [0.0 if labels["job"] == "promtail" else 1.0] * COUNT
    if name.endswith("_info") or metric is Metrics.AGENTS_UP:
        return [1.0] * COUNT
    if name.endswith(("_enabled", "_ready", "_reason", "_connections")):
        return [float(labels.get("condition", "true") == "true")] * COUNT
    if name.endswith("_bytes"):
        return [float(rng.randrange(1, 900) << 20) for _ in range(COUNT)]
    if name.endswith("_seconds"):
        return [rng.randrange(1, 900) / 1000 for _ in range(COUNT)]
    return [float(rng.randrange(1, 40)) for _ in range(COUNT)]


def _agent_part(labels: Labels) -> dict[str, str]:
    return {name: value for name, value in labels.items() if name in _AGENT_LABELS}


def _counter(rng: random.Random) -> list[float | None]:
    # From a value far above zero, so that nothing is extrapolated below it; restarts once.
    value = float(rng.randrange(5_000, 9_000))
    restart = rng.randrange(90, COUNT) if rng.random() < 0.5 else -1
    values: list[float | None] = []
    for index in range(COUNT):
        value = 0.0 if index == restart else value + rng.choice((0, 1, 2, 5))
        values.append(value)
    return values


def _builds(rng: random.Random) -> list[float | None]:
    """A workspace's builds: the first begins the series, few follow, some pods go away."""
    born, gone = rng.randrange(COUNT - 2), rng.choice((COUNT, COUNT, rng.randrange(90, COUNT)))
    later = {rng.randrange(born, COUNT) for _ in range(rng.randrange(4))} - {born}
    return [
        float(1 + sum(build <= index for build in later)) if born <= index < gone else None
        for index in range(COUNT)
    ]


def _losses(labels: Labels) -> list[float | None]:
    """A counter with a reason is not there before the first loss; most agents lose nothing."""
    born = {
        ("ada", "dev", "forward_failed"): 150,
        ("ada", "dev", "boundary_channel_full"): 200,
        ("ada", "review-7", "forward_failed"): 237,
        ("zoe", "dev", "buffer_full"): 20,
    }.get((labels["username"], labels["workspace_name"], labels["reason"]))
    if born is None:
        return [None] * COUNT
    # The first loss is the only one, or there are more after the range began.
    more = {20: (100, 101, 230, 238)}.get(born, ())
    return [
        None if index < born else 3.0 + sum(2 for later in more if later <= index)
        for index in range(COUNT)
    ]


def _reloads(labels: Labels, *, succeeded: bool) -> list[float | None]:
    """The first replica's last reload failed; the second has had none for longer."""
    attempts = {REPLICAS[0]: (60, 7_000, 12_000), REPLICAS[1]: (90, 6_000)}[labels["pod"]]
    marks = attempts[:2] if succeeded else attempts
    return [
        float(max((t for t in marks if t <= index * STEP), default=0)) or None
        for index in range(COUNT)
    ]


def _histogram(name: str, labels: Labels, rng: random.Random) -> Iterator[Series]:
    observed = [[0.0] * len(BUCKETS) for _ in range(COUNT)]
    totals, sums = [0.0] * COUNT, [0.0] * COUNT
    counts, total, summed = [0.0] * len(BUCKETS), 0.0, 0.0
    for index in range(COUNT):
        for _ in range(rng.randrange(4)):
            value = rng.choice((0.05, 0.3, 0.7, 2.0, 7.0, 20.0, 50.0, 100.0, 200.0, 400.0))
            counts = [c + (value <= b) for c, b in zip(counts, BUCKETS, strict=True)]
            total, summed = total + 1, summed + value
        observed[index], totals[index], sums[index] = counts, total, summed
    for position, bound in enumerate(BUCKETS):
        values = tuple(row[position] for row in observed)
        yield Series(f"{name}_bucket", {**labels, "le": f"{bound:g}"}, values)
    yield Series(f"{name}_bucket", {**labels, "le": "+Inf"}, tuple(totals))
    yield Series(f"{name}_count", labels, tuple(totals))
    yield Series(f"{name}_sum", labels, tuple(sums))
