"""Hypothesis strategies for OTLP log requests, and how to look at the batches that are made of them."""

from __future__ import annotations

import math
import random
from typing import Any

import pyarrow as pa
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from nexus import _native

NOW = 1_700_000_000_000_000_000

texts = st.text(st.characters(codec="utf-8"), max_size=12) | st.sampled_from(["", 'a"\\\n\x01\x7f/é😀', "x" * 300])
keys = texts | st.sampled_from(["a", "b", "service.name", "http.method"])
doubles = st.floats(width=64) | st.sampled_from(
    [0.0, -0.0, 1e16, 1e-7, 123456789012345680.0, 5e-324, 1.7976931348623157e308]
)
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
    severity_text=texts | st.sampled_from(["INFO", "warning", "ERROR3", " crit\n", "E", "err2"]),
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
seeds = st.integers(0, 2**32)
thorough = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))


def rows(decoded: _native.Decoded) -> list[dict[str, Any]]:
    """Rows of the batch, without what derives from other columns."""
    table: list[dict[str, Any]] = pa.record_batch(decoded.batch).to_pylist()
    for row in table:
        del row["template_id"]
    return table


def plain(value: Any) -> Any:
    """Equal to itself also when it is not a number, and told apart from the other zero."""
    if isinstance(value, float):
        return "nan" if math.isnan(value) else value.hex()
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return {key: plain(item) for key, item in value.items()} if isinstance(value, dict) else value


def broken(body: bytes, pieces: list[bytes], rng: random.Random) -> bytes:
    """The bytes cut, changed, and with some more of them in one to four places."""
    changed = bytearray(body)
    for _ in range(rng.randint(1, 4)):
        at = rng.randint(0, len(changed))
        match rng.randrange(6):
            case 0:
                del changed[at:]
            case 1:
                changed[at:at] = rng.randbytes(rng.randint(1, 8))
            case 2:
                changed[at : at + 1] = rng.randbytes(1)
            case 3:
                del changed[at : at + rng.randint(1, 8)]
            case _ if pieces:
                changed[at:at] = rng.choice(pieces)
    return bytes(changed)
