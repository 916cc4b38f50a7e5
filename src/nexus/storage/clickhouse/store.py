"""The embedded store of logs: engine, writer, reader and housekeeping, joined; with it the one of metrics, which shares the
engine, the query pool, the disk and the housekeeper."""

from __future__ import annotations

import functools
import logging
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

from nexus import _native
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
from nexus.storage.clickhouse import erasure, retention
from nexus.storage.clickhouse.attributes import Learner
from nexus.storage.clickhouse.catalog import Catalog
from nexus.storage.clickhouse.connection import Connection
from nexus.storage.clickhouse.disk import DiskGuard
from nexus.storage.clickhouse.engine import Engine
from nexus.storage.clickhouse.housekeeping import Housekeeper
from nexus.storage.clickhouse.ingest_db import IngestDatabase
from nexus.storage.clickhouse.learned import LearnedColumns, read_learned
from nexus.storage.clickhouse.maintenance import Maintenance
from nexus.storage.clickhouse.metrics.policies import WantedPolicies
from nexus.storage.clickhouse.metrics.store import EmbeddedMetricStore
from nexus.storage.clickhouse.migrate import EMBEDDED, migrate, pending, plan
from nexus.storage.clickhouse.options import StoreOptions
from nexus.storage.clickhouse.plain_days import PlainDays
from nexus.storage.clickhouse.queries import QueryPool
from nexus.storage.clickhouse.reader import LogReader
from nexus.storage.clickhouse.retention import Policies, Retention
from nexus.storage.clickhouse.scan import erasure_condition
from nexus.storage.clickhouse.seen_keys import SeenKeys
from nexus.storage.clickhouse.tokens import TokenLedger
from nexus.storage.clickhouse.writer import LogWriter, WriterStatistics, stored_days

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


