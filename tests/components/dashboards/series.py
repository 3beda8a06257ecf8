"""Time series as a deployment's Prometheus would hold them, the same in every run.

Every metric of the model gets series: for each agent, prebuild, container, provider or target that
its labels speak of, and for each value of its other labels. Counters grow, pause and restart from
zero; a series may be born late or end early; two replicas of coderd report the same things.
Values are of a size that a small deployment has, for the pictures of docs/ show them too.
"""

import itertools
import math
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from components.dashboards.metrics import Metric, MetricKind, Metrics
from tests.components.dashboards.generated import workspace_id

STEP = 60
"""Seconds between two samples."""
EPOCH = datetime.fromtimestamp(0, UTC)
HOURS = 4
START = EPOCH + timedelta(hours=1)
END = EPOCH + timedelta(hours=HOURS)
COUNT = HOURS * 3600 // STEP + 1

GIB = 2**30

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
        return f"coder-{workspace_id(self.username, self.workspace_name)}"

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
DISCONNECTED: Mapping[str, tuple[int, int]] = {"ben": (152, 174), "mika": (204, COUNT)}
"""Owners of agents that lost their connection, and from which sample to which."""
REPLICAS = ("coder-7d9f8b6c5-2x9kq", "coder-7d9f8b6c5-8hmzt")
PROVISIONER = "coder-provisioner-5c6d7-zk84t"
CONTAINERS = (
    *(("coder", pod, "coder") for pod in REPLICAS),
    ("coder", PROVISIONER, "coder"),
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
    ("bedrock-us-gov-west-1", "bedrock", "enabled"),
    ("openai", "openai", "error"),
    ("old", "openai", "disabled"),
)
TARGETS = (
    *(("coder", f"10.0.0.{n}:2112", "coder", pod) for n, pod in enumerate(REPLICAS)),
    ("coder-provisioner", "10.0.1.1:2112", "coder", PROVISIONER),
    ("coder-db", "10.0.1.2:9187", "coder", "coder-db-1"),
    ("prometheus-k8s", "10.0.2.1:9090", "monitoring", "prometheus-k8s-0"),
    ("loki", "10.0.2.2:3100", "monitoring", "loki-0"),
    ("promtail", "10.0.2.3:3101", "monitoring", "promtail-9xk2p"),
    ("promtail", "10.0.2.4:3101", "monitoring", "promtail-c7d4v"),
    ("web", "10.0.3.1:80", "shop", "web-0"),
)

TERMINATIONS: Mapping[str, tuple[tuple[int, str], ...]] = {
    REPLICAS[1]: ((150, "OOMKilled"),),
    PROVISIONER: ((COUNT - 3, "Error"),),
    AGENTS[1].pod: ((120, "OOMKilled"), (COUNT - 4, "OOMKilled")),
    AGENTS[5].pod: ((200, "Completed"),),
    "coder-db-1": ((COUNT - 5, "Error"),),
    "web-0": ((100, "Error"), (COUNT - 3, "OOMKilled")),
}
"""Samples at which the containers of a pod ended and were started again, and why."""

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
    "path": (
        "/api/v2/buildinfo",
        "/api/v2/users/{user}",
        "/api/v2/workspaceagents/me/metadata",
        "/api/v2/workspaces",
    ),
    "provisioner": ("terraform",),
    "provisioner_type": ("terraform",),
    "job_type": ("workspace_build", "template_version_import"),
    "transition": ("start", "stop"),
    "build_reason": ("initiator", "autostart"),
    "tx_id": ("none", "provisioner_jobs"),
    "type": ("regular", "prebuild"),
    "derp_region": ("Coder Embedded Relay",),
    "preferred": ("true",),
    "tailnet_node": ("nodeid:1",),
    "condition": ("true", "false"),
    "image": ("codercom/enterprise-base:ubuntu",),
    "template_name": ("firewalled", "claude-code"),
    "template_version": ("v1", "v2"),
    "workspace_owner": ("ada", "mika", "o'brien", "zoe"),
    "networkpolicy": ("firewalled-coder-workspaces",),
}
_REASONS = ("OOMKilled", "Error", "Completed")
_CREATED = (Metrics.NAMESPACE_CREATED.name, Metrics.NETWORK_POLICY_CREATED.name)
_OF_METRIC: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    Metrics.BATCHES_DROPPED.name: {"reason": ("buffer_full", "forward_failed")},
    Metrics.LOGS_DROPPED.name: {
        "reason": ("buffer_full", "forward_failed", "boundary_channel_full")
    },
    Metrics.POD_TERMINATED_REASON.name: {"reason": _REASONS},
    Metrics.POD_LAST_TERMINATED_REASON.name: {"reason": _REASONS},
    **{name: {"namespace": ("coder-workspaces", "shop")} for name in _CREATED},
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
    elif per_container or metric.name.startswith("kube_"):
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
            for job, instance, namespace, pod in TARGETS[: _scraped(metric)]
        ]
    dimensions.append(scraped)
    for combination in itertools.product(*dimensions):
        yield {name: value for part in combination for name, value in part.items()}


