"""Version 3 of Jaeger's API: OTLP under `result`, names of arguments in camel case and in snake case, errors as gRPC's
gateway writes them. Jaeger's UI from 2.15 on asks here."""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Awaitable, Callable
from typing import Any, Final

import msgspec
from starlette.responses import Response

from nexus import _native
from nexus.errors import InvalidRequest, NexusError, NotFound
from nexus.model.time import MAX_TIME, TimeRange, parse_time
from nexus.pipeline.http import retry_headers
from nexus.query.trace_plan import FindTraces, GetTrace
from nexus.security.permissions import Permission
from nexus.server.api.jaeger import names
from nexus.server.api.jaeger.answers import JSON
from nexus.server.api.jaeger.arguments import DEFAULT_LIMIT, Arguments, integer, json_tags, search
from nexus.server.api.tracing.asking import MAX_TRACES, Asker, door, hint, trace_id
from nexus.server.call import Call
from nexus.server.routes import Parameter, Route
from nexus.storage.trace_api import SpanRows, TraceHit

NOTHING: Final = "No traces found"


def refuse(error: NexusError) -> Response:
    """An error as the API has it."""
    headers = retry_headers(error)
    if error.http_status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    status = 400 if error.http_status == 422 else error.http_status
    body = {"error": {"httpCode": status, "message": str(error)}}
    return Response(msgspec.json.encode(body), status, headers, media_type=JSON)


def _json(value: Any) -> Response:
    return Response(msgspec.json.encode(value), media_type=JSON)


def any_trace_id(text: str) -> bytes:
    """A trace id in hexadecimal digits or base64, with or without padding, standard or for addresses."""
    try:
        return trace_id(text)
    except InvalidRequest:
        if len(text) > 24:
            raise
        standard = text.replace("-", "+").replace("_", "/").rstrip("=")
        try:
            found = base64.b64decode(standard + "=" * (-len(standard) % 4), validate=True)
        except (binascii.Error, ValueError):
            found = b""
        if len(found) != 16:
            raise
        return found


def _time(arguments: Arguments, camel: str, snake: str) -> int | None:
    text = arguments.text(camel, snake)
    if not text:
        return None
    try:
        if text.lstrip("-").isdecimal():
            raise InvalidRequest("")
        return parse_time(text, now_ns=arguments.now_ns)
    except InvalidRequest:
        named = camel if arguments.text(camel) else snake
        reason = f'parsing time "{text[:40]}" as RFC 3339: cannot parse it'
        raise InvalidRequest(f"malformed parameter {named}: {reason}") from None


def find_plan(arguments: Arguments) -> FindTraces:
    """The search of a request. Raises `InvalidRequest`."""
    start = _time(arguments, "query.startTimeMin", "query.start_time_min")
    end = _time(arguments, "query.startTimeMax", "query.start_time_max")
    if start is None or end is None:
        raise InvalidRequest("query.startTimeMin and query.startTimeMax are required")
    if start >= end:
        raise InvalidRequest("query.startTimeMin must be before query.startTimeMax")
    if arguments.text("query.filter"):
        raise InvalidRequest(
            "query.filter is not understood.", hint="Use query.attributes, or TraceQL at /api/nexus/v1/traces/search."
        )
    attributes = arguments.text("query.attributes")
    depth = arguments.text("query.searchDepth", "query.search_depth", "query.num_traces")
    return search(
        TimeRange(start, min(end + 1, MAX_TIME)),
        min(integer(depth, "query.searchDepth", DEFAULT_LIMIT), MAX_TRACES),
        service=arguments.text("query.serviceName", "query.service_name"),
        operation=arguments.text("query.operationName", "query.operation_name"),
        tags=json_tags(attributes, "query.attributes") if attributes else {},
        shortest=arguments.text("query.durationMin", "query.duration_min"),
        longest=arguments.text("query.durationMax", "query.duration_max"),
    )


# ------------------------------------------------------------------------------------------------------------------- doors


async def services(call: Call, asker: Asker) -> Response:
    """Names of services."""
    return _json({"services": await names.services(asker)})


