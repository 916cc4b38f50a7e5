"""Tempo's query API: what Grafana's data source and Traces Drilldown ask, over HTTP (`routes`) and gRPC (`grpc`)."""

from nexus.server.api.tempo.routes import ROUTES as ROUTES
