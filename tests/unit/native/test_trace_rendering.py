"""Rendered traces against OpenTelemetry's own messages, and against what went in."""

from __future__ import annotations

import base64
import json
import random
import time
from typing import Any

import pytest
from google.protobuf import json_format
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status, TracesData

from nexus import _native

TEXTS = ["", "a", 'GET /\n"x"', "é ü \U0001f600", "x" * 300, "\\", "\x01"]
Rows = tuple[bytes, list[tuple[str, str | None]]]


def any_value(rng: random.Random, depth: int = 0) -> AnyValue:
    """A value of any type but bytes, which are texts when they are stored."""
    match rng.randrange(4 if depth > 2 else 6):
        case 0:
            return AnyValue(string_value=rng.choice(TEXTS))
        case 1:
            return AnyValue(int_value=rng.choice([0, 1, -1, (1 << 63) - 1, -(1 << 63), rng.getrandbits(40)]))
        case 2:
            return AnyValue(double_value=rng.choice([0.5, -1e300, 2.0, 1e-9]))
        case 3:
            return AnyValue(bool_value=rng.random() < 0.5)
        case 4:
            found = AnyValue()
            found.array_value.values.extend(any_value(rng, depth + 1) for _ in range(rng.randrange(3)))
            found.array_value.SetInParent()
            return found
    found = AnyValue()
    found.kvlist_value.values.extend(pairs(rng, depth + 1))
    found.kvlist_value.SetInParent()
    return found


def pairs(rng: random.Random, depth: int = 0) -> list[KeyValue]:
    """Some with sorted keys, as they are stored."""
    keys = sorted(rng.sample(["a", "b.c", "ü", "z z", "k1", "k2"], rng.randrange(4)))
    return [KeyValue(key=key, value=any_value(rng, depth)) for key in keys]


def span(rng: random.Random, trace: bytes, number: int) -> Span:
    """A span with everything that one can have."""
    start = rng.randrange(10**18, 2 * 10**18)
    found = Span(
        trace_id=trace,
        span_id=number.to_bytes(8, "big"),
        parent_span_id=rng.randrange(number).to_bytes(8, "big") if number > 1 else b"",
        name=rng.choice(TEXTS),
        kind=rng.randrange(6),
        start_time_unix_nano=start,
        end_time_unix_nano=start + rng.randrange(10**12),
        attributes=pairs(rng),
        trace_state=rng.choice(["", "a=b"]),
        flags=rng.choice([0, 1, 0x300]),
        dropped_attributes_count=rng.randrange(3),
        dropped_events_count=rng.randrange(3),
        dropped_links_count=rng.randrange(3),
        status=Status(message=rng.choice(TEXTS), code=rng.randrange(3)),
    )
    if found.parent_span_id == bytes(8):
        found.parent_span_id = b""
    for _ in range(rng.randrange(3)):
        found.events.add(time_unix_nano=start + rng.randrange(1, 10**9), name=rng.choice(TEXTS), attributes=pairs(rng))
    for _ in range(rng.randrange(3)):
        found.links.add(
            trace_id=rng.randbytes(15) + b"\1",
            span_id=rng.randbytes(7) + b"\1",
            trace_state=rng.choice(["", "x=y"]),
            attributes=pairs(rng),
        )
    return found


def traces(seed: int) -> TracesData:
    """Resources with scopes with spans; no two resources or scopes are alike, those of a trace follow each other."""
    rng = random.Random(seed)
    data = TracesData()
    number = 0
    for trace in range(rng.randrange(1, 3)):
        for resource in range(rng.randrange(1, 4)):
            of = data.resource_spans.add()
            of.resource.attributes.extend(pairs(rng))
            service = KeyValue(key="service.name", value=AnyValue(string_value=f"service {trace} {resource}"))
            of.resource.attributes.append(service)
            of.resource.attributes.sort(key=lambda pair: pair.key.encode())
            for scope in range(rng.randrange(1, 3)):
                within = of.scope_spans.add()
                within.scope.name = f"lib {scope}"
                within.scope.version = rng.choice(["", "1.2"])
                within.scope.attributes.extend(pairs(rng))
                for _ in range(rng.randrange(1, 4)):
                    number += 1
                    within.spans.append(span(rng, bytes([trace + 1] * 16), number))
    return data


def otlp_json(data: TracesData) -> bytes:
    """As OpenTelemetry's mapping to JSON has it: ids are hexadecimal, enumerations numbers."""
    document = json_format.MessageToDict(data, use_integers_for_enums=True)

    def mend(node: Any) -> None:
        if isinstance(node, dict):
            for key, value in node.items():
                if key in ("traceId", "spanId", "parentSpanId"):
                    node[key] = base64.b64decode(value).hex()
                else:
                    mend(value)
        elif isinstance(node, list):
            for one in node:
                mend(one)

    mend(document)
    return json.dumps(document).encode()


def rows_of(data: TracesData) -> Rows:
    return _native.spans_of_file(otlp_json(data), now_ns=1)


