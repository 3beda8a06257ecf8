"""What Grafana and Prometheus are given besides dashboards, alerts and data sources."""
