"""Grafana dashboards of the deployment, typed, one module a dashboard."""

from components.dashboards.catalogue import CATALOGUE, DashboardSpec
from components.dashboards.component import Dashboards, DashboardsArgs
from components.dashboards.context import DashboardContext

__all__ = ["CATALOGUE", "DashboardContext", "DashboardSpec", "Dashboards", "DashboardsArgs"]
