"""Zipkin's read API (v2)."""

from nexus.server.api.zipkin.routes import ROUTES as ROUTES
