"""The native decoders of OTLP traces and the encoder of spans against the official library and plain Python."""

from __future__ import annotations

import base64
import json
import random
import re
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict
from hypothesis import given
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from tests.oracles import otlp_spans as oracle
from tests.oracles.otlp import Refused
from tests.strategies.otlp_requests import NOW, broken, plain, seeds, thorough
from tests.strategies.span_requests import rows, span_requests

from nexus import _native


def key(row: dict[str, Any]) -> tuple[Any, ...]:
    """The table's sort key within a tenant."""
    return row["slot"], row["trace_id"], row["timestamp"]


def check(body: bytes) -> None:
    """The native decoder does with these bytes what its twin does."""
    try:
        expected, rejected = oracle.rows(body, NOW)
    except Refused:
        with pytest.raises(_native.DecodeError, match="at byte"):
            _native.decode_otlp_traces_protobuf(body, now_ns=NOW)
        return
    decoded = _native.decode_otlp_traces_protobuf(body, now_ns=NOW)
    found = rows(decoded.batch)
    assert [key(row) for row in found] == sorted(key(row) for row in found)
    # Spans that are equal in the key come in the order of the request.
    assert plain(found) == plain(sorted(expected, key=key))
    assert decoded.accepted == len(expected)
    assert decoded.rejected == len(rejected)
    assert [number for number, _ in decoded.errors] == rejected[:100]


@thorough
@given(span_requests)
def test_rows_are_those_of_the_official_library(request_: ExportTraceServiceRequest) -> None:
    check(request_.SerializeToString())


@thorough
@given(span_requests, span_requests, seeds)
def test_broken_bytes_are_refused_or_read_as_the_library_does(
    request_: ExportTraceServiceRequest, other: ExportTraceServiceRequest, seed: int
) -> None:
    body, spare, rng = request_.SerializeToString(), other.SerializeToString(), random.Random(seed)
    for _ in range(20):
        check(broken(body, [spare[at : at + 40] for at in range(0, len(spare), 20)], rng))


@thorough
@given(span_requests, seeds)
def test_text_that_is_not_utf8_costs_its_span(request_: ExportTraceServiceRequest, seed: int) -> None:
    body, rng = request_.SerializeToString(), random.Random(seed)
    for _ in range(5):
        changed = bytearray(body)
        for found in re.finditer(rb"[A-Za-z0-9]", body):
            if rng.random() < 0.1:
                changed[found.start()] = 0xFF
        check(bytes(changed))


def as_json(request: ExportTraceServiceRequest, *, tempo: bool = False) -> bytes:
    """OTLP/JSON; as Tempo answers it, when asked."""

    def fixed(value: Any) -> Any:
        if isinstance(value, list):
            return [fixed(item) for item in value]
        if not isinstance(value, dict):
            return value
        made = {name: fixed(item) for name, item in value.items()}
        if not tempo:
            for name in ("traceId", "spanId", "parentSpanId"):
                if name in made:
                    made[name] = base64.b64decode(made[name]).hex()
        return made

    document = fixed(MessageToDict(request, use_integers_for_enums=not tempo))
    if tempo and "resourceSpans" in document:
        document["batches"] = document.pop("resourceSpans")
    return json.dumps(document).encode()


@thorough
@given(span_requests)
def test_json_gives_the_same_batch(request_: ExportTraceServiceRequest) -> None:
    # JSON cannot say that something is no number, and its doubles lose what is not finite.
    expected = _native.decode_otlp_traces_protobuf(request_.SerializeToString(), now_ns=NOW)
    decoded = _native.decode_otlp_traces_json(as_json(request_), now_ns=NOW)
    assert plain(rows(decoded.batch)) == plain(rows(expected.batch))
    assert [number for number, _ in decoded.errors] == [number for number, _ in expected.errors]


def one_span(**fields: Any) -> ExportTraceServiceRequest:
    request = ExportTraceServiceRequest()
    span = request.resource_spans.add().scope_spans.add().spans.add(trace_id=bytes(range(16)), span_id=b"01234567")
    for name, value in fields.items():
        setattr(span, name, value)
    return request


