"""The native OTLP log decoders against the official protobuf library."""

from __future__ import annotations

import base64
import json
import math
import random
import re
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest
from google.protobuf import json_format
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from nexus import _native
from tests.oracles import otlp as oracle

NOW = 1_700_000_000_000_000_000

# ------------------------------------------------------------------------------------------------------------ requests

texts = st.text(st.characters(codec="utf-8"), max_size=12) | st.sampled_from(["", "a\"\\\n\x01\x7f/é😀", "x" * 300])
keys = texts | st.sampled_from(["a", "b", "service.name", "http.method"])
doubles = st.floats(width=64) | st.sampled_from([0.0, -0.0, 1e16, 1e-7, 123456789012345680.0, 5e-324, 1.7976931348623157e308])
int64s = st.integers(-(2**63), 2**63 - 1)


def _any(children: st.SearchStrategy[AnyValue]) -> st.SearchStrategy[AnyValue]:
    return st.builds(lambda v: AnyValue(array_value=ArrayValue(values=v)), st.lists(children, max_size=4)) | st.builds(
        lambda v: AnyValue(kvlist_value=KeyValueList(values=v)), st.lists(_pair(children), max_size=4)
    )


def _pair(values: st.SearchStrategy[AnyValue]) -> st.SearchStrategy[KeyValue]:
    return st.builds(KeyValue, key=keys, value=values) | st.builds(KeyValue, key=keys)


scalars = st.one_of(
    st.just(AnyValue()),
    st.builds(AnyValue, string_value=texts),
    st.builds(AnyValue, bool_value=st.booleans()),
    st.builds(AnyValue, int_value=int64s),
    st.builds(AnyValue, double_value=doubles),
    st.builds(AnyValue, bytes_value=st.binary(max_size=8)),
)
values = st.recursive(scalars, _any, max_leaves=8)
pairs = st.lists(_pair(values), max_size=5)
times = st.sampled_from([0, 1, NOW, 2**63 - 1, 2**63, 2**64 - 1]) | st.integers(0, 2**64 - 1)
records = st.builds(
    LogRecord,
    time_unix_nano=times,
    observed_time_unix_nano=times,
    severity_number=st.integers(-1, 30) | st.sampled_from([2**31 - 1, -(2**31)]),
    severity_text=texts | st.sampled_from(["INFO", "warning", "ERROR"]),
    body=st.none() | values,
    attributes=pairs,
    dropped_attributes_count=st.integers(0, 5),
    flags=st.integers(0, 2**32 - 1),
    trace_id=st.binary(max_size=17) | st.binary(min_size=16, max_size=16),
    span_id=st.binary(max_size=9) | st.binary(min_size=8, max_size=8),
    event_name=texts,
)
scopes = st.builds(InstrumentationScope, name=texts, version=texts, attributes=pairs)
scope_logs = st.builds(ScopeLogs, scope=st.none() | scopes, log_records=st.lists(records, max_size=4), schema_url=texts)
resource_logs = st.builds(
    ResourceLogs,
    resource=st.none() | st.builds(Resource, attributes=pairs),
    scope_logs=st.lists(scope_logs, max_size=3),
    schema_url=texts,
)
requests = st.builds(ExportLogsServiceRequest, resource_logs=st.lists(resource_logs, max_size=3))
thorough = settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))


# ---------------------------------------------------------------------------------------------------------- comparison


def _rows(decoded: _native.Decoded) -> list[oracle.Row]:
    rows: list[oracle.Row] = pa.record_batch(decoded.batch).to_pylist()
    for row in rows:
        del row["template_id"]
    return rows


def _plain(value: Any) -> Any:
    """Equal to itself also when it is not a number, and told apart from the other zero."""
    if isinstance(value, float):
        return "nan" if math.isnan(value) else value.hex()
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return {key: _plain(item) for key, item in value.items()} if isinstance(value, dict) else value


