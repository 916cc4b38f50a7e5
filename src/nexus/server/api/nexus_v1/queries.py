"""The queries that are running: list and cancel."""

from __future__ import annotations

from starlette.responses import Response

from nexus.security.permissions import Permission
from nexus.server.api.nexus_v1 import schema
from nexus.server.call import Call
from nexus.server.errors import json_response
from nexus.server.routes import BASE, Parameter, Route


async def list_queries(call: Call) -> Response:
    """The tenant's running queries, the longest first."""
    elapsed = call.services.queries.elapsed(call.tenant)
    # What queries read tells of records that the caller may not see.
    running = call.services.running(call.tenant) if call.access.unrestricted else []
    progress = {query.query_id: query for query in running}
    infos = []
    for query_id, milliseconds in sorted(elapsed.items(), key=lambda item: -item[1]):
        engine = progress.get(query_id)
        infos.append(
            schema.QueryInfo(
                query_id,
                round(milliseconds, 1),
                engine.rows_read if engine else 0,
                engine.bytes_read if engine else 0,
                engine.memory_bytes if engine else 0,
            )
        )
    return json_response(schema.QueryList(infos))


async def cancel_query(call: Call) -> Response:
    """Cancel a running query of the tenant."""
    call.services.queries.cancel(call.tenant, call.parameters["id"])
    return json_response(schema.CancelAnswer(True))


ROUTES = (
    Route(
        "GET",
        f"{BASE}/queries",
        Permission.QUERIES_READ,
        list_queries,
        "List running queries",
        answer=schema.QueryList,
        tag="queries",
    ),
    Route(
        "DELETE",
        f"{BASE}/queries/{{id}}",
        Permission.QUERIES_CANCEL,
        cancel_query,
        "Cancel a running query",
        answer=schema.CancelAnswer,
        parameters=(Parameter("id", "Id of the query", "path", True),),
        tag="queries",
        audited="query.cancelled",
    ),
)
