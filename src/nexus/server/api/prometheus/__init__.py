"""The HTTP API of Prometheus 3 (`docs/guides/prometheus-api.md`), as Grafana's data source and promtool use it."""

from nexus.server.api.prometheus.routes import ROUTES

__all__ = ["ROUTES"]
