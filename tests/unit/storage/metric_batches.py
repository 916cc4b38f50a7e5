"""Batches of metrics as the decoder of remote write makes them, and queries over them."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable, Mapping
from typing import Any

from nexus import _native
from nexus.query.plan import Limits, Plan, ReadSeries, Scoped, SeriesScan
from nexus.query.policy import scope
from nexus.query.promql import parse
from nexus.query.promql.lower import lower, matchers_of
from nexus.query.promql.parser import parse_selector
from nexus.storage.clickhouse.metrics.store import EmbeddedMetricStore

Samples = Iterable[tuple[int, float]]


def batch(*series: tuple[Mapping[str, str], Samples], exemplars: Samples = ()) -> _native.MetricBatch:
    """Series with (ms, value); each has the exemplars."""
    out = b""
    for labels, samples in series:
        one = b"".join(
            _message(1, _message(1, name.encode()) + _message(2, value.encode())) for name, value in sorted(labels.items())
        )
        one += b"".join(
            _message(2, b"\x09" + struct.pack("<d", value) + b"\x10" + _varint(at & (1 << 64) - 1)) for at, value in samples
        )
        one += b"".join(
            _message(3, _TRACE + b"\x11" + struct.pack("<d", value) + b"\x18" + _varint(at)) for at, value in exemplars
        )
        out += _message(1, one)
    return _native.decode_remote_write_v1(out).batch


def scoped(plan: Plan, tenant: str = "t", **more: Any) -> Scoped:
    """A plan of somebody who sees everything."""
    return scope(plan, tenant=tenant, query_id="q", **{"limits": Limits(), **more})


def promql(text: str, start: int, end: int | None = None, step: int = 0, tenant: str = "t", **more: Any) -> Scoped:
    """A PromQL query; times in ms."""
    return scoped(lower(parse(text), text, start=start, end=start if end is None else end, step=step), tenant, **more)


def selected(selector: str, start: int, end: int, tenant: str = "t") -> Scoped:
    """Samples of series."""
    return scoped(ReadSeries(scan(selector, start, end)), tenant)


def scan(selector: str, start: int, end: int) -> SeriesScan:
    """Series by one selector."""
    return SeriesScan((matchers_of(parse_selector(selector)),), start, end)


async def vector(store: EmbeddedMetricStore, text: str, at: int, tenant: str = "t", **more: Any) -> dict[str, float]:
    """The values of an instant query by labels as text."""
    answer = await store.answer(promql(text, at, tenant=tenant, **more))
    document = json.loads(answer.data)
    return {json.dumps(one["metric"], sort_keys=True): float(one["value"][1]) for one in document["result"]}


async def value(store: EmbeddedMetricStore, text: str, at: int, tenant: str = "t") -> float | None:
    """The only value of an instant query."""
    found = await vector(store, text, at, tenant)
    assert len(found) <= 1
    return next(iter(found.values()), None)


def _message(field: int, content: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(content)) + content


def _varint(number: int) -> bytes:
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


_TRACE = _message(1, _message(1, b"trace_id") + _message(2, b"abc"))
