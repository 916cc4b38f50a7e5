"""Samples as a remote write request: 1.0, which both Nexus and Prometheus take, or 2.0 with start times."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable, Mapping
from typing import TypeAlias

from tests.conformance.promql.series import STALE, Histogram, Labels, Value

STALE_BITS = 0x7FF0000000000002
Samples: TypeAlias = "list[tuple[int, Value]]"

_HINTS = {"": 0, "unknown": 0, "reset": 1, "not_reset": 2, "gauge": 3}


def request(series: Iterable[tuple[Labels, Samples]]) -> bytes:
    """A `prometheus.WriteRequest` without its compression."""
    return b"".join(_field(1, _series(labels, samples)) for labels, samples in series)


def request_with_starts(series: Iterable[tuple[Labels, Samples]], starts: Mapping[Labels, Mapping[int, int]]) -> bytes:
    """An `io.prometheus.write.v2.Request`; start times by the time of the sample, ms."""
    symbols: dict[str, int] = {"": 0}
    messages = []
    for labels, samples in series:
        refs = [symbols.setdefault(text, len(symbols)) for label in labels for text in label]
        begun = starts.get(labels, {})
        parts = [_field(1, b"".join(map(_varint, refs)))]
        for time, value in samples:
            start = begun.get(time, 0)
            if isinstance(value, Histogram):
                parts.append(_field(3, _histogram(time, value) + (b"\x88\x01" + _varint(start) if start else b"")))
            elif value is not None:
                parts.append(_field(2, _float(time, value) + (b"\x18" + _varint(start) if start else b"")))
        messages.append(_field(5, b"".join(parts)))
    return b"".join(_field(4, text.encode()) for text in symbols) + b"".join(messages)


def snappy(body: bytes) -> bytes:
    """The block format of snappy, all literals."""
    out = [_varint(len(body))]
    for start in range(0, len(body), 1 << 16):
        piece = body[start : start + (1 << 16)]
        out.append(b"\xf4" + (len(piece) - 1).to_bytes(2, "little") + piece)
    return b"".join(out)


def _series(labels: Labels, samples: Samples) -> bytes:
    parts = [_field(1, _field(1, name.encode()) + _field(2, value.encode())) for name, value in labels]
    for time, value in samples:
        if isinstance(value, Histogram):
            parts.append(_field(4, _histogram(time, value)))
        elif value is not None:
            parts.append(_field(2, _float(time, value)))
    return b"".join(parts)


def _float(time: int, value: Value) -> bytes:
    bits = struct.pack("<Q", STALE_BITS) if value is STALE else struct.pack("<d", value)
    return b"\x09" + bits + b"\x10" + _varint(time)


def _histogram(time: int, one: Histogram) -> bytes:
    spans, counts = _spans(one.negative)
    more_spans, more_counts = _spans(one.positive)
    parts = [
        _count(2, one.count),
        _double(3, one.sum),
        b"\x20" + _varint(_zigzag(one.schema)),
        _double(5, one.zero_threshold),
        _count(7, one.zero_count),
        *(_field(8, span) for span in spans),
        _field(10, counts) if counts else b"",
        *(_field(11, span) for span in more_spans),
        _field(13, more_counts) if more_counts else b"",
        b"\x70" + _varint(_HINTS[one.hint]),
        b"\x78" + _varint(time),
        _field(16, struct.pack(f"<{len(one.custom)}d", *one.custom)) if one.custom else b"",
    ]
    return b"".join(parts)


def _spans(buckets: dict[int, float]) -> tuple[list[bytes], bytes]:
    spans: list[list[int]] = []
    end = 0
    for at in sorted(buckets):
        if spans and at == end:
            spans[-1][1] += 1
        else:
            spans.append([at - end, 1])
        end = at + 1
    encoded = [b"\x08" + _varint(_zigzag(offset)) + b"\x10" + _varint(length) for offset, length in spans]
    return encoded, struct.pack(f"<{len(buckets)}d", *(buckets[at] for at in sorted(buckets)))


def _double(number: int, value: float) -> bytes:
    return b"" if value == 0 and not math.copysign(1, value) < 0 else _varint(number << 3 | 1) + struct.pack("<d", value)


def _count(number: int, value: float) -> bytes:
    """One of an integer and a float: that it is there, 0 or not, says which."""
    return _varint(number << 3 | 1) + struct.pack("<d", value)


def _field(number: int, payload: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(payload)) + payload


def _zigzag(value: int) -> int:
    return value << 1 if value >= 0 else (-value << 1) - 1


def _varint(value: int) -> bytes:
    value &= (1 << 64) - 1
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
