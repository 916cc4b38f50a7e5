"""What Jaeger and Tempo are asked, and what their answers mean; pure parts, and clients over a small server."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTracePartialSuccess, ExportTraceServiceResponse
from tests.e2e.trace_shop import Shop

from nexus import _native
from nexus.errors import InvalidRequest, LimitExceeded, Overloaded
from nexus.query.plan import TimeRange
from nexus.query.trace_plan import Constant, Place, SpanField
from nexus.query.traces.lower import lower_search
from nexus.query.traces.parser import parse
from nexus.storage.forwarding.errors import Away, Refused
from nexus.storage.forwarding.http import Access, Http, authorization
from nexus.storage.forwarding.sender import TAKEN, Taken
from nexus.storage.jaeger.client import JaegerClient, instant, tag_of, ways
from nexus.storage.tempo.client import TempoClient, trace_id, trace_of
from nexus.storage.tempo.traceql import query_of
from nexus.storage.trace_backends.narrowing import Condition, Search, searches
from nexus.storage.trace_backends.options import Backend
from nexus.storage.trace_backends.otlp import OtlpClient, partly

SHOP = Shop(1_800_000_000 * 10**9, 3)
TIME = TimeRange(SHOP.start(0), SHOP.end)


def search(query: str) -> Search:
    (found,) = searches(lower_search(parse(query), query, TIME))
    return found


# ------------------------------------------------------------------------------------------------------------- pure parts


def test_jaeger_is_asked_for_less_and_less() -> None:
    found = list(ways(search('{ resource.service.name = "a" && name = "b" && duration > 1ms && .x = 7 }'), attributes=True))
    assert found == [
        [
            ("query.service_name", "a"),
            ("query.operation_name", "b"),
            ("query.duration_min", "1000000ns"),
            ("query.attributes", '{"x": "7"}'),
        ],
        [("query.service_name", "a"), ("query.operation_name", "b")],
        [("query.service_name", "a")],
        [],
    ]
    assert list(ways(search("{}"), attributes=True)) == [[]]
    assert list(ways(search("{ .x = 7 }"), attributes=False)) == [[]]


@pytest.mark.parametrize(
    ("query", "tag"),
    [
        ("{ status = error }", ("error", "true")), ("{ status = ok }", None), ("{ status != error }", None),
        ("{ kind = server }", ("span.kind", "server")), ("{ kind = internal }", None),
        ('{ span.a = "b" }', ("a", "b")), ("{ resource.a = true }", ("a", "true")), ("{ event.a = 3 }", ("a", "3")),
        ("{ link.a = 3 }", None), ("{ .a = 1.5 }", None), ('{ .a != "b" }', None), ('{ .a = "" }', None),
        ('{ .error = "x" }', None), ('{ span."resource.a" = "x" }', None), (f'{{ .a = "{"x" * 201}" }}', None),
        ("{ .a = nil }", None),
    ],
)  # fmt: skip
def test_attributes_that_jaeger_finds(query: str, tag: tuple[str, str] | None) -> None:
    (condition,) = search(query).conditions
    assert tag_of(condition) == tag


def test_times_of_jaeger() -> None:
    assert instant(0) == "1970-01-01T00:00:00.000000000Z"
    assert instant(1_800_000_000_123_456_789) == "2027-01-15T08:00:00.123456789Z"


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("{}", "{}"),
        ('{ name = "a" && status = error }', '{name = "a" && status = error}'),
        ('{ resource.service.name =~ "a.*" }', '{resource.service.name =~ "a.*"}'),
        ('{ span."a b" = "c\\"d" }', '{span."a b" = "c\\"d"}'),
        ("{ .x >= 500 }", "{(.x >= 500 || .x >= 500.0)}"),
        ("{ duration > 1.5ms && kind = client }", "{duration > 1500000ns && kind = client}"),
        ("{ resource.vip = true && event.n != nil }", "{resource.vip = true && event.n != nil}"),
        ('{ .x = 1.5 }', "{}"), ('{ name !~ "a" }', "{}"), ("{ traceDuration > 1s }", "{}"), ('{ link.a = "b" }', "{}"),
        ("{ .x = nil }", "{}"),
    ],
)  # fmt: skip
def test_queries_for_tempo(query: str, text: str) -> None:
    found = query_of(search(query).conditions)
    assert found == text
    parse(found)


def test_ids_and_envelopes_of_tempo() -> None:
    assert trace_id("1e") == bytes(15) + b"\x1e"
    with pytest.raises(InvalidRequest):
        trace_id("xyz")
    assert trace_of(b"\x0a\x02ab\x18\x01") == (b"ab", True)
    assert trace_of(b"") == (b"", False)
    with pytest.raises(Away):
        trace_of(b"\x0a\x05ab")


@pytest.mark.parametrize("end", range(20))
def test_answers_to_spans(end: int) -> None:
    """Cut anywhere, it says what it says or nothing."""
    partial = ExportTracePartialSuccess(rejected_spans=300, error_message="too old")
    body = ExportTraceServiceResponse(partial_success=partial).SerializeToString()
    assert partly(body) == Taken(300, "too old")
    assert partly(body[: min(end, len(body) - 1)]) == TAKEN


def test_authorization() -> None:
    assert authorization("", "", "") == {}
    assert authorization("", "", "t") == {"Authorization": "Bearer t"}
    assert authorization("a", "b", "") == {"Authorization": "Basic YTpi"}


def test_a_condition_that_nobody_understands_narrows_nothing() -> None:
    odd = Condition(SpanField(Place.INTRINSIC, "span:childCount"), ">", Constant("int", 3))
    assert query_of([odd]) == "{}" and tag_of(odd) is None


# ---------------------------------------------------------------------------------------------------------------- clients

Handler = Callable[[web.Request], web.Response]
Serve = Callable[[Handler], Any]


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Serves answers of a function; gives the HTTP client and the options of a backend there."""
    runners: list[web.AppRunner] = []
    clients: list[Http] = []

    async def begin(handler: Handler, **options: Any) -> tuple[Backend, Http]:
        async def handle(request: web.Request) -> web.Response:
            return handler(request)

        app = web.Application()
        app.router.add_route("*", "/{path:.*}", handle)
        runner = web.AppRunner(app)
        runners.append(runner)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        access = Access("Jaeger", {"X-Scope-OrgID": "a"})
        backend = Backend("t", f"http://{host}:{port}", f"http://{host}:{port}", access, **options)
        http = Http(access)
        clients.append(http)
        return backend, http

    yield begin
    for http in clients:
        await http.close()
    for runner in runners:
        await runner.cleanup()


