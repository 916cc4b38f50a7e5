"""The doors of Jaeger's older API, at the root and under `/jaeger`: what its UI up to 2.14 and Grafana's data source ask.

At the root, `/api/traces/{id}` is also Tempo's, for those who take protobuf.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from starlette.responses import Response

from nexus import _native
from nexus.errors import InvalidRequest, NotFound
from nexus.model.time import MAX_TIME
from nexus.query.trace_plan import GetTrace, GetTraces
from nexus.security.permissions import Permission
from nexus.server.api.jaeger import monitoring, names, v3
from nexus.server.api.jaeger.answers import refuse, structured, traces
from nexus.server.api.jaeger.arguments import MS, Arguments, find_traces
from nexus.server.api.tempo.traces import trace as tempo_trace
from nexus.server.api.tempo.traces import wants_protobuf
from nexus.server.api.tracing.asking import MAX_TRACES, Asker, door, hint, trace_id
from nexus.server.call import Call
from nexus.server.routes import Parameter, Route

DAY_MS: Final = 86_400_000
MAX_TRANSFORMED: Final = 64 << 20

Work = Callable[[Call, Asker], Awaitable[Response]]


def _arguments(call: Call) -> Arguments:
    return Arguments(call.query, call.services.now_ns())


async def services(call: Call, asker: Asker) -> Response:
    """Names of services."""
    found = await names.services(asker)
    return structured(found, len(found))


async def operations_of(call: Call, asker: Asker) -> Response:
    """Names of a service's operations."""
    found = sorted({name for name, _ in await names.operations(asker, call.parameters["service"])})
    return structured(found, len(found))


async def operations(call: Call, asker: Asker) -> Response:
    """Operations of a service with their kinds."""
    arguments = _arguments(call)
    service = arguments.text("service")
    if not service:
        raise InvalidRequest("parameter 'service' is required")
    found = await names.operations(asker, service, arguments.text("spanKind"))
    return structured([{"name": name, "spanKind": kind} for name, kind in found], len(found))


async def find(call: Call, asker: Asker) -> Response:
    """Whole traces with spans that match, or those that are named."""
    arguments = _arguments(call)
    if ids := arguments.all("traceID"):
        if len(ids) > MAX_TRACES:
            raise InvalidRequest(f"at most {MAX_TRACES} traces can be asked for at once")
        return await traces(await asker.spans(GetTraces(tuple(map(trace_id, ids)))))
    if not arguments.text("service"):
        raise InvalidRequest("parameter 'service' is required")
    return await traces(await asker.whole_traces(await asker.find(find_traces(arguments))))


async def trace(call: Call, asker: Asker) -> Response:
    """One trace."""
    arguments = _arguments(call)
    plan = GetTrace(trace_id(call.parameters["id"]), None, hint(*arguments.hint()))
    rows = await asker.spans(plan)
    if not rows.data:
        raise NotFound("trace not found")
    return await traces(rows, pretty=arguments.boolean("prettyPrint"))


async def trace_of_either(call: Call, asker: Asker) -> Response:
    """One trace, as Jaeger has it, or as Tempo has it for those who take protobuf."""
    return await (tempo_trace if wants_protobuf(call) else trace)(call, asker)


async def archive(call: Call, asker: Asker) -> Response:
    """Keep a trace: it is kept for as long as the tenant's retention says, and there is nothing else to do."""
    rows = await asker.spans(GetTrace(trace_id(call.parameters["id"])))
    if not rows.data:
        raise NotFound("trace not found")
    return structured([])


async def dependencies(call: Call, asker: Asker) -> Response:
    """Who called whom."""
    arguments = _arguments(call)
    end = arguments.time("endTs", MS, arguments.now_ns) // MS
    lookback = arguments.integer("lookback", DAY_MS)
    if lookback < 0:
        raise InvalidRequest("lookback is negative")
    found = await names.dependencies(asker, max(end - lookback, 0), min(end, MAX_TIME // MS), arguments.text("service"))
    return structured([{"parent": one.parent, "child": one.child, "callCount": one.calls} for one in found])


async def transform(call: Call) -> Response:
    """OTLP in JSON as traces."""
    try:
        rows, sources = await asyncio.to_thread(_native.spans_of_file, call.body)
        return structured(await asyncio.to_thread(_native.render_spans_jaeger, rows, sources))
    except ValueError as error:
        raise InvalidRequest(f"cannot unmarshal OTLP : {error}") from error


_ID: Final = Parameter("id", "Trace id in hexadecimal digits", "path", True)
_SEARCH: Final = (
    Parameter("service", "Name of the service, unless ids are named", required=True),
    Parameter("operation", "Name of the operation"),
    Parameter("tags", "Tags as a JSON object"),
    Parameter("tag", "Tag as key:value, repeated"),
    Parameter("start", "Start in us since the epoch"),
    Parameter("end", "End in us since the epoch"),
    Parameter("lookback", "How far back, when there is no start: 1h"),
    Parameter("minDuration", "Least duration of a span: 100ms"),
    Parameter("maxDuration", "Largest duration of a span"),
    Parameter("limit", "Most traces"),
    Parameter("traceID", "Trace ids instead of a search, repeated"),
)
_METRICS: Final = (
    Parameter("service", "Name of a service, repeated", required=True),
    Parameter("groupByOperation", "Apart by operation?"),
    Parameter("endTs", "End in ms since the epoch"),
    Parameter("lookback", "ms before the end"),
    Parameter("step", "ms between points"),
    Parameter("ratePer", "ms that rates are of"),
    Parameter("spanKind", "server, client and so on, repeated"),
)


def _metrics(name: str) -> tuple[Parameter, ...]:
    return (*_METRICS, Parameter("quantile", "0 to 1", required=True)) if name == "latencies" else _METRICS


def _routes(base: str) -> list[Route]:
    def route(path: str, work: Work, summary: str, *parameters: Parameter, method: str = "GET") -> Route:
        return Route(
            method, f"{base}/api/{path}", Permission.TRACES_READ, door(work), summary, parameters=parameters,
            tag="jaeger", refuse=refuse, described=not base,
        )  # fmt: skip

    service = Parameter("service", "Name of the service", "path", True)
    return [
        route("services", services, "Names of services"),
        route("services/{+service}/operations", operations_of, "Names of operations", service),
        route("operations", operations, "Operations with their kinds", *_SEARCH[:1], Parameter("spanKind", "server, ...")),
        route("traces", find, "Find traces", *_SEARCH),
        route("traces/{id}", trace if base else trace_of_either, "One trace", _ID, *_SEARCH[4:6],
              Parameter("prettyPrint", "true: with line ends"), Parameter("raw", "Nothing here: traces are never changed")),
        route("archive/{id}", archive, "Keep a trace", _ID, method="POST"),
        route("dependencies", dependencies, "Who called whom", Parameter("endTs", "End in ms since the epoch"),
              Parameter("lookback", "ms before the end"), Parameter("service", "Only those of a service")),
        *(route(f"metrics/{name}", work, f"Series of {name}", *_metrics(name)) for name, work in monitoring.WORKS.items()),
        Route("POST", f"{base}/api/transform", Permission.TRACES_READ, transform, "OTLP in JSON as Jaeger's traces",
              media=("application/json",), raw=MAX_TRANSFORMED, tag="jaeger", refuse=refuse, described=not base),
        *v3.routes(base),
    ]  # fmt: skip


ROUTES: Final = (*_routes(""), *_routes("/jaeger"))
