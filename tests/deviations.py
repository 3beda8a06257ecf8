"""Where a stand-in answers otherwise than the recording of the real part, and why: all of it.

What is not listed here is held against the recordings to the letter.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Deviation:
    """What differs, and why a stand-in cannot or should not have it.

    Attributes:
        what: a field's path or name, or the place of an exchange in its recording.
        why: the reason.
    """

    what: str | int
    why: str


# coderd's REST API (tests/recordings/coderd-2.30.0/coderd_rest.jsonl).

EXCHANGES: Final = (
    Deviation(7, "the log is streamed over a WebSocket; the stand-ins ask for it afterwards"),
    Deviation(45, "a script of the agent has failed; the stand-in has no agent that runs them"),
)
"""Exchanges that are not held against the recording, by their place in it."""

_AGENT = "latest_build.resources[].agents[]"
FIELDS: Final = (
    Deviation("agents_allowed", "came with Coder 2.37"),
    Deviation(f"{_AGENT}.apps[]", "they are in modules of the registry, which are not fetched"),
    Deviation(f"{_AGENT}.log_sources[]", "of scripts in modules, which are not fetched"),
    Deviation(f"{_AGENT}.scripts[]", "in modules of the registry, which are not fetched"),
    Deviation(f"{_AGENT}.environment_variables", "Terraform is read and not run"),
    Deviation(f"{_AGENT}.ready_at", "an agent that has no scripts to wait for is ready at once"),
)
"""Fields of an answer whose shape is not held against the recording, at the end of their path."""

# The providers' protocol (tests/recordings/providers/).

CALLS: Final = (
    Deviation("Parameterize", "the recorded provider lay in a folder of its own machine"),
    *(
        Deviation(
            place,
            "up to release 0.0.17 a name that is not known yet was no change of a version; the "
            "stand-in does as the releases after it",
        )
        for place in (44, 46, 47)
    ),
)
"""Recorded calls that are not held against the recording, of templates by their place in it."""

PROPERTIES: Final = (
    Deviation("__pulumi_raw_state_delta", "how the bridge gets Terraform's state from Pulumi's"),
    Deviation("agentsAllowed", "came with a release of the provider after 0.0.13"),
)
"""Properties that are not held against the recording."""

SCHEMA: Final = (
    Deviation("workspaceSharing", "of an experiment of Coder, which nothing here reads"),
)
SCHEMA_NAMES: Final = frozenset(str(each.what) for each in SCHEMA)
"""Properties that the bridge's schema has and the package's need not have."""

# What coderd exports and keeps (tests/recordings/coderd-2.30.0/, metrics.tsv and tables.txt).

_LICENSED = "exported with a licence, which the recorded coderd had not"
TELEMETRY: Final = (
    Deviation("coderd_license_limit_users", _LICENSED),
    Deviation("coderd_prebuilt_workspaces_desired", _LICENSED),
    Deviation("coderd_prebuilt_workspaces_eligible", _LICENSED),
    Deviation("coderd_prebuilt_workspaces_running", _LICENSED),
    Deviation("coderd_prebuilt_workspaces_claimed_total", _LICENSED),
    Deviation("coderd_prebuilt_workspaces_created_total", _LICENSED),
    Deviation("coderd_prebuilt_workspaces_failed_total", _LICENSED),
    Deviation("coderd_prebuilt_workspace_claim_duration_seconds", _LICENSED),
    Deviation("coder_pubsub_latency_measure_errs_total", "exported after the first such error"),
    Deviation("users", "its columns were not recorded"),
    Deviation("workspace_agents", "its columns were not recorded"),
    Deviation("workspace_agent_metadata", "its columns were not recorded"),
    Deviation("templates", "its columns were not recorded"),
)
"""Metrics and tables that are not in the recording although that release has them."""