def otlp_json(numbers: range) -> str:
    body = SHOP.whole if len(numbers) == SHOP.traces else SHOP.requests[numbers[0]]
    batch = _native.decode_otlp_traces_protobuf(body.SerializeToString(), now_ns=0).batch
    (one,) = _native.encode_otlp_traces(batch, max_spans=10_000, max_bytes=1 << 30)
    import gzip

    from google.protobuf.json_format import MessageToDict
    from opentelemetry.proto.trace.v1.trace_pb2 import TracesData

    found = MessageToDict(TracesData.FromString(gzip.decompress(one[0])))
    for resource in found["resourceSpans"]:
        for scope in resource["scopeSpans"]:
            for span in scope["spans"]:
                import base64

                for name in ("traceId", "spanId", "parentSpanId"):
                    if name in span:
                        span[name] = base64.b64decode(span[name]).hex()
                for event in span.get("links", []):
                    event["traceId"], event["spanId"] = "ff" * 16, "ff" * 8
    return json.dumps({"result": found})


async def test_storages_that_need_a_service(serve: Serve) -> None:
    """Where a search without a service fails, each is asked for."""
    asked: list[str] = []

    def answer(request: web.Request) -> web.Response:
        assert request.headers["X-Scope-OrgID"] == "a"
        if request.path == "/api/v3/services":
            return web.json_response({"services": ["web", "cart"]})
        service = request.query.get("query.service_name", "")
        asked.append(service)
        if not service:
            return web.json_response({"error": {"message": "service name must be set"}}, status=500)
        if service == "web":
            return web.Response(text=otlp_json(range(SHOP.traces)))
        return web.json_response({"error": {"message": "No traces found"}}, status=404)

    backend, http = await serve(answer)
    found = await JaegerClient(backend, http).find(search("{ .vip = true }"), 5, within=10)
    assert asked[:2] == ["", ""] and sorted(asked[2:]) == ["cart", "web"]
    assert [batch.num_rows for batch in found.batches] == [12] and not found.more
    with pytest.raises(Away):
        await JaegerClient(backend, http).find(search('{ resource.service.name = "" }'), 5, within=10)


