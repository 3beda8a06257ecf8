"""The deployment whose metrics are generated, and what a series is."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from tests.components.dashboards.generated_requests import workspace_id

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
DISCONNECTED: Mapping[str, tuple[int, int]] = {"ben": (152, 174), "mika": (204, COUNT)}
"""Owners of agents that lost their connection, and from which sample to which."""
REPLICAS = ("coder-7d9f8b6c5-2x9kq", "coder-7d9f8b6c5-8hmzt")
PROVISIONER = "coder-provisioner-5c6d7-zk84t"
STANDALONE = "coder-ai-gateway-5b7f9-q7wkd"
PRESETS = (
    ("default", "firewalled", "small"),
    ("default", "firewalled", "large"),
    ("default", "claude-code", "small"),
)
AGENT_LABELS = frozenset(AGENTS[0].labels)
