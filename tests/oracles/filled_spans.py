"""Spans in a store: beside its writer, and as senders send them."""

from __future__ import annotations

from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList
from tests.oracles.spans import LEARNED, Span, insert_statement, letter_of

from nexus.storage.clickhouse.attributes import LearnedColumn
from nexus.storage.clickhouse.store import ClickHouseStore


def fill(store: ClickHouseStore, spans: list[Span]) -> None:
    """Store spans, beside the writer."""
    connection = store._engine.connect()
    try:
        learned = store.traces.ingest.learned
        columns = [LearnedColumn(key, letter, name, kind) for (key, letter), (name, kind) in LEARNED.items()]
        if not learned.columns:
            learned._add(connection, columns)
        pairs = {(key, letter_of(held)) for span in spans for key, held in span.attributes.items()}
        learned._seen.note(pairs - set(LEARNED))
        connection.execute(insert_statement(spans))
        store.traces.ingest.changed()
    finally:
        store._engine.release(connection)


def otlp_request(spans: list[Span]) -> bytes:
    """Spans as an OTLP export request."""
    request = ExportTraceServiceRequest()
    for span in spans:
        group = request.resource_spans.add()
        group.resource.attributes.extend(_attributes(span.resource))
        scope = group.scope_spans.add()
        scope.scope.name, scope.scope.version = span.scope
        scope.scope.attributes.extend(_attributes(span.scope_attributes))
        out = scope.spans.add(
            trace_id=span.trace_id,
            span_id=span.span_id,
            parent_span_id=b"" if span.root else span.parent,
            name=span.name,
            kind=span.kind,  # type: ignore[arg-type]
            start_time_unix_nano=span.start,
            end_time_unix_nano=span.start + span.duration,
            attributes=_attributes(span.attributes),
        )
        out.status.code = span.status  # type: ignore[assignment]
        out.status.message = span.message
        if span.weight != 1.0:
            threshold = f"{round((1 - 1 / span.weight) * 2**56):014x}"
            out.trace_state = f"ot=th:{threshold.rstrip('0') or '0'}"
        for event in span.events:
            out.events.add(time_unix_nano=event.time, name=event.name, attributes=_attributes(event.attributes))
        for link in span.links:
            out.links.add(trace_id=link.trace_id, span_id=link.span_id, attributes=_attributes(link.attributes))
    return request.SerializeToString()


def _attributes(held: dict[str, Any]) -> list[KeyValue]:
    return [KeyValue(key=key, value=_value(value)) for key, value in held.items()]


def _value(held: Any) -> AnyValue:
    match held:
        case bool():
            return AnyValue(bool_value=held)
        case int():
            return AnyValue(int_value=held)
        case float():
            return AnyValue(double_value=held)
        case str():
            return AnyValue(string_value=held)
        case list():
            return AnyValue(array_value=ArrayValue(values=map(_value, held)))
    return AnyValue(kvlist_value=KeyValueList(values=_attributes(held)))
