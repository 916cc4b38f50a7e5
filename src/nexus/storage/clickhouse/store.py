"""The embedded store of logs: engine, writer, reader and housekeeping, joined; with it those of traces and metrics, which
share the engine, the query pool, the disk and the housekeeper."""

from __future__ import annotations

import functools
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from nexus import _native
from nexus.errors import KeptElsewhere
from nexus.query.plan import Count, Scoped
from nexus.storage.api import (
    EncodedTable,
    Page,
    PatternSet,
    Progress,
    RawRows,
    Receipt,
    RunningQuery,
    Surroundings,
    Table,
    Token,
)
from nexus.storage.clickhouse.catalog import Catalog
from nexus.storage.clickhouse.disk import DiskGuard
from nexus.storage.clickhouse.engine import Engine
from nexus.storage.clickhouse.housekeeping import Housekeeper
from nexus.storage.clickhouse.ingest import SignalIngest
from nexus.storage.clickhouse.ingest_db import IngestDatabase
from nexus.storage.clickhouse.maintenance import Maintenance
from nexus.storage.clickhouse.metrics.policies import WantedPolicies
from nexus.storage.clickhouse.metrics.store import EmbeddedMetricStore
from nexus.storage.clickhouse.migrate import EMBEDDED, migrate, pending, plan
from nexus.storage.clickhouse.options import StoreOptions
from nexus.storage.clickhouse.plain_days import PlainDays
from nexus.storage.clickhouse.queries import QueryPool, Session
from nexus.storage.clickhouse.reader import LogReader
from nexus.storage.clickhouse.retention import Policies
from nexus.storage.clickhouse.scan import erasure_condition
from nexus.storage.clickhouse.signal_tables import LOGS
from nexus.storage.clickhouse.traces.sampling.sampler import Counted, uncounted
from nexus.storage.clickhouse.traces.sampling.sampler import Policies as SamplingPolicies
from nexus.storage.clickhouse.traces.store import EmbeddedTraceStore
from nexus.storage.clickhouse.writer import WriterStatistics

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class MetricSettings:
    """What the store of metrics asks for while it runs; each may change."""

    retention_days: Callable[[], int] | None = None
    """The default's; None: that of the options."""
    policies: WantedPolicies = dict
    """Tenants' own."""
    future_ms: Callable[[], int] = lambda: 0
    """How far ahead of the clock samples may be; 0 is no limit."""


@dataclass(frozen=True, slots=True)
class TraceSettings:
    """What the store of traces asks for while it runs; each may change."""

    retention_days: Callable[[], int] | None = None
    """The default's; None: that of the options."""
    policies: Policies = dict
    """Tenants' own."""
    sampling: SamplingPolicies = dict
    """Of the tenants that sample."""
    sampled: Counted = uncounted
    """Told what became of spans of a tenant by a rule."""
    elsewhere: Mapping[str, str] = field(default_factory=dict)
    """Tenants whose spans are in a backend, with what that is called: SQL does not reach them."""


