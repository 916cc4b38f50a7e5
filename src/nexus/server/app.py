"""The server's applications: the main door with UI and every API, and the OTLP/HTTP door."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Final

import msgspec

from nexus.pipeline.http import HttpReceiver
from nexus.server.api import jaeger, loki, operations, prometheus, tempo, zipkin
from nexus.server.api.elasticsearch import routes as elasticsearch
from nexus.server.api.nexus_v1 import (
    accounts,
    admin,
    audit,
    auth,
    deletions,
    explore,
    export,
    ingest,
    keys,
    limits,
    live,
    logs,
    metric_export,
    metric_retention,
    metrics,
    pipelines,
    profile,
    queries,
    retention,
    roles,
    services,
    sql,
    sso,
    targets,
    teams,
    tenants,
    trace_retention,
    trace_sampling,
    traces,
    users,
    views,
)
from nexus.server.api.scim import doors as scim
from nexus.server.dispatch import Dispatcher
from nexus.server.openapi import describe
from nexus.server.routes import Route, Router, receiver_routes
from nexus.server.services import Services
from nexus.server.static import StaticFiles

STATIC: Final = Path(__file__).parent / "static"

_TABLES: Final = (
    operations.ROUTES,
    auth.ROUTES,
    sso.ROUTES,
    profile.ROUTES,
    logs.ROUTES,
    explore.ROUTES,
    sql.ROUTES,
    metrics.ROUTES,
    queries.ROUTES,
    ingest.ROUTES,
    live.ROUTES,
    pipelines.ROUTES,
    targets.ROUTES,
    keys.ROUTES,
    tenants.ROUTES,
    admin.ROUTES,
    elasticsearch.ROUTES,
    views.ROUTES,
    export.ROUTES,
    deletions.ROUTES,
    retention.ROUTES,
    metric_export.ROUTES,
    metric_retention.ROUTES,
    trace_retention.ROUTES,
    trace_sampling.ROUTES,
    limits.ROUTES,
    audit.ROUTES,
    users.ROUTES,
    teams.ROUTES,
    roles.ROUTES,
    accounts.ROUTES,
    loki.ROUTES,
    prometheus.ROUTES,
    traces.ROUTES,
    services.ROUTES,
    jaeger.ROUTES,
    tempo.ROUTES,
    zipkin.ROUTES,
    scim.ROUTES,
)


def main_routes(receivers: Iterable[HttpReceiver]) -> list[Route]:
    """Every door of the main port."""
    return [*(route for table in _TABLES for route in table), *receiver_routes(receivers)]


def description(routes: Iterable[Route], version: str) -> bytes:
    """The API description as JSON."""
    return msgspec.json.encode(describe(routes, version))


def main_app(services: Services, receivers: Iterable[HttpReceiver]) -> Dispatcher:
    """The application of the main port."""
    routes = main_routes(receivers)
    services.openapi = cache(lambda: description(routes, services.version))
    return Dispatcher(Router(routes), services, StaticFiles(STATIC))


def otlp_app(services: Services, receivers: Iterable[HttpReceiver]) -> Dispatcher:
    """The application of the OTLP/HTTP port: the receivers given and the state of the process, nothing else."""
    return Dispatcher(Router([*operations.ROUTES[:2], *receiver_routes(receivers)]), services)
