"""Jaeger's query APIs: the JSON that its UI up to 2.14 and Grafana's data source read (`routes`), version 3 (`v3`), and both
over gRPC (`grpc`)."""

from nexus.server.api.jaeger.routes import ROUTES as ROUTES
