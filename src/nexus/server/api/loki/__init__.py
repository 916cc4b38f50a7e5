"""Loki's query API (`/loki/api/v1/...`), as Grafana's Loki data source, Logs Drilldown and logcli use it."""

from nexus.server.api.loki.routes import ROUTES

__all__ = ["ROUTES"]
