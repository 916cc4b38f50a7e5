"""Read-only SQL over the tenant's views `logs` and `spans`."""

from __future__ import annotations

import asyncio

import msgspec
from starlette.responses import Response

from nexus.errors import PermissionDenied
from nexus.query.plan import SqlStatement
from nexus.security.permissions import Permission
from nexus.server.api.nexus_v1 import schema
from nexus.server.api.nexus_v1.answers import statistics_of
from nexus.server.api.nexus_v1.asking import ask, close_plan
from nexus.server.call import Call
from nexus.server.errors import json_response
from nexus.server.queries import checked_id
from nexus.server.routes import BASE, Route


def statement(text: str, limit: int) -> SqlStatement:
    """Parse and check a statement. The SQL parser takes a while to load, so it comes with the first use.

    Raises `QuerySyntaxError`, `InvalidRequest`.
    """
    from nexus.query.sql import parse_sql

    return parse_sql(text, limit=limit)


async def sql(call: Call) -> Response:
    """Columns, rows and what it cost."""
    wanted: schema.SqlRequest = call.payload
    query_id = checked_id(wanted.query_id)
    limit = min(wanted.limit, call.services.config().query.result_rows)
    plan = await asyncio.to_thread(statement, wanted.query, limit)
    if "spans" in plan.tables and not call.may(Permission.TRACES_READ):
        raise PermissionDenied(
            "the table spans needs the permission traces:read.", hint="An administrator can give you a role that has it."
        )
    table = await ask(call, query_id, call.services.store.sql(close_plan(call, plan, query_id)))
    columns = [schema.SqlColumn(name, kind) for name, kind in table.columns]
    return json_response(
        b'{"columns":%s,"rows":%s,"statistics":%s}'
        % (
            msgspec.json.encode(columns),
            table.rows,
            msgspec.json.encode(statistics_of(table.statistics, query_id)),
        )
    )


ROUTES = (
    Route(
        "POST",
        f"{BASE}/sql",
        Permission.SQL_READ,
        sql,
        "Run a read-only SQL statement over logs and spans",
        request=schema.SqlRequest,
        answer=schema.SqlAnswer,
        tag="sql",
        audited="sql.queried",
        audited_fields=("query",),
    ),
)
