"""Runs plans of metrics in the query pool: native code says what it needs of the tables, which is read and fed to it.

Every statement and the native work of a query belong to one job of the pool, with its limits; cancelling it ends both.
Answers stay encoded: Python never sees a sample or a label set.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from functools import partial
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
from nexus.storage.clickhouse.metrics.chunk_cache import ChunkCache
from nexus.storage.clickhouse.metrics.tables import FORMAT
from nexus.storage.clickhouse.queries import QueryPool, Session
from nexus.storage.metric_api import Estimate, SeriesAnswer, SeriesStatistics

T = TypeVar("T")

NARROW: Final = "Narrow the time range, name the metric, or add a matcher."


class MetricReader:
    """See the module text."""

    def __init__(self, pool: QueryPool, engine: _native.MetricsEngine, cache: ChunkCache[_native.ChunkRows]) -> None:
        self._pool = pool
        self._engine = engine
        self._cache = cache

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
                return self._estimate(session, query, run.needs(), run.estimate())
            if isinstance(query.plan, ReadSeries):
                reading = self._select(query, query.plan.scan).read("samples")
                return self._estimate(session, query, reading.needs(), reading.estimate())
            scan = getattr(query.plan, "scan", None)
            return Estimate(self._select(query, scan).count if isinstance(scan, SeriesScan) else 0, 0, 0)

        return await self._pool.run(query, work)

    def _estimate(
        self, session: Session, query: Scoped, needs: Iterable[fetch.Need], guess: tuple[int, int, int]
    ) -> Estimate:
        """What the tables hold and, of the head, no more than the tenant has there; a restricted query is told the guess by
        time, which is of its own series alone."""
        if query.restricted:
            return Estimate(guess[0], guess[1], guess[1] * fetch.SAMPLE_BYTES)
        stored = sum(int(session.rows(fetch.samples_sql(want))[0][0]) for want in fetch.wanted(query.tenant, needs))
        head = self._engine.tenant_stats(query.tenant)["head_samples"]
        samples = min(stored + head, guess[1])
        return Estimate(guess[0], samples, samples * fetch.SAMPLE_BYTES)

    async def read(self, query: Scoped, encoding: str) -> AsyncIterator[bytes]:
        """Run a `ReadSeries`; pieces of some MB."""
        plan = query.plan
        if not isinstance(plan, ReadSeries):
            raise TypeError("only samples of series can be read")
        scan = plan.scan

        def begin(session: Session) -> _native.Reading:
            reader = self._select(query, scan).read(encoding)
            for _, rows in self._chunks(session, query, reader.needs(), reader.estimate()[2]):
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
            wants = fetch.wanted(query.tenant, selection.exemplar_needs())
            rows = b"".join(session.query(fetch.exemplars_sql(want), FORMAT) for want in wants)
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
        for tier, rows in self._chunks(session, query, run.needs(), run.estimate()[2]):
            run.feed(rows, tier)
        # Series of which there are no rollups after all.
        for tier, rows in self._chunks(session, query, run.more_needs(), run.estimate()[2]):
            run.feed(rows, tier)
        left = query.limits.seconds - (time.monotonic() - began)
        data, warnings, infos, spent = _evaluated(query, run, max(int(left * 1000), 1))
        series, samples, read, peak, decoded = spent
        session.spend(max(decoded - session.bytes_read, 0))
        _check("samples", samples, query.limits.scan_rows, query)
        statistics = SeriesStatistics(
            series=series, samples=samples, samples_read=read, peak_samples=peak, bytes_read=session.bytes_read
        )
        return SeriesAnswer(data, warnings, infos, statistics=statistics)

    def _chunks(
        self, session: Session, query: Scoped, needs: Iterable[fetch.Need], bytes_at_most: int
    ) -> Iterator[tuple[int, _native.ChunkRows]]:
        """Chunks, in pieces, each with the windows of rollups (0: samples). `bytes_at_most` may be far too much: where it
        matters, the tables are asked. Raises `LimitExceeded` before the first one when the query reads more samples than it
        may, and when it reads more bytes."""
        limits = query.limits
        wants = fetch.wanted(query.tenant, needs)
        sizes = [bytes_at_most] * len(wants)
        if limits.scan_rows or bytes_at_most > fetch.PIECE_BYTES:
            samples = [int(session.rows(fetch.samples_sql(want))[0][0]) for want in wants]
            _check("samples", sum(samples), limits.scan_rows, query)
            sizes = [count * fetch.SAMPLE_BYTES for count in samples]
        read = 0
        for want, size in zip(wants, sizes, strict=True):
            for piece in fetch.pieces(want, size):
                statement = fetch.chunks_sql(fetch.rounded(piece))
                for rows in self._cache.get(query.tenant, statement, partial(_read, session, statement)):
                    read += rows.weight
                    _check("bytes", read, limits.scan_bytes, query)
                    _check("bytes", read, limits.memory_bytes, query)
                    yield piece.tier, rows


def _read(session: Session, statement: str) -> _native.ChunkRows:
    return _native.ChunkRows(session.query(statement, FORMAT))


def _evaluated(
    query: Scoped, run: _native.Run, timeout_ms: int
) -> tuple[bytes, list[str], list[str], tuple[int, int, int, int, int]]:
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


def _check(unit: str, found: int, limit: int, query: Scoped) -> None:
    """Raise `LimitExceeded` beyond a limit; a restricted query is not told how much it was."""
    if limit and found > limit:
        shown = "" if query.restricted else f": {found:,} {unit}, the limit is {limit:,} {unit}"
        raise LimitExceeded(f"the query reads more than it may{shown}.", hint=NARROW)


def _listed(selection: _native.Selection, found: tuple[bytes, bool]) -> SeriesAnswer:
    data, limited = found
    return SeriesAnswer(data, limited=limited, statistics=SeriesStatistics(series=selection.met))


def _sentence(error: Exception) -> str:
    text = str(error)
    return text if text.endswith(".") else f"{text}."
