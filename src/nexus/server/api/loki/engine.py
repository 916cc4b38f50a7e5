"""Runs LogQL over a store: plans for the engine, pages of rows into native collectors, one after the other.

What a page holds is bounded: the range is cut into windows by how dense the records lie, and windows grow and shrink with
the bytes that the last one had. Counts that need no more than counting are asked of the engine as a tally.
"""

from __future__ import annotations

import asyncio
import json
import math
import struct
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, TypeVar

from nexus import _native
from nexus.errors import InvalidRequest, LimitExceeded, NotTallied
from nexus.model.time import MAX_TIME, NS_PER_HOUR
from nexus.query.logql.ast import LabelStage, LineFilter, LogQuery, Matcher, Metric
from nexus.query.logql.lower import (
    LEVELS,
    SERVICE,
    Leaf,
    expression,
    filtered,
    program,
    pushed,
    selector,
)
from nexus.query.plan import (
    All,
    And,
    Compare,
    CompareOp,
    Field,
    FieldKind,
    LogScan,
    OfResources,
    Or,
    Plan,
    Predicate,
    Rows,
    Tally,
    TimeRange,
)
from nexus.storage.api import RawRows

T = TypeVar("T")

MAX_SERIES: Final = 500
FIRST_ROWS: Final = 2_000
PAGE_ROWS: Final = 50_000
MAX_ROWS: Final = 20_000_000
SMALL_PAGE: Final = 4 << 20
LARGE_PAGE: Final = 32 << 20
GROWTH: Final = 32
"""Most times by which a window that gave little is followed by a larger one."""
MAX_BUCKETS: Final = 20_000
MAX_RESOURCES: Final = 2_000
_DENSITY: Final = 500
_COARSE: Final = NS_PER_HOUR // 60
"""Above this, density is counted by the hour: the engine need not read timestamps for that."""
_SPARE: Final = 0.1
"""What part of a window's records may be missing."""
_BARE: Final = struct.Struct("<qxxBQQQx")
"""A row of a tally without keys."""

_SERVICE: Final = Field(FieldKind.COLUMN, "service")


@dataclass(slots=True)
class Cost:
    """What a query read. Lines and bytes are those of matching streams."""

    lines: int = 0
    bytes: int = 0
    passed: int = 0
    rows_read: int = 0
    bytes_read: int = 0
    pages: int = 0
    began: float = field(default_factory=time.perf_counter)

    def add(self, totals: tuple[int, int, int]) -> None:
        """Take in the totals of a collector."""
        self.lines += totals[0]
        self.bytes += totals[1]
        self.passed += totals[2]

    @property
    def seconds(self) -> float:
        """Since the start."""
        return time.perf_counter() - self.began


class Windows:
    """A range in pieces of about as many records as wanted, in the order of the answer."""

    def __init__(self, buckets: list[tuple[int, int, float]], forward: bool) -> None:
        """`buckets`: (from, to, records), ascending and half-open."""
        self._forward = forward
        self._left = sorted(buckets, reverse=forward)

    def take(self, rows: float) -> TimeRange | None:
        """The next window; None at the end. A bucket that is too full is cut evenly."""
        if not self._left:
            return None
        low, high, count = self._left.pop()
        if count > rows and high - low > 1:
            return self._cut(low, high, count, rows)
        while self._left and count + self._left[-1][2] <= rows:
            start, end, more = self._left.pop()
            count += more
            low, high = min(low, start), max(high, end)
        if self._left and rows - count > rows * _SPARE:
            start, end, more = self._left.pop()
            part = self._cut(start, end, more, rows - count) if end - start > 1 else TimeRange(start, end)
            low, high = min(low, part.start or 0), max(high, part.end or 0)
        return TimeRange(low, high)

    def give_back(self, window: TimeRange, count: float) -> None:
        """A window that was too large comes again, in pieces."""
        self._left.append((window.start or 0, window.end or 0, count))

    def _cut(self, first: int, last: int, count: float, rows: float) -> TimeRange:
        width = max(int((last - first) * rows / count), 1)
        rest = count * (1 - width / (last - first))
        cut = first + width if self._forward else last - width
        near, far = ((first, cut), (cut, last)) if self._forward else ((cut, last), (first, cut))
        self._left.append((*far, rest))
        return TimeRange(*near)


