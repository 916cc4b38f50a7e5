"""Requests of remote write, written out by hand, and PromQL asked over HTTP."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlencode

from tests.e2e.encodings import snappy
from tests.e2e.nexus_process import Answer, NexusProcess

Samples = Iterable[tuple[int, float]]
"""(ms, value)."""

HEADERS = {
    "Content-Type": "application/x-protobuf",
    "Content-Encoding": "snappy",
    "X-Prometheus-Remote-Write-Version": "0.1.0",
}


def varint(number: int) -> bytes:
    """Protobuf's."""
    number &= (1 << 64) - 1
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def message(field: int, content: bytes) -> bytes:
    """A length-delimited field."""
    return varint(field << 3 | 2) + varint(len(content)) + content


def write_request(
    series: Iterable[tuple[Mapping[str, str], Samples]],
    described: Mapping[str, str] | None = None,
    exemplar: Mapping[str, str] | None = None,
) -> bytes:
    """`prometheus.WriteRequest` in snappy's block format, with help of counters by name, and an exemplar of the last sample
    of every series."""
    out = b"".join(
        message(3, b"\x08\x01" + message(2, name.encode()) + message(4, text.encode()))
        for name, text in (described or {}).items()
    )
    for labels, samples in series:
        one = b"".join(
            message(1, message(1, name.encode()) + message(2, value.encode())) for name, value in sorted(labels.items())
        )
        one += b"".join(message(2, b"\x09" + struct.pack("<d", value) + b"\x10" + varint(at)) for at, value in samples)
        if exemplar is not None:
            at = max(at for at, _ in samples)
            told = b"".join(
                message(1, message(1, name.encode()) + message(2, value.encode()))
                for name, value in sorted(exemplar.items())
            )
            one += message(3, told + b"\x11" + struct.pack("<d", 1.0) + b"\x18" + varint(at))
        out += message(1, one)
    return snappy(out)


def write(nexus: NexusProcess, series: Iterable[tuple[Mapping[str, str], Samples]], **options: Any) -> Answer:
    """Send samples by remote write 1.0."""
    return nexus.request("POST", "/api/v1/write", write_request(series), HEADERS, **options)


def get(nexus: NexusProcess, path: str, tenant: str = "", **parameters: str | list[str]) -> Any:
    """`data` of an answer of the Prometheus API."""
    answer = nexus.get(f"/api/v1/{path}?{urlencode(parameters, doseq=True)}", tenant=tenant)
    assert answer.status == 200, answer.body
    return answer.json["data"]


def vector(nexus: NexusProcess, query: str, at: float, tenant: str = "") -> dict[str, float]:
    """An instant query: values by labels (JSON, sorted)."""
    data = get(nexus, "query", tenant, query=query, time=str(at))
    return {json.dumps(one["metric"], sort_keys=True): float(one["value"][1]) for one in data["result"]}


def number(nexus: NexusProcess, query: str, at: float, tenant: str = "") -> float:
    """The only value of an instant query; 0 without one."""
    found = vector(nexus, query, at, tenant)
    assert len(found) <= 1, found
    return next(iter(found.values()), 0.0)