def _scraped(metric: Metric) -> int:
    """Return how many of the first targets have the metric."""
    if metric.name.startswith("coderd_provisioner"):
        return 3  # a provisioner in a pod of its own, too
    return 1 if _reported(metric) else 2


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

_GAUGES: Mapping[str, tuple[float, float]] = {  # lowest and highest, of what moves all the time
    Metrics.PUBSUB_SEND_LATENCY.name: (0.003, 0.012),
    Metrics.PUBSUB_RECEIVE_LATENCY.name: (0.005, 0.018),
    Metrics.AGENT_LATENCIES.name: (0.02, 0.09),
    Metrics.AGENT_RX_BYTES.name: (2e5, 2e6),
    Metrics.AGENT_TX_BYTES.name: (1e5, 1e6),
}
_LEVELS: Mapping[str, tuple[int, int]] = {
    # The lowest and the highest value of what changes now and then.
    Metrics.LICENSE_ACTIVE_USERS.name: (38, 41),
    Metrics.PROVISIONER_JOBS.name: (0, 3),
    Metrics.PREBUILDS_RUNNING.name: (3, 4),
    Metrics.PREBUILDS_ELIGIBLE.name: (2, 3),
    Metrics.AGENT_SESSIONS_VSCODE.name: (0, 1),
    Metrics.AGENT_SESSIONS_JETBRAINS.name: (0, 1),
    Metrics.AGENT_SESSIONS_SSH.name: (0, 1),
    Metrics.AGENT_SESSIONS_PTY.name: (0, 1),
}
_CONSTANTS: Mapping[str, float] = {
    **dict.fromkeys(_CREATED, 1.79e9),
    Metrics.LICENSE_LIMIT_USERS.name: 50,
    Metrics.LICENSE_USER_LIMIT_ENABLED.name: 1,
    Metrics.PROVISIONER_DAEMONS.name: 3,
    Metrics.PROVIDER_INFO.name: 1,
    Metrics.AGENTS_UP.name: 1,
}
_EVENTS: Mapping[str, float] = {  # the chance that a minute adds to a counter
    Metrics.PUBSUB_LATENCY_ERRORS.name: 0.01,
    Metrics.PREBUILDS_CLAIMED.name: 0.07,
    Metrics.PREBUILDS_CREATED.name: 0.12,
    Metrics.PREBUILDS_FAILED.name: 0.01,
    Metrics.WORKSPACE_CREATIONS.name: 0.03,
}
_REQUESTS: Mapping[str, float] = {"200": 1.0, "302": 0.05, "404": 0.03, "500": 0.002}
"""How often the API answers with a code, compared with 200."""


