"""The embedded metric store: native engine, writer, flusher, reader, retention and erasures, joined."""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, Literal

from nexus import _native
from nexus.errors import ConfigError
from nexus.query.plan import ReadSeries, Scoped
from nexus.storage.api import Progress
from nexus.storage.clickhouse.connection import Connection
from nexus.storage.clickhouse.disk import DiskGuard
from nexus.storage.clickhouse.ingest_db import IngestDatabase
from nexus.storage.clickhouse.maintenance import Maintenance
from nexus.storage.clickhouse.metrics import loading, retention
from nexus.storage.clickhouse.metrics.asking import encode_matchers, encode_sight
from nexus.storage.clickhouse.metrics.chunk_cache import ChunkCache
from nexus.storage.clickhouse.metrics.erase import Erasures
from nexus.storage.clickhouse.metrics.flush import Flusher
from nexus.storage.clickhouse.metrics.policies import WantedPolicies
from nexus.storage.clickhouse.metrics.reader import MetricReader
from nexus.storage.clickhouse.metrics.retention import MetricRetention
from nexus.storage.clickhouse.metrics.rolled_days import RolledDays
from nexus.storage.clickhouse.metrics.rollups import RollupMaker
from nexus.storage.clickhouse.metrics.writer import MetricWriter, SeriesLimits
from nexus.storage.clickhouse.options import MetricOptions
from nexus.storage.clickhouse.queries import Connect, QueryPool
from nexus.storage.metric_api import Estimate, MetricReceipt, SeriesAnswer

log = logging.getLogger(__name__)

FOLDER: Final = "metrics"
"""Of the log, in the data directory."""

STATS_SECONDS: Final = 0.5
"""Native code is asked for its figures no more often."""

Limits = Callable[[str], SeriesLimits]


