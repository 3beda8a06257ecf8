"""Grafana dashboards of the deployment, typed, one module a dashboard."""
