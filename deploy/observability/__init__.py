"""Watching a deployment: collector, Prometheus with alerts, Jaeger, Grafana with dashboards."""
