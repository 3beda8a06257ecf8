"""The section of a workspace's dashboard on the connection of its agent."""

from __future__ import annotations

from components.dashboards.layout import Section
from components.dashboards.metrics import Metrics
from components.dashboards.panel import Panel, Unit
from components.dashboards.panels import stat_panel, timeseries_panel
from components.dashboards.promql import Expression, aggregate, chosen, once, total_over_time
from components.dashboards.queries import promql

WORKSPACE = {"workspace_name": chosen("workspace_name")}
EACH_MINUTE = "1m"
"""How often coderd adds up what agents report; each value is of the time since the last."""

_NAMED = "{{username}}/{{workspace_name}}"


def connection() -> Section:
    """Return the section on an agent's connection and what went through it."""
    sessions = {
        "VS Code": Metrics.AGENT_SESSIONS_VSCODE,
        "JetBrains": Metrics.AGENT_SESSIONS_JETBRAINS,
        "SSH": Metrics.AGENT_SESSIONS_SSH,
        "Web terminal": Metrics.AGENT_SESSIONS_PTY,
    }
    received = once(Metrics.AGENT_RX_BYTES, **WORKSPACE)
    sent = once(Metrics.AGENT_TX_BYTES, **WORKSPACE)
    by = ("username", "workspace_name")

    def total(direction: str, description: str, gauge: Expression) -> Panel:
        moved = aggregate("sum", total_over_time(gauge, EACH_MINUTE))
        return stat_panel(
            f"{direction} in the range",
            description,
            promql(moved, instant=True),
            unit=Unit.BYTES,
            no_value="no data",
            height=8,
        )

    return Section(
        "Connection",
        [
            timeseries_panel(
                "Latency by relay",
                "From the agent to each relay it knows. All rise together: the workspace's node "
                "or its network; one alone: that relay.",
                promql(
                    aggregate(
                        "max", once(Metrics.AGENT_LATENCIES, **WORKSPACE), *by, "derp_region"
                    ),
                    _NAMED + ": {{derp_region}}",
                ),
                unit=Unit.SECONDS,
            ),
            timeseries_panel(
                "Sessions",
                "Open sessions by the program they come from. None for days in a running "
                "workspace: it may be stopped, see the template's autostop.",
                *(
                    promql(aggregate("sum", once(metric, **WORKSPACE)).or_zero(), name)
                    for name, metric in sessions.items()
                ),
                stacked=True,
            ),
            timeseries_panel(
                "Traffic",
                "Bytes a second through coderd's tunnels, as the agent counts them each minute; "
                "what a confined agent fetches is not among it. Much sent while nobody has a "
                "session: see who holds a token.",
                promql(aggregate("sum", received, *by) / 60, "received: " + _NAMED),
                promql(aggregate("sum", sent, *by) / 60, "sent: " + _NAMED),
                unit=Unit.BYTES_PER_SECOND,
                width=16,
            ),
            total(
                "Received",
                "Bytes that came in through coderd's tunnels. Much in a workspace that nobody "
                "uses: a synchronized folder, or a port that somebody forwards.",
                received,
            ),
            total(
                "Sent",
                "Bytes that went out through them. Far more than received: somebody copies data "
                "out; ask the owner.",
                sent,
            ),
        ],
    )
