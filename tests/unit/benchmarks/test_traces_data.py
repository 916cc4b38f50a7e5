"""The traces that benchmarks send, against a slow count of what is in their requests."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "benchmarks"))

import traces_data as data


@pytest.fixture(scope="module")
def block() -> tuple[list[tuple[str, Any]], dict[str, Any], bytes]:
    """(service, span) of a block that holds a rare value, its truth, its bytes."""
    body, truth = data._Generator(data.DEFAULT_END).block(data.RARE_BLOCK)
    request = ExportTraceServiceRequest.FromString(body)
    spans = [
        (next(a.value.string_value for a in resource.resource.attributes if a.key == "service.name"), span)
        for resource in request.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]
    return spans, truth, body


def attribute(span: Any, key: str) -> str:
    return next((a.value.string_value for a in span.attributes if a.key == key), "")


def test_a_block_is_the_same_whenever_it_is_made(block: Any) -> None:
    assert data._Generator(data.DEFAULT_END).block(data.RARE_BLOCK)[0] == block[2]


def test_the_truth_is_true(block: Any) -> None:
    spans, truth, _ = block
    assert len(spans) == data.BLOCK_SPANS and len({span.trace_id for _, span in spans}) == data.BLOCK_TRACES
    assert len({span.span_id for _, span in spans}) == data.BLOCK_SPANS
    assert sum(span.status.code == 2 for _, span in spans) == truth["errors"] > 0
    assert sum(len(span.events) for _, span in spans) == truth["events"] > 0
    rare = [(span.trace_id.hex(), span.start_time_unix_nano) for _, span in spans if attribute(span, data.RARE[0])]
    assert rare == truth["rare"] and len(rare) == 1
    for name, matches in (
        (
            "common",
            lambda service, span: (service, attribute(span, data.COMMON[0])) == (data.COMMON_SERVICE, data.COMMON[1]),
        ),
        ("long", lambda service, span: service == data.LONG_SERVICE and took(span) >= data.LONG_NS),
    ):
        starts: dict[str, int] = {}
        found = [span for service, span in spans if matches(service, span)]
        for span in found:
            trace = span.trace_id.hex()
            starts[trace] = max(starts.get(trace, 0), span.start_time_unix_nano)
        assert len(found) == truth[name] > 0
        assert sorted(starts.items(), key=lambda pair: -pair[1])[: data.NEWEST] == truth[f"{name}_newest"]
    trace, ids = truth["known"]
    assert sorted(span.span_id.hex() for _, span in spans if span.trace_id.hex() == trace) == ids


def took(span: Any) -> int:
    return int(span.end_time_unix_nano - span.start_time_unix_nano)


def test_edges_follow_from_parents(block: Any) -> None:
    spans, _, _ = block
    by_id = {span.span_id: (service, span) for service, span in spans}
    edges: Counter[tuple[str, str]] = Counter()
    for service, span in spans:
        if span.parent_span_id:
            caller, parent = by_id[span.parent_span_id]
            assert parent.trace_id == span.trace_id
            if (parent.kind, span.kind) in ((3, 2), (4, 5)):
                edges[caller, service] += 1
            if span.kind != 5:
                assert parent.start_time_unix_nano <= span.start_time_unix_nano
                assert span.end_time_unix_nano <= parent.end_time_unix_nano
    services, expected, _ = data._Generator(data.DEFAULT_END).counts()
    assert edges == expected
    assert services == Counter(service for service, _ in spans)


def test_every_span_has_eight_attributes_or_more(block: Any) -> None:
    spans, _, _ = block
    assert {len(span.attributes) for _, span in spans} <= {8, 9, 10, 11}
    assert len({attribute(span, "request.id") for _, span in spans}) == data.BLOCK_SPANS