def _samples(metric: Metric, labels: Labels, rng: random.Random) -> list[float | None]:
    name = metric.name
    if name in _GAUGES:
        return list(_gauge(rng, *_GAUGES[name]))
    if name in _LEVELS:
        return _level(rng, *_LEVELS[name])
    if name in _CONSTANTS:
        return [float(_CONSTANTS[name])] * COUNT
    if name in _EVENTS:
        # No more can be claimed than were created.
        return _events(rng, _EVENTS[name], None if metric is not Metrics.PREBUILDS_CREATED else ())
    match metric:
        case Metrics.UP:
            down = labels["pod"] == "promtail-c7d4v"
            return [float(not down or index < 205) for index in range(COUNT)]
        case Metrics.PROVIDERS_LAST_RELOAD | Metrics.PROVIDERS_LAST_RELOAD_SUCCESS:
            return _reloads(labels, succeeded=metric is Metrics.PROVIDERS_LAST_RELOAD_SUCCESS)
        case Metrics.BATCHES_DROPPED | Metrics.LOGS_DROPPED:
            return _losses(labels)
        case Metrics.BATCHES_FORWARDED:
            (agent,) = [a for a in AGENTS if a.labels.items() >= _agent_part(labels).items()]
            if agent.rests:
                return [7.0] * COUNT
            return _counter(rng) if agent.forwards else [0.0] * COUNT
        case Metrics.PREBUILDS_DESIRED:
            # The last preset was scaled down, and has more than it should.
            wanted = dict(zip(PRESETS, (5, 4, 1), strict=True))
            preset = labels["organization_name"], labels["template_name"], labels["preset_name"]
            return [float(wanted[preset])] * COUNT
        case Metrics.WORKSPACE_BUILDS:
            return _builds(labels, rng)
        case Metrics.WORKSPACE_LATEST_BUILD_STATUS:
            return _latest_builds(labels, rng)
        case Metrics.API_REQUESTS:
            return _counter(rng, rng.uniform(10, 90) * _REQUESTS[labels["code"]])
        case Metrics.AGENT_CONNECTIONS:
            lost, found = DISCONNECTED.get(labels["username"], (COUNT, COUNT))
            connected = labels["status"] == "connected"
            return [1.0 if (lost <= index < found) != connected else None for index in range(COUNT)]
        case Metrics.AGENT_STARTUP_SCRIPT:
            failed = labels["username"] == "quiet"
            known = failed == (labels["success"] == "false")
            return [float(rng.randrange(40, 210)) if known else None] * COUNT
    return _of_container(metric, labels, rng)


def _of_container(metric: Metric, labels: Labels, rng: random.Random) -> list[float | None]:
    ended = TERMINATIONS.get(labels["pod"], ())
    # What came to its limit was given more, and comes to that.
    cores, memory = (3.0, 6.0 * GIB) if ended else (2.0, 4.0 * GIB)
    match metric:
        case Metrics.POD_REQUESTS:
            return [cores / 4 if labels["resource"] == "cpu" else memory / 2] * COUNT
        case Metrics.POD_LIMITS:
            return [cores if labels["resource"] == "cpu" else memory] * COUNT
        case Metrics.POD_READY:
            starting = {at + wait for at, _ in ended for wait in range(4)}
            ready = labels["condition"] == "true"
            return [float((index not in starting) == ready) for index in range(COUNT)]
        case Metrics.POD_RESTARTS:
            return [2.0 + sum(at < index for at, _ in ended) for index in range(COUNT)]
        case Metrics.POD_TERMINATED_REASON:
            return [
                float(any(index == at and labels["reason"] == why for at, why in ended))
                for index in range(COUNT)
            ]
        case Metrics.POD_LAST_TERMINATED_REASON:
            reasons = [[why for at, why in ended if at <= index] for index in range(COUNT)]
            return [float(bool(r) and r[-1] == labels["reason"]) for r in reasons]
        case Metrics.CONTAINER_CPU:
            # Of a container that was started again, it counts anew.
            return _counter(rng, rng.uniform(6, 40), restarts=[at + 1 for at, _ in ended])
        case Metrics.CONTAINER_MEMORY:
            return _memory(rng, ended, 0.98 * memory)
    raise NotImplementedError(metric.name)


def _memory(
    rng: random.Random, ended: Sequence[tuple[int, str]], limit: float
) -> list[float | None]:
    """What a container uses: it fills up until it is killed for it, and then begins anew."""
    low = 0.6 * GIB
    values = _gauge(rng, 1.1 * GIB, 3.2 * GIB)
    for at, why in ended:
        for back in range(20 if why == "OOMKilled" else 0):
            values[at - back] += (limit - values[at - back]) * (1 - back / 20)
        for later in range(1, min(40, COUNT - at)):
            values[at + later] = low + (values[at + later] - low) * later / 40
    return list(values)


def _agent_part(labels: Labels) -> dict[str, str]:
    return {name: value for name, value in labels.items() if name in _AGENT_LABELS}


def _gauge(rng: random.Random, low: float, high: float) -> list[float]:
    part, values = rng.uniform(0.2, 0.6), []
    for _ in range(COUNT):
        part = min(max(part + rng.uniform(-0.06, 0.06), 0), 1)
        values.append(low + (high - low) * part)
    return values


def _level(rng: random.Random, low: int, high: int) -> list[float | None]:
    value, values = rng.randint(low, high), []
    for _ in range(COUNT):
        if rng.random() < 0.05:
            value = min(max(value + rng.choice((-1, 1)), low), high)
        values.append(float(value))
    return values


