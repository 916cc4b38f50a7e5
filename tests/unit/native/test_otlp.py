"""The native decoder of OTLP logs in protobuf against the official library."""

from __future__ import annotations

import random
import re
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from tests.oracles import otlp as oracle
from tests.strategies.otlp_requests import NOW, broken, plain, requests, rows, seeds, thorough

from nexus import _native


def _check(body: bytes) -> None:
    """The native decoder does with these bytes what its twin does."""
    try:
        expected, rejected = oracle.rows(body, NOW)
    except oracle.Refused:
        with pytest.raises(_native.DecodeError, match="at byte"):
            _native.decode_otlp_logs_protobuf(body, now_ns=NOW)
        return
    decoded = _native.decode_otlp_logs_protobuf(body, now_ns=NOW)
    assert plain(rows(decoded)) == plain(expected)
    assert decoded.accepted == len(expected)
    assert decoded.rejected == len(rejected)
    assert [number for number, _ in decoded.errors] == rejected[:100]


@thorough
@given(requests)
def test_rows_are_those_of_the_official_library(request_: ExportLogsServiceRequest) -> None:
    _check(request_.SerializeToString())


# ------------------------------------------------------------------------------------------------- bytes out of the way


def _varint(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(out) + bytes([value])


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        value |= (data[at] & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if data[at - 1] < 0x80:
            return value, at


def _fields(message: bytes) -> list[tuple[int, int, bytes]]:
    """(number, wire type, value without its length) of each field."""
    fields, at = [], 0
    while at < len(message):
        tag, at = _read_varint(message, at)
        start = at
        match tag & 7:
            case 0:
                _, at = _read_varint(message, at)
            case 1:
                at += 8
            case 5:
                at += 4
            case _:
                length, start = _read_varint(message, at)
                at = start + length
        fields.append((tag >> 3, tag & 7, message[start:at]))
    return fields


def _field(number: int, wire_type: int, value: bytes) -> bytes:
    return _varint(number << 3 | wire_type) + (_varint(len(value)) if wire_type == 2 else b"") + value


UNKNOWN = [
    _field(100, 0, b"\x96\x01"),
    _field(200, 1, bytes(8)),
    _field(99, 2, b"anything"),
    _field(1000, 5, bytes(4)),
    b"\xab\x06\x08\x01\x13\x14\xac\x06",  # group 101 with a field and a group inside
]
MESSAGES: dict[str, dict[int, str]] = {
    "request": {1: "resource_logs"},
    "resource_logs": {1: "resource", 2: "scope_logs"},
    "scope_logs": {1: "scope", 2: "record"},
    "resource": {1: "pair"},
    "scope": {3: "pair"},
    "record": {5: "value", 6: "pair"},
    "pair": {2: "value"},
    "value": {5: "array", 6: "map"},
    "array": {1: "value"},
    "map": {1: "pair"},
}


def _shuffled(message: bytes, kind: str, rng: random.Random) -> bytes:
    """The same message with its fields in another order, unknown ones between them, and tags of more bytes than needed."""
    order: dict[int, list[bytes]] = {}
    for number, wire_type, value in _fields(message):
        inner = MESSAGES[kind].get(number)
        value = _shuffled(value, inner, rng) if inner else value
        order.setdefault(number, []).append(_field(number, wire_type, value))
    lanes = [*order.values(), *([unknown] for unknown in rng.sample(UNKNOWN, rng.randrange(3)))]
    out = b""
    while lanes:
        lane = rng.choice(lanes)
        out += lane.pop(0)
        lanes = [lane for lane in lanes if lane]
    return out


@thorough
@given(requests, seeds)
def test_order_and_unknown_fields_change_nothing(request_: ExportLogsServiceRequest, seed: int) -> None:
    body, rng = request_.SerializeToString(), random.Random(seed)
    shuffled = _shuffled(body, "request", rng)
    _check(shuffled)
    assert plain(rows(_native.decode_otlp_logs_protobuf(shuffled, now_ns=NOW))) == plain(
        rows(_native.decode_otlp_logs_protobuf(body, now_ns=NOW))
    )


@thorough
@given(requests, requests, seeds)
def test_broken_bytes_are_refused_or_read_as_the_library_does(
    request_: ExportLogsServiceRequest, other: ExportLogsServiceRequest, seed: int
) -> None:
    body, spare, rng = request_.SerializeToString(), other.SerializeToString(), random.Random(seed)
    for _ in range(20):
        _check(broken(body, [spare[at : at + 40] for at in range(0, len(spare), 20)], rng))


@thorough
@given(requests, seeds)
def test_text_that_is_not_utf8_costs_its_record(request_: ExportLogsServiceRequest, seed: int) -> None:
    """Bytes inside of texts, mostly: lengths stay right."""
    body, rng = request_.SerializeToString(), random.Random(seed)
    for _ in range(5):
        broken = bytearray(body)
        for found in re.finditer(rb"[A-Za-z0-9]", body):
            if rng.random() < 0.05:
                broken[found.start()] = rng.choice([0x80, 0xC0, 0xED, 0xFF])
        _check(bytes(broken))


@settings(max_examples=500, deadline=None)
@given(st.binary(max_size=200))
def test_garbage(body: bytes) -> None:
    _check(body)


def _nested_field(*path: int) -> Callable[[bytes], bytes]:
    def wrap(inner: bytes) -> bytes:
        for number in reversed(path):
            inner = _field(number, 2, inner)
        return inner

    return wrap


@pytest.mark.parametrize(
    "value",
    [
        _field(1, 2, b"first") + _field(1, 2, b"last"),
        _field(1, 2, b"text") + _field(3, 0, b"\x05"),
        _nested_field(5, 1, 1)(b"a") + _nested_field(5, 1, 1)(b"b"),
        _nested_field(5, 1, 1)(b"a") + _field(2, 0, b"\x01") + _nested_field(5, 1, 1)(b"b"),
        _nested_field(6, 1, 1)(b"a") + _nested_field(6, 1, 1)(b"b"),
        _nested_field(5, 1, 1)(b"a") + _nested_field(6, 1, 1)(b"b") + _field(9, 0, b"\x01"),
        _field(5, 2, b"\x0a\x09") + _field(1, 2, b"what was there is no message"),
        _field(1, 0, b"\x01") + _field(3, 2, b"\x01") + _field(2, 0, b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
        _field(3, 0, b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f"),
        _field(2, 0, b"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x02"),
    ],
)
def test_repeated_and_mistyped_fields_of_a_value(value: bytes) -> None:
    record = _nested_field(1, 2, 2)
    for body in (_field(5, 2, value), _field(5, 2, value[:9]) + _field(5, 2, value[9:])):
        _check(record(body))
    pair = _field(1, 2, b"k") + _field(2, 2, value)
    _check(record(_field(6, 2, pair) + _field(6, 2, pair + _field(2, 2, value) + _field(1, 2, b"k2"))))
    _check(
        _field(
            1, 2, _nested_field(1, 1)(pair) + _nested_field(1, 1)(pair + _field(1, 2, b"z")) + _nested_field(2, 2, 5)(value)
        )
    )
    _check(
        _nested_field(1, 2)(
            _nested_field(1, 3)(pair) + _field(1, 2, _field(1, 2, b"n")) + _field(2, 2, b"") + _nested_field(1, 2)(b"v")
        )
    )


@pytest.mark.parametrize("depth", [64, 65, 5_000])
def test_nesting_beyond_the_limit_costs_the_record(depth: int) -> None:
    inner = AnyValue(string_value="x").SerializeToString()
    for _ in range(depth):
        inner = _nested_field(5, 1)(inner)
    body = _nested_field(1, 2)(_nested_field(2, 5)(inner) + _nested_field(2, 5, 1)(b"fine"))
    decoded = _native.decode_otlp_logs_protobuf(body, now_ns=NOW)
    bodies = [row["body"] for row in rows(decoded)]
    if depth <= oracle.MAX_DEPTH:
        assert bodies == ["[" * depth + '"x"' + "]" * depth, "fine"]
    else:
        assert bodies == ["fine"]
        number, message = decoded.errors[0]
        assert number == 1
        assert message.endswith("is nested more than 64 deep")
