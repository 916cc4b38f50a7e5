"""Deleting the records or spans that match a query, for good, and looking at how far that is."""

from __future__ import annotations

import asyncio
from typing import Final, Literal

from starlette.responses import Response

from nexus.errors import InvalidRequest, NotFound, PermissionDenied
from nexus.model.time import format_time, parse_time
from nexus.query.plan import Count
from nexus.query.span_policy import check_erasable
from nexus.query.trace_plan import SpanCount
from nexus.security import secrets
from nexus.security.access import Access
from nexus.security.permissions import Permission
from nexus.server.api.nexus_v1.asking import ask, close_plan
from nexus.server.api.nexus_v1.audit import limit_of
from nexus.server.api.nexus_v1.schema import lifecycle as schema
from nexus.server.call import Call
from nexus.server.deletions import scan, span_scan
from nexus.server.errors import json_response
from nexus.server.queries import checked_id
from nexus.server.routes import BASE, Parameter, Route
from nexus.storage.metadata.api import StoredDeletion

Signal = Literal["logs", "traces"]
LISTED: Final = 100
MOST: Final = 1_000


async def delete(call: Call) -> Response:
    """Count the records that match, and begin to delete them unless that is all."""
    return await _delete(call, "logs")


async def delete_spans(call: Call) -> Response:
    """Count the spans that match, and begin to delete them unless that is all."""
    return await _delete(call, "traces")


async def _delete(call: Call, signal: Signal) -> Response:
    wanted: schema.DeletionRequest = call.payload
    now = call.services.now_ns()
    start = None if wanted.from_ is None else parse_time(wanted.from_, now_ns=now)
    end = None if wanted.to is None else parse_time(wanted.to, now_ns=now)
    if start is not None and end is not None and start > end:
        raise InvalidRequest("`from` lies after `to`.")
    query_id = checked_id("")
    call.access = _erasing(call, signal)
    if call.access.masked:
        raise PermissionDenied(
            "records are not deleted by somebody who does not see all of their fields.",
            hint="What is gone would tell what the fields held. Ask somebody whose roles mask none.",
        )
    services = call.services
    if signal == "traces":
        services.trace_lifecycle.check_here(call.tenant, "Deleting spans")
        spans = span_scan(wanted.query, start, end)
        check_erasable(spans)
        counted = services.trace_lifecycle.count(close_plan(call, SpanCount(spans), query_id))
    else:
        counted = services.store.table(close_plan(call, Count(scan(wanted.query, start, end, now)), query_id))
    table = await ask(call, query_id, counted)
    deletion = StoredDeletion(
        id=secrets.new_id(),
        tenant=call.tenant,
        query=wanted.query,
        start=start,
        end=end,
        reason=wanted.reason,
        requested_by=call.principal.name,
        state="counted" if wanted.dry_run else "running",
        records=int(table.rows[0][0]) if table.rows else 0,
        parts_total=0,
        parts_left=0,
        created_at=now,
        finished_at=now if wanted.dry_run else 0,
        policy=call.access.policy_text,
        signal=signal,
    )
    if not wanted.dry_run:
        deletion = await call.services.deletions.add(deletion, call.actor)
    return json_response(_deletion(deletion))


async def list_deletions(call: Call) -> Response:
    """The deletions of the tenant, newest first; to whom does not see every record whole, those of
    others who see the same."""
    return await _list(call, "logs")


async def list_span_deletions(call: Call) -> Response:
    """The same of spans."""
    return await _list(call, "traces")


async def _list(call: Call, signal: Signal) -> Response:
    limit = limit_of(call, LISTED, MOST)
    found = await asyncio.to_thread(call.services.metadata.list_deletions, call.tenant, MOST)
    shown = [_deletion(deletion) for deletion in found if deletion.signal == signal and _may_see(call, deletion)]
    return json_response(schema.DeletionList(shown[:limit]))


