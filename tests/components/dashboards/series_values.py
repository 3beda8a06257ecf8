"""Values over time of each metric, generated from a seed."""

import math
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from components.dashboards.metrics import Metric, Metrics
from tests.components.dashboards.series_deployment import (
    AGENT_LABELS,
    AGENTS,
    COUNT,
    DISCONNECTED,
    GIB,
    PRESETS,
    PROVISIONER,
    REPLICAS,
    STANDALONE,
    STEP,
    Labels,
    Series,
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
CREATED = (Metrics.NAMESPACE_CREATED.name, Metrics.NETWORK_POLICY_CREATED.name)


# Values --------------------------------------------------------------------------------------

_GAUGES: Mapping[str, tuple[float, float]] = {  # lowest and highest, of what moves all the time
    Metrics.PUBSUB_SEND_LATENCY.name: (0.003, 0.012),
    Metrics.PUBSUB_RECEIVE_LATENCY.name: (0.005, 0.018),
    Metrics.AGENT_LATENCIES.name: (0.02, 0.09),
    Metrics.AGENT_RX_BYTES.name: (2e5, 2e6),
    Metrics.AGENT_TX_BYTES.name: (1e5, 1e6),
    Metrics.VOLUME_USED.name: (2 * GIB, 9 * GIB),
}
_LEVELS: Mapping[str, tuple[int, int]] = {
    # The lowest and the highest value of what changes now and then.
    Metrics.LICENSE_ACTIVE_USERS.name: (38, 41),
    Metrics.PROVISIONER_JOBS.name: (0, 3),
    Metrics.INTERCEPTIONS_INFLIGHT.name: (0, 2),
    Metrics.BUDGET_BLOCKED_USERS.name: (1, 3),
    Metrics.PREBUILDS_RUNNING.name: (3, 4),
    Metrics.PREBUILDS_ELIGIBLE.name: (2, 3),
    Metrics.AGENT_SESSIONS_VSCODE.name: (0, 1),
    Metrics.AGENT_SESSIONS_JETBRAINS.name: (0, 1),
    Metrics.AGENT_SESSIONS_SSH.name: (0, 1),
    Metrics.AGENT_SESSIONS_PTY.name: (0, 1),
}
_CONSTANTS: Mapping[str, float] = {
    **dict.fromkeys(CREATED, 1.79e9),
    Metrics.LICENSE_LIMIT_USERS.name: 50,
    Metrics.VOLUME_CAPACITY.name: 10 * GIB,
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
    Metrics.BREAKER_TRIPS.name: 0.01,
    Metrics.BREAKER_REJECTS.name: 0.05,
}
_REQUESTS: Mapping[str, float] = {"200": 1.0, "302": 0.05, "404": 0.03, "500": 0.002}
"""How often the API answers with a code, compared with 200."""


def samples_of(metric: Metric, labels: Labels, rng: random.Random) -> list[float | None]:
    name = metric.name
    if name in _GAUGES:
        values = _gauge(rng, *_GAUGES[name])
        # There are no parts of bytes, and sums of whole numbers are exact in any order.
        return [float(round(v)) for v in values] if "bytes" in name else list(values)
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
        case Metrics.INTERCEPTIONS:
            return _counter(rng, 9 if labels["status"] == "completed" else 1)
        case Metrics.TOKENS:
            return _counter(rng, {"input": 4e4, "output": 6e3}.get(labels["type"], 2e5))
        case Metrics.INJECTED_TOOLS | Metrics.CLIENT_TOOLS:
            return _counter(rng, 4)
        case Metrics.BREAKER_STATE:
            return _breaker(labels)
        case Metrics.BUDGET_BLOCKED_REQUESTS | Metrics.UNPRICED_USAGE:
            return _late(labels, rng)
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
    return {name: value for name, value in labels.items() if name in AGENT_LABELS}


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


def _breaker(labels: Labels) -> list[float | None]:
    """One breaker opens, tries again and stays half-open; those of other models stay closed."""
    opens = labels["provider"] != "anthropic" and labels["model"] == "claude-opus-4-7"
    changes = ((230, 0.5), (170, 1.0)) if opens and labels["pod"] != REPLICAS[0] else ()
    return [next((state for at, state in changes if at <= index), 0.0) for index in range(COUNT)]


def _late(labels: Labels, rng: random.Random) -> list[float | None]:
    """A counter that the first event begins; of one replica and one model there is none."""
    if labels["pod"] == REPLICAS[1] or labels.get("provider") == "anthropic":
        return [None] * COUNT
    born = rng.randrange(70, 130)
    more = {born + at for at in (20, 21, 60, 104) if born + at < COUNT}
    return [
        None if index < born else float(1 + sum(at <= index for at in more))
        for index in range(COUNT)
    ]


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
    attempts = {
        REPLICAS[0]: (60, 7_000, 12_000),
        REPLICAS[1]: (90, 6_000),
        STANDALONE: (50, 13_000),
    }[labels["pod"]]
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
    Metrics.INTERCEPTION_DURATION.name: Observed(_SECONDS, 7, 2),
    Metrics.PREBUILD_CLAIM_DURATION.name: Observed(_SECONDS, 9, 0.1),
    Metrics.WORKSPACE_CREATION_DURATION.name: Observed(_SECONDS, 90, 0.1),
    Metrics.DB_TX_DURATION.name: Observed(_MILLISECONDS, 0.004, 45, {"success": "false"}),
}


def histogram(name: str, labels: Labels, rng: random.Random) -> Iterator[Series]:
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