@dataclass(slots=True)
class Engine:
    """One request's way to the store. `ask` closes a plan over tenant and policy and runs it."""

    ask: Callable[[Plan], Awaitable[RawRows]]
    cost: Cost = field(default_factory=Cost)

    async def raw(self, plan: Plan) -> RawRows:
        """Run a plan; its cost counts."""
        rows = await self.ask(plan)
        self.cost.rows_read += rows.statistics.rows_read
        self.cost.bytes_read += rows.statistics.bytes_read
        self.cost.pages += 1
        return rows

    # --------------------------------------------------------------------------------------------------------- streams

    async def streams(
        self, selectors: list[tuple[Matcher, ...]], span: TimeRange, *, sizes: bool = False, services: bool = False
    ) -> list[tuple[list[tuple[str, str]], str, str, int, int]]:
        """(labels, service, resource, entries, bytes) of the streams that match any selector and have records.

        `services`: no label but the service name matters; streams that differ in others may come as one.
        """
        known = [selector(matchers) for matchers in selectors]
        parts = tuple(one.where for one in known)
        where: Predicate = parts[0] if len(parts) == 1 else Or(parts) if parts else All()
        whole = not services or not all(one.exact for one in known)
        rows = await self.raw(Tally(LogScan(span, where), keys=("stream",) if whole else ("service",), bytes=sizes))
        return await asyncio.to_thread(_native.logql_streams, rows.data, matchers_json(selectors))

    async def narrowed(self, matchers: tuple[Matcher, ...], span: TimeRange, *, exact: bool = False) -> Predicate | None:
        """A condition that all records of matching streams meet (`exact`: and no others); None when there are none.

        Raises `LimitExceeded` when an exact one would be too long.
        """
        known = selector(matchers)
        if known.exact:
            return known.where
        found = await self.streams([matchers], span)
        if not found:
            return None
        if len(found) > MAX_RESOURCES:
            if exact:
                raise LimitExceeded(
                    f"the selector takes {len(found)} streams, more than {MAX_RESOURCES}.",
                    hint="Name a service_name, or more labels.",
                )
            return known.where
        services = {service for _, service, _, _, _ in found}
        hashes = {_native.fingerprint(resource.encode()) for _, _, resource, _, _ in found}
        by_service = Or(tuple(Compare(_SERVICE, CompareOp.EQ, service) for service in sorted(services)))
        return And((by_service, OfResources(tuple(sorted(hashes)))))

    async def windows(self, where: Predicate, span: TimeRange, forward: bool) -> Windows:
        """The windows of a range, by the density of the records of a condition."""
        start, end = span.start or 0, span.end or MAX_TIME
        step, origin = max((end - start) // _DENSITY, 1_000_000), start - 1
        if step > _COARSE:
            # Only hours with records are in the answer, however long the range is.
            step, origin = NS_PER_HOUR, start // NS_PER_HOUR * NS_PER_HOUR - 1
        rows = await self.raw(Tally(LogScan(span, where), step=step, origin=origin))
        counted = sorted((right, count) for right, _, _, count, _ in _BARE.iter_unpack(rows.data))
        return Windows([(max(right - step + 1, start), min(right + 1, end), float(n)) for right, n in counted], forward)

    async def pages(
        self,
        query: LogQuery,
        span: TimeRange,
        first_rows: float,
        forward: bool,
        feed: Callable[[bytes, list[tuple[str, str | None]]], Any],
        goal: int | None = None,
    ) -> None:
        """Feed the rows of a query, window by window: all of them, or until `feed` returns `goal`."""
        narrowed = await self.narrowed(query.matchers, span)
        if narrowed is None:
            return
        head = pushed(query).where
        where = And((narrowed, head)) if not isinstance(head, All) else narrowed
        windows = await self.windows(narrowed, span, forward)
        size, reached = first_rows, 0
        while (window := windows.take(size)) is not None:
            try:
                rows = await self.raw(Rows(LogScan(window, where)))
            except LimitExceeded:
                if size <= 1 or (window.end or 0) - (window.start or 0) <= 1:
                    raise
                windows.give_back(window, size)
                size = max(size / 8, 1)
                continue
            before = reached
            if rows.data:
                fed = await asyncio.to_thread(compiled, partial(feed, rows.data, rows.attributes))
                if goal is not None and (reached := fed) >= goal:
                    return
            # A window that gave nothing says nothing of how much is needed.
            need = (goal - reached) / (reached - before) if goal is not None and reached > before else None
            size = following(size, len(rows.data), need)

    # --------------------------------------------------------------------------------------------------------- queries

    async def entries(
        self, query: LogQuery, span: TimeRange, *, limit: int, forward: bool, interval: int = 0, categorize: bool = False
    ) -> bytes:
        """Entries as encoded streams."""
        collector = compiled(
            lambda: _native.LogqlEntries(
                program(query), forward=forward, limit=limit, interval=interval, categorize=categorize
            )
        )
        first = max(limit * 2, FIRST_ROWS)
        await self.pages(query, span, first, forward, collector.feed, limit)
        self.cost.add(collector.totals)
        return collector.encode()

    async def metric(self, query: Metric, start: int, end: int, step: int) -> _native.LogqlMatrix:
        """The series of a metric query over its steps. Raises `InvalidRequest`, `LimitExceeded`."""
        leaves: list[Leaf] = []
        tree = json.dumps(expression(query, leaves))
        made = [await self.leaf(leaf, start, end, step) for leaf in leaves]
        matrix = await asyncio.to_thread(compiled, lambda: _native.logql_evaluate(tree, made, start, end, step))
        if matrix.num_series > MAX_SERIES:
            raise LimitExceeded(
                f"maximum of series ({MAX_SERIES}) reached for a single query",
                hint="Aggregate by fewer labels (sum by (...)) or take the greatest with topk.",
            )
        return matrix

    async def leaf(self, leaf: Leaf, start: int, end: int, step: int) -> _native.LogqlMatrix:
        """The series of a range aggregation."""
        metric = leaf.metric
        low, high = start - metric.range - metric.offset, end - metric.offset
        labels = leaf.tallied()
        span = TimeRange(max(low + 1, 0), min(max(high, 0) + 1, MAX_TIME))
        if labels is not None:
            # The engine has judged the lines already; a tally has none.
            lineless = LogQuery(
                metric.query.matchers, tuple(stage for stage in metric.query.stages if not isinstance(stage, LineFilter))
            )
            text = program(lineless, metric, leaf.grouping)
            collector = compiled(lambda: _native.LogqlRange(text, start, end, step))
            if high < 0 or await self.tallied(leaf, labels, span, low, start, end, step, collector):
                self.cost.add(collector.totals)
                return await asyncio.to_thread(collector.finish)
        whole = program(metric.query, metric, leaf.grouping)
        collector = compiled(lambda: _native.LogqlRange(whole, start, end, step))
        if high >= 0:
            await self.pages(metric.query, span, PAGE_ROWS, True, collector.feed)
        self.cost.add(collector.totals)
        return await asyncio.to_thread(collector.finish)

    async def tallied(
        self,
        leaf: Leaf,
        labels: tuple[str, ...],
        span: TimeRange,
        origin: int,
        start: int,
        end: int,
        step: int,
        collector: _native.LogqlRange,
    ) -> bool:
        """Count in the engine; False when that cannot be done exactly."""
        metric = leaf.metric
        bucket = metric.range if start == end else math.gcd(step, metric.range)
        if (end - start + metric.range) // bucket > MAX_BUCKETS:
            return False
        narrowed = await self.narrowed(metric.query.matchers, span)
        if narrowed is None:
            return True
        named = {name for stage in metric.query.stages if isinstance(stage, LabelStage) for name in filtered(stage.filter)}
        by_level = bool((set(labels) | named) & LEVELS)
        others = tuple(name for name in labels if name not in LEVELS and name != SERVICE)
        head = pushed(metric.query).where
        # A stream may have a label called level, so only what asks for nothing but the service can do without streams.
        by_service = set(labels) <= {SERVICE} and not by_level and selector(metric.query.matchers).exact
        plan = Tally(
            LogScan(span, narrowed if isinstance(head, All) else And((narrowed, head))),
            keys=("service",) if by_service else ("stream", "severity") if by_level else ("stream",),
            labels=others,
            # One window is one bucket: it is named by its end, and no timestamp is read.
            step=0 if start == end else bucket,
            origin=origin + bucket if start == end else origin,
            bytes=metric.op in ("bytes_rate", "bytes_over_time"),
        )
        try:
            rows = await self.raw(plan)
        except NotTallied:
            return False
        await asyncio.to_thread(compiled, lambda: collector.feed_tally(rows.data, list(others)))
        return True


def following(size: float, data: int, need: float | None) -> float:
    """How many records the next window is to have after one of `size` with so many bytes of rows. `need` is how many times
    what that one gave is wanted still, None for everything or when that is not known."""
    if data > LARGE_PAGE:
        return max(size / 2, 1)
    if data >= SMALL_PAGE:
        return size
    most = GROWTH if data < SMALL_PAGE // GROWTH else 4
    return min(size * (most if need is None else min(most, max(need * 1.2, 1))), MAX_ROWS)


def matchers_json(selectors: list[tuple[Matcher, ...]]) -> str:
    """Selectors for native code."""
    shape = [[{"name": one.name, "op": one.op, "value": one.value} for one in matchers] for matchers in selectors]
    return json.dumps(shape, ensure_ascii=False)


def compiled(make: Callable[[], T]) -> T:
    """What native code makes; its faults are the asker's. Raises `InvalidRequest`."""
    try:
        return make()
    except ValueError as error:
        raise InvalidRequest(str(error)) from error
