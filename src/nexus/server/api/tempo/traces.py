"""Traces by id, as Tempo answers them: protobuf for those who take it, JSON for others."""

from __future__ import annotations

import asyncio

import msgspec
from starlette.responses import Response

from nexus import _native
from nexus.errors import NotFound
from nexus.model.time import TimeRange
from nexus.query.trace_plan import GetTrace, SearchSpans
from nexus.query.traces.lower import lower_scan
from nexus.query.traces.part import Part
from nexus.query.traces.printer import print_query
from nexus.server import protobuf as pb
from nexus.server.api.tempo.arguments import Arguments
from nexus.server.api.tracing.asking import Asker, hint, trace_id
from nexus.server.call import Call
from nexus.storage.trace_api import SpanRows

FILTERED = "Trace filtered: only the spans that match are here"
MAX_SPANS = 80_000
JSON = "application/json"
PROTOBUF = "application/protobuf"


def wants_protobuf(call: Call) -> bool:
    """Does the client take protobuf (and says so)?"""
    return PROTOBUF in call.headers.get("accept", "")


async def trace(call: Call, asker: Asker) -> Response:
    """A trace: `Trace`."""
    rows = await _rows(call, asker)
    if wants_protobuf(call):
        body = await asyncio.to_thread(_native.render_spans_otlp_protobuf, rows.data, rows.attributes)
        return Response(body, media_type=PROTOBUF)
    return Response(await _json(rows, "batches"), media_type=JSON)


async def trace_v2(call: Call, asker: Asker) -> Response:
    """A trace, or the part of it that `q` and its relatives are: `TraceByIDResponse`."""
    wanted = _part(Arguments(call.query, call.services.now_ns()))
    rows = await _rows(call, asker)
    whole = True
    if wanted is not None:
        size = len(rows.data)
        rows = await asker.spans(_spans_of(wanted, trace_id(call.parameters["id"])))
        whole = len(rows.data) == size
    if wants_protobuf(call):
        body = await asyncio.to_thread(_native.render_spans_otlp_protobuf, rows.data, rows.attributes)
        told = b"" if whole else pb.integer(3, 1) + pb.text(4, FILTERED)
        return Response(pb.message(1, body) + pb.message(2, b"") + told, media_type=PROTOBUF)
    shown = await _json(rows, "resourceSpans")
    partial = b"" if whole else b',"status":"PARTIAL","message":%s' % msgspec.json.encode(FILTERED)
    return Response(b'{"trace":%s,"metrics":{}%s}' % (shown, partial), media_type=JSON)


def _part(arguments: Arguments) -> Part | None:
    """The part of the trace that is asked for; None for all of it. Raises `InvalidRequest`."""
    query = arguments.text("q").strip()
    if not query:
        return None
    ancestors = arguments.steps("ancestor_depth", -1) if arguments.boolean("keep_hierarchy") else 0
    return Part(query, ancestors, arguments.steps("match_depth", 0))


def _spans_of(part: Part, id: bytes) -> SearchSpans:
    query = part.query(id)
    return SearchSpans(lower_scan(query, print_query(query), TimeRange()), MAX_SPANS)


async def _rows(call: Call, asker: Asker) -> SpanRows:
    times = Arguments(call.query, call.services.now_ns()).hint()
    rows = await asker.spans(GetTrace(trace_id(call.parameters["id"]), None, hint(*times)))
    if not rows.data:
        raise NotFound("trace not found")
    return rows


async def _json(rows: SpanRows, key: str) -> bytes:
    return await asyncio.to_thread(_native.render_spans_otlp_json, rows.data, rows.attributes, key=key, names=True)
