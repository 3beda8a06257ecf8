"""Loki, Prometheus and Grafana, as far as a verification asks them."""
