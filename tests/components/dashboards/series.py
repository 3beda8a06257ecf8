"""Time series as a deployment's Prometheus would hold them, the same in every run.

Every metric of the model gets series: for each agent, prebuild, container, provider or target that
its labels speak of, and for each value of its other labels. Counters grow, pause and restart from
zero; a series may be born late or end early; two replicas of coderd report the same things.
Values are of a size that a small deployment has, for the pictures of docs/ show them too.
"""

import itertools
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache

from components.dashboards.metrics import Metric, MetricKind, Metrics
from tests.components.dashboards.series_deployment import (
    AGENT_LABELS,
    AGENTS,
    COUNT,
    PRESETS,
    PROVISIONER,
    REPLICAS,
    STANDALONE,
    Labels,
    Series,
)
from tests.components.dashboards.series_values import CREATED, histogram, samples_of

MOVED, MOVED_AT = "zoe", 190
CONTAINERS = (
    *(("coder", pod, "coder") for pod in REPLICAS),
    ("coder", PROVISIONER, "coder"),
    ("coder", "coder-db-1", "postgres"),
    *(("coder-workspaces", agent.pod, "dev") for agent in AGENTS),
    # Of another team in the same cluster; on no dashboard.
    ("shop", "web-0", "nginx"),
)
CLAIMS = (
    *(("coder-workspaces", f"{agent.pod}-home") for agent in AGENTS),
    # Of a workspace's second volume, and of what is no workspace.
    ("coder-workspaces", f"{AGENTS[0].pod}-cache"),
    ("coder", "coder-db-1"),
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
    ("alloy", "10.0.2.5:12345", "monitoring", "k8s-alloy-logs-p2m7x"),
    ("web", "10.0.3.1:80", "shop", "web-0"),
    ("coder-ai-gateway", "10.0.1.3:2112", "coder", STANDALONE),
)

# Labels that vary together, and the values they take together.
_TOGETHER: tuple[tuple[tuple[str, ...], tuple[tuple[str, ...], ...]], ...] = (
    (("organization_name", "template_name", "preset_name"), PRESETS),
    (("provider_name", "provider_type", "status"), PROVIDERS),
    (("namespace", "persistentvolumeclaim"), CLAIMS),
    (("resource", "unit"), (("cpu", "core"), ("memory", "byte"))),
    (("lifecycle_state", "status"), (("ready", "connected"), ("off", "disconnected"))),
)
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
    "model": ("claude-opus-4-7", "claude-haiku-4-5"),
    "provider": ("anthropic", "bedrock-us-gov-west-1"),
    "provider_type": ("anthropic",),
    "route": ("/v1/messages",),
    "endpoint": ("/v1/messages",),
    "client": ("Claude Code",),
    "initiator_id": ("11111111-2222-4333-8444-555555555555",),
    "name": ("search_issues",),
    "server": ("gitlab",),
    "group_id": ("66666666-7777-4888-8999-aaaaaaaaaaaa",),
}
_REASONS = ("OOMKilled", "Error", "Completed")
_OF_METRIC: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    Metrics.BATCHES_DROPPED.name: {"reason": ("buffer_full", "forward_failed")},
    Metrics.LOGS_DROPPED.name: {
        "reason": ("buffer_full", "forward_failed", "boundary_channel_full")
    },
    Metrics.INTERCEPTIONS.name: {"status": ("completed", "failed"), "method": ("POST",)},
    Metrics.TOKENS.name: {"type": ("input", "output", "cache_read_input_tokens")},
    Metrics.POD_TERMINATED_REASON.name: {"reason": _REASONS},
    Metrics.POD_LAST_TERMINATED_REASON.name: {"reason": _REASONS},
    **{name: {"namespace": ("coder-workspaces", "shop")} for name in CREATED},
    Metrics.WORKSPACE_BUILDS.name: {"workspace_transition": ("START", "STOP", "DESTROY")},
    Metrics.WORKSPACE_LATEST_BUILD_STATUS.name: {
        "status": ("succeeded", "failed", "running"),
        "workspace_transition": ("start", "stop", "delete"),
    },
}


@cache
def everything() -> tuple[Series, ...]:
    """Return the series of every metric of the model, under all of its names."""
    return tuple(
        replace(series, name=series.name.replace(metric.name, named.name))
        for metric in Metrics.all()
        for series in _series(metric)
        for named in metric.names
        if not metric.former or named.name in _exported(metric, series.labels["pod"])
    )


def _exported(metric: Metric, pod: str) -> tuple[str, ...]:
    """Return under which of two names a process exports a metric, amid an update of coderd."""
    names = {
        REPLICAS[0]: (metric.name, metric.former),
        REPLICAS[1]: (metric.former,),
        # A gateway of its own came after the new names.
        STANDALONE: (metric.name,),
    }
    return names[pod]


def _series(metric: Metric) -> Iterator[Series]:
    for labels in _label_sets(metric):
        # What the replicas share they report alike.
        seed = {k: v for k, v in labels.items() if k in metric.own_labels or not metric.shared}
        rng = random.Random(metric.name + repr(sorted(seed.items())))
        if metric.kind is MetricKind.HISTOGRAM:
            yield from histogram(metric.name, labels, rng)
        else:
            samples = tuple(samples_of(metric, labels, rng))
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
        own -= AGENT_LABELS
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
    elif per_container or metric.name.startswith("kube"):
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
            for job, instance, namespace, pod in _scraped(metric)
        ]
    dimensions.append(scraped)
    for combination in itertools.product(*dimensions):
        yield {name: value for part in combination for name, value in part.items()}


def _scraped(metric: Metric) -> Sequence[tuple[str, str, str, str]]:
    """Return the targets that have the metric."""
    if metric.former:
        return [*TARGETS[:2], TARGETS[-1]]
    if metric.name.startswith("coderd_provisioner"):
        return TARGETS[:3]  # a provisioner in a pod of its own, too
    return TARGETS[: 1 if _reported(metric) else 2]


def _distinct(
    own: set[str], names: tuple[str, ...], values: tuple[tuple[str, ...], ...]
) -> list[dict[str, str]]:
    found: list[dict[str, str]] = []
    for row in values:
        labels = {n: v for n, v in zip(names, row, strict=True) if n in own}
        if labels not in found:
            found.append(labels)
    return found
