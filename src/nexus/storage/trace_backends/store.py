"""A `TraceStore` in a Jaeger or a Tempo: spans go there by OTLP, through a durable queue while it is away, and questions are
answered from the whole traces that its API finds.

The API is asked for no more than a plan can be about (`narrowing`). What it returns goes through the statements of the
embedded store (`SpanReaders`), so that TraceQL, row policies, masks and all counts mean the same everywhere. A backend
returns a limited number of traces: where there may be others, the answer says so in `incomplete`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, Final, Protocol, TypeVar

from nexus import _native
from nexus.errors import LimitExceeded
from nexus.query.plan import Scoped, TimeRange
from nexus.query.trace_plan import (
    FindTraces,
    GetTrace,
    GetTraces,
    Place,
    Searched,
    SpanField,
    TagValues,
)
from nexus.storage.api import Receipt, Table, Token
from nexus.storage.forwarding.queue import BodyQueue
from nexus.storage.forwarding.sender import Sender
from nexus.storage.forwarding.store import ForwardingStore
from nexus.storage.trace_api import SeriesSet, SpanRows, Tell, TraceHits
from nexus.storage.trace_backends.client import Client, Fetched
from nexus.storage.trace_backends.narrowing import SERVICE, Search, plain, searches, within
from nexus.storage.trace_backends.options import Backend
from nexus.storage.trace_backends.otlp import OtlpClient
from nexus.storage.trace_backends.tokens import Tokens

SPANS_OF_A_BODY: Final = 2_000
BYTES_OF_A_BODY: Final = 2 << 20
FEW: Final = 5
"""Traces that a search for the newest asks for beyond those that are wanted, or a quarter of those."""
GROWTH: Final = 4
ROUNDS: Final = 5
"""How often a backend without an order is asked for what is newer than what was found."""
AT_A_TIME: Final = 4
"""Queries that fetch traces at one time."""
_NS: Final = 10**9
_AHEAD: Final = 86_400 * _NS
"""How far from now a search without an end goes: clocks of senders may be ahead."""
_NAME: Final = SpanField(Place.INTRINSIC, "name")

T = TypeVar("T", SpanRows, TraceHits, SeriesSet, Table)


class SpanReader(Protocol):
    """Answers plans over some spans; see `trace_api.TraceStore`."""

    async def spans(self, query: Scoped) -> SpanRows: ...
    async def find(self, query: Scoped) -> TraceHits: ...
    async def series(self, query: Scoped) -> SeriesSet: ...
    async def table(self, query: Scoped) -> Table: ...


class SpanReaders(Protocol):
    """Makes such readers."""

    def reader(self, batch: _native.SpanBatch) -> SpanReader:
        """Of a batch in which each span is once."""
        ...


class BackendTraceStore(ForwardingStore):
    """See the module text. Made on any thread; the rest lives on an event loop."""

    def __init__(self, backend: Backend, client: Client, otlp: OtlpClient, readers: SpanReaders) -> None:
        """Opens the queue that an earlier process left. Raises `StorageError`."""
        self._backend = backend
        self._client = client
        self._readers = readers
        self.name = backend.access.name
        queue = BodyQueue(backend.queue, backend.queue_bytes, self.name, fsync=backend.fsync)
        super().__init__(queue, Sender(otlp, queue, self.name, backend.tenant, "spans"))
        self._tokens = Tokens()
        self._gate = asyncio.Semaphore(AT_A_TIME)

    # ----------------------------------------------------------------------------------------------------------- writing

    async def append(
        self, tenant: str, batch: Any, token: Token | None = None, reply: bytes = b"", records: int | None = None
    ) -> Receipt:
        """See `TraceStore`: durable when it returns; visible, too, while the backend is there and as soon as it shows what
        it takes. Tokens are remembered while the process runs."""
        if token is not None and (known := self._tokens.find(token)) is not None:
            return known
        bodies = await asyncio.to_thread(
            _native.encode_otlp_traces, batch, max_spans=SPANS_OF_A_BODY, max_bytes=BYTES_OF_A_BODY
        )
        refused, sentence = 0, ""
        for body, spans in bodies:
            taken = await self._sender.send(body, spans)
            refused += taken.refused
            sentence = sentence or taken.sentence
        count = batch.num_rows if records is None else records
        receipt = Receipt(count - refused, refused=refused, sentence=sentence)
        if token is not None:
            self._tokens.note(token, receipt, reply)
        return receipt

    async def replayed(self, tenant: str, token: Token) -> Receipt | None:
        """See `TraceStore`."""
        return self._tokens.find(token)

    # ----------------------------------------------------------------------------------------------------------- reading

    async def spans(self, query: Scoped) -> SpanRows:
        """See `TraceStore`."""
        plan = query.plan
        match plan:
            case GetTrace(trace_id, _, hint):
                return await self._answer(query, lambda: self._by_id((trace_id,), hint, query), _spans)
            case GetTraces(trace_ids, hint):
                return await self._answer(query, lambda: self._by_id(trace_ids, hint, query), _spans)
        return await self._answer(query, lambda: self._all(query), _spans)

    async def find(self, query: Scoped, tell: Tell[TraceHits] | None = None) -> TraceHits:
        """See `TraceStore`; tells nothing before."""
        plan = query.plan
        if not isinstance(plan, FindTraces):
            raise TypeError("not a search for traces")
        if plan.order == "newest":
            answer = await self._newest(query, plan.limit)
        else:
            answer = await self._answer(query, lambda: self._all(query), _find)
        answer.incomplete = answer.incomplete or answer.statistics.incomplete
        return answer

    async def series(self, query: Scoped, tell: Tell[SeriesSet] | None = None) -> SeriesSet:
        """See `TraceStore`; tells nothing before."""
        answer = await self._answer(query, lambda: self._all(query), lambda reader, query: reader.series(query))
        answer.incomplete = answer.incomplete or answer.statistics.incomplete
        return answer

    async def table(self, query: Scoped) -> Table:
        """See `TraceStore`."""
        answer = await self._answer(query, lambda: self._all(query), lambda reader, query: reader.table(query))
        if isinstance(query.plan, TagValues) and not query.restricted:
            await self._add_names(answer, query.plan, query)
        return answer

    async def _add_names(self, answer: Table, plan: TagValues, query: Scoped) -> None:
        """Services and operations that the backend knows, beside those of the traces that were fetched."""
        seconds = query.limits.seconds
        (one, *others) = searches(plan)
        services = [each for each in one.conditions if each.field == SERVICE and each.op == "="]
        if plain(plan.field) == SERVICE and not one.conditions:
            names = await self._client.services(within=seconds)
        elif plan.field == _NAME and len(services) == len(one.conditions) == 1 and not others:
            names = await self._client.operations(str(services[0].value.value), within=seconds)
        else:
            return
        known = {row[0] for row in answer.rows}
        answer.rows += [[name, "string", 0] for name in names if name not in known][: max(plan.limit - len(known), 0)]

    # ---------------------------------------------------------------------------------------------------------- fetching

    async def _answer(
        self,
        query: Scoped,
        fetch: Callable[[], Awaitable[Fetched]],
        ask: Callable[[SpanReader, Scoped], Awaitable[T]],
    ) -> T:
        """An answer from what is fetched."""
        began = time.perf_counter()
        async with self._gate, self._in_time(query):
            fetched = await fetch()
            answer = await self._over(query, fetched, ask)
        answer.statistics = replace(answer.statistics, elapsed_ms=(time.perf_counter() - began) * 1000)
        return answer

    async def _newest(self, query: Scoped, limit: int) -> TraceHits:
        """The newest that match: from few traces, and from more of them as long as too few match.

        Which traces a backend tells of is its choice, unless it is `ordered`. Those that began before the last of the hits
        are no matter, so all that are later are asked for, until there are no more of them than are told."""
        began, most = time.perf_counter(), self._most(query)
        wanted = min(limit + max(limit // 4, FEW), most)
        async with self._gate, self._in_time(query):
            while True:
                fetched = await self._searched(query, wanted)
                answer = await self._over(query, fetched, _find)
                if not fetched.more or len(answer.hits) >= limit or wanted >= most:
                    break
                wanted = min(wanted * GROWTH, most)
            complete = not fetched.more or (self._client.ordered and len(answer.hits) >= limit)
            since = -1
            for _ in range(ROUNDS):
                if complete or len(answer.hits) < limit:
                    break
                cut = min(hit.start for hit in answer.hits)
                if cut <= since and wanted >= most:
                    break
                since, wanted = cut, min(wanted * GROWTH, most)
                later = await self._searched(query, wanted, since)
                fetched.batches = [await asyncio.to_thread(_joined, [*fetched.batches, *later.batches])]
                answer = await self._over(query, fetched, _find)
                complete = not later.more
        incomplete = "" if complete else answer.statistics.incomplete
        elapsed = (time.perf_counter() - began) * 1000
        answer.statistics = replace(answer.statistics, elapsed_ms=elapsed, incomplete=incomplete)
        return answer

    @asynccontextmanager
    async def _in_time(self, query: Scoped) -> AsyncIterator[None]:
        """All requests of a query together take no longer than it may. Raises `LimitExceeded`."""
        try:
            # A single request that takes as long is told of in its own words.
            async with asyncio.timeout(query.limits.seconds + 1):
                yield
        except TimeoutError:
            raise LimitExceeded(
                f"{self.name} did not answer all of it within {query.limits.seconds:g} s.",
                hint="Ask for a shorter range, or for what fewer traces have.",
            ) from None

    async def _over(self, query: Scoped, fetched: Fetched, ask: Callable[[SpanReader, Scoped], Awaitable[T]]) -> T:
        batch = await asyncio.to_thread(_joined, fetched.batches)
        answer = await ask(self._readers.reader(batch), query)
        if fetched.more:
            traces = len(await asyncio.to_thread(batch.trace_ids))
            sentence = f"{self.name} may have more traces: {traces:,} of them were looked at."
            answer.statistics = replace(answer.statistics, incomplete=sentence)
        return answer

    async def _by_id(self, ids: Sequence[bytes], hint: TimeRange, query: Scoped) -> Fetched:
        return await self._client.traces(ids, hint, within=query.limits.seconds)

    async def _all(self, query: Scoped) -> Fetched:
        return await self._searched(query, self._most(query))

    def _most(self, query: Scoped) -> int:
        asked = query.plan.max_candidates if isinstance(query.plan, FindTraces) else self._backend.max_traces
        return max(min(asked, self._backend.max_traces), 1)

    async def _searched(self, query: Scoped, limit: int, since: int | None = None) -> Fetched:
        """At most so many traces of each search of a plan, of those with spans from a time (ns) on; fewer when they are too
        large."""
        plan = query.plan
        if not isinstance(plan, Searched):
            raise TypeError(f"{type(plan).__name__} is no search")
        found = Fetched()
        for search in searches(plan):
            bounded = self._bounded(replace(search, time=within(search.time, TimeRange(since, None))))
            if bounded is None:
                continue
            one = await self._fewer(bounded, limit, query.limits.seconds)
            found.batches += one.batches
            found.more = found.more or one.more
        return found

    async def _fewer(self, search: Search, limit: int, within: float) -> Fetched:
        while True:
            try:
                return await self._client.find(search, limit, within=within)
            except LimitExceeded:
                if limit == 1:
                    raise
                limit = max(limit // GROWTH, 1)

    def _bounded(self, search: Search) -> Search | None:
        """With a beginning and an end; None when there is nothing between them."""
        now = time.time_ns()
        end = min(search.time.end if search.time.end is not None else now + _AHEAD, now + _AHEAD)
        start = search.time.start if search.time.start is not None else end - self._backend.lookback * _NS
        return Search(TimeRange(max(start, 0), end), search.conditions) if max(start, 0) < end else None


def _spans(reader: SpanReader, query: Scoped) -> Awaitable[SpanRows]:
    return reader.spans(query)


def _find(reader: SpanReader, query: Scoped) -> Awaitable[TraceHits]:
    return reader.find(query)


def _joined(batches: list[_native.SpanBatch]) -> _native.SpanBatch:
    """All spans, each once."""
    return _native.SpanBatch.concat(batches).distinct()