def test_what_tempo_answers_is_read() -> None:
    request = one_span(name="GET", kind=2, start_time_unix_nano=NOW, end_time_unix_nano=NOW + 5)
    request.resource_spans[0].scope_spans[0].spans[0].status.code = 2
    decoded = _native.decode_otlp_traces_json(as_json(request, tempo=True), now_ns=NOW)
    (row,) = rows(decoded.batch)
    assert (row["trace_id"], row["ids"][:8], row["kind"], row["status"]) == (bytes(range(16)), b"01234567", 2, 2)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "not an OTLP traces request in JSON: at byte 0"),
        (b"[]", "not an OTLP traces request in JSON: request at byte 0: expected an object"),
        (b'{"resourceSpans":{}}', "resourceSpans at byte 17: expected an array"),
        (b'{"resourceSpans":[{"scopeSpans":[{"spans":7}]}]}', "spans at byte 42: expected an array"),
    ],
)
def test_json_of_another_shape_is_refused(body: bytes, message: str) -> None:
    with pytest.raises(_native.DecodeError, match=re.escape(message)):
        _native.decode_otlp_traces_json(body, now_ns=NOW)


def test_faults_in_json_cost_their_span_and_are_named() -> None:
    good: dict[str, Any] = {"traceId": "0" * 31 + "1", "spanId": "0" * 15 + "1", "name": "good"}
    bad: list[dict[str, Any]] = [
        {"traceId": "xyz"},
        {"spanId": "00"},
        {"traceId": "0" * 32},
        {"name": 7},
        {"events": [{"name": []}]},
        {"attributes": {}},
        {"startTimeUnixNano": "soon"},
    ]
    spans = [good, *(good | fields for fields in bad), good]
    body = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}).encode()
    decoded = _native.decode_otlp_traces_json(body, now_ns=NOW)
    assert (decoded.accepted, decoded.rejected) == (2, len(bad))
    messages = [re.sub(r" at byte \d+", "", message) for _, message in decoded.errors]
    assert messages == [
        "traceId: expected 32 hex digits",
        "spanId: expected 16 hex digits",
        "the trace id is missing or only zeros",
        "name: expected a string",
        "name of an event: expected a string",
        "attributes: expected an array",
        "startTimeUnixNano: expected an integer from 0 to 18446744073709551615",
    ]


def test_many_spans_of_one_trace_in_one_request() -> None:
    request = ExportTraceServiceRequest()
    scope = request.resource_spans.add().scope_spans.add()
    for number in range(200_000):
        scope.spans.add(
            trace_id=bytes(range(16)),
            span_id=(number + 1).to_bytes(8),
            parent_span_id=number.to_bytes(8),
            name=f"step {number % 50}",
            start_time_unix_nano=NOW + number,
            end_time_unix_nano=NOW + 2 * number,
        )
    decoded = _native.decode_otlp_traces_protobuf(request.SerializeToString(), now_ns=NOW)
    assert (decoded.accepted, decoded.rejected) == (200_000, 0)
    block, _ = _native.encode_native_spans(decoded.batch, tenant="t", commit_id=1, retention_days=30, now_ns=NOW)
    assert len(block) < 100 * 200_000


def test_learned_columns_leave_their_maps() -> None:
    request = one_span(start_time_unix_nano=NOW)
    attributes = request.resource_spans[0].scope_spans[0].spans[0].attributes
    attributes.add(key="http.method").value.string_value = "GET"
    attributes.add(key="http.status").value.int_value = 200
    batch = _native.decode_otlp_traces_protobuf(request.SerializeToString(), now_ns=NOW).batch
    assert batch.attribute_stats() == [("http.method", "s", 1, 1), ("http.status", "i", 1, 1)]
    assert json.loads(batch.render(5)[0])["attributes"] == {"http.method": "GET", "http.status": 200}
    filter_ = _native.Filter(b'["compare","attribute","http.method","=","GET",null]')
    assert filter_.matches(batch) == b"\1"
    promoted = [("http.method", "s", "a_method", "LowCardinality(Nullable(String))")]
    block, _ = _native.encode_native_spans(
        batch,
        tenant="t",
        commit_id=1,
        retention_days=30,
        now_ns=NOW,
        promoted=promoted,
        retention=[(filter_, 7)],
    )
    from tests.oracles import native_block

    _, (row,) = native_block.read(block)
    assert (row["a_method"], row["attributes_string"], row["attributes_int"]) == (b"GET", [], [(b"http.status", 200)])
    assert row["expires_on"] == NOW // (86_400 * 10**9) + 7
