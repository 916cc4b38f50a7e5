"""Doors for those who operate Nexus: is it alive, is it ready, what are its numbers."""

from __future__ import annotations

from starlette.responses import Response

from nexus.security.permissions import Permission
from nexus.server.call import Call
from nexus.server.errors import json_response
from nexus.server.routes import PUBLIC, Route

METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"


async def healthy(call: Call) -> Response:
    """The process is alive."""
    return json_response({"status": "healthy"})


async def ready(call: Call) -> Response:
    """Requests can be served; otherwise 503 and what is waited for."""
    waiting = call.services.readiness.waiting
    if not waiting:
        return json_response({"status": "ready"})
    return json_response({"status": "not ready", "waiting": waiting}, 503, {"Retry-After": "1"})


async def metrics(call: Call) -> Response:
    """Own metrics as Prometheus text."""
    # Some are by service, and a service is what records say.
    call.check_sees_all_tenants("the metrics of Nexus")
    return Response(call.services.registry.render(), media_type=METRICS_TYPE)


ROUTES = (
    Route("GET", "/-/healthy", PUBLIC, healthy, "Is the process alive?", tag="operations"),
    Route("GET", "/-/ready", PUBLIC, ready, "Can requests be served?", tag="operations"),
    Route(
        "GET",
        "/metrics",
        Permission.TELEMETRY_READ,
        metrics,
        "Own metrics, Prometheus text format",
        answer_media=("text/plain",),
        tag="operations",
    ),
)
