"""Runs plans of metrics in the query pool: native code says what it needs of the tables, which is read and fed to it.

Every statement and the native work of a query belong to one job of the pool, with its limits; cancelling it ends both.
Answers stay encoded: Python never sees a sample or a label set.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Final, TypeVar

from nexus import _native
from nexus.errors import LimitExceeded, QueryError, QueryTimeout
from nexus.query.plan import (
    Cardinality,
    ListExemplars,
    ListLabelNames,
    ListLabelValues,
    ListMetadata,
    ListSeries,
    MetricCatalog,
    PromQuery,
    ReadSeries,
    Scoped,
    SeriesScan,
)
from nexus.storage.clickhouse.metrics import fetch
from nexus.storage.clickhouse.metrics.asking import encode_matchers, encode_sight
from nexus.storage.clickhouse.metrics.tables import FORMAT
from nexus.storage.clickhouse.queries import QueryPool, Session
from nexus.storage.metric_api import Estimate, SeriesAnswer, SeriesStatistics

T = TypeVar("T")

NARROW: Final = "Narrow the time range, name the metric, or add a matcher."


class MetricReader:
    """See the module text."""

    def __init__(self, pool: QueryPool, engine: _native.MetricsEngine) -> None:
        self._pool = pool
        self._engine = engine

    async def answer(self, query: Scoped) -> SeriesAnswer:
        """Run any plan but `ReadSeries`. Raises `QueryError`, `LimitExceeded`, `QueryTimeout`, `StorageError`."""

        def work(session: Session) -> SeriesAnswer:
            began = time.monotonic()
            answer = self._answer(session, query, began)
            answer.statistics.query_id = query.query_id
            answer.statistics.elapsed_ms = (time.monotonic() - began) * 1000
            if query.restricted:
                # Samples and bytes tell of series that are not seen.
                answer.statistics.bytes_read = 0
            return answer

        return await self._pool.run(query, work)

    async def estimate(self, query: Scoped) -> Estimate:
        """What a plan would read, at most."""

        def work(session: Session) -> Estimate:
            if isinstance(query.plan, PromQuery):
                run = self._engine.query(query.tenant, query.plan.program, encode_sight(query))
                return Estimate(*run.estimate())
            if isinstance(query.plan, ReadSeries):
                return Estimate(*self._select(query, query.plan.scan).read("samples").estimate())
            scan = getattr(query.plan, "scan", None)
            return Estimate(self._select(query, scan).count if isinstance(scan, SeriesScan) else 0, 0, 0)

        return await self._pool.run(query, work)

    async def read(self, query: Scoped, encoding: str) -> AsyncIterator[bytes]:
        """Run a `ReadSeries`; pieces of some MB."""
        plan = query.plan
        if not isinstance(plan, ReadSeries):
            raise TypeError("only samples of series can be read")
        scan = plan.scan

        def begin(session: Session) -> _native.Reading:
            reader = self._select(query, scan).read(encoding)
            series, samples, size = reader.estimate()
            _check_size(query, series, samples, size)
            for rows in _rows(session, query, reader.needs(), size, fetch.chunks_sql):
                reader.feed(rows)
            return reader

        reader = await self._pool.run(query, begin)
        while (piece := await asyncio.to_thread(reader.next)) is not None:
            yield piece

    # ------------------------------------------------------------------------------------------------- in the threads

    def _answer(self, session: Session, query: Scoped, began: float) -> SeriesAnswer:
        plan = query.plan
        if isinstance(plan, PromQuery):
            return self._run(session, query, plan, began)
        if isinstance(plan, ListMetadata):
            sight = encode_sight(query)
            return SeriesAnswer(
                self._engine.metadata_json(query.tenant, sight, plan.metric, plan.limit, plan.limit_per_metric)
            )
        if isinstance(plan, ListSeries):
            selection = self._select(query, plan.scan)
            return _listed(selection, selection.series_json(plan.limit))
        if isinstance(plan, ListLabelNames):
            selection = self._select(query, plan.scan)
            return _listed(selection, selection.label_names_json(plan.limit))
        if isinstance(plan, ListLabelValues):
            selection = self._select(query, plan.scan)
            return _listed(selection, selection.label_values_json(plan.label, plan.limit))
        if isinstance(plan, Cardinality):
            selection = self._select(query, plan.scan)
            return _listed(selection, (selection.cardinality_json(plan.limit, plan.focus), False))
        if isinstance(plan, MetricCatalog):
            selection = self._select(query, plan.scan)
            data = selection.catalog_json(plan.search, plan.order, plan.limit, plan.offset)
            return _listed(selection, (data, False))
        if isinstance(plan, ListExemplars):
            selection = self._select(query, plan.scan)
            rows = b"".join(_rows(session, query, selection.needs(), 0, fetch.exemplars_sql))
            answer = _listed(selection, (selection.exemplars_json(rows), False))
            answer.statistics.bytes_read = session.bytes_read
            return answer
        raise TypeError(f"{type(plan).__name__} is no plan of metrics")

    def _select(self, query: Scoped, scan: SeriesScan) -> _native.Selection:
        sets = encode_matchers(scan.matchers)
        return self._engine.select(query.tenant, sets, encode_sight(query), scan.start, scan.end)

    def _run(self, session: Session, query: Scoped, plan: PromQuery, began: float) -> SeriesAnswer:
        run = self._engine.query(query.tenant, plan.program, encode_sight(query))
        session.stop_with(run.cancel)
        needs = run.needs()
        series, samples, size = run.estimate()
        _check_size(query, series, samples, size)
        for rows in _rows(session, query, needs, size, fetch.chunks_sql):
            run.feed(rows)
        left = query.limits.seconds - (time.monotonic() - began)
        data, warnings, infos, (series, samples, peak, read) = _evaluated(query, run, max(int(left * 1000), 1))
        session.spend(max(read - session.bytes_read, 0))
        statistics = SeriesStatistics(series=series, samples=samples, peak_samples=peak, bytes_read=session.bytes_read)
        return SeriesAnswer(data, warnings, infos, statistics=statistics)


def _evaluated(
    query: Scoped, run: _native.Run, timeout_ms: int
) -> tuple[bytes, list[str], list[str], tuple[int, int, int, int]]:
    try:
        return run.run(timeout_ms)
    except _native.MetricQueryTimeout:
        raise QueryTimeout(f"the query needs more than its {query.limits.seconds:g} seconds.", hint=NARROW) from None
    except _native.MetricQueryCanceled:
        raise asyncio.CancelledError from None
    except _native.MetricLimitExceeded as error:
        raise LimitExceeded(_sentence(error), hint=NARROW) from None
    except _native.MetricQueryError as error:
        raise QueryError(str(error)) from None


def _rows(
    session: Session,
    query: Scoped,
    needs: Iterable[fetch.Need],
    size: int,
    statement: Callable[[fetch.Wanted], str],
) -> Iterable[bytes]:
    """What is needed of a table, in pieces; `size` is how many bytes that may be."""
    wants = fetch.wanted(query.tenant, needs)
    for want in wants:
        for piece in fetch.pieces(want, size):
            rows = session.query(statement(piece), FORMAT)
            if rows:
                yield rows


def _check_size(query: Scoped, series: int, samples: int, size: int) -> None:
    """Refuse what is sure to need more than it may. Raises `LimitExceeded`, `Overloaded`."""
    limits = query.limits
    shown = "" if query.restricted else f": {samples:,} samples of {series:,} series, the limit is "
    if limits.scan_rows and samples > limits.scan_rows:
        shown = shown and f"{shown}{limits.scan_rows:,} samples"
        raise LimitExceeded(f"the query reads more than it may{shown}.", hint=NARROW)
    for limit in (limits.scan_bytes, limits.memory_bytes):
        if limit and size > limit:
            shown = shown and f"{shown}{limit:,} bytes and it would read {size:,}"
            raise LimitExceeded(f"the query reads more than it may{shown}.", hint=NARROW)


def _listed(selection: _native.Selection, found: tuple[bytes, bool]) -> SeriesAnswer:
    data, limited = found
    return SeriesAnswer(data, limited=limited, statistics=SeriesStatistics(series=selection.count))


def _sentence(error: Exception) -> str:
    text = str(error)
    return text if text.endswith(".") else f"{text}."
