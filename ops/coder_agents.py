"""What a preview changes of Coder's own agents: for reviews, as reach."""

from __future__ import annotations

from ops import network
from ops.reach import TemplateReach


def lines(reach: TemplateReach) -> list[str]:
    """Say in Markdown what changes of Coder's own agents, nothing without a change."""
    said = []
    if reach.lets_agents_in:
        why = "their tools run outside of the jail"
        said.append(f"- ⚠️ **Coder's own agents reach every host from here**: {why}")
    if reach.keeps_agents_out:
        said.append("- Coder's own agents may no longer use it")
    if reach.frees_agents:
        said.append(
            "- ⚠️ the network policy of their pods goes: those that run reach **every host** until "
            "their workspaces stop"
        )
    if reach.drops_projects:
        said.append(
            "- ⚠️ each workspace's claim for `~/project` is **deleted** at its next start, with all "
            "that is in it"
        )
    if reach.isolates_agents:
        said.append(
            "- Coder's own agents use it from a pod of their own, which reaches **what is listed "
            "here alone**"
        )
        if reach.before:
            said.append(
                "  - a workspace that runs has that pod from its next start; before, their tools "
                "run in the workspace's own pod, outside of the jail"
            )
        return said + network.listed("that pod reaches only", reach.agents_whole)
    return said + network.agents_lines(reach.agents_reach)
