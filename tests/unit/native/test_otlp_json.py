"""The native decoder of OTLP logs in JSON: the same requests give the same batches as in protobuf."""

from __future__ import annotations

import base64
import json
import random
from typing import Any

import pyarrow as pa
import pytest
from google.protobuf import json_format
from hypothesis import given
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs
from tests.strategies.otlp_requests import NOW, broken, plain, requests, rows, seeds, thorough

from nexus import _native


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
@given(requests, seeds)
def test_json_gives_the_batch_that_protobuf_gives(request_: ExportLogsServiceRequest, seed: int) -> None:
    rng = random.Random(seed)
    expected = _native.decode_otlp_logs_protobuf(request_.SerializeToString(), now_ns=NOW)
    request = _json_request(request_)
    bodies = [
        json.dumps(request, ensure_ascii=False),
        json.dumps(_vary(request, rng), ensure_ascii=True, indent=rng.choice([None, 1])),
    ]
    for body in bodies:
        decoded = _native.decode_otlp_logs_json(body.encode(), now_ns=NOW)
        assert plain(rows(decoded)) == plain(rows(expected))
        assert [number for number, _ in decoded.errors] == [number for number, _ in expected.errors]


@thorough
@given(requests, seeds)
def test_broken_json_is_refused_or_costs_records(request_: ExportLogsServiceRequest, seed: int) -> None:
    body, rng = json.dumps(_json_request(request_), ensure_ascii=False).encode(), random.Random(seed)
    for _ in range(10):
        _check_json(broken(body, [b"{", b"}", b"[", b'"', b",", b"\xff", b"\\u", b"null", b"-", b"1e999"], rng))


def _check_json(body: bytes) -> None:
    try:
        decoded = _native.decode_otlp_logs_json(body, now_ns=NOW)
    except _native.DecodeError as error:
        assert "at byte" in str(error)
        return
    assert len(decoded.errors) == min(decoded.rejected, 100)
    batch = pa.record_batch(decoded.batch)
    batch.validate(full=True)
    assert batch.num_rows == decoded.accepted
    # What was not refused is JSON. Control characters in strings are let through, as senders write them.
    json.loads(body.decode("utf-8", "surrogateescape"), strict=False)


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
