"""The slow twin of the OTLP trace decoders: the official protobuf library, then plain Python from message to the rows of
`nexus.spans`. See `tests.oracles.otlp` for why strings are bytes here.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

from google.protobuf.message import DecodeError as ProtobufError
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2
from opentelemetry.proto.trace.v1 import trace_pb2
from tests.oracles.otlp import (
    MAX_NS,
    Refused,
    Rejected,
    Row,
    as_json,
    as_text,
    attribute_rows,
    lenient,
    mapping,
    resource_row,
    scope_row,
)

LENIENT_REQUEST = lenient("opentelemetry.proto.collector.trace.v1.ExportTraceServiceRequest", trace_pb2, trace_service_pb2)
DROPPED = "nexus.dropped_attributes"


def rows(body: bytes, now_ns: int) -> tuple[list[Row], list[int]]:
    """Rows of a protobuf request, and the numbers of rejected spans; raises `Refused`."""
    request = LENIENT_REQUEST()
    try:
        request.ParseFromString(body)
    except ProtobufError as error:
        raise Refused from error
    taken: list[Row] = []
    rejected: list[int] = []
    for number, (resource, scope, span) in enumerate(_spans(request), 1):
        try:
            taken.append(resource_row(resource) | scope_row(scope) | _span(span, now_ns))
        except Rejected:
            rejected.append(number)
    return taken, rejected


def _spans(request: Any) -> Iterator[tuple[Any, Any, Any]]:
    for resource_spans in request.resource_spans:
        for scope_spans in resource_spans.scope_spans:
            for span in scope_spans.spans:
                yield resource_spans.resource, scope_spans.scope, span


def _id(id: bytes, length: int) -> bytes:
    if len(id) not in (0, length):
        raise Rejected
    return id or bytes(length)


def _time(time: int) -> int:
    if time > MAX_NS:
        raise Rejected
    return time


def _span(span: Any, now_ns: int) -> Row:
    trace_id, span_id, parent = _id(span.trace_id, 16), _id(span.span_id, 8), _id(span.parent_span_id, 8)
    events = [(_time(event.time_unix_nano), as_text(event.name), _extras(event)) for event in span.events]
    links = [_link(link) for link in span.links]
    kept = [link for link in links if link is not None]
    start, end = _time(span.start_time_unix_nano), _time(span.end_time_unix_nano)
    attributes = attribute_rows(span.attributes)
    texts = as_text(span.name), as_text(span.status.message), as_text(span.trace_state)
    if not any(trace_id) or not any(span_id):
        raise Rejected
    if start == 0:
        start = end = end or now_ns
    if end < start:
        _mark(attributes)
    return attributes | {
        "trace_id": trace_id,
        "ids": span_id + parent,
        "root": not any(parent),
        "timestamp": start,
        "duration": max(0, end - start),
        "duration_class": duration_class(max(0, end - start)),
        "slot": start // (300 * 10**9),
        "name": texts[0],
        "kind": span.kind if 0 <= span.kind <= 5 else 0,
        "status": span.status.code if 0 <= span.status.code <= 2 else 0,
        "status_message": texts[1],
        "trace_state": texts[2],
        "flags": span.flags,
        "dropped_attributes": span.dropped_attributes_count,
        "dropped_events": span.dropped_events_count,
        "dropped_links": min(2**32 - 1, span.dropped_links_count + len(links) - len(kept)),
        "events_timestamp": [time or start for time, _, _ in events],
        "events_name": [name for _, name, _ in events],
        "events_attributes": [text for _, _, text in events],
        "links_trace_id": [link[0] for link in kept],
        "links_span_id": [link[1] for link in kept],
        "links_trace_state": [link[2] for link in kept],
        "links_attributes": [link[3] for link in kept],
        "weight": weight(texts[2]),
    }


def _mark(attributes: Row) -> None:
    key = "nexus.end_before_start"
    for name in attributes:
        attributes[name] = [(known, value) for known, value in attributes[name] if known != key]
    attributes["attributes_bool"].append((key, True))


def _extras(message: Any) -> str:
    attributes = mapping(message.attributes, 0)
    if message.dropped_attributes_count:
        attributes[DROPPED] = message.dropped_attributes_count
    return as_json(attributes) if message.attributes or message.dropped_attributes_count else ""


def _link(link: Any) -> tuple[bytes, bytes, str, str] | None:
    found = link.trace_id, link.span_id, as_text(link.trace_state), _extras(link)
    good = len(link.trace_id) == 16 and any(link.trace_id) and len(link.span_id) == 8 and any(link.span_id)
    return found if good else None


def duration_class(duration: int) -> int:
    """Four classes an octave."""
    if duration == 0:
        return 0
    octave = duration.bit_length() - 1
    return min(255, 1 + 4 * octave + (duration * 4 >> octave) % 4)


def weight(trace_state: str) -> float:
    """1 / the probability with which a span was kept."""
    for member in trace_state.split(","):
        member = member.strip(" \t\n\f\r")
        if member.startswith("ot="):
            for pair in member[3:].split(";"):
                if pair.startswith("th:"):
                    digits = pair[3:]
                    if not 1 <= len(digits) <= 14 or not all(digit in "0123456789abcdefABCDEF" for digit in digits):
                        return 1.0
                    kept = 2**56 - int(digits.ljust(14, "0"), 16)
                    return float(struct.unpack("<f", struct.pack("<f", 2**56 / kept))[0])
            return 1.0
    return 1.0
