"""Jaeger's query API, version 3 over HTTP: OTLP in JSON. Names of arguments are those that every version of it knows.

Source: https://www.jaegertracing.io/docs/latest/architecture/apis/, jaeger-idl/proto/api_v3/query_service.proto.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Final

import msgspec

from nexus import _native
from nexus.errors import InvalidRequest, NexusError
from nexus.query.plan import TimeRange
from nexus.query.trace_plan import Place
from nexus.storage.forwarding.errors import Away
from nexus.storage.forwarding.http import Http
from nexus.storage.trace_backends.asking import Asking, many
from nexus.storage.trace_backends.client import Fetched
from nexus.storage.trace_backends.narrowing import Condition, Search
from nexus.storage.trace_backends.options import Backend

LONGEST_VALUE: Final = 200
"""Bytes of attribute values that are asked for: storages of Jaeger's do not index longer ones."""
SERVICES: Final = 100
"""Services that are asked for one by one where the storage cannot search without one."""
_OWN_KEYS: Final = ("error", "span.kind", "span.status", "scope.name", "scope.version")
_KINDS: Final = frozenset({"server", "client", "producer", "consumer"})
_PLACES: Final = frozenset({Place.SPAN, Place.RESOURCE, Place.EVENT, Place.ANYWHERE})

Argument = tuple[str, str]


class _Services(msgspec.Struct):
    services: list[str] = []


class _Operation(msgspec.Struct):
    name: str = ""


class _Operations(msgspec.Struct):
    operations: list[_Operation] = []


class JaegerClient:
    """See `trace_backends.client.Client`."""

    ordered = False
    """Storages differ: that in memory tells of what arrived last."""

    def __init__(self, backend: Backend, http: Http) -> None:
        """`http` is shared and closed elsewhere."""
        self._ask = Asking(backend.query, http, backend.max_bytes)
        self._attributes = backend.attributes

    async def find(self, search: Search, limit: int, *, within: float) -> Fetched:
        """See `Client`. What the storage behind Jaeger cannot search by is left out step by step."""
        refused: NexusError | None = None
        for narrowed in ways(search, attributes=self._attributes):
            try:
                return await self._find(search.time, narrowed, limit, within=within)
            except (InvalidRequest, Away) as error:
                if isinstance(error, Away) and not about_the_search(error):
                    raise
                refused = error
        if refused is not None and any(one.field.name == "service" and one.op == "=" for one in search.conditions):
            raise refused
        return await self._by_service(search.time, limit, within=within)

    async def _find(self, time: TimeRange, narrowed: list[Argument], limit: int, *, within: float) -> Fetched:
        assert time.start is not None and time.end is not None
        arguments = [
            ("query.start_time_min", instant(time.start)),
            ("query.start_time_max", instant(time.end)),
            ("query.num_traces", str(limit)),
            ("query.raw_traces", "true"),
            *narrowed,
        ]
        body = await self._ask.get("/api/v3/traces", arguments, within=within)
        if body is None:
            return Fetched()
        batch = await self._decoded(body)
        return Fetched([batch], more=len(await asyncio.to_thread(batch.trace_ids)) >= limit)

    async def _by_service(self, time: TimeRange, limit: int, *, within: float) -> Fetched:
        services = await self.services(within=within)
        found = await many(
            lambda name: self._find(time, [("query.service_name", name)], limit, within=within), services[:SERVICES]
        )
        more = len(services) > SERVICES or any(one.more for one in found)
        return Fetched([batch for one in found for batch in one.batches], more)

    async def traces(self, ids: Sequence[bytes], hint: TimeRange, *, within: float) -> Fetched:
        """See `Client`."""

        async def one(id: bytes) -> list[_native.SpanBatch]:
            body = await self._ask.get(f"/api/v3/traces/{id.hex()}", [("raw_traces", "true")], within=within)
            return [] if body is None else [await self._decoded(body)]

        return Fetched([batch for batches in await many(one, ids) for batch in batches])

    async def services(self, *, within: float) -> list[str]:
        """See `Client`."""
        return sorted((await self._ask.document("/api/v3/services", [], _Services, within=within)).services)

    async def operations(self, service: str, *, within: float) -> list[str]:
        """See `Client`."""
        found = await self._ask.document("/api/v3/operations", [("service", service)], _Operations, within=within)
        return sorted({one.name for one in found.operations})

    async def _decoded(self, body: bytes) -> _native.SpanBatch:
        try:
            return await asyncio.to_thread(_native.decode_trace_file, body, now_ns=0)
        except ValueError as error:
            raise self._ask.unreadable(error) from None


def about_the_search(error: Away) -> bool:
    """Is it the storage that cannot search like this? Jaeger says so with the status of a failure."""
    return " answers 500" in error.message


def ways(search: Search, *, attributes: bool) -> Iterator[list[Argument]]:
    """Arguments that narrow a search, from all that Jaeger knows to none, each once."""
    service: list[Argument] = []
    operation: list[Argument] = []
    rest: list[Argument] = []
    tags: dict[str, str] = {}
    for one in search.conditions:
        match one.field.place, one.field.name, one.op:
            case Place.INTRINSIC, "service", "=":
                service = [("query.service_name", str(one.value.value))]
            case Place.INTRINSIC, "name", "=":
                operation = [("query.operation_name", str(one.value.value))]
            case Place.INTRINSIC, "duration", ">" | ">=":
                rest.append(("query.duration_min", nanoseconds(one)))
            case Place.INTRINSIC, "duration", "<" | "<=":
                rest.append(("query.duration_max", nanoseconds(one)))
            case _ if attributes and (tag := tag_of(one)) is not None:
                tags.setdefault(*tag)
    if tags:
        rest.append(("query.attributes", json.dumps(tags, ensure_ascii=False)))
    rest = list(dict(rest).items())
    seen: list[list[Argument]] = []
    for way in ([*service, *operation, *rest], [*service, *operation], service, []):
        if way not in seen:
            seen.append(way)
            yield way


def tag_of(condition: Condition) -> Argument | None:
    """The attribute by which Jaeger finds spans of a condition: it looks at the span, its resource, scope and events."""
    place, name, value = condition.field.place, condition.field.name, condition.value.value
    if condition.op != "=":
        return None
    if place is Place.INTRINSIC:
        if (name, value) == ("status", "error"):
            return "error", "true"
        return ("span.kind", str(value)) if name == "kind" and value in _KINDS else None
    if place not in _PLACES or name in _OWN_KEYS or name.startswith("resource.") or condition.value.kind == "float":
        return None
    if condition.value.kind not in ("string", "int", "bool"):
        return None
    text = str(value).lower() if isinstance(value, bool) else str(value)
    # The empty text is "no value" for some of its storages; numbers may be stored as floats.
    return (name, text) if 0 < len(text.encode()) <= LONGEST_VALUE else None


def nanoseconds(condition: Condition) -> str:
    """A duration in Go's notation, as far as it can be one."""
    value = condition.value.value
    return f"{max(int(value), 0) if isinstance(value, int | float) else 0}ns"


def instant(ns: int) -> str:
    """RFC 3339 with nanoseconds."""
    seconds, rest = divmod(max(ns, 0), 10**9)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:09}Z"
