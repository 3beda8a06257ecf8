"""How many batches and lines of the audit were lost, from counters of workspaces' agents.

An agent's counters are exported by the replica of coderd that it is connected to, begin anew with
the workspace, and have no series until the first loss. So neither `increase`, which sees no first
value, nor a comparison of the range's two ends, which sees no workspace that has stopped since,
tells the losses. They are taken step by step here, and added up.
"""

from __future__ import annotations

from typing import Final

from components.dashboards.metrics import Metric, Metrics
from components.dashboards.promql import Duration, Expression, aggregate, once, select

STEP: Final[Duration] = "1m"
"""As often as coderd takes agents' counters, and Prometheus takes coderd's."""
MEMORY: Final[Duration] = "1d"
"""So long an agent may be away, and its counters are known when it is back."""
_AGENT: Final = ("username", "workspace_name", "agent_name", "template_name")


def lost(metric: Metric, *by: str, over: Duration, **matchers: str) -> Expression:
    """Return how many were lost over a duration.

    Args:
        metric: A counter of an agent's.
        by: Labels to keep.
        over: The duration, at least a step.
        matchers: As of `select`; of those on labels that a target or an agent has, the agents'
            other counters are asked too.

    Raises:
        QueryError: An unknown label, or a metric of which each replica has its own part.
    """
    now = once(metric, **matchers)
    series = select(metric, **matchers)
    earlier = _known(metric, f"last_over_time({series}[{MEMORY}] offset {STEP})")
    forwarded = Metrics.BATCHES_FORWARDED
    of_agents = {name: value for name, value in matchers.items() if name in forwarded.labels}
    there = select(forwarded, **of_agents)
    # An agent tells all of its counters at once. So one that told others a step ago and not this
    # one had lost nothing since it began; one that told none was away, and may come back with
    # what is known of it.
    before = _known(metric, f"{series} offset {STEP}")
    known = f"{before} or {earlier} unless on ({', '.join(_AGENT)}) {there} offset {STEP}"
    # What is below what was known began anew.
    grown = f"{now} - ({known}) >= 0 or {now}"
    return aggregate(
        "sum", Expression(f"sum_over_time(({grown})[{over}:{STEP}])", metric.own_labels), *by
    )


def _known(metric: Metric, text: str) -> Expression:
    return aggregate("max", Expression(text, metric.labels), *sorted(metric.own_labels))
