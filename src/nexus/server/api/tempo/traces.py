"""Traces by id, as Tempo answers them: protobuf for those who take it, JSON for others."""

from __future__ import annotations

import asyncio

from starlette.responses import Response

from nexus import _native
from nexus.errors import NotFound
from nexus.query.trace_plan import GetTrace
from nexus.server import protobuf as pb
from nexus.server.api.tempo.arguments import Arguments
from nexus.server.api.tracing.asking import Asker, hint, trace_id
from nexus.server.call import Call
from nexus.storage.trace_api import SpanRows

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
    """A trace: `TraceByIDResponse`."""
    rows = await _rows(call, asker)
    if wants_protobuf(call):
        body = await asyncio.to_thread(_native.render_spans_otlp_protobuf, rows.data, rows.attributes)
        return Response(pb.message(1, body) + pb.message(2, b""), media_type=PROTOBUF)
    return Response(b'{"trace":%s,"metrics":{}}' % await _json(rows, "resourceSpans"), media_type=JSON)


async def _rows(call: Call, asker: Asker) -> SpanRows:
    times = Arguments(call.query, call.services.now_ns()).hint()
    rows = await asker.spans(GetTrace(trace_id(call.parameters["id"]), None, hint(*times)))
    if not rows.data:
        raise NotFound("trace not found")
    return rows


async def _json(rows: SpanRows, key: str) -> bytes:
    return await asyncio.to_thread(_native.render_spans_otlp_json, rows.data, rows.attributes, key=key, names=True)
