"""Managed Prometheus and Grafana."""
