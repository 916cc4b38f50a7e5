"""Jaeger's spans in Thrift (both protocols, over HTTP and in datagrams) and in protobuf."""

from __future__ import annotations

import json
import random
import struct
from typing import Any, get_args

import pytest
from tests.oracles import thrift
from tests.oracles.thrift import Protocol
from tests.strategies.otlp_requests import NOW
from tests.strategies.span_requests import rows

from nexus import _native

PROTOCOLS = get_args(Protocol)
START = 1_700_000_000_000_000

SPANS = [
    thrift.span(
        trace=-2,
        high=5,
        id=7,
        parent=3,
        name="GET /cart",
        duration=2500,
        flags=3,
        references=[thrift.reference(0, -2, 5, 3), thrift.reference(1, 9, 9, 9)],
        attributes=thrift.tags(
            span_kind="server", error=True, http_status=500, http_cached=False, share=0.25, raw=b"\x00\xff", text="ü"
        ),
        logs=[
            [
                (1, "i64", START + 7),
                (2, "list", thrift.tags(event="retry", count=2)),
            ],
            [(1, "i64", START + 8), (2, "list", thrift.tags(message="no event"))],
        ],
    ),
    thrift.span(id=8, references=[thrift.reference(0, 1, 0, 3)]),
]
BATCH = thrift.batch("cart", SPANS, hostname="h1", ip="10.0.0.7")


def decode(protocol: Protocol, body: bytes) -> _native.DecodedSpans:
    if protocol == "binary":
        return _native.decode_jaeger_thrift_binary(body, now_ns=NOW)
    return _native.decode_jaeger_thrift_compact(body, now_ns=NOW)


def by_id(batch: _native.SpanBatch) -> dict[int, dict[str, Any]]:
    return {int.from_bytes(row["ids"][:8]): row for row in rows(batch)}


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("shape", ["batch", "call"])
def test_a_batch(protocol: Protocol, shape: str) -> None:
    whole = [(1, "struct", BATCH)]
    body = thrift.encode(protocol, BATCH) if shape == "batch" else thrift.call(protocol, "emitBatch", whole)
    decoded = decode(protocol, body)
    assert (decoded.accepted, decoded.rejected) == (2, 0)
    found = by_id(decoded.batch)
    full = found[7]
    assert full["trace_id"] == (5 << 64 | 2**64 - 2).to_bytes(16)
    assert full["ids"][8:] == (3).to_bytes(8)
    assert (full["service"], full["name"], full["kind"], full["status"], full["flags"]) == ("cart", "GET /cart", 2, 2, 1)
    assert json.loads(full["resource"]) == {"service.name": "cart", "hostname": "h1", "ip": "10.0.0.7"}
    assert (full["timestamp"], full["duration"]) == (START * 1000, 2_500_000)
    assert dict(full["attributes_string"]) == {"raw": "AP8=", "text": "ü"}
    assert dict(full["attributes_int"]) == {"http.status": 500}
    assert dict(full["attributes_bool"]) == {"http.cached": False}
    assert dict(full["attributes_float"]) == {"share": 0.25}
    assert full["events_name"] == ["retry", "log"]
    assert full["events_timestamp"] == [START * 1000 + 7000, START * 1000 + 8000]
    assert [json.loads(text) for text in full["events_attributes"]] == [{"count": 2}, {"message": "no event"}]
    # The reference to the parent is the parent; the other one is a link.
    assert full["links_span_id"] == [(9).to_bytes(8)]
    assert json.loads(full["links_attributes"][0]) == {"opentracing.ref_type": "follows_from"}
    assert found[8]["ids"][8:] == (3).to_bytes(8)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_process_that_comes_after_its_spans(protocol: Protocol) -> None:
    body = thrift.encode(protocol, [BATCH[1], (3, "i64", 17), BATCH[0]])
    assert {row["service"] for row in rows(decode(protocol, body).batch)} == {"cart"}


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_bad_spans_cost_nothing_else(protocol: Protocol) -> None:
    spans = [
        thrift.span(trace=0),
        thrift.span(id=0),
        thrift.span(id=3),
        thrift.span(start=-5),
        thrift.span(start=2**62),
        thrift.span(id=4, duration=-5),
        thrift.span(id=5, start=0, duration=0),
        thrift.span(attributes=("struct", [[(1, "binary", b"\xff"), (2, "i32", 0)]])),
    ]
    decoded = decode(protocol, thrift.encode(protocol, thrift.batch("", spans)))
    assert [number for number, _ in decoded.errors] == [1, 2, 4, 5, 8]
    messages = [message for _, message in decoded.errors]
    assert messages[0] == "the trace id is missing or only zeros"
    assert messages[1] == "the span id is missing or only zeros"
    assert messages[2] == "start -5 µs is outside of 1970-01-01 to 2262-04-11"
    assert "key of a tag" in messages[4]
    found = by_id(decoded.batch)
    assert sorted(found) == [3, 4, 5]
    assert found[4]["duration"] == 0
    assert found[4]["attributes_bool"] == [("nexus.end_before_start", True)]
    assert found[5]["timestamp"] == NOW
    assert found[3]["service"] == "unknown_service"


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_bytes_of_any_kind_are_refused_with_a_place(protocol: Protocol) -> None:
    body = thrift.encode(protocol, BATCH)
    rng = random.Random(5)
    for _ in range(3000):
        changed = bytearray(body)
        for _ in range(rng.randint(1, 4)):
            at = rng.randrange(len(changed) + 1)
            match rng.randrange(4):
                case 0:
                    del changed[at:]
                case 1:
                    changed[at:at] = rng.randbytes(rng.randint(1, 9))
                case _:
                    changed[at : at + 1] = rng.randbytes(1)
        try:
            decode(protocol, bytes(changed))
        except _native.DecodeError as error:
            assert "at byte" in str(error) or "not a batch" in str(error)