class EmbeddedMetricStore:
    """A `MetricStore` in this process. Making, `start` and `close` block; the rest belongs on an event loop."""

    def __init__(
        self,
        engine: Connect,
        connection: Connection,
        pool: QueryPool,
        disk: DiskGuard,
        database: IngestDatabase,
        data_dir: Path,
        options: MetricOptions,
        *,
        fsync: bool = False,
        retention_days: Callable[[], int] | None = None,
        policies: WantedPolicies = dict,
        future_ms: Callable[[], int] = lambda: 0,
    ) -> None:
        """Replay the log and load what series there are, with `connection`, which is not kept. The rest as in the store of
        logs; `future_ms` is how far ahead of the clock samples may be. Raises
        `ConfigError`, `EngineError`."""
        folder = data_dir / FOLDER
        folder.mkdir(mode=0o700, exist_ok=True)
        self._engine = _open(folder, options)
        try:
            days = RolledDays(database, self._engine)
            days.start(connection)
            self._retention = MetricRetention(
                database, self._engine, retention_days or (lambda: options.retention_days), policies, days
            )
            self._retention.start()
            cache: ChunkCache[_native.ChunkRows] = ChunkCache(options.cache_bytes)

            def touched(tenant: str, changed: Iterable[int] | None) -> None:
                if days.touched(tenant, changed):
                    self._rollups.wake()

            self._flusher = Flusher(engine, self._engine, disk, cache.grown, touched, options.flush_seconds)
            self._rollups = RollupMaker(
                engine,
                self._engine,
                days,
                self._retention.policies,
                self._flusher.paused,
                cache.changed,
                lambda connection: self._retention.follow(connection, self._flusher.paused),
                options.settle_seconds,
            )
            self._retention.wait_for(self._rollups.waits)
            self._erasures = Erasures(self._engine, folder, self._flusher.paused, cache.changed, touched)
            self._erasures.resume(connection)
            began = time.perf_counter()
            series = loading.load(connection, self._engine)
            if series:
                log.info("%d series loaded in %.2f s", series, time.perf_counter() - began)
        except BaseException:
            self._engine.close()
            raise
        self._cache = cache
        self._maintenance = Maintenance(engine)
        self._reader = MetricReader(pool, self._engine, cache)
        self._writer = MetricWriter(
            self._engine,
            disk,
            self._flusher.wake,
            self._limits_of,
            self._retention.longest,
            fsync=fsync,
            future_ms=future_ms,
        )
        self._limits: Limits = lambda tenant: SeriesLimits()
        self._erased = 0
        self._stats: dict[str, int] = {}
        self._looked = float("-inf")

    def use_limits(self, limits: Limits) -> None:
        """Take only such series of each tenant; without it there is no limit."""
        self._limits = limits

    def _limits_of(self, tenant: str) -> SeriesLimits:
        return self._limits(tenant)

    def start(self) -> None:
        """Begin to store what is due."""
        self._flusher.start()
        self._rollups.start()

    def stop(self) -> None:
        """Take nothing more, store what a few seconds are enough for. Queries go on until `close`."""
        self._maintenance.stop()
        self._writer.stop()
        self._rollups.stop()
        self._flusher.stop()

    def close(self) -> None:
        """Close the log, with a checkpoint when it holds much; nothing may run any more."""
        self._engine.close()

    # ---------------------------------------------------------------------------------------------------- MetricStore

    def dialect(self, tenant: str) -> Literal["promql", "metricsql"]:
        """See `MetricStore`."""
        return "promql"

    async def append(self, tenant: str, batch: Any) -> MetricReceipt:
        """See `storage.metric_api`."""
        return await self._writer.append(tenant, batch)

    async def answer(self, query: Scoped) -> SeriesAnswer:
        """See `storage.metric_api`."""
        return await self._reader.answer(query)

    def read(self, query: Scoped, encoding: str) -> AsyncIterator[bytes]:
        """See `storage.metric_api`."""
        return self._reader.read(query, encoding)

    async def estimate(self, query: Scoped) -> Estimate:
        """See `storage.metric_api`."""
        return await self._reader.estimate(query)

    async def erase(self, tenant: str, query: Scoped) -> int:
        """See `storage.metric_api`."""
        plan = query.plan
        if not isinstance(plan, ReadSeries) or query.tenant != tenant:
            raise TypeError("an erasure is about samples of series of its tenant")
        scan = plan.scan
        sets = encode_matchers(scan.matchers)
        sight, id = encode_sight(query), self._new_id("samples")

        def work(connection: Connection) -> int:
            return self._erasures.erase(connection, id, tenant, scan, sets, sight)

        return await self._maintenance.run(work)

    async def forget_tenant(self, tenant: str) -> None:
        """See `storage.metric_api`."""
        id = self._new_id("tenant")

        def work(connection: Connection) -> None:
            self._erasures.forget_tenant(connection, id, tenant)
            self._retention.forget(connection, tenant)

        await self._maintenance.run(work)

    # ------------------------------------------------------------------------------------------------------ retention

    def follow_retention(self, connection: Connection) -> None:
        """Take over policies that have changed. From time to time, and after a change. Raises `EngineError`."""
        before = self._retention.policies()
        changed = self._retention.follow(connection, self._flusher.paused)
        if self._retention.policies() is not before:
            self._rollups.wake()
        if changed:
            self.expire_series()

    def expire_series(self) -> int:
        """Forget series of which everything has expired; how many. From time to time; blocks."""
        gone = self._engine.expire(time.time_ns() // 10**6)
        if gone:
            log.info("%d series of metrics have expired", gone)
        return gone

    async def retention_changed(self) -> None:
        """Take over policies that have changed, now. Raises `StorageError`."""
        await self._maintenance.run(self.follow_retention)

    async def retention_progress(self, tenant: str) -> Progress:
        """How far changes of retention that concern a tenant are."""

        def work(connection: Connection) -> Progress:
            found = retention.progress(connection, tenant)
            return replace(found, done=False) if self._retention.waiting(tenant) else found

        return await self._maintenance.run(work)

    # ------------------------------------------------------------------------------------------------------ to look at

    def metrics(self) -> dict[str, tuple[str, float]]:
        """Name, help text and value of everything worth watching; names are stable."""
        if time.monotonic() - self._looked > STATS_SECONDS:
            self._stats, self._looked = self._engine.stats(), time.monotonic()
        rolled = self._rollups.statistics
        native, flushed, appended = self._stats, self._flusher.statistics, self._writer.statistics
        return {
            "metric_samples": ("Samples of metrics stored since the start.", appended.samples),
            "metric_histograms": ("Native histograms stored since the start.", appended.histograms),
            "metric_exemplars": ("Exemplars stored since the start.", appended.exemplars),
            "metric_new_series": ("Series that were new since the start.", appended.new_series),
            "metric_refused_samples": ("Samples of metrics refused since the start.", appended.refused_samples),
            "metric_refused_batches": ("Batches of metrics refused because something was full.", appended.refused_batches),
            "metric_append_seconds": ("Time spent appending samples.", appended.seconds),
            "metric_flushes": ("Steps that brought samples into the tables.", flushed.flushes),
            "metric_flushed_samples": ("Samples brought into the tables since the start.", flushed.samples),
            "metric_flush_failures": ("Steps that failed and were tried again.", flushed.failures),
            "metric_flush_seconds": ("Time spent bringing samples into the tables.", flushed.seconds),
            "metric_rollup_days": ("Days of tenants whose rollups were made since the start.", rolled.days),
            "metric_rollup_rows": ("Rows of rollups stored since the start.", rolled.rows),
            "metric_rollup_failures": ("Attempts to make rollups that failed.", rolled.failures),
            "metric_rollup_seconds": ("Time spent making rollups.", rolled.seconds),
            "metric_series": ("Series that are known.", native["series"]),
            "metric_active_series": ("Series with a recent sample.", native["active_series"]),
            "metric_head_bytes": ("Memory of samples that are not in the tables yet.", native["head_bytes"]),
            "metric_index_bytes": ("Memory of the index of series.", native["index_bytes"]),
            "metric_log_bytes": ("Size of the log of samples that are not in the tables yet.", native["log_bytes"]),
            "metric_log_segments": ("Files of that log.", native["log_segments"]),
            "metric_waiting_batches": ("Batches of sealed samples that are not in the tables yet.", native["batches"]),
            "metric_cache_bytes": ("Memory of chunks that queries read lately.", self._cache.bytes),
            "metric_cache_hits": ("Readings of chunks that were known.", self._cache.statistics.hits),
            "metric_cache_misses": ("Readings of chunks that had to be fetched.", self._cache.statistics.misses),
            "metric_replayed_samples": ("Samples read from the log at the start.", native["replayed_samples"]),
        }

    def flush(self) -> int:
        """Bring everything into the tables now; the number of samples. Raises `EngineError`."""
        return self._flusher.flush(everything=True)

    def make_rollups(self) -> int:
        """Make the rollups that are due now; the number of days. Raises `EngineError`."""
        return self._rollups.make()

    def _new_id(self, what: str) -> str:
        self._erased += 1
        return f"metrics-{what}-{time.time_ns()}-{self._erased}"


def _open(folder: Path, options: MetricOptions) -> _native.MetricsEngine:
    try:
        return _native.MetricsEngine(
            str(folder),
            head_bytes=options.head_limit,
            log_bytes=options.log_bytes,
            chunk_ms=int(options.chunk_seconds * 1000),
            active_ms=int(options.active_seconds * 1000),
        )
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"the log of metrics in {folder} cannot be opened: {error}.", hint="The data was not changed."
        ) from error
