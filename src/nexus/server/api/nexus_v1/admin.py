"""API keys, tenants, and facts about this server."""

from __future__ import annotations

from starlette.responses import Response

from nexus.model.time import format_time
from nexus.security.access import ANY_TENANT
from nexus.security.permissions import Permission
from nexus.server.api.nexus_v1.schema import (
    ApiKey,
    CreatedKey,
    CreateKeyRequest,
    KeyList,
    RevokedKey,
    ServerInfo,
    TenantInfo,
    TenantList,
)
from nexus.server.call import Call
from nexus.server.errors import json_response
from nexus.server.routes import BASE, Parameter, Route
from nexus.storage.metadata.api import ApiKey as StoredKey


async def list_keys(call: Call) -> Response:
    """The keys of the tenant; of all tenants for whom may choose one."""
    return json_response(KeyList([_key(key) for key in call.services.accounts.list_keys(call.principal, call.tenant)]))


async def create_key(call: Call) -> Response:
    """Make a key; the secret is in this answer only."""
    wanted = call.payload
    key, secret = await call.services.accounts.create_key(
        call.principal, call.actor, wanted.name, wanted.tenant, wanted.permissions, call.tenant
    )
    return json_response(CreatedKey(_key(key), secret))


async def revoke_key(call: Call) -> Response:
    """Make a key useless at once."""
    await call.services.accounts.revoke_key(call.principal, call.actor, call.tenant, call.parameters["id"])
    call.services.authorities.forget()
    return json_response(RevokedKey(call.parameters["id"]))


async def list_tenants(call: Call) -> Response:
    """The tenants that the caller may read."""
    return json_response(TenantList([TenantInfo(name) for name in call.services.accounts.list_tenants(call.principal)]))


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


def _key(key: StoredKey) -> ApiKey:
    return ApiKey(
        id=key.id,
        name=key.name,
        prefix=key.prefix,
        tenant=key.tenant or ANY_TENANT,
        permissions=list(key.permissions),
        created_at=format_time(key.created_at),
        last_used_at=format_time(key.last_used) if key.last_used else "",
    )


_ID = (Parameter("id", "Id of the key", "path", True),)

ROUTES = (
    Route("GET", f"{BASE}/keys", Permission.KEYS_READ, list_keys, "List API keys", answer=KeyList, tag="keys"),
    Route(
        "POST",
        f"{BASE}/keys",
        Permission.KEYS_WRITE,
        create_key,
        "Make an API key",
        request=CreateKeyRequest,
        answer=CreatedKey,
        tag="keys",
    ),
    Route(
        "DELETE",
        f"{BASE}/keys/{{id}}",
        Permission.KEYS_WRITE,
        revoke_key,
        "Revoke an API key",
        answer=RevokedKey,
        parameters=_ID,
        tag="keys",
    ),
    Route("GET", f"{BASE}/tenants", Permission.TENANTS_READ, list_tenants, "List tenants", answer=TenantList, tag="tenants"),
    Route("GET", f"{BASE}/info", Permission.API_READ, info, "About this server", answer=ServerInfo, tag="server"),
    Route("GET", f"{BASE}/openapi.json", Permission.API_READ, openapi, "This description", tag="server"),
)