async def operations(call: Call, asker: Asker) -> Response:
    """Operations of a service."""
    arguments = Arguments(call.query, call.services.now_ns())
    found = await names.operations(asker, arguments.text("service"), arguments.text("spanKind", "span_kind"))
    return _json({"operations": [{"name": name, "spanKind": kind or "internal"} for name, kind in found]})


async def traces(call: Call, asker: Asker) -> Response:
    """Whole traces with spans that match."""
    arguments = Arguments(call.query, call.services.now_ns())
    return await _found(await asker.whole_traces(await asker.find(find_plan(arguments))))


async def trace(call: Call, asker: Asker) -> Response:
    """One trace."""
    arguments = Arguments(call.query, call.services.now_ns())
    start, end = _time(arguments, "startTime", "start_time"), _time(arguments, "endTime", "end_time")
    try:
        id = any_trace_id(call.parameters["id"])
    except InvalidRequest as error:
        raise InvalidRequest(f"malformed parameter trace_id: {error.message}") from error
    return await _found(await asker.spans(GetTrace(id, None, hint(start, end))))


async def _found(rows: SpanRows | None) -> Response:
    if rows is None or not rows.data:
        raise NotFound(NOTHING)
    rendered = await asyncio.to_thread(_native.render_spans_otlp_json, rows.data, rows.attributes)
    return Response(b'{"result":%s}' % rendered, media_type=JSON)


async def summaries(call: Call, asker: Asker) -> Response:
    """What there is to say of traces with spans that match."""
    arguments = Arguments(call.query, call.services.now_ns())
    found = await asker.find(find_plan(arguments))
    return _json({"summaries": list(map(_summary, found.hits))})


def _summary(hit: TraceHit) -> dict[str, Any]:
    found: dict[str, Any] = {
        "traceId": hit.trace_id,
        "rootServiceName": hit.root_service,
        "rootOperationName": hit.root_name,
        "minStartTimeUnixNano": str(hit.start),
        "maxEndTimeUnixNano": str(hit.start + hit.duration),
        **_counts(hit.spans, hit.errors),
        "services": [{"name": name, **_counts(*counts)} for name, counts in sorted(hit.services.items())],
    }
    return found


def _counts(spans: int, errors: int) -> dict[str, int]:
    """No errors are not told."""
    return {"spanCount": spans, "errorSpanCount": errors} if errors else {"spanCount": spans}


_QUERY: Final = (
    Parameter("query.serviceName", "Name of the service"),
    Parameter("query.operationName", "Name of the operation"),
    Parameter("query.attributes", "Attributes as a JSON object"),
    Parameter("query.startTimeMin", "Start, RFC 3339", required=True),
    Parameter("query.startTimeMax", "End, RFC 3339", required=True),
    Parameter("query.durationMin", "Least duration of a span"),
    Parameter("query.durationMax", "Largest duration of a span"),
    Parameter("query.searchDepth", "Most traces"),
    Parameter("query.rawTraces", "Nothing here: traces are never changed"),
)


def routes(base: str) -> list[Route]:
    """The doors under a base."""

    def route(path: str, work: Callable[[Call, Asker], Awaitable[Response]], summary: str, *parameters: Parameter) -> Route:
        return Route(
            "GET", f"{base}/api/v3/{path}", Permission.TRACES_READ, door(work), summary, parameters=parameters,
            tag="jaeger", refuse=refuse, described=not base,
        )  # fmt: skip

    return [
        route("services", services, "Names of services"),
        route("operations", operations, "Operations of a service", Parameter("service", "Name of the service"),
              Parameter("spanKind", "server, client, ...")),
        route("traces", traces, "Find traces", *_QUERY),
        route("traces/{id}", trace, "One trace", Parameter("id", "Trace id in hexadecimal digits or base64", "path", True),
              Parameter("startTime", "When it was, RFC 3339"), Parameter("endTime", "When it was, RFC 3339")),
        route("trace-summaries", summaries, "What there is to say of traces", *_QUERY),
    ]  # fmt: skip
