"""How long records of a tenant are kept: rules of the search language with days, for new records and for stored ones."""

from __future__ import annotations

import asyncio

from starlette.responses import Response

from nexus.errors import QuerySyntaxError, StorageError
from nexus.query.retention import lower_rules
from nexus.security.permissions import Permission
from nexus.server.api.nexus_v1.schema import lifecycle as schema
from nexus.server.call import Call
from nexus.server.errors import json_response
from nexus.server.routes import BASE, Route
from nexus.storage.metadata.api import StoredRetention


async def get_retention(call: Call) -> Response:
    """The policy of the tenant, and whether stored records still follow it."""
    return json_response(await _answer(call))


async def put_retention(call: Call) -> Response:
    """Replace the policy. It holds for every record that comes from now on; stored ones follow in the background."""
    call.check_sees_all("how long records are kept")
    wanted: schema.RetentionRequest = call.payload
    check_rules(wanted)
    services = call.services
    stored = StoredRetention(call.tenant, tuple((rule.query, rule.days) for rule in wanted.rules), wanted.days)
    await services.tenants.ensure(call.tenant)
    before = await _own(call)
    await asyncio.to_thread(services.metadata.put_retention, stored)
    await services.audit.record(call.actor, call.tenant, "retention.changed", call.tenant, before=before, after=stored)
    try:
        await services.lifecycle.follow_retention()
    except StorageError as error:
        raise StorageError(f"the policy is noted but not in force yet: {error.message}", hint=error.hint) from error
    return json_response(await _answer(call))


def check_rules(wanted: schema.RetentionRequest) -> None:
    """Raises `QuerySyntaxError`, which names the rule, and `InvalidRequest`."""
    for number, rule in enumerate(wanted.rules, 1):
        try:
            lower_rules([(rule.query, rule.days)])
        except QuerySyntaxError as error:
            raise QuerySyntaxError(
                f"rule {number}: {error.message}", offset=error.offset, length=error.length, hint=error.hint
            ) from None


async def _own(call: Call) -> StoredRetention | None:
    every = await asyncio.to_thread(call.services.metadata.list_retention)
    return next((own for own in every if own.tenant == call.tenant), None)


async def _answer(call: Call) -> schema.RetentionAnswer:
    services = call.services
    own = await _own(call)
    progress = await services.lifecycle.retention_progress(call.tenant)
    return schema.RetentionAnswer(
        rules=[schema.RetentionRule(query, days) for query, days in own.rules] if own else [],
        days=own.days if own else None,
        default_days=services.config().retention.logs.days,
        applying=not progress.done,
        parts_left=progress.parts_left,
    )


ROUTES = (
    Route(
        "GET",
        f"{BASE}/retention",
        Permission.RETENTION_READ,
        get_retention,
        "How long records are kept",
        answer=schema.RetentionAnswer,
        tag="lifecycle",
    ),
    Route(
        "PUT",
        f"{BASE}/retention",
        Permission.RETENTION_WRITE,
        put_retention,
        "Change how long records are kept",
        request=schema.RetentionRequest,
        answer=schema.RetentionAnswer,
        tag="lifecycle",
    ),
)
