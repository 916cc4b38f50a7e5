"""The doors of Zipkin's read API, at the root and under `/zipkin`: what its UI and libraries ask.

Source: https://zipkin.io/zipkin-api/
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, Final

import msgspec
from starlette.responses import Response

from nexus import _native
from nexus.errors import InvalidRequest, NexusError, NotFound
from nexus.model.time import NS_PER_DAY, TimeRange
from nexus.pipeline.http import retry_headers
from nexus.query.trace_plan import Binary, Constant, FindTraces, GetTrace, GetTraces, Place, SpanField, SpanScan, TagValues
from nexus.query.traces.forms import zipkin_search
from nexus.query.traces.lower import lower_search
from nexus.query.traces.printer import print_query
from nexus.security.permissions import Permission
from nexus.server.api.jaeger import names
from nexus.server.api.tracing.asking import MAX_TRACES, Asker, door, trace_id
from nexus.server.call import Call
from nexus.server.routes import Parameter, Route
from nexus.storage.trace_api import SpanRows

JSON: Final = "application/json"
DEFAULT_LIMIT: Final = 10
DEFAULT_LOOKBACK_MS: Final = 86_400_000
MS: Final = 1_000_000
_SERVICE: Final = SpanField(Place.INTRINSIC, "service")
_PEERS: Final = ("peer.service", "server.address", "net.peer.name")

Work = Callable[[Call, Asker], Awaitable[Response]]


def refuse(error: NexusError) -> Response:
    """An error: the message as text."""
    headers = retry_headers(error)
    if error.http_status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return Response(str(error), error.http_status, headers, media_type="text/plain; charset=utf-8")


def _json(value: Any) -> Response:
    return Response(value if isinstance(value, bytes) else msgspec.json.encode(value), media_type=JSON)


def _number(call: Call, name: str, default: int) -> int:
    text = call.argument(name)
    if not text:
        return default
    if not (text.isascii() and text.isdecimal() and len(text) <= 18):
        raise InvalidRequest(f"{name} is no number: {text[:40]}")
    return int(text)


def _window(call: Call) -> tuple[int, int]:
    """Start and end in ms: `endTs` (now), and `lookback` before it (a day)."""
    end = _number(call, "endTs", call.services.now_ns() // MS)
    lookback = _number(call, "lookback", DEFAULT_LOOKBACK_MS)
    return max(end - lookback, 0), min(end, (1 << 63) // MS - 2)


def find_plan(call: Call) -> FindTraces:
    """The search of a request. Raises `InvalidRequest`."""
    limit = _number(call, "limit", DEFAULT_LIMIT)
    if not 0 < limit <= MAX_TRACES:
        raise InvalidRequest(f"limit has to be from 1 to {MAX_TRACES}")
    start, end = _window(call)
    shortest, longest = (_number(call, name, 0) or None for name in ("minDuration", "maxDuration"))
    if longest and not shortest:
        raise InvalidRequest("maxDuration is only valid with minDuration")
    query = zipkin_search(
        call.argument("serviceName"), call.argument("spanName"), call.argument("annotationQuery"), shortest, longest
    )
    return lower_search(query, print_query(query), TimeRange(start * MS, (end + 1) * MS), limit=limit, spans_per_trace=0)


# ------------------------------------------------------------------------------------------------------------------- doors


async def services(call: Call, asker: Asker) -> Response:
    """Names of services."""
    return _json(await names.services(asker))


async def spans(call: Call, asker: Asker) -> Response:
    """Names of a service's spans."""
    found = await names.operations(asker, _service(call))
    return _json(sorted({name for name, _ in found}))


def _service(call: Call) -> str:
    if not (service := call.argument("serviceName")):
        raise InvalidRequest("serviceName is required")
    return service


