"""Hypothesis strategies for OTLP trace requests, and how to look at the batches that are made of them."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status
from tests.oracles import native_block
from tests.strategies.otlp_requests import NOW, pairs, scopes, texts, times

from nexus import _native

trace_ids = st.one_of(
    st.just(bytes(range(16))), st.binary(min_size=16, max_size=16), st.sampled_from([b"", bytes(16), b"x" * 15])
)
span_ids = st.one_of(st.just(b"01234567"), st.binary(min_size=8, max_size=8), st.sampled_from([b"", bytes(8), b"x" * 9]))
counts = st.integers(0, 3) | st.just(2**32 - 1)
states = st.one_of(texts, st.sampled_from(["ot=th:8", "a=b, ot=rv:1;th:fd70a4", "ot=th:x", "ot=th:" + "f" * 14]))
moments = st.integers(NOW, NOW + 10**10) | times
events = st.builds(Span.Event, time_unix_nano=moments, name=texts, attributes=pairs, dropped_attributes_count=counts)
links = st.builds(
    Span.Link,
    trace_id=trace_ids,
    span_id=span_ids,
    trace_state=states,
    attributes=pairs,
    dropped_attributes_count=counts,
    flags=counts,
)
spans = st.builds(
    Span,
    trace_id=trace_ids,
    span_id=span_ids,
    parent_span_id=span_ids,
    trace_state=states,
    name=texts,
    kind=st.integers(-1, 7),
    start_time_unix_nano=moments,
    end_time_unix_nano=moments,
    attributes=pairs,
    dropped_attributes_count=counts,
    events=st.lists(events, max_size=3),
    dropped_events_count=counts,
    links=st.lists(links, max_size=3),
    dropped_links_count=counts,
    status=st.none() | st.builds(Status, message=texts, code=st.integers(-1, 4)),
    flags=st.integers(0, 2**32 - 1),
)
scope_spans = st.builds(ScopeSpans, scope=st.none() | scopes, spans=st.lists(spans, max_size=4), schema_url=texts)
resource_spans = st.builds(
    ResourceSpans,
    resource=st.none() | st.builds(Resource, attributes=pairs),
    scope_spans=st.lists(scope_spans, max_size=3),
    schema_url=texts,
)
span_requests = st.builds(ExportTraceServiceRequest, resource_spans=st.lists(resource_spans, max_size=3))

DERIVED = ("tenant", "commit_id", "expires_on")


def rows(batch: _native.SpanBatch) -> list[dict[str, Any]]:
    """Rows of the batch's Native block, texts as texts, in the order of the table."""
    block, _ = _native.encode_native_spans(batch, tenant="t", commit_id=1, retention_days=0, now_ns=NOW)
    if not block:
        return []
    types, found = native_block.read(block)
    for row in found:
        for name in DERIVED:
            del row[name]
        for name, value in row.items():
            if "String" in types[name] and "FixedString" not in types[name]:
                row[name] = _decoded(value)
    return found


def _decoded(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, list):
        return [_decoded(item) for item in value]
    return tuple(_decoded(item) for item in value) if isinstance(value, tuple) else value
