"""API keys: making, listing, rotating and revoking them."""

from __future__ import annotations

from starlette.responses import Response

from nexus.model.time import format_time
from nexus.security.access import ANY_TENANT
from nexus.security.keys import NewKey
from nexus.security.permissions import Permission
from nexus.server.api.nexus_v1.schema import access as schema
from nexus.server.call import Call
from nexus.server.errors import json_response
from nexus.server.routes import BASE, Parameter, Route
from nexus.storage.metadata.api import ApiKey


async def list_keys(call: Call) -> Response:
    """The keys of the tenant; of all tenants for whom may list those of all."""
    keys = call.services.keys
    found = await keys.visible(call.principal, call.tenant)
    names = await keys.account_names() if any(key.account for key in found) else {}
    limits = await keys.limits()
    return json_response(schema.KeyList([_key(key, limits.get(key.id, {}), names.get(key.account, "")) for key in found]))


async def create_key(call: Call) -> Response:
    """Make a key; the secret is in this answer only."""
    wanted: schema.CreateKeyRequest = call.payload
    key, secret = await call.services.keys.create(
        call.principal,
        call.actor,
        NewKey(
            wanted.name, wanted.tenant, wanted.permissions, wanted.role, wanted.account, wanted.signals, wanted.expires_in,
            wanted.limits,
        ),
        call.tenant,
    )  # fmt: skip
    return json_response(schema.CreatedKey(await _described(call, key), secret))


async def rotate_key(call: Call) -> Response:
    """Give a key a new secret, which is in this answer only; the old one works for a while."""
    key, secret = await call.services.keys.rotate(
        call.principal, call.actor, call.tenant, call.parameters["id"], call.payload.overlap
    )
    return json_response(schema.CreatedKey(await _described(call, key), secret))


async def revoke_key(call: Call) -> Response:
    """Make a key useless at once."""
    await call.services.keys.revoke(call.principal, call.actor, call.tenant, call.parameters["id"])
    return json_response(schema.Removed(call.parameters["id"]))


async def _described(call: Call, key: ApiKey) -> schema.ApiKey:
    names = await call.services.keys.account_names() if key.account else {}
    return _key(key, (await call.services.keys.limits()).get(key.id, {}), names.get(key.account, ""))


def _key(key: ApiKey, limits: dict[str, float], account_name: str) -> schema.ApiKey:
    return schema.ApiKey(
        id=key.id,
        name=key.name,
        prefix=key.prefix,
        tenant=key.tenant or ANY_TENANT,
        permissions=list(key.permissions),
        created_at=format_time(key.created_at),
        last_used_at=_time(key.last_used),
        role=key.role,
        account=key.account,
        account_name=account_name,
        signals=list(key.signals),
        created_by=key.created_by,
        expires_at=_time(key.expires_at),
        previous_until=_time(key.previous_until),
        limits=limits,
    )


def _time(ns: int) -> str:
    return format_time(ns) if ns else ""


_ID = (Parameter("id", "Id of the key", "path", True),)

ROUTES = (
    Route(
        "GET",
        f"{BASE}/keys",
        Permission.KEYS_READ,
        list_keys,
        "List API keys",
        answer=schema.KeyList,
        tag="keys",
        audited="keys.listed",
    ),
    Route(
        "POST",
        f"{BASE}/keys",
        Permission.KEYS_WRITE,
        create_key,
        "Make an API key",
        request=schema.CreateKeyRequest,
        answer=schema.CreatedKey,
        tag="keys",
    ),
    Route(
        "POST",
        f"{BASE}/keys/{{id}}/rotate",
        Permission.KEYS_WRITE,
        rotate_key,
        "Give an API key a new secret",
        request=schema.RotateKeyRequest,
        answer=schema.CreatedKey,
        parameters=_ID,
        tag="keys",
    ),
    Route(
        "DELETE",
        f"{BASE}/keys/{{id}}",
        Permission.KEYS_WRITE,
        revoke_key,
        "Revoke an API key",
        answer=schema.Removed,
        parameters=_ID,
        tag="keys",
    ),
)
