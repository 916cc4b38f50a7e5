"""Questions about traces of one request: plans closed over the caller, listed while they run, ended with the client.

A request may ask several stores one after the other, under one id.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar

import msgspec
from starlette.responses import Response

from nexus import _native
from nexus.errors import InvalidRequest
from nexus.model.time import MAX_TIME, NS_PER_HOUR, TimeRange
from nexus.query.plan import SeriesPlan
from nexus.query.promql import parse
from nexus.query.trace_plan import (
    CriticalPaths,
    FindTraces,
    GetTrace,
    GetTraces,
    SearchSpans,
    SpanSeries,
    TracePlan,
)
from nexus.server.api.nexus_v1.asking import ask, close_plan
from nexus.server.api.prometheus.asking import passed_on, program
from nexus.server.call import Call
from nexus.server.queries import checked_id
from nexus.storage.api import Statistics, Table
from nexus.storage.trace_api import SeriesSet, SpanRows, Tell, TraceHits

MAX_TRACES: Final = 1_500
"""Most whole traces in one answer."""
_MS: Final = 10**6

T = TypeVar("T")
Labels = dict[str, str]


class Asker:
    """The stores, for one request. `spent` is what its questions cost so far."""

    def __init__(self, call: Call, query_id: str) -> None:
        self.call = call
        self.query_id = query_id
        self.spent = Statistics(query_id)

    async def spans(self, plan: GetTrace | GetTraces | SearchSpans | CriticalPaths) -> SpanRows:
        """Whole spans, encoded."""
        return self._counted(await self.call.services.traces.spans(self._closed(plan)))

    async def find(self, plan: FindTraces, tell: Tell[TraceHits] | None = None) -> TraceHits:
        """Traces that match; `tell` takes them as they are found."""
        return self._counted(await self.call.services.traces.find(self._closed(plan), tell))

    async def series(self, plan: SpanSeries, tell: Tell[SeriesSet] | None = None) -> SeriesSet:
        """Series of a function over spans; `tell` takes what is known of them."""
        return self._counted(await self.call.services.traces.series(self._closed(plan), tell))

    async def table(self, plan: TracePlan) -> Table:
        """Any other plan."""
        return self._counted(await self.call.services.traces.table(self._closed(plan)))

    async def whole_traces(self, found: TraceHits) -> SpanRows | None:
        """Every span of the traces that were found, traces in the order in which they were; None when there are none."""
        if not found.hits:
            return None
        ids = tuple(bytes.fromhex(hit.trace_id) for hit in found.hits)
        start = min(hit.start for hit in found.hits)
        end = max(hit.start + hit.duration for hit in found.hits)
        rows = await self.spans(GetTraces(ids, TimeRange(max(start, 0), min(end, MAX_TIME - 1) + 1)))
        rows.data = await asyncio.to_thread(_native.order_traces, rows.data, rows.attributes, list(ids))
        return rows

    async def metrics(self, plan: SeriesPlan, *, newest: bool = False) -> Any:
        """The answer of the tenant's metric store, decoded: what stands under `data` in Prometheus' API."""
        scoped = close_plan(self.call, plan, self.query_id, newest=newest)
        answer = await self.call.services.metrics.answer(scoped)
        return msgspec.json.decode(answer.data)

    async def instant(self, text: str, at_ms: int) -> list[tuple[Labels, float]]:
        """A PromQL query at one time: labels and value of each series."""
        found = await self._prom(text, at_ms, at_ms, 0)
        return [(one["metric"], float(one["value"][1])) for one in found]

    @property
    def exactly(self) -> str:
        """What stands behind a range, `x[5m] anchored`, so that rates and increases are differences of what was counted:
        extrapolated, a burst of seconds is up to a fifth too high. VictoriaMetrics knows no other and has no word for it."""
        return "" if self.call.services.metrics.dialect(self.call.tenant) == "metricsql" else " anchored"

    async def matrix(
        self, text: str, start_ms: int, end_ms: int, step_ms: int
    ) -> list[tuple[Labels, list[tuple[int, float]]]]:
        """A PromQL query over a range: labels and (ms, value) of each series."""
        found = await self._prom(text, start_ms, end_ms, step_ms)
        return [
            (one["metric"], [(round(float(time) * 1000), float(value)) for time, value in one.get("values", ())])
            for one in found
        ]

    async def _prom(self, text: str, start: int, end: int, step: int) -> list[dict[str, Any]]:
        if self.call.services.metrics.dialect(self.call.tenant) == "metricsql":
            plan = passed_on(text, start, end, step)
        else:
            plan = program(self.call, parse(text), text, start, end, step, counts=False)
        found: list[dict[str, Any]] = (await self.metrics(plan))["result"]
        return found

    def _closed(self, plan: TracePlan) -> Any:
        return close_plan(self.call, plan, self.query_id)

    def _counted(self, answer: T) -> T:
        spent: Statistics = answer.statistics  # type: ignore[attr-defined]
        self.spent.elapsed_ms += spent.elapsed_ms
        self.spent.rows_read += spent.rows_read
        self.spent.bytes_read += spent.bytes_read
        self.spent.incomplete = self.spent.incomplete or spent.incomplete
        return answer


Work = Callable[[Call, Asker], Awaitable[T]]


async def asking(call: Call, work: Work[T], query_id: str = "") -> T:
    """Do the work of a request: it can be listed and cancelled, and ends when the client goes away."""
    query_id = checked_id(query_id)
    return await ask(call, query_id, work(call, Asker(call, query_id)))  # type: ignore[arg-type]


def door(work: Work[Response]) -> Callable[[Call], Awaitable[Response]]:
    """A handler of such work."""

    async def handle(call: Call) -> Response:
        return await asking(call, work)

    handle.__doc__ = work.__doc__
    return handle


def trace_id(text: str) -> bytes:
    """The 16 bytes of a trace id in up to 32 hexadecimal digits. Raises `InvalidRequest`."""
    return _id(text, 16, "trace")


def span_id(text: str) -> bytes:
    """The 8 bytes of a span id in up to 16 hexadecimal digits. Raises `InvalidRequest`."""
    return _id(text, 8, "span")


def _id(text: str, size: int, what: str) -> bytes:
    try:
        if not 0 < len(text) <= 2 * size:
            raise ValueError
        found = bytes.fromhex(text.zfill(2 * size))
    except ValueError:
        raise InvalidRequest(
            f"{text[:64]!r} is no {what} id.", hint=f"A {what} id has up to {2 * size} hexadecimal digits."
        ) from None
    if len(found) != size:
        # Spaces between digits.
        raise InvalidRequest(f"{text[:64]!r} is no {what} id.")
    return found


def hint(start: int | None, end: int | None) -> TimeRange:
    """When a trace was, as far as a client knows: widened by what traces that began before it or end after it may need."""
    if start is None or end is None or start > end:
        return TimeRange()
    return TimeRange(max(start - NS_PER_HOUR, 0), min(end + NS_PER_HOUR, MAX_TIME))
