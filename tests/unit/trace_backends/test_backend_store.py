"""What is fetched for a plan, and what an answer says of it; over a client and readers that only note."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.trace_shop import Shop

from nexus import _native
from nexus.errors import LimitExceeded, TokenReused
from nexus.query.plan import Compare, Field, FieldKind, Limits, Scoped, TimeRange
from nexus.query.policy import scope
from nexus.query.trace_plan import FindTraces, GetTrace, Place, SpanCount, SpanField, SpanScan, TagValues
from nexus.storage.api import Receipt, Statistics, Table, Token
from nexus.storage.forwarding.errors import Away
from nexus.storage.forwarding.http import Access
from nexus.storage.forwarding.sender import TAKEN, Taken
from nexus.storage.trace_api import SeriesSet, SpanRows, TraceHit, TraceHits
from nexus.storage.trace_backends.client import Fetched
from nexus.storage.trace_backends.narrowing import Search
from nexus.storage.trace_backends.options import Backend
from nexus.storage.trace_backends.store import BackendTraceStore
from nexus.storage.trace_backends.tokens import Tokens

SHOP = Shop(1_780_000_000 * 10**9, 200)
TIME = TimeRange(SHOP.start(0), SHOP.end + 1)


def batch_of(numbers: Sequence[int]) -> _native.SpanBatch:
    parts = [
        _native.decode_otlp_traces_protobuf(SHOP.requests[number].SerializeToString(), now_ns=0).batch for number in numbers
    ]
    return _native.SpanBatch.concat(parts)


@dataclass
class Known:
    """A client that has so many traces, the last ones the newest; told in some order when it is not `ordered`."""

    traces_there: int
    largest: int = 1 << 30
    ordered: bool = True
    asked: list[tuple[Search, int]] = field(default_factory=list)

    async def find(self, search: Search, limit: int, *, within: float) -> Fetched:
        self.asked.append((search, limit))
        if limit > self.largest:
            raise LimitExceeded("too much")
        assert search.time.start is not None
        some = [number for number in range(self.traces_there) if SHOP.start(number) >= search.time.start]
        if self.ordered:
            some.reverse()
        some = some[:limit]
        return Fetched([batch_of([number]) for number in some], more=len(some) >= limit)

    async def traces(self, ids: Sequence[bytes], hint: TimeRange, *, within: float) -> Fetched:
        return Fetched([batch_of([int.from_bytes(id) - 1]) for id in ids] * 2)

    async def services(self, *, within: float) -> list[str]:
        return ["web", "old"]

    async def operations(self, service: str, *, within: float) -> list[str]:
        return [f"of {service}"]


@dataclass
class Reader:
    """Finds every trace that is there, or none."""

    batch: _native.SpanBatch
    matching: bool

    async def spans(self, query: Scoped) -> SpanRows:
        return SpanRows(str(self.batch.num_rows).encode(), [])

    async def find(self, query: Scoped) -> TraceHits:
        assert isinstance(query.plan, FindTraces)
        ids = self.batch.trace_ids()[::-1][: query.plan.limit] if self.matching else []
        starts = [SHOP.start(int.from_bytes(id) - 1) for id in ids]
        return TraceHits([TraceHit(id.hex(), "", "", at, 0, 0, 0, {}, []) for id, at in zip(ids, starts, strict=True)])

    async def series(self, query: Scoped) -> SeriesSet:
        return SeriesSet([])

    async def table(self, query: Scoped) -> Table:
        return Table([], [["web", "string", self.batch.num_rows]], Statistics("q"))


@dataclass
class Readers:
    matching: bool = True

    def reader(self, batch: _native.SpanBatch) -> Reader:
        return Reader(batch, self.matching)


@dataclass
class Otlp:
    """Takes what it is told to take."""

    answers: list[Taken | Exception] = field(default_factory=list)
    bodies: int = 0

    async def write(self, body: bytes) -> Taken:
        self.bodies += 1
        answer = self.answers.pop(0) if self.answers else TAKEN
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def close(self) -> None:
        pass


def store(client: Known, folder: Path, *, matching: bool = True, otlp: Any = None, **options: Any) -> BackendTraceStore:
    backend = Backend("t", "", "", Access("Jaeger"), queue=folder / "queue", **options)
    return BackendTraceStore(backend, client, otlp or Otlp(), Readers(matching))


def asked(plan: Any, **options: Any) -> Scoped:
    return scope(plan, tenant="t", query_id="q", **options)


async def test_a_search_for_the_newest_fetches_few(tmp_path: Path) -> None:
    client = Known(200)
    found = await store(client, tmp_path).find(asked(FindTraces(TIME, limit=3)))
    assert [limit for _, limit in client.asked] == [8]
    assert (len(found.hits), found.incomplete) == (3, "")


async def test_and_more_as_long_as_too_few_match(tmp_path: Path) -> None:
    client = Known(200)
    found = await store(client, tmp_path, matching=False, max_traces=150).find(asked(FindTraces(TIME, limit=3)))
    assert [limit for _, limit in client.asked] == [8, 32, 128, 150]
    assert found.incomplete == "Jaeger may have more traces: 150 of them were looked at."
    client = Known(50)
    found = await store(client, tmp_path, matching=False, max_traces=150).find(asked(FindTraces(TIME, limit=3)))
    assert ([limit for _, limit in client.asked], found.incomplete) == ([8, 32, 128], "")


async def test_the_newest_of_a_backend_without_an_order(tmp_path: Path) -> None:
    """It tells of the oldest first: later ones are asked for until there are no more."""
    client = Known(40, ordered=False)
    found = await store(client, tmp_path, max_traces=30).find(asked(FindTraces(TIME, limit=3)))
    assert [hit.trace_id for hit in found.hits] == [SHOP.id(number) for number in (39, 38, 37)]
    assert found.incomplete == ""
    assert [limit for _, limit in client.asked] == [8, 30, 30]
    # Everything of one time, more than may be fetched: nobody knows which are the newest.
    client = Known(60, ordered=False)
    stuck = store(client, tmp_path, max_traces=3)
    found = await stuck.find(asked(FindTraces(TIME, limit=3)))
    assert len(found.hits) == 3 and found.incomplete == "Jaeger may have more traces: 3 of them were looked at."


async def test_too_large_traces_are_fewer(tmp_path: Path) -> None:
    client = Known(200, largest=10)
    found = await store(client, tmp_path, max_traces=160).table(asked(SpanCount(SpanScan(TIME))))
    assert [limit for _, limit in client.asked] == [160, 40, 10]
    assert found.statistics.incomplete == "Jaeger may have more traces: 10 of them were looked at."
    with pytest.raises(LimitExceeded):
        await store(Known(9, largest=0), tmp_path).table(asked(SpanCount(SpanScan(TIME))))


async def test_requests_take_no_longer_than_the_query_may(tmp_path: Path) -> None:
    class Slow(Known):
        async def find(self, search: Search, limit: int, *, within: float) -> Fetched:
            await asyncio.Event().wait()
            return Fetched()

    with pytest.raises(LimitExceeded, match="did not answer all"):
        await store(Slow(1), tmp_path).find(asked(FindTraces(TIME), limits=Limits(seconds=0.01)))


async def test_spans_are_once(tmp_path: Path) -> None:
    rows = await store(Known(9), tmp_path).spans(asked(GetTrace(bytes.fromhex(SHOP.id(3)))))
    assert rows.data == b"4"


async def test_ranges_have_ends(tmp_path: Path) -> None:
    client = Known(1)
    await store(client, tmp_path, lookback=60).table(asked(SpanCount(SpanScan())))
    ((search, _),) = client.asked
    assert search.time.start is not None and search.time.end is not None
    assert search.time.end - search.time.start == 60 * 10**9
    await store(client, tmp_path).table(asked(SpanCount(SpanScan(TimeRange(5, 5)))))
    assert len(client.asked) == 1


async def test_names_that_the_backend_knows(tmp_path: Path) -> None:
    """Beside those of the traces that were looked at; not for whoever does not see everything."""
    service = SpanField(Place.RESOURCE, "service.name")
    known = store(Known(2), tmp_path)
    assert [row[0] for row in (await known.table(asked(TagValues(SpanScan(TIME), service)))).rows] == ["web", "old"]
    policy = Compare(Field(FieldKind.COLUMN, "service"), "=", "web")
    assert len((await known.table(asked(TagValues(SpanScan(TIME), service), policy=policy))).rows) == 1


async def test_what_is_refused_is_told(tmp_path: Path) -> None:
    otlp = Otlp([Taken(3, "too old")])
    known = store(Known(0), tmp_path, otlp=otlp)
    receipt = await known.append("t", batch_of([0, 1]), Token("k", 1))
    assert (receipt.records, receipt.refused, receipt.sentence) == (5, 3, "too old")
    assert (known.statistics.sent, known.statistics.refused) == (5, 3)
    # What was refused in part is no answer for later.
    assert await known.replayed("t", Token("k", 1)) is None


async def test_a_key_counts_once_and_what_waits_is_durable(tmp_path: Path) -> None:
    otlp = Otlp([Away("away")])
    known = store(Known(0), tmp_path, otlp=otlp)
    first = await known.append("t", batch_of([0]), Token("k", 1), b"told")
    again = await known.append("t", batch_of([0]), Token("k", 1), b"told")
    assert (first.replayed, again.replayed, again.reply, again.records) == (False, True, b"told", 4)
    assert otlp.bodies == 1 and known.waiting[0] == 4
    with pytest.raises(TokenReused):
        await known.replayed("t", Token("k", 2))
    assert store(Known(0), tmp_path).waiting == known.waiting
    await known.forget()
    assert known.waiting == (0, 0)


def test_keys_are_bounded() -> None:
    tokens = Tokens(2)
    for number in range(3):
        tokens.note(Token(str(number), number), Receipt(number), b"")
    assert tokens.find(Token("0", 0)) is None
    assert tokens.find(Token("2", 2)) == Receipt(2, replayed=True)
    tokens.note(Token("long", 1), Receipt(1), bytes(5_000))
    assert tokens.find(Token("long", 1)) is None
