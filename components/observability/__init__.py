"""What Coder tells of itself and since which release, and what Grafana's own files need."""
