"""Jaeger's query services over gRPC: `jaeger.api_v2.QueryService` and `jaeger.api_v3.QueryService`.

Source: jaeger-idl proto/api_v2/query.proto and proto/api_v3/query_service.proto for the numbers of fields.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

from nexus import _native
from nexus.errors import InvalidRequest, NotFound
from nexus.model.time import MAX_TIME, TimeRange
from nexus.query.trace_plan import FindTraces, GetTrace
from nexus.server import protobuf as pb
from nexus.server.api.jaeger import names
from nexus.server.api.jaeger.arguments import DEFAULT_LIMIT, DEFAULT_RANGE, search
from nexus.server.api.jaeger.v3 import any_trace_id
from nexus.server.api.tracing.asking import MAX_TRACES, Asker, hint
from nexus.server.api.tracing.grpc import Method, single
from nexus.server.call import Call
from nexus.server.protobuf import Message
from nexus.storage.trace_api import SpanRows, TraceHit

_MS: Final = 1_000_000


def _search(query: Message, now: int, fields: dict[str, int], depth: int) -> FindTraces:
    start, end = query.nanoseconds(fields["start"]), query.nanoseconds(fields["end"])
    end = now if end is None or end <= 0 else end
    start = max(end - DEFAULT_RANGE, 0) if start is None or start < 0 else start
    if start > end:
        raise InvalidRequest("start time min lies after start time max")
    shortest, longest = (query.nanoseconds(fields[name]) or 0 for name in ("shortest", "longest"))
    return search(
        TimeRange(start, min(end + 1, MAX_TIME)),
        min(depth, MAX_TRACES) if depth > 0 else DEFAULT_LIMIT,
        service=query.text(1),
        operation=query.text(2),
        tags=query.texts(3),
        shortest=f"{shortest}ns" if shortest > 0 else "",
        longest=f"{longest}ns" if longest > 0 else "",
    )


_FIELDS: Final = {"start": 4, "end": 5, "shortest": 6, "longest": 7}


async def _rendered(render: Any, rows: SpanRows | None) -> list[bytes]:
    if rows is None or not rows.data:
        return []
    found: list[bytes] = await asyncio.to_thread(render, rows.data, rows.attributes)
    return found


# ------------------------------------------------------------------------------------------------------------------ api_v2


async def get_trace_v2(call: Call, asker: Asker, request: Message) -> list[bytes]:
    """`GetTrace`: chunks of spans."""
    plan = GetTrace(_id(request.bytes(1)), None, hint(request.nanoseconds(2), request.nanoseconds(3)))
    return _some(await _rendered(_native.render_spans_jaeger_protobuf, await asker.spans(plan)))


def _id(value: bytes) -> bytes:
    if not 0 < len(value) <= 16:
        raise InvalidRequest("a trace id has 16 bytes.")
    return value.rjust(16, b"\0")


def _some(chunks: list[bytes]) -> list[bytes]:
    if not chunks:
        raise NotFound("trace not found")
    return chunks


async def archive_trace_v2(call: Call, asker: Asker, request: Message) -> list[bytes]:
    """`ArchiveTrace`: it is kept for as long as the tenant's retention says."""
    if not (await asker.spans(GetTrace(_id(request.bytes(1))))).data:
        raise NotFound("trace not found")
    return [b""]


async def find_traces_v2(call: Call, asker: Asker, request: Message) -> list[bytes]:
    """`FindTraces`: chunks of spans."""
    query = Message(request.bytes(1))
    plan = _search(query, call.services.now_ns(), _FIELDS, pb.signed(query.integer(8)))
    rows = await asker.whole_traces(await asker.find(plan))
    return await _rendered(_native.render_spans_jaeger_protobuf, rows)


async def get_services(call: Call, asker: Asker, request: Message) -> list[bytes]:
    """`GetServices`, of both versions."""
    return [pb.texts(1, await names.services(asker))]


async def get_operations_v2(call: Call, asker: Asker, request: Message) -> list[bytes]:
    """`GetOperations`: names, and operations with their kinds."""
    found = await names.operations(asker, request.text(1), request.text(2))
    return [pb.texts(1, sorted({name for name, _ in found})) + _operations(2, found)]


def _operations(number: int, found: list[tuple[str, str]]) -> bytes:
    return b"".join(pb.message(number, pb.text(1, name) + pb.text(2, kind)) for name, kind in found)


