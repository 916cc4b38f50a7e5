"""Native span batches made from plain spans, through OTLP."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList
from tests.oracles.spans import Span

from nexus import _native


def any_value(held: Any) -> AnyValue:
    """A value of an attribute."""
    if isinstance(held, bool):
        return AnyValue(bool_value=held)
    if isinstance(held, int):
        return AnyValue(int_value=held)
    if isinstance(held, float):
        return AnyValue(double_value=held)
    if isinstance(held, str):
        return AnyValue(string_value=held)
    if isinstance(held, list):
        return AnyValue(array_value=ArrayValue(values=map(any_value, held)))
    return AnyValue(kvlist_value=KeyValueList(values=pairs(held)))


def pairs(held: dict[str, Any]) -> list[KeyValue]:
    """Attributes."""
    return [KeyValue(key=key, value=any_value(value)) for key, value in held.items()]


def request(spans: Iterable[Span]) -> bytes:
    """An OTLP request with the spans."""
    made = ExportTraceServiceRequest()
    for span in spans:
        of_resource = made.resource_spans.add()
        of_resource.resource.attributes.extend(pairs(span.resource))
        scope = of_resource.scope_spans.add()
        scope.scope.name, scope.scope.version = span.scope
        scope.scope.attributes.extend(pairs(span.scope_attributes))
        one = scope.spans.add()
        one.trace_id, one.span_id = span.trace_id, span.span_id
        one.parent_span_id = b"" if span.root else span.parent
        one.name, one.kind = span.name, span.kind
        one.start_time_unix_nano, one.end_time_unix_nano = span.start, span.start + span.duration
        one.status.code, one.status.message = span.status, span.message
        one.attributes.extend(pairs(span.attributes))
        for event in span.events:
            added = one.events.add(time_unix_nano=event.time, name=event.name)
            added.attributes.extend(pairs(event.attributes))
        for link in span.links:
            linked = one.links.add(trace_id=link.trace_id, span_id=link.span_id)
            linked.attributes.extend(pairs(link.attributes))
    return made.SerializeToString()


def batch(spans: Iterable[Span], now_ns: int | None = None) -> Any:
    """A batch of spans."""
    decoded = _native.decode_otlp_traces_protobuf(request(spans), now_ns=now_ns or time.time_ns())
    assert not decoded.rejected, decoded.errors
    return decoded.batch