class ClickHouseStore:
    """A `LogStore` and `LogLifecycle` in this process; `series` is the `MetricStore`, `traces` the
    `TraceStore`. `open` and `close` block; the rest belongs on an event loop."""

    def __init__(
        self,
        engine: Engine,
        retention_days: Callable[[], int],
        policies: Policies,
        metrics: MetricSettings,
        traces: TraceSettings,
    ) -> None:
        options = engine.options
        self._engine = engine
        self._closed = False
        self._disk = DiskGuard(engine.directory.path, options.disk_reserve_bytes)
        self._maintenance = Maintenance(engine)
        self._pool = QueryPool(engine, options.reader.workers, options.reader.waiting)
        connection = engine.connect()
        try:
            migrate(connection, EMBEDDED, engine.save_schema)
            self._database = database = IngestDatabase(options.data_dir, fsync=options.fsync)
            ((empty,),) = connection.rows(f"SELECT count() = 0 FROM {LOGS.path}")
            plain = PlainDays(database, table_is_empty=bool(empty))
            encode = functools.partial(_native.encode_native, skeletons=_native.SkeletonMemory())
            self._ingest = SignalIngest(
                engine, connection, database, self._maintenance, self._disk, LOGS, encode, retention_days, policies,
                self._changed, plain.note,
            )  # fmt: skip
            self._elsewhere = dict(traces.elsewhere)
            self.traces = EmbeddedTraceStore(
                engine, connection, database, self._maintenance, self._disk, self._pool,
                traces.retention_days or (lambda: options.retention_days), traces.policies, traces.sampling,
                sampled=traces.sampled,
            )  # fmt: skip
            self._reader = LogReader(self._pool, self._ingest.learned, plain, self._spans_here)
            self.series = EmbeddedMetricStore(
                engine,
                connection,
                self._pool,
                self._disk,
                database,
                options.data_dir,
                options.metrics,
                fsync=options.fsync,
                retention_days=metrics.retention_days,
                policies=metrics.policies,
                future_ms=metrics.future_ms,
            )
        finally:
            engine.release(connection)
        self._housekeeper = Housekeeper(
            engine, (self._ingest, self.traces.ingest), self.series.follow_retention, self.series.expire_series
        )
        self._pool.start()
        self._ingest.writer.start()
        self.traces.start()
        self.series.start()
        self._housekeeper.start()

    @classmethod
    def open(
        cls,
        options: StoreOptions,
        retention_days: Callable[[], int] | None = None,
        policies: Policies = dict,
        metrics: MetricSettings | None = None,
        traces: TraceSettings | None = None,
    ) -> ClickHouseStore:
        """Open the store, migrate it, settle what an earlier stop left. `policies` are the tenants' own retention policies
        that are wanted; both may change. Raises `ConfigError`."""
        engine = Engine.open(options)
        try:
            days = retention_days or (lambda: options.retention_days)
            return cls(engine, days, policies, metrics or MetricSettings(), traces or TraceSettings())
        except BaseException:
            engine.close(clean=False)
            raise

    def close(self) -> None:
        """Commit what waits, end all threads, close the engine. May be repeated."""
        if self._closed:
            return
        self._closed = True
        self._maintenance.stop()
        self._ingest.writer.stop()
        self.traces.stop()
        self.series.stop()
        self._pool.stop()
        self._housekeeper.stop()
        self.series.close()
        self._database.close()
        self._engine.close()

    def _spans_here(self, session: Session, query: Scoped) -> Catalog:
        backend = self._elsewhere.get(query.tenant)
        if backend:
            raise KeptElsewhere(
                f"the spans of this tenant are in {backend}, which SQL does not reach.", hint="Ask in TraceQL."
            )
        return self.traces.reader.known(session, query)

    def _changed(self) -> None:
        self._reader.changed()

    # ------------------------------------------------------------------------------------------------------- LogStore

    async def append(
        self, tenant: str, batch: Any, token: Token | None = None, reply: bytes = b"", records: int | None = None
    ) -> Receipt:
        """See `storage.api`."""
        return await self._ingest.append(tenant, batch, token, reply, records)

    async def replayed(self, tenant: str, token: Token) -> Receipt | None:
        """See `storage.api`."""
        return await self._ingest.replayed(tenant, token)

    async def search(self, query: Scoped) -> Page:
        """See `storage.api`."""
        return await self._reader.search(query)

    def stream(self, query: Scoped) -> AsyncIterator[bytes]:
        """See `storage.api`."""
        return self._reader.stream(query)

    def export(self, query: Scoped) -> AsyncIterator[bytes]:
        """See `storage.api`."""
        return self._reader.export(query)

    async def table(self, query: Scoped) -> Table:
        """See `storage.api`."""
        return await self._reader.table(query)

    async def patterns(self, query: Scoped) -> PatternSet:
        """See `storage.api`."""
        return await self._reader.patterns(query)

    async def context(self, query: Scoped) -> Surroundings:
        """See `storage.api`."""
        return await self._reader.context(query)

    async def raw(self, query: Scoped) -> RawRows:
        """See `storage.api`."""
        return await self._reader.raw(query)

    async def sql(self, query: Scoped) -> EncodedTable:
        """See `storage.api`."""
        return await self._reader.sql(query)

    async def explain(self, query: Scoped) -> list[str]:
        """See `storage.api`."""
        return await self._reader.explain(query)

    def running(self, tenant: str) -> list[RunningQuery]:
        """See `storage.api`."""
        return self._reader.running(tenant)

    # -------------------------------------------------------------------------------------------------- LogLifecycle

    async def follow_retention(self) -> None:
        """See `storage.api`."""
        await self._ingest.follow_retention()

    async def retention_progress(self, tenant: str) -> Progress:
        """See `storage.api`."""
        return await self._ingest.retention_progress(tenant)

    async def erase(self, id: str, query: Scoped) -> int:
        """See `storage.api`."""
        return await self._ingest.erase(id, lambda: self._erasure_condition(query))

    async def erasure_progress(self, id: str) -> Progress | None:
        """See `storage.api`."""
        return await self._ingest.erasure_progress(id)

    async def erased(self, id: str, query: Scoped) -> Progress:
        """See `storage.api`."""
        return await self._ingest.erased(id, lambda: self._erasure_condition(query))

    async def stop_erasure(self, id: str) -> None:
        """See `storage.api`."""
        await self._ingest.stop_erasure(id)

    async def forget_tenant(self, tenant: str) -> None:
        """See `storage.api`."""
        await self._ingest.forget_policy(tenant)

    def _erasure_condition(self, query: Scoped) -> str:
        if not isinstance(query.plan, Count):
            raise TypeError("an erasure is about the records of a count")
        return erasure_condition(query, query.plan.scan, self._ingest.attributes())

    # ------------------------------------------------------------------------------------------------------ to look at

    def metrics(self) -> dict[str, tuple[str, float]]:
        """Name and help text and value of everything worth watching; names are stable."""
        keeper = self._housekeeper.statistics
        check = keeper.check
        damaged = len(check.detached) + check.broken_on_start if check else 0
        return {
            **self._ingest.metrics("records"),
            "dropped_records": ("Records dropped with partitions that had expired.", keeper.dropped_records),
            "damaged_parts": ("Parts set aside as damaged at the start.", damaged),
            "housekeeping_failures": ("Background tasks that failed.", keeper.failures),
            "disk_full": ("1 while writing is stopped for lack of space.", float(self._disk.full)),
            "disk_free_bytes": ("Free space on the data disk at the last look.", self._disk.free),
            "repairs": ("Table definitions put right at the start.", len(self._engine.repairs)),
            **self.traces.metrics(),
            **self.series.metrics(),
        }

    def writer_statistics(self) -> WriterStatistics:
        """Counters of the writer of logs."""
        return self._ingest.writer.refresh_statistics()


def migrations(options: StoreOptions, *, dry_run: bool) -> list[str]:
    """Statements that bring the data directory to this version; they are run unless `dry_run`. Raises `ConfigError`."""
    engine = Engine.open(options)
    try:
        connection = engine.connect()
        todo = pending(connection)
        statements = plan(todo, EMBEDDED)
        if not dry_run:
            migrate(connection, EMBEDDED, engine.save_schema)
        return statements
    finally:
        engine.close()