async def get_dependencies_v2(call: Call, asker: Asker, request: Message) -> list[bytes]:
    """`GetDependencies`."""
    return [await _dependencies(asker, request)]


async def _dependencies(asker: Asker, request: Message) -> bytes:
    end = request.nanoseconds(2) or asker.call.services.now_ns()
    start = request.nanoseconds(1) or max(end - DEFAULT_RANGE, 0)
    if not 0 <= start < end <= MAX_TIME:
        raise InvalidRequest("end_time must be after start_time")
    found = await names.dependencies(asker, start // _MS, end // _MS)
    return b"".join(
        pb.message(1, pb.text(1, one.parent) + pb.text(2, one.child) + pb.integer(3, one.calls)) for one in found
    )


# ------------------------------------------------------------------------------------------------------------------ api_v3


async def get_trace_v3(call: Call, asker: Asker, request: Message) -> list[bytes]:
    """`GetTrace`: `TracesData` messages."""
    plan = GetTrace(any_trace_id(request.text(1)), None, hint(request.nanoseconds(2), request.nanoseconds(3)))
    return _some(await _rendered(_native.render_traces_otlp_protobuf, await asker.spans(plan)))


def _plan_v3(call: Call, request: Message) -> FindTraces:
    query = Message(request.bytes(1))
    if query.nanoseconds(4) is None or query.nanoseconds(5) is None:
        raise InvalidRequest("start time min and max are required parameters")
    return _search(query, call.services.now_ns(), _FIELDS, pb.signed(query.integer(8)))


async def find_traces_v3(call: Call, asker: Asker, request: Message) -> list[bytes]:
    """`FindTraces`: `TracesData` messages, each of one trace."""
    rows = await asker.whole_traces(await asker.find(_plan_v3(call, request)))
    return await _rendered(_native.render_traces_otlp_protobuf, rows)


async def find_trace_summaries_v3(call: Call, asker: Asker, request: Message) -> list[bytes]:
    """`FindTraceSummaries`."""
    found = await asker.find(_plan_v3(call, request))
    return [b"".join(pb.message(1, _summary(hit)) for hit in found.hits)]


def _summary(hit: TraceHit) -> bytes:
    services = (
        pb.message(9, pb.text(1, name) + pb.integer(2, spans) + pb.integer(3, errors))
        for name, (spans, errors) in sorted(hit.services.items())
    )
    return b"".join(
        (
            pb.text(1, hit.trace_id),
            pb.text(2, hit.root_service),
            pb.text(3, hit.root_name),
            pb.fixed64(4, hit.start),
            pb.fixed64(5, hit.start + hit.duration),
            pb.integer(6, hit.spans),
            pb.integer(7, hit.errors),
            *services,
        )
    )


async def get_operations_v3(call: Call, asker: Asker, request: Message) -> list[bytes]:
    """`GetOperations`."""
    return [_operations(1, await names.operations(asker, request.text(1), request.text(2)))]


async def get_dependencies_v3(call: Call, asker: Asker, request: Message) -> list[bytes]:
    """`GetDependencies`."""
    return [await _dependencies(asker, request)]


METHODS: Final[dict[str, Method]] = {
    "/jaeger.api_v2.QueryService/GetTrace": single(get_trace_v2),
    "/jaeger.api_v2.QueryService/ArchiveTrace": single(archive_trace_v2),
    "/jaeger.api_v2.QueryService/FindTraces": single(find_traces_v2),
    "/jaeger.api_v2.QueryService/GetServices": single(get_services),
    "/jaeger.api_v2.QueryService/GetOperations": single(get_operations_v2),
    "/jaeger.api_v2.QueryService/GetDependencies": single(get_dependencies_v2),
    "/jaeger.api_v3.QueryService/GetTrace": single(get_trace_v3),
    "/jaeger.api_v3.QueryService/FindTraces": single(find_traces_v3),
    "/jaeger.api_v3.QueryService/FindTraceSummaries": single(find_trace_summaries_v3),
    "/jaeger.api_v3.QueryService/GetServices": single(get_services),
    "/jaeger.api_v3.QueryService/GetOperations": single(get_operations_v3),
    "/jaeger.api_v3.QueryService/GetDependencies": single(get_dependencies_v3),
}
