"""Tenants: making, describing and listing them, and removing one for good."""

from __future__ import annotations

import asyncio
from collections import Counter

from starlette.responses import Response

from nexus.errors import InvalidRequest, NotFound
from nexus.model.time import format_time
from nexus.security.permissions import Permission
from nexus.server.api.nexus_v1.schema import access as schema
from nexus.server.call import Call
from nexus.server.errors import json_response
from nexus.server.removals import RemovalProgress
from nexus.server.routes import BASE, Parameter, Route
from nexus.storage.metadata.api import StoredRetention, Tenant

MAX_DAYS = 36_500


async def list_tenants(call: Call) -> Response:
    """The tenants that the caller reaches and may read of."""
    found = await call.services.tenants.visible(call.principal)
    return json_response(schema.TenantList(await _described(call, found)))


async def create_tenant(call: Call) -> Response:
    """Make a tenant."""
    wanted: schema.CreateTenantRequest = call.payload
    if wanted.retention_days is not None and not 0 <= wanted.retention_days <= MAX_DAYS:
        raise InvalidRequest(f"records are kept for 0 (for ever) to {MAX_DAYS:,} days.")
    services = call.services
    tenant = await services.tenants.create(call.actor, wanted.name, wanted.description)
    if wanted.retention_days is not None:
        stored = StoredRetention(tenant.name, (), wanted.retention_days)
        await asyncio.to_thread(services.metadata.put_retention, stored)
        await services.audit.record(call.actor, tenant.name, "retention.changed", tenant.name, after=stored)
        await services.lifecycle.follow_retention()
    return json_response((await _described(call, [tenant]))[0])


async def change_tenant(call: Call) -> Response:
    """Describe a tenant."""
    name = call.parameters["name"]
    if call.payload.description is None:
        raise InvalidRequest("there is nothing to change.", hint="Send a description.")
    tenant = await call.services.tenants.change(call.actor, name, call.payload.description)
    return json_response((await _described(call, [tenant]))[0])


async def delete_tenant(call: Call) -> Response:
    """Begin to remove a tenant: nothing enters it and nothing of it is seen from now on."""
    name, services = call.parameters["name"], call.services
    if call.payload.confirm != name:
        raise InvalidRequest(
            "the confirmation is not the name of the tenant.",
            hint=f'Send {{"confirm": "{name[:64]}"}} to delete it for good.',
        )
    removal = await services.tenants.begin_removal(call.actor, name)
    services.queries.cancel_of(name)
    # Whoever holds a conversation with it is looked at again.
    services.keys.forget()
    services.authorities.forget()
    services.removals.begin()
    return json_response(_deletion(RemovalProgress(removal)))


async def get_deletion(call: Call) -> Response:
    """How far the removal of a tenant is, or what it proved."""
    progress = await call.services.removals.progress(call.parameters["name"])
    if progress is None:
        raise NotFound(f"no tenant {call.parameters['name'][:80]!r} was deleted.")
    return json_response(_deletion(progress))


async def _described(call: Call, tenants: list[Tenant]) -> list[schema.TenantInfo]:
    services = call.services
    keys, days = await asyncio.to_thread(_facts, call)
    found = []
    for tenant in tenants:
        sent, _ = services.topology.statistics.of(tenant.name)
        # How much came in tells of records that the caller may not see.
        whole = call.principal.authority.access(tenant.name).unrestricted
        found.append(
            schema.TenantInfo(
                name=tenant.name,
                description=tenant.description,
                created_at=format_time(tenant.created_at) if tenant.created_at else "",
                state="active" if not tenant.deleted_at and services.tenants.active(tenant.name) else "deleting",
                retention_days=days.get(tenant.name),
                keys=keys[tenant.name],
                records=sent.records if whole else 0,
                bytes=sent.bytes if whole else 0,
            )
        )
    return found


def _facts(call: Call) -> tuple[Counter[str], dict[str, int | None]]:
    metadata = call.services.metadata
    keys = Counter(key.tenant for key in metadata.list_keys())
    return keys, {own.tenant: own.days for own in metadata.list_retention()}


def _deletion(progress: RemovalProgress) -> schema.TenantDeletion:
    removal = progress.removal
    return schema.TenantDeletion(
        name=removal.tenant,
        state=removal.state,  # type: ignore[arg-type]
        records=removal.records,
        left=progress.left,
        parts_left=progress.parts_left,
        requested_by=removal.requested_by,
        started_at=format_time(removal.created_at),
        finished_at=format_time(removal.finished_at) if removal.finished_at else "",
        proof=list(removal.proof),
        error=progress.error,
    )


_NAME = (Parameter("name", "Name of the tenant", "path", True),)

ROUTES = (
    Route(
        "GET",
        f"{BASE}/tenants",
        Permission.TENANTS_READ,
        list_tenants,
        "List tenants",
        answer=schema.TenantList,
        tag="tenants",
    ),
    Route(
        "POST",
        f"{BASE}/tenants",
        Permission.TENANTS_WRITE,
        create_tenant,
        "Make a tenant",
        request=schema.CreateTenantRequest,
        answer=schema.TenantInfo,
        tag="tenants",
    ),
    Route(
        "PATCH",
        f"{BASE}/tenants/{{name}}",
        Permission.TENANTS_WRITE,
        change_tenant,
        "Describe a tenant",
        request=schema.TenantChange,
        answer=schema.TenantInfo,
        parameters=_NAME,
        tag="tenants",
    ),
    Route(
        "POST",
        f"{BASE}/tenants/{{name}}/delete",
        Permission.TENANTS_WRITE,
        delete_tenant,
        "Remove a tenant for good",
        request=schema.DeleteTenantRequest,
        answer=schema.TenantDeletion,
        parameters=_NAME,
        tag="tenants",
    ),
    Route(
        "GET",
        f"{BASE}/tenants/{{name}}/deletion",
        Permission.TENANTS_WRITE,
        get_deletion,
        "How far the removal of a tenant is",
        answer=schema.TenantDeletion,
        parameters=_NAME,
        tag="tenants",
    ),
)
