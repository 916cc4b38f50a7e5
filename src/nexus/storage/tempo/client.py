"""Tempo's query API over HTTP: searches in TraceQL, traces by their ids in protobuf.

Source: https://grafana.com/docs/tempo/latest/api_docs/.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

import msgspec

from nexus import _native
from nexus.errors import InvalidRequest, LimitExceeded
from nexus.query.plan import TimeRange
from nexus.storage.forwarding.errors import Away
from nexus.storage.forwarding.http import Http
from nexus.storage.tempo.traceql import query_of
from nexus.storage.trace_backends.asking import Asking, many
from nexus.storage.trace_backends.client import Fetched
from nexus.storage.trace_backends.narrowing import Search
from nexus.storage.trace_backends.options import Backend
from nexus.storage.trace_backends.otlp import fields

PROTOBUF: Final = "application/protobuf"
_NS: Final = 10**9
_AROUND: Final = 3_600
"""Seconds around a trace that was found in which the rest of it is looked for."""
_PARTIAL: Final = 1


class _Hit(msgspec.Struct, rename="camel"):
    trace_id: str = msgspec.field(name="traceID", default="")
    start_time_unix_nano: str = "0"
    duration_ms: int = 0


class _Hits(msgspec.Struct):
    traces: list[_Hit] = []


class _Value(msgspec.Struct):
    value: str = ""


class _Values(msgspec.Struct, rename="camel"):
    tag_values: list[_Value] = []


class TempoClient:
    """See `trace_backends.client.Client`."""

    ordered = True
    """It is asked for the most recent."""

    def __init__(self, backend: Backend, http: Http) -> None:
        """`http` is shared and closed elsewhere."""
        self._ask = Asking(backend.query, http, backend.max_bytes)
        self._attributes = backend.attributes
        self._max_bytes = backend.max_bytes

    async def find(self, search: Search, limit: int, *, within: float) -> Fetched:
        """See `Client`."""
        assert search.time.start is not None and search.time.end is not None
        text = query_of(search.conditions) if self._attributes else "{}"
        arguments = [
            ("q", f"{text} with (most_recent=true)"),
            ("start", str(search.time.start // _NS)),
            ("end", str(max(-(-search.time.end // _NS), search.time.start // _NS + 1))),
            ("limit", str(limit)),
            ("spss", "1"),
        ]
        hits = (await self._ask.document("/api/search", arguments, _Hits, within=within)).traces
        wanted = [(trace_id(hit.trace_id), _around(hit)) for hit in hits]
        found = await self._fetch(wanted, within=within)
        return Fetched(found.batches, found.more or len(hits) >= limit)

    async def traces(self, ids: Sequence[bytes], hint: TimeRange, *, within: float) -> Fetched:
        """See `Client`."""
        seconds = None if hint.start is None or hint.end is None else (hint.start // _NS, -(-hint.end // _NS))
        found = await self._fetch([(id, seconds) for id in ids], within=within)
        if seconds is not None and not found.batches:
            found = await self._fetch([(id, None) for id in ids], within=within)
        return found

    async def _fetch(self, wanted: Sequence[tuple[bytes, tuple[int, int] | None]], *, within: float) -> Fetched:
        size, partial = 0, False

        async def one(of: tuple[bytes, tuple[int, int] | None]) -> _native.SpanBatch | None:
            nonlocal size, partial
            id, seconds = of
            times = [("start", str(seconds[0])), ("end", str(seconds[1]))] if seconds else []
            body = await self._ask.get(f"/api/v2/traces/{id.hex()}", times, within=within, accept=PROTOBUF)
            if body is None:
                return None
            size += len(body)
            if size > self._max_bytes:
                raise LimitExceeded(
                    f"the traces of Tempo have more than {self._max_bytes >> 20} MiB.",
                    hint="Ask for less: a shorter range, say.",
                )
            trace, cut = trace_of(body)
            partial = partial or cut
            return await _decoded(trace)

        found = await many(one, wanted)
        return Fetched([batch for batch in found if batch is not None], partial)

    async def services(self, *, within: float) -> list[str]:
        """See `Client`."""
        return await self._values("resource.service.name", "", within=within)

    async def operations(self, service: str, *, within: float) -> list[str]:
        """See `Client`."""
        text = f"{{resource.service.name = {msgspec.json.encode(service).decode()}}}"
        return await self._values("name", text, within=within)

    async def _values(self, tag: str, query: str, *, within: float) -> list[str]:
        arguments = [("q", query)] if query else []
        found = await self._ask.document(f"/api/v2/search/tag/{tag}/values", arguments, _Values, within=within)
        return sorted({one.value for one in found.tag_values})


def trace_id(text: str) -> bytes:
    """The 16 bytes of an id, which Tempo writes without zeros in front. Raises `InvalidRequest`."""
    try:
        return bytes.fromhex(text.zfill(32))
    except ValueError:
        raise InvalidRequest(f"Tempo tells of the trace {text[:64]!r}, which is no id.") from None


def trace_of(body: bytes) -> tuple[bytes, bool]:
    """The `Trace` of a `TraceByIDResponse`, and whether Tempo has cut it. Raises `Away` when it is none."""
    trace, partial = b"", False
    try:
        for number, value in fields(body):
            if number == 1 and isinstance(value, bytes):
                trace = value
            elif number == 3:
                partial = value == _PARTIAL
    except ValueError as error:
        raise Away(f"Tempo's answer cannot be read: {error}.") from None
    return trace, partial


async def _decoded(trace: bytes) -> _native.SpanBatch:
    try:
        return (await asyncio.to_thread(_native.decode_otlp_traces_protobuf, trace, now_ns=0)).batch
    except ValueError as error:
        raise Away(f"Tempo's answer cannot be read: {error}.") from None


def _around(hit: _Hit) -> tuple[int, int] | None:
    start = int(hit.start_time_unix_nano) // _NS if hit.start_time_unix_nano.isdecimal() else 0
    return (max(start - _AROUND, 0), start + hit.duration_ms // 1000 + 1 + _AROUND) if start else None