async def remote_services(call: Call, asker: Asker) -> Response:
    """Names of what a service talked to in the last day, by its spans."""
    now = call.services.now_ns()
    where = Binary("=", _SERVICE, Constant("string", _service(call)))
    scan = SpanScan(TimeRange(now - NS_PER_DAY, now + NS_PER_DAY), where)
    found: set[str] = set()
    for name in _PEERS:
        rows = (await asker.table(TagValues(scan, SpanField(Place.SPAN, name)))).rows
        found |= {str(row[0]) for row in rows}
    return _json(sorted(found))


async def traces(call: Call, asker: Asker) -> Response:
    """Whole traces with spans that match."""
    return await _rendered(await asker.whole_traces(await asker.find(find_plan(call))))


async def _rendered(rows: SpanRows | None) -> Response:
    if rows is None or not rows.data:
        return _json([])
    return _json(await asyncio.to_thread(_native.render_traces_zipkin, rows.data, rows.attributes))


async def trace(call: Call, asker: Asker) -> Response:
    """One trace."""
    rows = await asker.spans(GetTrace(trace_id(call.parameters["id"])))
    if not rows.data:
        raise NotFound(f"{call.parameters['id'][:64]} not found")
    return _json(await asyncio.to_thread(_native.render_spans_zipkin, rows.data, rows.attributes))


async def trace_many(call: Call, asker: Asker) -> Response:
    """Several traces by their ids."""
    ids = [part.strip() for part in call.argument("traceIds").split(",") if part.strip()]
    if len(ids) < 2 or len(ids) > MAX_TRACES:
        raise InvalidRequest(f"traceIds are 2 to {MAX_TRACES} trace ids between commas")
    return await _rendered(await asker.spans(GetTraces(tuple(dict.fromkeys(map(trace_id, ids))))))


async def dependencies(call: Call, asker: Asker) -> Response:
    """Who called whom."""
    if not call.argument("endTs"):
        raise InvalidRequest("endTs is required")
    found = await names.dependencies(asker, *_window(call))
    return _json([{"parent": one.parent, "child": one.child, "callCount": one.calls} for one in found])


async def nothing(call: Call) -> Response:
    """Keys to complete: none are configured, any tag can be asked for."""
    return _json([])


_WINDOW: Final = (Parameter("endTs", "End in ms since the epoch"), Parameter("lookback", "ms before the end"))
_NAME: Final = Parameter("serviceName", "Name of the service")
_NEEDED: Final = replace(_NAME, required=True)


def _routes(base: str) -> list[Route]:
    def plain(path: str, handler: Callable[[Call], Awaitable[Response]], summary: str, *parameters: Parameter) -> Route:
        return Route(
            "GET", f"{base}/api/v2/{path}", Permission.TRACES_READ, handler, summary, parameters=parameters,
            tag="zipkin", refuse=refuse, described=not base,
        )  # fmt: skip

    def route(path: str, work: Work, summary: str, *parameters: Parameter) -> Route:
        return plain(path, door(work), summary, *parameters)

    return [
        route("services", services, "Names of services"),
        route("spans", spans, "Names of a service's spans", _NEEDED),
        route("remoteServices", remote_services, "Names of what a service talks to", _NEEDED),
        route(
            "traces", traces, "Find traces", _NAME, Parameter("spanName", "Name of the span"),
            Parameter("annotationQuery", "Terms between `and`: key, key=value"),
            Parameter("minDuration", "Least duration in us"), Parameter("maxDuration", "Largest duration in us"),
            Parameter("limit", "Most traces"), *_WINDOW,
        ),
        route("trace/{id}", trace, "One trace", Parameter("id", "Trace id in hexadecimal digits", "path", True)),
        route("traceMany", trace_many, "Several traces", Parameter("traceIds", "Trace ids between commas", required=True)),
        route("dependencies", dependencies, "Who called whom", replace(_WINDOW[0], required=True), _WINDOW[1]),
        plain("autocompleteKeys", nothing, "Keys to complete"),
        plain("autocompleteValues", nothing, "Values to complete", Parameter("key", "Key")),
    ]  # fmt: skip


ROUTES: Final = (*_routes(""), *_routes("/zipkin"))
