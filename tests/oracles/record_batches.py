"""The records of `tests.oracles.records` as native batches, and the records that a native batch holds."""

from __future__ import annotations

import json
import random
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList
from tests.oracles.batches import rows
from tests.oracles.records import record
from tests.oracles.search import Record

from nexus import _native


def random_batch(seed: int, count: int = 300) -> _native.LogBatch:
    """A batch of random records."""
    source = random.Random(seed)
    return batch_of([record(number, source) for number in range(count)])


def batch_of(records: list[Record]) -> _native.LogBatch:
    """A batch of records, by way of OTLP; their template ids are those of their bodies."""
    request = ExportLogsServiceRequest()
    for held in records:
        part = request.resource_logs.add()
        service = {"service.name": held.service} if held.service else {}
        part.resource.attributes.extend(_pairs(held.resource | service))
        scope = part.scope_logs.add()
        scope.scope.name = held.scope_name
        out = scope.log_records.add()
        out.time_unix_nano = out.observed_time_unix_nano = held.timestamp
        out.severity_number = held.severity_number  # type: ignore[assignment]
        out.body.string_value = held.body
        out.trace_id, out.span_id = bytes.fromhex(held.trace_id), bytes.fromhex(held.span_id)
        out.event_name = held.event_name
        out.attributes.extend(_pairs(held.attributes))
    decoded = _native.decode_otlp_logs_protobuf(request.SerializeToString(), now_ns=0)
    assert decoded.rejected == 0
    return decoded.batch


def records_of(batch: _native.LogBatch) -> list[Record]:
    """What a batch holds; numbers are rows."""
    return [
        Record(
            number=number,
            timestamp=row["timestamp"],
            body=row["body"],
            service=row["service"],
            severity_number=row["severity_number"],
            trace_id=_hex(row["trace_id"]),
            span_id=_hex(row["span_id"]),
            event_name=row["event_name"],
            template_id=f"{row['template_id']:016x}",
            scope_name=row["scope_name"],
            attributes={
                key: json.loads(value) if letter == "j" else value for (letter, key), value in row["attributes"].items()
            },
            resource=json.loads(row["resource"]),
        )
        for number, row in enumerate(rows(batch))
    ]


def _hex(raw: bytes) -> str:
    return raw.hex() if any(raw) else ""


def _pairs(held: dict[str, Any]) -> list[KeyValue]:
    return [KeyValue(key=key, value=_value(value)) for key, value in held.items()]


def _value(value: Any) -> AnyValue:
    match value:
        case bool():
            return AnyValue(bool_value=value)
        case int():
            return AnyValue(int_value=value)
        case float():
            return AnyValue(double_value=value)
        case str():
            return AnyValue(string_value=value)
        case list():
            return AnyValue(array_value=ArrayValue(values=map(_value, value)))
    return AnyValue(kvlist_value=KeyValueList(values=_pairs(value)))