async def test_as_many_as_asked_for_may_be_more(serve: Serve) -> None:
    backend, http = await serve(lambda request: web.Response(text=otlp_json(range(SHOP.traces))))
    client = JaegerClient(backend, http)
    assert (await client.find(search("{}"), 3, within=10)).more
    assert not (await client.find(search("{}"), 4, within=10)).more


@pytest.mark.parametrize(
    ("status", "error"), [(503, Away), (401, Away), (429, Overloaded), (413, LimitExceeded), (400, InvalidRequest)]
)
async def test_statuses_of_answers(serve: Serve, status: int, error: type[Exception]) -> None:
    backend, http = await serve(lambda request: web.Response(status=status, text="no"))
    for client in (JaegerClient(backend, http), TempoClient(backend, http)):
        with pytest.raises(error, match="Jaeger"):
            await client.services(within=10)


async def test_another_server_is_not_empty(serve: Serve) -> None:
    """An address at which there is no such API has not "no traces"."""
    backend, http = await serve(lambda request: web.Response(status=404, text="404 page not found\n"))
    with pytest.raises(Away, match="404"):
        await JaegerClient(backend, http).traces([bytes(16)], TimeRange(), within=10)
    backend, http = await serve(lambda request: web.Response(status=404))
    for client in (JaegerClient(backend, http), TempoClient(backend, http)):
        assert (await client.traces([bytes(16)], TimeRange(), within=10)).batches == []
        with pytest.raises(Away, match="nothing at"):
            await client.services(within=10)


async def test_answers_are_bounded(serve: Serve) -> None:
    backend, http = await serve(lambda request: web.Response(text=otlp_json(range(SHOP.traces))), max_bytes=1_000)
    with pytest.raises(LimitExceeded):
        await JaegerClient(backend, http).find(search("{}"), 3, within=10)


async def test_what_is_no_answer(serve: Serve) -> None:
    backend, http = await serve(lambda request: web.Response(text="<html>"))
    with pytest.raises(Away, match="cannot be read"):
        await JaegerClient(backend, http).find(search("{}"), 3, within=10)
    with pytest.raises(Away, match="cannot be read"):
        await TempoClient(backend, http).find(search("{}"), 3, within=10)
    with pytest.raises(Away, match="cannot be read"):
        await JaegerClient(backend, http).services(within=10)


async def test_traces_of_tempo(serve: Serve) -> None:
    """Found in TraceQL, fetched one by one; those that are gone meanwhile are left out."""
    asked: list[str] = []

    def answer(request: web.Request) -> web.Response:
        if request.path == "/api/search":
            asked.append(request.query["q"])
            hits = [
                {"traceID": f"{number:x}", "startTimeUnixNano": str(SHOP.start(0)), "durationMs": 3} for number in (1, 2, 9)
            ]
            return web.json_response({"traces": hits})
        number = int(request.path.rsplit("/", 1)[1], 16)
        if number > SHOP.traces:
            return web.Response(status=404)
        trace = SHOP.requests[number - 1].SerializeToString()
        size = len(trace)
        return web.Response(
            body=b"\x0a"
            + bytes((size & 127 | 128, size >> 7 & 127 | (128 if size >> 14 else 0)))
            + (bytes((size >> 14,)) if size >> 14 else b"")
            + trace
        )

    backend, http = await serve(answer)
    found = await TempoClient(backend, http).find(search("{ status = error }"), 20, within=10)
    assert asked == ["{status = error} with (most_recent=true)"]
    assert sorted(batch.num_rows for batch in found.batches) == [4, 4] and not found.more
    assert (await TempoClient(backend, http).find(search("{}"), 3, within=10)).more


@pytest.mark.parametrize("status", [400, 413, 422])
async def test_spans_that_are_refused(serve: Serve, status: int) -> None:
    backend, http = await serve(lambda request: web.Response(status=status, text="bad"))
    with pytest.raises(Refused):
        await OtlpClient(backend, http).write(b"")


@pytest.mark.parametrize("status", [302, 401, 404, 429, 500, 503])
async def test_spans_for_later(serve: Serve, status: int) -> None:
    backend, http = await serve(lambda request: web.Response(status=status, text="later"))
    with pytest.raises(Away):
        await OtlpClient(backend, http).write(b"")
