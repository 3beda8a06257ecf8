"""The dashboards there are, by uid."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from grafana_foundation_sdk.models.dashboard import Dashboard

from components.dashboards import (
    agent_firewall,
    ai_gateway,
    coder_control_plane,
    coder_prebuilds,
    coder_provisioners,
    coder_status,
    coder_workspace_detail,
    coder_workspaces,
)
from components.dashboards.context import DashboardContext
from components.dashboards.layout import render


@dataclass(frozen=True)
class DashboardSpec:
    """A dashboard before a stack gives it its data sources.

    Attributes:
        uid: Part of its URL; never changes.
        title: Shown in Grafana.
        build: Returns it for one stack.
    """

    uid: str
    title: str
    build: Callable[[DashboardContext], Dashboard]

    def json(self, context: DashboardContext) -> str:
        """Return the file Grafana imports."""
        return render(self.build(context))


CATALOGUE: Mapping[str, DashboardSpec] = {
    module.UID: DashboardSpec(module.UID, module.TITLE, module.build)
    for module in (
        agent_firewall,
        ai_gateway,
        coder_control_plane,
        coder_prebuilds,
        coder_provisioners,
        coder_status,
        coder_workspaces,
        coder_workspace_detail,
    )
}
