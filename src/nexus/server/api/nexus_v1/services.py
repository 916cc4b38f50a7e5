"""Services: their requests, failures and durations, the map of who asks whom, and where time goes.

Numbers come from the series that are derived of every span, through PromQL, so they are those of all spans, whatever of them
is kept; errors by message and critical paths come from the spans.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final, cast

from starlette.responses import Response

from nexus import _native
from nexus.errors import InvalidRequest
from nexus.model.time import NS_PER_HOUR, TimeRange, parse_time
from nexus.query.trace_plan import (
    Binary,
    Constant,
    CriticalPaths,
    Place,
    SpanErrors,
    SpanExpr,
    SpanField,
    SpanScan,
)
from nexus.security.permissions import Permission
from nexus.server.api.nexus_v1.answers import statistics_of
from nexus.server.api.nexus_v1.buckets import choose_step
from nexus.server.api.nexus_v1.schema import services as schema
from nexus.server.api.nexus_v1.schema.logs import Statistics
from nexus.server.api.nexus_v1.traces import range_of
from nexus.server.api.tracing import red
from nexus.server.api.tracing.asking import Asker, asking
from nexus.server.api.tracing.red import Edge, Red
from nexus.server.call import Call
from nexus.server.errors import json_response
from nexus.server.routes import BASE, Parameter, Route

SPARKS: Final = 30
"""About how many points a sparkline has."""
APDEX_SECONDS: Final = 0.5
MAP_SECONDS: Final = 300
"""How long the window of the map of an instant is, at most."""
ERRORS: Final = 100
_MS: Final = 10**6


# ----------------------------------------------------------------------------------------------------------------- common


def _range(call: Call) -> tuple[int, int]:
    """The range of a request in ms, an hour unless told."""
    return _ms(range_of(call, call.argument("start"), call.argument("end"), NS_PER_HOUR))


def _ms(time: TimeRange) -> tuple[int, int]:
    start, end = (time.start or 0) // _MS, -(-(time.end or 0) // _MS)
    return start, max(end, start + 1)


def _spent(asker: Asker) -> Statistics:
    return statistics_of(asker.spent, asker.query_id)


# --------------------------------------------------------------------------------------------------------------- services


async def services(call: Call, asker: Asker) -> schema.ServicesAnswer:
    """Services with their rates, failures and durations."""
    start, end = _range(call)
    threshold = _threshold(call)
    found = await red.by_kind(asker, ("service",), start, end)
    seconds = red.window(start, end)
    sparks = await _sparks(asker, start, end, found)
    rows = []
    for (name,), kinds in found.items():
        one = red.entries(kinds)
        rows.append(
            schema.ServiceRow(
                name=name,
                request_rate=one.requests / seconds,
                error_rate=one.error_rate,
                p50=one.latency.quantile(0.5),
                p95=one.latency.quantile(0.95),
                p99=one.latency.quantile(0.99),
                apdex=one.latency.apdex(threshold),
                spark=sparks.get(name, []),
                kinds=sorted(filter(None, (red.KINDS.get(kind, "") for kind in kinds))),
            )
        )
    rows.sort(key=lambda row: (-row.request_rate, row.name))
    return schema.ServicesAnswer(rows, threshold, _spent(asker))


def _threshold(call: Call) -> float:
    text = call.argument("apdex")
    try:
        seconds = float(text) if text else APDEX_SECONDS
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < 3600:
        raise InvalidRequest(f"apdex is no number of seconds: {text[:40]!r}.", hint="Write 0.5 for half a second.")
    return seconds


Spark = tuple[int, float, float, float | None]


async def _sparks(asker: Asker, start: int, end: int, found: dict[red.Key, dict[str, Red]]) -> dict[str, list[Spark]]:
    """(ms, requests a second, share of failures, p95) of each service at steps."""
    if not found:
        return {}
    step = max(choose_step(start * _MS, end * _MS, SPARKS) // _MS, 1000)
    over = f"[{max(step // 1000, 15)}s]{asker.exactly}"
    entering = {name for (name,), kinds in found.items() if kinds.keys() & red.ENTRIES}
    kinds = "|".join(sorted(red.ENTRIES))
    values: dict[str, dict[int, list[float | None]]] = {}
    for matcher, wanted in ((f'span_kind=~"{kinds}"', True), ("", False)):
        names = [name for (name,) in found if (name in entering) is wanted]
        if not names:
            continue
        asked = (
            f"sum by (service) (rate({red.CALLS}{{{matcher}}}{over}))",
            f"sum by (service) (rate({red.CALLS}{{{_joined(matcher, red.equals('status_code', red.ERROR))}}}{over}))",
            f"histogram_quantile(0.95, sum by (service, le) (rate({red.LATENCY}_bucket{{{matcher}}}{over})))",
        )
        for place, text in enumerate(asked):
            for labels, points in await asker.matrix(text, start, end, step):
                name = labels.get("service", "")
                if (name in entering) is wanted:
                    of = values.setdefault(name, {})
                    for at, value in points:
                        of.setdefault(at, [None, None, None])[place] = value if value == value else None
    return {name: [_spark(at, *of[at]) for at in sorted(of)] for name, of in values.items()}


def _joined(*matchers: str) -> str:
    return ", ".join(filter(None, matchers))


def _spark(at: int, rate: float | None, failed: float | None, p95: float | None) -> Spark:
    return at, rate or 0.0, min((failed or 0.0) / rate, 1.0) if rate else 0.0, p95


# -------------------------------------------------------------------------------------------------------------------- map


async def service_map(call: Call, asker: Asker) -> schema.ServiceMapAnswer:
    """Who asks whom, over a range or at an instant."""
    start, end = _range(call)
    if at := call.argument("at"):
        instant = parse_time(at, now_ns=call.services.now_ns()) // _MS
        start, end = instant - min(end - start, MAP_SECONDS * 1000), instant
    edges = await red.edges(asker, start, end)
    found = await red.by_kind(asker, ("service",), start, end)
    seconds = red.window(start, end)
    own = {name: red.entries(kinds) for (name,), kinds in found.items()}
    return schema.ServiceMapAnswer(
        at=end,
        seconds=seconds,
        nodes=_nodes(edges, own, seconds),
        edges=[_edge(one, seconds) for one in edges],
        statistics=_spent(asker),
    )


def _nodes(edges: list[Edge], own: dict[str, Red], seconds: int) -> list[schema.MapNode]:
    """Services with their own numbers; of others what their clients know."""
    nodes = [
        schema.MapNode(name, "service", one.requests / seconds, one.error_rate, one.latency.quantile(0.95))
        for name, one in own.items()
    ]
    others: dict[str, tuple[schema.NodeType, Red]] = {}
    for edge in edges:
        for name in (edge.client, edge.server):
            if name not in own:
                kind, whole = others.get(name, (_node_type(edge, name), Red()))
                if name == edge.server:
                    whole = whole.merged(Red(edge.requests, edge.errors, edge.client_latency))
                others[name] = kind, whole
    nodes += [
        schema.MapNode(name, kind, one.requests / seconds, one.error_rate, one.latency.quantile(0.95))
        for name, (kind, one) in others.items()
    ]
    return sorted(nodes, key=lambda node: (-node.request_rate, node.name))


def _node_type(edge: Edge, name: str) -> schema.NodeType:
    """What a node is that has no spans of its own."""
    if name == edge.client:
        return "user" if edge.connection == "virtual_node" else "service"
    kinds = {"database": "database", "messaging_system": "messaging", "virtual_node": "external"}
    return cast(schema.NodeType, kinds.get(edge.connection, "service"))


def _edge(edge: Edge, seconds: int) -> schema.MapEdge:
    return schema.MapEdge(
        client=edge.client,
        server=edge.server,
        type=edge.connection,
        request_rate=edge.requests / seconds,
        error_rate=_share(edge),
        p95_client=edge.client_latency.quantile(0.95),
        p95_server=edge.server_latency.quantile(0.95),
    )


def _share(edge: Edge) -> float:
    return min(edge.errors / edge.requests, 1.0)


# ------------------------------------------------------------------------------------------------------------ one service


async def operations(call: Call, asker: Asker) -> schema.OperationsAnswer:
    """What a service does, each with its rate, failures and durations."""
    start, end = _range(call)
    matcher = red.equals("service", call.parameters["name"])
    found = await red.by_kind(asker, ("span_name",), start, end, matcher)
    window = red.window(start, end)
    over = f"[{window}s]{asker.exactly}"
    spent = await asker.instant(f"sum by (span_name, span_kind) (increase({red.LATENCY}_sum{{{matcher}}}{over}))", end)
    took = {(labels.get("span_name", ""), labels.get("span_kind", "")): value for labels, value in spent}
    total = sum(took.values())
    rows = [
        schema.OperationRow(
            name=name,
            kind=red.KINDS.get(kind, ""),
            request_rate=one.requests / window,
            error_rate=one.error_rate,
            p50=one.latency.quantile(0.5),
            p95=one.latency.quantile(0.95),
            p99=one.latency.quantile(0.99),
            share=took.get((name, kind), 0.0) / total if total > 0 else 0.0,
        )
        for (name,), kinds in found.items()
        for kind, one in kinds.items()
    ]
    rows.sort(key=lambda row: (-row.share, -row.request_rate, row.name))
    return schema.OperationsAnswer(rows, _spent(asker))


async def dependencies(call: Call, asker: Asker) -> schema.DependenciesAnswer:
    """Who asks a service, and whom it asks."""
    start, end = _range(call)
    name = call.parameters["name"]
    seconds = red.window(start, end)
    above = await red.edges(asker, start, end, red.equals("server", name))
    below = await red.edges(asker, start, end, red.equals("client", name))
    known = set(await red.services(asker, start, end))

    def neighbour(edge: Edge, other: str) -> schema.Neighbour:
        latency = edge.server_latency if edge.server_latency.counts else edge.client_latency
        kind = "service" if other in known else _node_type(edge, other)
        rate, p95 = edge.requests / seconds, latency.quantile(0.95)
        return schema.Neighbour(other, kind, edge.connection, rate, _share(edge), p95)

    return schema.DependenciesAnswer(
        [neighbour(edge, edge.client) for edge in above], [neighbour(edge, edge.server) for edge in below], _spent(asker)
    )


async def errors(call: Call, asker: Asker) -> schema.ServiceErrorsAnswer:
    """Failures of a service by type and message."""
    time = range_of(call, call.argument("start"), call.argument("end"), NS_PER_HOUR)
    plan = SpanErrors(SpanScan(time, _is("service", call.parameters["name"])), ERRORS)
    rows = (await asker.table(plan)).rows
    groups = [
        schema.ErrorGroup(str(operation), str(kind), str(message), float(count), str(first), str(last), str(trace))
        for _, operation, kind, message, count, first, last, trace in rows
    ]
    return schema.ServiceErrorsAnswer(groups, _spent(asker))


def _is(name: str, value: str) -> SpanExpr:
    return Binary("=", SpanField(Place.INTRINSIC, name), Constant("string", value))


# ---------------------------------------------------------------------------------------------------------- critical path


async def critical_path(call: Call, asker: Asker) -> schema.CriticalPathAnswer:
    """Where the time of an operation goes: its critical paths, added up."""
    wanted: schema.CriticalPathRequest = call.payload
    low, high = wanted.quantiles
    if not 0 <= low < high <= 1:
        raise InvalidRequest("quantiles are two numbers from 0 to 1, the lower one first.")
    where = _is("service", wanted.service)
    if wanted.operation:
        where = Binary("&&", where, _is("name", wanted.operation))
    time = range_of(call, wanted.start, wanted.end, NS_PER_HOUR)
    rows = await asker.spans(CriticalPaths(SpanScan(time, where), (low, high), wanted.traces))
    paths, summed = await asyncio.to_thread(_native.sum_critical_paths, rows.data)
    total = sum(ns for _, _, ns in summed)
    found = [schema.CriticalPathRow(service, name, ns / 1e6, ns / total if total else 0.0) for service, name, ns in summed]
    return schema.CriticalPathAnswer(paths, total / 1e6, found, _spent(asker))


# ----------------------------------------------------------------------------------------------------------------- routes


def _handler(work: Callable[[Call, Asker], Awaitable[Any]]) -> Callable[[Call], Awaitable[Response]]:
    async def handle(call: Call) -> Response:
        return json_response(await asking(call, work, getattr(call.payload, "query_id", "")))

    handle.__doc__ = work.__doc__
    return handle


_RANGE: Final = (
    Parameter("start", "Start of the range, an hour before its end unless told"),
    Parameter("end", "End of the range, now unless told"),
)
_NAME: Final = Parameter("name", "Name of the service", "path", True)


def _get(
    path: str, work: Callable[[Call, Asker], Awaitable[Any]], summary: str, answer: Any, *parameters: Parameter
) -> Route:
    return Route(
        "GET", f"{BASE}/services{path}", Permission.TRACES_READ, _handler(work), summary, answer=answer,
        parameters=(*parameters, *_RANGE), tag="services",
    )  # fmt: skip


ROUTES: Final = (
    _get("", services, "Services with rates, failures and durations", schema.ServicesAnswer,
         Parameter("apdex", "Threshold of Apdex in seconds, .5 unless told")),
    _get("/map", service_map, "Who asks whom", schema.ServiceMapAnswer,
         Parameter("at", "An instant instead of a range: the window of up to 5 minutes before it")),
    _get("/{name}/operations", operations, "What a service does", schema.OperationsAnswer, _NAME),
    _get("/{name}/dependencies", dependencies, "Who asks a service, and whom it asks", schema.DependenciesAnswer, _NAME),
    _get("/{name}/errors", errors, "Failures of a service by message", schema.ServiceErrorsAnswer, _NAME),
    Route("POST", f"{BASE}/services/critical-path", Permission.TRACES_READ, _handler(critical_path),
          "Where the time of an operation goes", request=schema.CriticalPathRequest, answer=schema.CriticalPathAnswer,
          tag="services"),
)  # fmt: skip