def _check(body: bytes) -> None:
    """The native decoder does with these bytes what its twin does."""
    try:
        expected, rejected = oracle.rows(body, NOW)
    except oracle.Refused:
        with pytest.raises(_native.DecodeError, match="at byte"):
            _native.decode_otlp_logs_protobuf(body, now_ns=NOW)
        return
    decoded = _native.decode_otlp_logs_protobuf(body, now_ns=NOW)
    assert _plain(_rows(decoded)) == _plain(expected)
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
    _field(4, 1, bytes(8)),
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
@given(requests, st.randoms(use_true_random=False))
def test_order_and_unknown_fields_change_nothing(request_: ExportLogsServiceRequest, rng: random.Random) -> None:
    body = request_.SerializeToString()
    shuffled = _shuffled(body, "request", rng)
    _check(shuffled)
    assert _plain(_rows(_native.decode_otlp_logs_protobuf(shuffled, now_ns=NOW))) == _plain(
        _rows(_native.decode_otlp_logs_protobuf(body, now_ns=NOW))
    )


@thorough
@given(requests, requests, st.data())
def test_broken_bytes_are_refused_or_read_as_the_library_does(
    request_: ExportLogsServiceRequest, other: ExportLogsServiceRequest, data: st.DataObject
) -> None:
    body, spare = bytearray(request_.SerializeToString()), other.SerializeToString()
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(body)))
        match data.draw(st.integers(0, 4)):
            case 0:
                body = body[:at]
            case 1:
                body[at:at] = data.draw(st.binary(max_size=8))
            case 2:
                body[at : at + 1] = bytes([data.draw(st.integers(0, 255))])
            case 3:
                del body[at : at + data.draw(st.integers(1, 8))]
            case _:
                start = data.draw(st.integers(0, len(spare)))
                body[at:at] = spare[start : start + 40]
    _check(bytes(body))


@thorough
@given(requests, st.data())
def test_text_that_is_not_utf8_costs_its_record(request_: ExportLogsServiceRequest, data: st.DataObject) -> None:
    """Bytes inside of texts only: every length stays right."""
    body = bytearray(request_.SerializeToString())
    for found in re.finditer(rb"a|b|[hs]|x{9}", bytes(body)):
        if data.draw(st.integers(0, 5)) == 0:
            body[found.start()] = 0xFF
    _check(bytes(body))


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
    _check(_field(1, 2, _nested_field(1, 1)(pair) + _nested_field(1, 1)(pair + _field(1, 2, b"z")) + _nested_field(2, 2, 5)(value)))
    _check(_nested_field(1, 2)(_nested_field(1, 3)(pair) + _field(1, 2, _field(1, 2, b"n")) + _field(2, 2, b"") + _nested_field(1, 2)(b"v")))


@pytest.mark.parametrize("depth", [64, 65, 5_000])
def test_nesting_beyond_the_limit_costs_the_record(depth: int) -> None:
    inner = AnyValue(string_value="x").SerializeToString()
    for _ in range(depth):
        inner = _nested_field(5, 1)(inner)
    body = _nested_field(1, 2)(_nested_field(2, 5)(inner) + _nested_field(2, 5, 1)(b"fine"))
    decoded = _native.decode_otlp_logs_protobuf(body, now_ns=NOW)
    bodies = [row["body"] for row in _rows(decoded)]
    if depth <= oracle.MAX_DEPTH:
        assert bodies == ["[" * depth + '"x"' + "]" * depth, "fine"]
    else:
        assert bodies == ["fine"]
        number, message = decoded.errors[0]
        assert number == 1
        assert message.endswith("is nested more than 64 deep")


# ---------------------------------------------------------------------------------------------------------------- JSON


def _json_request(request_: ExportLogsServiceRequest) -> dict[str, Any]:
    """OTLP/JSON: as protobuf's, but ids in hex and enums as integers."""
    request: dict[str, Any] = json_format.MessageToDict(request_, use_integers_for_enums=True)
    for resource_logs in request.get("resourceLogs", []):
        for scope_logs in resource_logs.get("scopeLogs", []):
            for record in scope_logs.get("logRecords", []):
                for name in ("traceId", "spanId"):
                    if name in record:
                        record[name] = base64.b64decode(record[name]).hex()
    return request


