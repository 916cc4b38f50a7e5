"""The way of spans and its receivers over a store in memory."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from tests.oracles import thrift
from tests.unit.pipeline.memory import MemoryStore

from nexus import _native
from nexus.errors import InvalidRequest, Overloaded, RateLimited, TokenReused, UnsupportedEncoding
from nexus.pipeline.decode import DecodePool
from nexus.pipeline.http import Reply, Request
from nexus.pipeline.inspection import Inspection, inspecting
from nexus.pipeline.receivers.jaeger import JaegerHttp
from nexus.pipeline.receivers.otlp_http import OtlpHttp
from nexus.pipeline.receivers.zipkin import Zipkin
from nexus.pipeline.rows import Delivery, Outcome
from nexus.pipeline.statistics import TRACES, IngestStatistics
from nexus.pipeline.traces import TracePipeline
from nexus.telemetry import Registry

NOW = 1_700_000_000_000_000_000
PROTOBUF = "application/x-protobuf"
JSON = "application/json"


@dataclass
class Bench:
    """A pipeline under test and what is around it."""

    store: MemoryStore
    registry: Registry
    pipeline: TracePipeline
    observed: list[tuple[str, int]]


@pytest.fixture
def bench() -> Iterator[Bench]:
    store = MemoryStore()
    store.gate.set()
    registry, pool = Registry(), DecodePool(2)
    observed: list[tuple[str, int]] = []

    async def ensure(tenant: str) -> None:
        """Every tenant is there."""

    limit: Callable[[], int] = lambda: 1 << 20  # noqa: E731
    pipeline = TracePipeline(
        store,  # type: ignore[arg-type]
        IngestStatistics(registry, signal=TRACES),
        pool,
        ensure,
        limit,
        lambda tenant, batch: observed.append((tenant, batch.num_rows)),
    )
    yield Bench(store, registry, pipeline, observed)
    pool.close()


def request(*names: str, bad: int = 0) -> bytes:
    message = ExportTraceServiceRequest()
    group = message.resource_spans.add()
    group.resource.attributes.add(key="service.name").value.string_value = "shop"
    spans = group.scope_spans.add().spans
    for number, name in enumerate(names, 1):
        spans.add(trace_id=bytes(range(16)), span_id=number.to_bytes(8), name=name, start_time_unix_nano=NOW)
    for _ in range(bad):
        spans.add(name="bad")
    return message.SerializeToString()


DECODE = partial(_native.decode_otlp_traces_protobuf, now_ns=NOW)


def answer(outcome: Outcome) -> bytes:
    return f"{outcome.accepted} {outcome.rejected}".encode()


async def test_spans_are_stored_counted_and_observed(bench: Bench) -> None:
    outcome = await bench.pipeline.deliver(Delivery("otlp_http", "t", request("a", "b", bad=1)), DECODE, answer)
    assert (outcome.accepted, outcome.rejected, outcome.reply) == (2, 1, b"2 1")
    assert bench.store.records == 2
    assert bench.observed == [("t", 2)]
    counted, rate = bench.pipeline.statistics.of("t")
    assert (counted.records, counted.rejected, counted.bytes) == (2, 1, len(request("a", "b", bad=1)))
    assert rate > 0
    text = bench.registry.render()
    for line in (
        'nexus_traces_spans_total{tenant="t",receiver="otlp_http"} 2',
        'nexus_traces_service_spans_total{tenant="t",service="shop"} 2',
        'nexus_traces_rejected_spans_total{tenant="t",receiver="otlp_http",reason="invalid_record"} 1',
    ):
        assert line in text


async def test_a_repetition_is_answered_and_not_observed_again(bench: Bench) -> None:
    def delivery(body: bytes) -> Delivery:
        return Delivery("otlp_http", "t", body, key="k")

    first = await bench.pipeline.deliver(delivery(request("a", bad=1)), DECODE, answer)
    again = await bench.pipeline.deliver(delivery(request("a", bad=1)), DECODE, answer)
    assert (first.replayed, again.replayed, again.reply) == (False, True, first.reply)
    assert (bench.store.records, bench.observed) == (1, [("t", 1)])
    with pytest.raises(TokenReused):
        await bench.pipeline.deliver(delivery(request("b")), DECODE, answer)


async def test_what_is_not_stored_is_not_observed(bench: Bench) -> None:
    bench.store.failure = Overloaded("full.", retry_after=1.0)
    with pytest.raises(Overloaded):
        await bench.pipeline.deliver(Delivery("otlp_http", "t", request("a")), DECODE, answer)

    def refuse(spans: int) -> None:
        assert spans == 2
        raise RateLimited("too many.", retry_after=1.0)

    with pytest.raises(RateLimited):
        await bench.pipeline.deliver(Delivery("otlp_http", "t", request("a", "b"), meter=refuse), DECODE, answer)
    assert (bench.store.records, bench.observed) == (0, [])
    nothing = await bench.pipeline.deliver(Delivery("otlp_http", "t", request(bad=3)), DECODE, answer)
    assert (nothing.accepted, nothing.rejected, bench.observed) == (0, 3, [])


async def test_an_inspection_stores_nothing(bench: Bench) -> None:
    inspection = Inspection(lambda tenant: 30)
    with inspecting(inspection):
        await bench.pipeline.deliver(Delivery("otlp_http", "t", request("a", bad=1)), DECODE, answer)
    shown = json.loads(inspection.answer())
    assert (shown["accepted"], shown["rejected"], len(shown["errors"])) == (1, 1, 1)
    assert (shown["spans"][0]["name"], shown["spans"][0]["service"]) == ("a", "shop")
    assert (bench.store.records, bench.observed) == (0, [])


# ----------------------------------------------------------------------------------------------------------- receivers


async def otlp(bench: Bench, path: str, content_type: str, body: bytes) -> Reply:
    receiver = OtlpHttp(None, None, bench.pipeline)  # type: ignore[arg-type]
    return await receiver.receive(Request(path, {"content-type": content_type}), Delivery("otlp_http", "t", body))


@pytest.mark.parametrize("path", ["/v1/traces", "/otlp/v1/traces"])
async def test_otlp_answers(bench: Bench, path: str) -> None:
    reply = await otlp(bench, path, PROTOBUF, request("a"))
    assert (reply.status, reply.body, reply.content_type) == (200, b"", PROTOBUF)
    reply = await otlp(bench, path, PROTOBUF, request("a", bad=2))
    partial_success = ExportTraceServiceResponse.FromString(reply.body).partial_success
    assert partial_success.rejected_spans == 2
    assert partial_success.error_message == (
        "2 rejected: span 2: the trace id is missing or only zeros; span 3: the trace id is missing or only zeros"
    )
    bad = {"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": "0" * 32, "spanId": "1"}]}]}]}
    reply = await otlp(bench, path, f"{JSON}; charset=utf-8", json.dumps(bad).encode())
    assert json.loads(reply.body)["partialSuccess"]["rejectedSpans"] == "1"
    assert (await otlp(bench, path, JSON, b"{}")).body == b"{}"
    with pytest.raises(UnsupportedEncoding):
        await otlp(bench, path, "text/plain", b"")
    with pytest.raises(InvalidRequest, match="not an OTLP traces request"):
        await otlp(bench, path, PROTOBUF, b"\xff")


ZIPKIN = [{"traceId": "1", "id": "2", "name": "get", "localEndpoint": {"serviceName": "front"}}]


async def post(receiver: Any, body: bytes, content_type: str, query: tuple[tuple[str, str], ...] = ()) -> Reply:
    path = receiver.endpoints[0].path
    reply = await receiver.receive(Request(path, {"content-type": content_type}, query), Delivery(receiver.name, "t", body))
    assert isinstance(reply, Reply)
    return reply


async def test_zipkin_answers(bench: Bench) -> None:
    receiver = Zipkin(bench.pipeline)
    reply = await post(receiver, json.dumps(ZIPKIN).encode(), JSON)
    assert (reply.status, reply.body) == (202, b"")
    reply = await post(receiver, json.dumps([*ZIPKIN, {"id": "1"}]).encode(), JSON)
    assert (reply.status, reply.body) == (202, b"1 rejected: span 2: the trace id is missing or only zeros\n")
    assert (await post(receiver, b'[{"id":"1"}]', JSON)).status == 400
    assert (await post(receiver, b"[]", JSON)).status == 202
    assert bench.store.records == 2
    with pytest.raises(UnsupportedEncoding):
        await post(receiver, b"", PROTOBUF)
    with pytest.raises(InvalidRequest, match="not an array"):
        await post(receiver, b"{}", JSON)


async def test_jaeger_answers(bench: Bench) -> None:
    receiver = JaegerHttp(bench.pipeline)
    body = thrift.encode("binary", thrift.batch("cart", [thrift.span(id=1), thrift.span(id=0)]))
    reply = await post(receiver, body, "application/x-thrift", (("format", "jaeger.thrift"),))
    assert (reply.status, reply.body) == (202, b"1 rejected: span 2: the span id is missing or only zeros\n")
    assert bench.store.records == 1
    with pytest.raises(InvalidRequest, match=r"jaeger\.json"):
        await post(receiver, body, "application/x-thrift", (("format", "jaeger.json"),))
    with pytest.raises(UnsupportedEncoding):
        await post(receiver, body, JSON)
    refused = receiver.refuse(Request("/api/traces", {}), Overloaded("full.", retry_after=2.4))
    assert (refused.status, refused.headers) == (503, {"Retry-After": "3"})
