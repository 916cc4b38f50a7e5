"""Facts about this server."""

from __future__ import annotations

from starlette.responses import Response

from nexus.model.time import format_time
from nexus.security.permissions import Permission
from nexus.server.api.nexus_v1.schema import ServerInfo
from nexus.server.call import Call
from nexus.server.errors import json_response
from nexus.server.routes import BASE, Route


async def info(call: Call) -> Response:
    """Version, addresses and retention."""
    services = call.services
    addresses = services.addresses
    return json_response(
        ServerInfo(
            version=services.version,
            http_port=addresses.http_port,
            otlp_http_port=addresses.otlp_http_port,
            otlp_grpc_port=addresses.otlp_grpc_port,
            started_at=format_time(services.started_ns),
            retention_days=services.config().retention.days(),
        )
    )


async def openapi(call: Call) -> Response:
    """The API description."""
    return json_response(call.services.openapi())


ROUTES = (
    Route("GET", f"{BASE}/info", Permission.API_READ, info, "About this server", answer=ServerInfo, tag="server"),
    Route("GET", f"{BASE}/openapi.json", Permission.API_READ, openapi, "This description", tag="server"),
)