def _counter(
    rng: random.Random, grows: float = 2.0, restarts: Sequence[int] | None = None
) -> list[float | None]:
    """A counter that grows by about so much in a minute, in whole numbers."""
    grown = [float(int(grows * rng.choice((0, 0.5, 1, 2.5)) + rng.random())) for _ in range(COUNT)]
    return _restarting(rng, grown, restarts)


def _events(
    rng: random.Random, chance: float, restarts: Sequence[int] | None
) -> list[float | None]:
    """A counter to which a minute adds one with so much of a chance."""
    grown = [float(rng.random() < chance) for _ in range(COUNT)]
    return _restarting(rng, grown, restarts, int(600 * chance) + 1)


def _restarting(
    rng: random.Random,
    grown: Sequence[float],
    restarts: Sequence[int] | None,
    least: int = 5_000,
) -> list[float | None]:
    # From a value far above zero, so that nothing is extrapolated below it; restarts once.
    value = float(rng.randrange(least, 2 * least))
    if restarts is None:
        restarts = [rng.randrange(90, COUNT)] if rng.random() < 0.5 else []
    values: list[float | None] = []
    for index, more in enumerate(grown):
        value = 0.0 if index in restarts else value + more
        values.append(value)
    return values


def _latest_builds(labels: Labels, rng: random.Random) -> list[float | None]:
    match labels["status"], labels["workspace_transition"]:
        case "succeeded", "start" | "stop":
            return _level(rng, 0, 1)
        case (("failed" | "running"), "start"):
            return _level(rng, 0, rng.choice((0, 0, 0, 1)))
        case _:
            return [0.0] * COUNT


_NO_BUILD: Mapping[tuple[str, str], float] = {
    ("success", "STOP"): 0.2,
    ("success", "DESTROY"): 0.85,
    ("failed", "START"): 0.6,
    ("failed", "STOP"): 0.9,
    ("failed", "DESTROY"): 0.95,
}
"""How likely a replica of coderd saw no build of a workspace that ended so."""


def _builds(labels: Labels, rng: random.Random) -> list[float | None]:
    """A workspace's builds: the first begins the series, few follow, some pods go away."""
    if rng.random() < _NO_BUILD.get((labels["status"], labels["workspace_transition"]), 0):
        return [None] * COUNT
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


@dataclass(frozen=True)
class Observed:
    """What a histogram's observations are like.

    Attributes:
        bounds: Upper bounds of its buckets, without the infinite one.
        median: Half of them are below.
        often: About so many are made a minute.
        seldom: Values of labels of which there is one for fifteen of the others.
    """

    bounds: tuple[float, ...]
    median: float
    often: float
    seldom: Mapping[str, str] = field(default_factory=dict)


_SECONDS = (0.1, 0.5, 1.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0)
_MILLISECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0)
_OBSERVED: Mapping[str, Observed] = {
    Metrics.PROVISIONER_JOB_TIMINGS.name: Observed(_SECONDS, 40, 0.15, {"status": "failed"}),
    Metrics.PROVISIONER_QUEUE_WAIT.name: Observed(_SECONDS, 2, 0.05),
    Metrics.PREBUILD_CLAIM_DURATION.name: Observed(_SECONDS, 9, 0.1),
    Metrics.WORKSPACE_CREATION_DURATION.name: Observed(_SECONDS, 90, 0.1),
    Metrics.DB_TX_DURATION.name: Observed(_MILLISECONDS, 0.004, 45, {"success": "false"}),
}


def _histogram(name: str, labels: Labels, rng: random.Random) -> Iterator[Series]:
    like = _OBSERVED[name]
    often = like.often / (15 if like.seldom.items() & labels.items() else 1)
    rows: list[tuple[float, ...]] = []
    counts, total, summed = [0.0] * len(like.bounds), 0.0, 0.0
    for _ in range(COUNT):
        for _ in range(int(rng.uniform(0, 2 * often) + rng.random())):
            value = rng.lognormvariate(math.log(like.median), 0.8)
            counts = [c + (value <= b) for c, b in zip(counts, like.bounds, strict=True)]
            total, summed = total + 1, summed + value
        rows.append((*counts, total, summed))
    columns = list(zip(*rows, strict=True))
    for bound, values in zip(like.bounds, columns, strict=False):
        yield Series(f"{name}_bucket", {**labels, "le": f"{bound:g}"}, values)
    yield Series(f"{name}_bucket", {**labels, "le": "+Inf"}, columns[-2])
    yield Series(f"{name}_count", labels, columns[-2])
    yield Series(f"{name}_sum", labels, columns[-1])