class ClickHouseStore:
    """A `LogStore` and `LogLifecycle` in this process; `series` is the `MetricStore`. `open` and `close` block; the rest
    belongs on an event loop."""

    def __init__(
        self, engine: Engine, retention_days: Callable[[], int], policies: Policies, metrics: MetricSettings
    ) -> None:
        options = engine.options
        self._engine = engine
        connection = engine.connect()
        try:
            migrate(connection, EMBEDDED, engine.save_schema)
            ((empty,),) = connection.rows("SELECT count() = 0 FROM nexus.logs")
            self._database = IngestDatabase(options.data_dir, fsync=options.fsync)
            self._ledger = ledger = TokenLedger(self._database, hours=options.token_hours, max_tokens=options.max_tokens)
            ledger.settle_all(functools.partial(stored_days, connection))
            seen = SeenKeys(self._database, table_is_empty=bool(empty))
            plain = PlainDays(self._database, table_is_empty=bool(empty))
            learner = Learner(read_learned(connection), options.max_learned_columns)
            self._learned = LearnedColumns(learner, seen, self._changed_schema)
            self._retention = Retention(self._database, retention_days, policies, self._attributes)
            self._retention.start(connection)
        finally:
            engine.release(connection)
        self._pool = QueryPool(engine, options.reader.workers, options.reader.waiting)
        self._reader = LogReader(self._pool, self._learned, plain)
        self._disk = DiskGuard(engine.directory.path, options.disk_reserve_bytes)
        self._writer = LogWriter(
            engine,
            functools.partial(_native.encode_native, skeletons=_native.SkeletonMemory()),
            ledger,
            self._learned,
            plain,
            self._disk,
            options.writer,
            self._retention.expiry,
            self._reader.changed,
        )
        connection = engine.connect()
        try:
            self.series = EmbeddedMetricStore(
                engine,
                connection,
                self._pool,
                self._disk,
                self._database,
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
            engine,
            ledger,
            self._retention,
            self._writer.paused,
            self._reader.changed,
            self.series.follow_retention,
            self.series.expire_series,
        )
        self._maintenance = Maintenance(engine)
        self._pool.start()
        self._writer.start()
        self.series.start()
        self._housekeeper.start()

    @classmethod
    def open(
        cls,
        options: StoreOptions,
        retention_days: Callable[[], int] | None = None,
        policies: Policies = dict,
        metrics: MetricSettings | None = None,
    ) -> ClickHouseStore:
        """Open the store, migrate it, settle what an earlier stop left. `policies` are the tenants' own retention policies
        that are wanted; both may change. Raises `ConfigError`."""
        engine = Engine.open(options)
        try:
            return cls(engine, retention_days or (lambda: options.retention_days), policies, metrics or MetricSettings())
        except BaseException:
            engine.close(clean=False)
            raise

    def close(self) -> None:
        """Commit what waits, end all threads, close the engine."""
        self._maintenance.stop()
        self._writer.stop()
        self.series.stop()
        self._pool.stop()
        self._housekeeper.stop()
        self.series.close()
        self._database.close()
        self._engine.close()

    def _attributes(self) -> Catalog:
        """Where attributes are held, for conditions that need no partitions."""
        return Catalog(self._learned.columns, (), self._learned.seen)

    def _changed_schema(self) -> None:
        self._engine.save_schema()
        self._reader.changed()

    # ------------------------------------------------------------------------------------------------------- LogStore

    async def append(
        self, tenant: str, batch: Any, token: Token | None = None, reply: bytes = b"", records: int | None = None
    ) -> Receipt:
        """See `storage.api`."""
        return await self._writer.append(tenant, batch, token, reply, records)

    async def replayed(self, tenant: str, token: Token) -> Receipt | None:
        """See `storage.api`."""
        return await self._writer.replayed(tenant, token)

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
        await self._maintenance.run(lambda connection: self._retention.follow(connection, self._writer.paused))

    async def retention_progress(self, tenant: str) -> Progress:
        """See `storage.api`."""
        return await self._maintenance.run(lambda connection: retention.progress(connection, tenant))

    async def erase(self, id: str, query: Scoped) -> int:
        """See `storage.api`."""

        def work(connection: Connection) -> int:
            with self._writer.paused():
                self._writer.settle(connection)
                return erasure.begin(connection, id, self._erasure_condition(query))

        self._disk.check()
        return await self._maintenance.run(work)

    async def erasure_progress(self, id: str) -> Progress | None:
        """See `storage.api`."""
        found = await self._maintenance.run(lambda connection: erasure.progress(connection, id))
        if found is not None and found.done:
            self._reader.changed()
        return found

    async def erased(self, id: str, query: Scoped) -> Progress:
        """See `storage.api`."""
        return await self._maintenance.run(lambda connection: erasure.finish(connection, id, self._erasure_condition(query)))

    async def stop_erasure(self, id: str) -> None:
        """See `storage.api`."""
        await self._maintenance.run(lambda connection: erasure.stop(connection, id))

    async def forget_tenant(self, tenant: str) -> None:
        """See `storage.api`."""
        await self._maintenance.run(lambda connection: self._retention.forget(connection, tenant, self._writer.paused))

    def _erasure_condition(self, query: Scoped) -> str:
        if not isinstance(query.plan, Count):
            raise TypeError("an erasure is about the records of a count")
        return erasure_condition(query, query.plan.scan, self._attributes())

    # ------------------------------------------------------------------------------------------------------ to look at

    def metrics(self) -> dict[str, tuple[str, float]]:
        """Name and help text and value of everything worth watching; names are stable."""
        writer, keeper = self._writer.refresh_statistics(), self._housekeeper.statistics
        check = keeper.check
        damaged = len(check.detached) + check.broken_on_start if check else 0
        return {
            "commits": ("Commits since the start.", writer.commits),
            "rows": ("Records stored since the start.", writer.rows),
            "parts": ("Parts written since the start.", writer.parts),
            "failed_commits": ("Commits that failed.", writer.failed_commits),
            "refused_batches": ("Batches refused because too much was waiting.", writer.refused_batches),
            "replayed_batches": ("Batches answered from their idempotency key.", writer.replayed_batches),
            "encode_seconds": ("Time spent encoding blocks.", writer.encode_seconds),
            "insert_seconds": ("Time spent in inserts, encoding not counted.", writer.insert_seconds),
            "waiting_rows": ("Records waiting to be committed.", writer.waiting_rows),
            "waiting_bytes": ("Bytes waiting to be committed.", writer.waiting_bytes),
            "learned_columns": ("Attributes that have a column of their own.", len(self._learned.columns)),
            "refused_columns": ("Times that the cap kept an attribute from a column.", self._learned.refused),
            "evicted_tokens": ("Idempotency keys forgotten early, because of too many.", self._ledger.evicted),
            "dropped_records": ("Records dropped with partitions that had expired.", keeper.dropped_records),
            "damaged_parts": ("Parts set aside as damaged at the start.", damaged),
            "housekeeping_failures": ("Background tasks that failed.", keeper.failures),
            "disk_full": ("1 while writing is stopped for lack of space.", float(self._disk.full)),
            "disk_free_bytes": ("Free space on the data disk at the last look.", self._disk.free),
            "repairs": ("Table definitions put right at the start.", len(self._engine.repairs)),
            **self.series.metrics(),
        }

    def writer_statistics(self) -> WriterStatistics:
        """Counters of the writer."""
        return self._writer.refresh_statistics()


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