def test_deep_and_large_claims() -> None:
    deep = b"\x0c\x00\x63" * 100_000
    with pytest.raises(_native.DecodeError, match="no deeper nesting"):
        _native.decode_jaeger_thrift_binary(deep, now_ns=NOW)
    for claim in (2**31 - 1, -1):
        body = b"\x0f\x00\x02\x0c" + struct.pack(">i", claim)
        with pytest.raises(_native.DecodeError, match="no more elements than bytes"):
            _native.decode_jaeger_thrift_binary(body, now_ns=NOW)
    with pytest.raises(_native.DecodeError, match="a call of emitBatch"):
        _native.decode_jaeger_thrift_compact(thrift.call("compact", "emitZipkinBatch", []), now_ns=NOW)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_datagrams_do_not_cost_each_other(protocol: Protocol) -> None:
    good = thrift.call(protocol, "emitBatch", [(1, "struct", BATCH)])
    datagrams = [good, b"", b"GET / HTTP/1.1", good[:-40], good]
    body = b"".join(struct.pack("<I", len(piece)) + piece for piece in datagrams)
    decoded = _native.decode_jaeger_datagrams(body, now_ns=NOW, compact=protocol == "compact")
    assert decoded.accepted == 5
    assert decoded.rejected == 3
    assert all("no call of emitBatch" in message for _, message in decoded.errors)
    with pytest.raises(_native.DecodeError):
        _native.decode_jaeger_datagrams(body[:-1], now_ns=NOW, compact=protocol == "compact")


# ------------------------------------------------------------------------------------------------------------ protobuf


def _field(number: int, payload: bytes) -> bytes:
    return thrift.varint(number << 3 | 2) + thrift.varint(len(payload)) + payload


def _number(number: int, value: int) -> bytes:
    return thrift.varint(number << 3) + thrift.varint(value & (2**64 - 1))


def _pair(key: str, value: Any) -> bytes:
    head = _field(1, key.encode())
    match value:
        case bool():
            return head + _number(2, 1) + _number(4, value)
        case int():
            return head + _number(2, 2) + _number(5, value)
        case float():
            return head + _number(2, 3) + bytes([6 << 3 | 1]) + struct.pack("<d", value)
        case bytes():
            return head + _number(2, 4) + _field(7, value)
        case _:
            return head + _field(3, value.encode())


def _time(seconds: int, nanos: int) -> bytes:
    return _number(1, seconds) + _number(2, nanos)


def post_spans(spans: list[bytes], service: str = "cart") -> bytes:
    """A `PostSpansRequest`."""
    process = _field(1, service.encode()) + _field(2, _pair("hostname", "h1"))
    return _field(1, b"".join(_field(1, span) for span in spans) + _field(2, process))


def test_protobuf() -> None:
    trace, own, parent = bytes(range(16)), b"01234567", b"76543210"
    full = b"".join(
        [
            _field(1, trace),
            _field(2, own),
            _field(3, b"GET /cart"),
            _field(4, _field(1, trace) + _field(2, parent)),
            _field(4, _field(1, trace[8:]) + _field(2, parent) + _number(3, 1)),
            _number(5, 3),
            _field(6, _time(1_700_000_000, 5)),
            _field(7, _time(0, 2_500)),
            *(
                _field(8, _pair(key, value))
                for key, value in {"span.kind": "client", "n": -1, "ok": True, "x": 0.5, "raw": b"\0"}.items()
            ),
            _field(9, _field(1, _time(1_700_000_000, 9)) + _field(2, _pair("event", "hit"))),
        ]
    )
    other = _field(1, trace) + _field(2, b"abcdefgh") + _field(10, _field(1, b"own"))
    decoded = _native.decode_jaeger_protobuf(post_spans([full, other, _field(1, b"x"), _field(2, own)]), now_ns=NOW)
    assert (decoded.accepted, [number for number, _ in decoded.errors]) == (2, [3, 4])
    assert decoded.errors[0][1] == "the trace id has 1 bytes, expected 16"
    found = {row["ids"][:8]: row for row in rows(decoded.batch)}
    row = found[own]
    assert (row["trace_id"], row["ids"][8:], row["name"], row["kind"]) == (trace, parent, "GET /cart", 3)
    assert (row["timestamp"], row["duration"]) == (1_700_000_000_000_000_005, 2500)
    assert (row["events_name"], row["events_timestamp"]) == (["hit"], [1_700_000_000_000_000_009])
    assert row["links_trace_id"] == [bytes(8) + trace[8:]]
    assert dict(row["attributes_int"]) == {"n": -1}
    assert (row["service"], found[b"abcdefgh"]["service"]) == ("cart", "own")
    with pytest.raises(_native.DecodeError, match="not a request of jaeger"):
        _native.decode_jaeger_protobuf(b"\x0a\x05x", now_ns=NOW)
