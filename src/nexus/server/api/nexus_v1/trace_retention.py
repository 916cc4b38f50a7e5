"""How long spans of a tenant's traces are kept: rules of the search language with days, for new and for stored ones."""

from __future__ import annotations

import asyncio

from starlette.responses import Response

from nexus.errors import StorageError
from nexus.query.trace_retention import StoredTraceRetention, dump_policy, load_policy
from nexus.security.permissions import Permission
from nexus.server.api.nexus_v1.retention import check_rules
from nexus.server.api.nexus_v1.schema import lifecycle as schema
from nexus.server.call import Call
from nexus.server.errors import json_response
from nexus.server.routes import BASE, Route
from nexus.storage.metadata.api import TRACE_RETENTION


async def get_trace_retention(call: Call) -> Response:
    """The policy of the tenant, and whether stored spans still follow it."""
    return json_response(await _answer(call))


async def put_trace_retention(call: Call) -> Response:
    """Replace the policy. It holds for every span that comes from now on; stored ones follow in the background. A rule that
    asks for what spans do not have (words of a message, a severity) is for no span."""
    call.check_sees_all("how long traces are kept")
    call.services.trace_lifecycle.check_here(call.tenant, "How long spans are kept")
    wanted: schema.RetentionRequest = call.payload
    check_rules(wanted)
    services = call.services
    stored = StoredTraceRetention(tuple((rule.query, rule.days) for rule in wanted.rules), wanted.days)
    await services.tenants.ensure(call.tenant)
    before = await asyncio.to_thread(services.metadata.get_setting, TRACE_RETENTION + call.tenant)
    after = dump_policy(stored)
    await asyncio.to_thread(services.metadata.put_setting, TRACE_RETENTION + call.tenant, after)
    await services.audit.record(
        call.actor, call.tenant, "trace_retention.changed", call.tenant, before=before or "", after=after
    )
    try:
        await services.trace_lifecycle.follow_retention()
    except StorageError as error:
        raise StorageError(f"the policy is noted but not in force yet: {error.message}", hint=error.hint) from error
    return json_response(await _answer(call))


async def _answer(call: Call) -> schema.RetentionAnswer:
    services = call.services
    stored = load_policy(await asyncio.to_thread(services.metadata.get_setting, TRACE_RETENTION + call.tenant))
    progress = await services.trace_lifecycle.retention_progress(call.tenant)
    return schema.RetentionAnswer(
        rules=[schema.RetentionRule(query, days) for query, days in stored.rules],
        days=stored.days,
        default_days=services.config().retention.traces.days,
        applying=not progress.done,
        parts_left=progress.parts_left,
    )


ROUTES = (
    Route(
        "GET",
        f"{BASE}/retention/traces",
        Permission.RETENTION_READ,
        get_trace_retention,
        "How long traces are kept",
        answer=schema.RetentionAnswer,
        tag="lifecycle",
    ),
    Route(
        "PUT",
        f"{BASE}/retention/traces",
        Permission.RETENTION_WRITE,
        put_trace_retention,
        "Change how long traces are kept",
        request=schema.RetentionRequest,
        answer=schema.RetentionAnswer,
        tag="lifecycle",
    ),
)