@pytest.mark.parametrize("seed", range(60))
def test_protobuf_says_what_went_in(seed: int) -> None:
    """Every field of every span, in its resource and scope."""
    data = traces(seed)
    found = TracesData.FromString(_native.render_spans_otlp_protobuf(*rows_of(data)))
    assert len(found.resource_spans) == len(data.resource_spans)
    for one, wanted in zip(found.resource_spans, data.resource_spans, strict=True):
        assert one.resource == wanted.resource
        for scope, wanted_scope in zip(one.scope_spans, wanted.scope_spans, strict=True):
            assert scope.scope == wanted_scope.scope
            for span, wanted_span in zip(scope.spans, wanted_scope.spans, strict=True):
                assert span == wanted_span


@pytest.mark.parametrize("seed", range(20))
def test_pieces_are_the_whole(seed: int) -> None:
    """Messages of one trace each, together all of them."""
    rows = rows_of(traces(seed))
    whole = TracesData.FromString(_native.render_spans_otlp_protobuf(*rows))
    pieces = [TracesData.FromString(piece) for piece in _native.render_traces_otlp_protobuf(*rows)]
    for piece in pieces:
        assert len({span.trace_id for span in spans_of(piece)}) == 1
    assert [span for piece in pieces for span in spans_of(piece)] == spans_of(whole)


def spans_of(data: TracesData) -> list[Span]:
    return [span for one in data.resource_spans for scope in one.scope_spans for span in scope.spans]


@pytest.mark.parametrize("seed", range(20))
def test_json_says_what_protobuf_does(seed: int) -> None:
    """Tempo's is protobuf's own mapping; OpenTelemetry's reads back to the same."""
    rows = rows_of(traces(seed))
    whole = TracesData.FromString(_native.render_spans_otlp_protobuf(*rows))
    mapped = _native.render_spans_otlp_json(*rows, names=True)
    assert json_format.Parse(mapped, TracesData()) == whole
    again = _native.spans_of_file(_native.render_spans_otlp_json(*rows), now_ns=1)
    assert TracesData.FromString(_native.render_spans_otlp_protobuf(*again)) == whole


@pytest.mark.parametrize("seed", range(20))
def test_jaeger_and_zipkin_have_every_span(seed: int) -> None:
    """Ids, names, times and services."""
    data = traces(seed)
    rows = rows_of(data)
    wanted = sorted(
        (span.trace_id.hex(), span.span_id.hex(), span.name, span.start_time_unix_nano // 1000) for span in spans_of(data)
    )
    jaeger = json.loads(_native.render_spans_jaeger(*rows))
    found = [
        (span["traceID"], span["spanID"], span["operationName"], span["startTime"])
        for trace in jaeger
        for span in trace["spans"]
    ]
    assert sorted(found) == wanted
    for trace in jaeger:
        assert {span["processID"] for span in trace["spans"]} == set(trace["processes"])
    zipkin = [span for trace in json.loads(_native.render_traces_zipkin(*rows)) for span in trace]
    assert sorted((span["traceId"], span["id"], span["name"], span["timestamp"]) for span in zipkin) == wanted
    document = json.loads(_native.render_trace(*rows) or b"")
    assert document["spans"] == len(document["ids"]) == len([one for one in wanted if one[0] == document["traceId"]])


def test_a_trace_of_200_000_spans() -> None:
    """Well under a second, in every form but those that are larger than it."""
    spans = [
        {
            "traceId": "01" * 16, "spanId": f"{number:016x}", "parentSpanId": f"{(number + 1) // 2:016x}" if number > 1 else "",
            "name": f"operation {number % 50}", "kind": number % 6, "startTimeUnixNano": str(10**18 + number),
            "endTimeUnixNano": str(10**18 + 10**9 - number),
            "attributes": [{"key": "n", "value": {"intValue": str(number)}}],
        }
        for number in range(1, 200_001)
    ]  # fmt: skip
    file = {"resourceSpans": [{"resource": {}, "scopeSpans": [{"scope": {}, "spans": spans}]}]}
    rows = _native.spans_of_file(json.dumps(file).encode(), now_ns=1)
    seconds = []
    for _ in range(3):
        # Other work on the machine does not count.
        began = time.process_time()
        document = _native.render_trace(*rows)
        seconds.append(time.process_time() - began)
    assert min(seconds) < 1.0, seconds
    assert document is not None
    assert len(document) < 16 << 20
    assert json.loads(document)["spans"] == 200_000


def test_what_is_no_rows_is_refused() -> None:
    """With the place."""
    rows, sources = rows_of(traces(1))
    for render in (_native.render_trace, _native.render_spans_jaeger, _native.render_spans_otlp_protobuf):
        with pytest.raises(ValueError, match="cannot be read"):
            render(rows[:-1], sources)
    with pytest.raises(ValueError, match="attribute type"):
        _native.render_trace(rows, [("x", None)])
    assert _native.render_trace(b"", sources) is None
    assert _native.render_span(b"", sources) is None
    assert _native.render_spans_jaeger(b"", sources) == b"[]"