async def get_deletion(call: Call) -> Response:
    """How far a deletion is."""
    return await _get(call, "logs")


async def get_span_deletion(call: Call) -> Response:
    """How far a deletion of spans is."""
    return await _get(call, "traces")


async def _get(call: Call, signal: Signal) -> Response:
    deletion = await asyncio.to_thread(call.services.metadata.get_deletion, call.parameters["id"])
    theirs = deletion is not None and deletion.tenant == call.tenant and deletion.signal == signal
    if deletion is None or not theirs or not _may_see(call, deletion):
        raise NotFound("there is no such deletion.")
    return json_response(_deletion(deletion))


def _may_see(call: Call, deletion: StoredDeletion) -> bool:
    """Queries and counts tell of records that the caller may not see, unless the asker saw no others either. Names are no
    proof: a key is called as its maker likes."""
    access = _erasing(call, deletion.signal)
    return access.unrestricted or (not access.masked and deletion.policy == access.policy_text)


def _erasing(call: Call, signal: str) -> Access:
    """What the caller may do and see when it comes to deleting."""
    return call.access.erasing_spans if signal == "traces" else call.access.erasing


def _deletion(deletion: StoredDeletion) -> schema.Deletion:
    return schema.Deletion(
        id=deletion.id,
        query=deletion.query,
        from_="" if deletion.start is None else str(deletion.start),
        to="" if deletion.end is None else str(deletion.end),
        reason=deletion.reason,
        requested_by=deletion.requested_by,
        state=deletion.state,  # type: ignore[arg-type]
        records=deletion.records,
        parts_total=deletion.parts_total,
        parts_left=deletion.parts_left,
        created_at=format_time(deletion.created_at),
        finished_at=format_time(deletion.finished_at) if deletion.finished_at else "",
        error=deletion.error,
    )


_DELETE = Permission.LOGS_DELETE
_DELETE_SPANS = Permission.TRACES_DELETE

ROUTES = (
    Route(
        "POST",
        f"{BASE}/logs/deletions",
        _DELETE,
        delete,
        "Delete records for good",
        request=schema.DeletionRequest,
        answer=schema.Deletion,
        tag="lifecycle",
        audited="records.counted",
        audited_fields=("query", "from_", "to", "reason", "dry_run"),
    ),
    Route(
        "GET",
        f"{BASE}/logs/deletions",
        _DELETE,
        list_deletions,
        "List deletions",
        answer=schema.DeletionList,
        parameters=(Parameter("limit", f"How many of the newest, {LISTED} by default, {MOST:,} at most"),),
        tag="lifecycle",
    ),
    Route(
        "GET",
        f"{BASE}/logs/deletions/{{id}}",
        _DELETE,
        get_deletion,
        "How far a deletion is",
        answer=schema.Deletion,
        parameters=(Parameter("id", "Id of the deletion", "path", True),),
        tag="lifecycle",
    ),
    Route(
        "POST",
        f"{BASE}/traces/deletions",
        _DELETE_SPANS,
        delete_spans,
        "Delete spans for good",
        request=schema.SpanDeletionRequest,
        answer=schema.Deletion,
        tag="lifecycle",
        audited="spans.counted",
        audited_fields=("query", "from_", "to", "reason", "dry_run"),
    ),
    Route(
        "GET",
        f"{BASE}/traces/deletions",
        _DELETE_SPANS,
        list_span_deletions,
        "List deletions of spans",
        answer=schema.DeletionList,
        parameters=(Parameter("limit", f"How many of the newest, {LISTED} by default, {MOST:,} at most"),),
        tag="lifecycle",
    ),
    Route(
        "GET",
        f"{BASE}/traces/deletions/{{id}}",
        _DELETE_SPANS,
        get_span_deletion,
        "How far a deletion of spans is",
        answer=schema.Deletion,
        parameters=(Parameter("id", "Id of the deletion", "path", True),),
        tag="lifecycle",
    ),
)