def _vary(value: Any, rng: random.Random) -> Any:
    """The same request as another sender writes it: other order, numbers for strings, unknown members, null for absent."""
    if isinstance(value, list):
        return [_vary(item, rng) for item in value]
    if not isinstance(value, dict):
        return value
    members = [(key, _vary(item, rng)) for key, item in value.items()]
    for index, (key, item) in enumerate(members):
        if key in ("timeUnixNano", "observedTimeUnixNano", "intValue") and rng.random() < 0.5:
            members[index] = (key, int(item))
        if key in ("traceId", "spanId") and rng.random() < 0.5:
            members[index] = (key, item.upper())
        if key == "bytesValue" and rng.random() < 0.5:
            members[index] = (key, item.replace("+", "-").replace("/", "_").rstrip("="))
    if rng.random() < 0.3:
        members.append(("futureField", {"resourceLogs": [None, 1.5, {"x": []}]}))
    if rng.random() < 0.3:
        members.append(("severity_text", "snake case is unknown"))
    absent = [name for name in ("schemaUrl", "body", "eventName") if name not in value]
    members += [(name, None) for name in absent if rng.random() < 0.1]
    rng.shuffle(members)
    return dict(members)


@thorough
@given(requests, st.randoms(use_true_random=False))
def test_json_gives_the_batch_that_protobuf_gives(request_: ExportLogsServiceRequest, rng: random.Random) -> None:
    expected = _native.decode_otlp_logs_protobuf(request_.SerializeToString(), now_ns=NOW)
    plain = _json_request(request_)
    bodies = [
        json.dumps(plain, ensure_ascii=False),
        json.dumps(_vary(plain, rng), ensure_ascii=True, indent=rng.choice([None, 1])),
    ]
    for body in bodies:
        decoded = _native.decode_otlp_logs_json(body.encode(), now_ns=NOW)
        assert _plain(_rows(decoded)) == _plain(_rows(expected))
        assert [number for number, _ in decoded.errors] == [number for number, _ in expected.errors]


@thorough
@given(requests, st.data())
def test_broken_json_is_refused_or_costs_records(request_: ExportLogsServiceRequest, data: st.DataObject) -> None:
    body = bytearray(json.dumps(_json_request(request_), ensure_ascii=False).encode())
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(body)))
        match data.draw(st.integers(0, 3)):
            case 0:
                body = body[:at]
            case 1:
                body[at:at] = data.draw(st.sampled_from([b"{", b"}", b"[", b'"', b",", b"\xff", b"\\u", b"null", b"-", b"1e999"]))
            case 2:
                body[at : at + 1] = bytes([data.draw(st.integers(0, 255))])
            case _:
                del body[at : at + data.draw(st.integers(1, 8))]
    try:
        decoded = _native.decode_otlp_logs_json(bytes(body), now_ns=NOW)
    except _native.DecodeError as error:
        assert "at byte" in str(error)
        return
    assert len(_rows(decoded)) == decoded.accepted
    assert len(decoded.errors) == min(decoded.rejected, 100)
    pa.record_batch(decoded.batch).validate(full=True)
    try:
        json.loads(bytes(body).decode("utf-8", "surrogateescape"))
    except (ValueError, RecursionError):
        # Control characters in strings are let through, as senders write them.
        json.loads(bytes(body).decode("utf-8", "surrogateescape"), strict=False)


def test_a_whole_request_reads_well_in_its_errors() -> None:
    with pytest.raises(_native.DecodeError) as refused:
        _native.decode_otlp_logs_protobuf(b"\x0a\x05abc", now_ns=NOW)
    assert str(refused.value) == (
        "not an OTLP logs request in protobuf: at byte 2: expected 5 bytes as the length before them says, "
        "but the message ends after 3"
    )
    with pytest.raises(_native.DecodeError) as refused:
        _native.decode_otlp_logs_json(b'{"resourceLogs": [}', now_ns=NOW)
    assert str(refused.value) == "not an OTLP logs request in JSON: at byte 18: expected a value"


def test_many_rejected_records_are_counted_and_the_first_hundred_named() -> None:
    late = LogRecord(time_unix_nano=2**63)
    request = ExportLogsServiceRequest(
        resource_logs=[ResourceLogs(scope_logs=[ScopeLogs(log_records=[late] * 250 + [LogRecord()])])]
    )
    for decoded in (
        _native.decode_otlp_logs_protobuf(request.SerializeToString(), now_ns=NOW),
        _native.decode_otlp_logs_json(json.dumps(_json_request(request)).encode(), now_ns=NOW),
    ):
        assert (decoded.accepted, decoded.rejected, len(decoded.errors)) == (1, 250, 100)
        assert decoded.errors[99][0] == 100
