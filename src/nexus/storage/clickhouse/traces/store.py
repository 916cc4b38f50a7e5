"""The embedded store of traces: a `TraceStore`, and what happens to stored spans (as `storage.api.LogLifecycle` has it)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any, Final

from nexus import _native
from nexus.query.plan import Scoped
from nexus.query.policy import scope
from nexus.query.trace_plan import SpanCount, SpanScan
from nexus.storage.api import ErasureFailed, Progress, Receipt, Table, Token
from nexus.storage.clickhouse.connection import Connection
from nexus.storage.clickhouse.disk import DiskGuard
from nexus.storage.clickhouse.engine import Engine
from nexus.storage.clickhouse.ingest import SignalIngest
from nexus.storage.clickhouse.ingest_db import IngestDatabase
from nexus.storage.clickhouse.maintenance import Maintenance
from nexus.storage.clickhouse.queries import QueryPool
from nexus.storage.clickhouse.retention import Policies
from nexus.storage.clickhouse.signal_tables import SPANS
from nexus.storage.clickhouse.traces.elsewhere import FetchedSpans
from nexus.storage.clickhouse.traces.reader import TraceReader
from nexus.storage.clickhouse.traces.sampling.sampler import Counted, Sampler, uncounted
from nexus.storage.clickhouse.traces.sampling.sampler import Policies as SamplingPolicies
from nexus.storage.clickhouse.traces.scan import erasure_condition
from nexus.storage.trace_api import SeriesSet, SpanRows, Tell, TraceHits

LOOK_SECONDS: Final = 0.25
"""How often to look whether a tenant's spans are gone."""
MAX_ROUNDS: Final = 10


class EmbeddedTraceStore:
    """See the module text. Made with a connection that is not kept; `ingest` writes, started and stopped by the owner."""

    def __init__(
        self,
        engine: Engine,
        connection: Connection,
        database: IngestDatabase,
        maintenance: Maintenance,
        disk: DiskGuard,
        pool: QueryPool,
        retention_days: Callable[[], int],
        policies: Policies,
        sampling: SamplingPolicies,
        clock: Callable[[], float] = time.time,
        sampled: Counted = uncounted,
    ) -> None:
        self._maintenance = maintenance
        self.sampler = Sampler(engine, database, engine.options.sampling, sampling, clock, sampled)
        self.fetched = FetchedSpans(pool)
        self.reader = TraceReader(pool, lambda: self.ingest.learned, self.sampler.visibility)
        self.ingest = SignalIngest(
            engine, connection, database, maintenance, disk, SPANS, _native.encode_native_spans, retention_days, policies,
            self.reader.changed, arrivals=self.sampler.arrivals,
        )  # fmt: skip
        self.sampler.prepare(connection, self.ingest, lost=database.is_new or engine.directory.machine_failed)

    def start(self) -> None:
        """Start writer and sampler. Raises `EngineError`."""
        self.ingest.writer.start()
        self.sampler.start()

    def stop(self) -> None:
        """Commit what waits, end their threads."""
        self.ingest.writer.stop()
        self.sampler.stop()

    def check_here(self, tenant: str, what: str) -> None:
        """See `storage.trace_api.TraceLifecycle`; all spans are."""

    async def follow_sampling(self) -> None:
        """Take over policies of sampling that have changed."""
        await asyncio.to_thread(self.sampler.follow)

    def metrics(self) -> dict[str, tuple[str, float]]:
        """Name, help text and value of what is worth watching."""
        return {**self.ingest.metrics("spans", "span_"), **self.sampler.metrics()}

    # ----------------------------------------------------------------------------------------------------- TraceStore

    async def append(
        self, tenant: str, batch: Any, token: Token | None = None, reply: bytes = b"", records: int | None = None
    ) -> Receipt:
        """See `storage.trace_api`."""
        return await self.ingest.append(tenant, batch, token, reply, records)

    async def replayed(self, tenant: str, token: Token) -> Receipt | None:
        """See `storage.trace_api`."""
        return await self.ingest.replayed(tenant, token)

    async def spans(self, query: Scoped) -> SpanRows:
        """See `storage.trace_api`."""
        return await self.reader.spans(query)

    async def find(self, query: Scoped, tell: Tell[TraceHits] | None = None) -> TraceHits:
        """See `storage.trace_api`."""
        return await self.reader.find(query, tell)

    async def series(self, query: Scoped, tell: Tell[SeriesSet] | None = None) -> SeriesSet:
        """See `storage.trace_api`."""
        return await self.reader.series(query, tell)

    async def table(self, query: Scoped) -> Table:
        """See `storage.trace_api`."""
        return await self.reader.table(query)

    # ------------------------------------------------------------------------------------------------------ lifecycle

    async def follow_retention(self) -> None:
        """See `storage.api.LogLifecycle`."""
        await self.ingest.follow_retention()

    async def retention_progress(self, tenant: str) -> Progress:
        """See `storage.api.LogLifecycle`."""
        return await self.ingest.retention_progress(tenant)

    async def count(self, query: Scoped) -> Table:
        """See `storage.trace_api.TraceLifecycle`."""
        return await self.reader.table(query)

    async def erase(self, id: str, query: Scoped) -> int:
        """Begin to remove the spans of a `SpanCount` plan's scan; see `storage.api.LogLifecycle`."""
        return await self.ingest.erase(id, lambda: self._condition(query))

    async def erasure_progress(self, id: str) -> Progress | None:
        """See `storage.api.LogLifecycle`."""
        return await self.ingest.erasure_progress(id)

    async def erased(self, id: str, query: Scoped) -> Progress:
        """See `storage.api.LogLifecycle`."""
        return await self.ingest.erased(id, lambda: self._condition(query))

    async def stop_erasure(self, id: str) -> None:
        """See `storage.api.LogLifecycle`."""
        await self.ingest.stop_erasure(id)

    async def forget_tenant(self, tenant: str) -> None:
        """Remove every span of a tenant from disk, prove that they are gone, and forget its policy, which is not wanted any
        more. Raises `StorageError`; may be repeated."""
        await self.follow_sampling()
        query = scope(SpanCount(SpanScan()), tenant=tenant, query_id=f"removal-{time.time_ns()}")
        for number in range(MAX_ROUNDS):
            answer = await self.table(query)
            if not answer.rows or not int(answer.rows[0][0]):
                await self.ingest.forget_policy(tenant)
                await self._maintenance.run(lambda connection: self.sampler.forget(connection, tenant))
                return
            await self._remove(f"spans-tenant-{time.time_ns()}-{number}", query)
        raise ErasureFailed(f"after {MAX_ROUNDS} deletions there are still spans; something goes on storing them.")

    async def _remove(self, id: str, query: Scoped) -> None:
        await self.erase(id, query)
        while True:
            progress = await self.erasure_progress(id)
            if progress is not None and progress.error:
                await self.stop_erasure(id)
                raise ErasureFailed(f"the engine could not do it: {progress.error[:1000]}")
            if (progress is None or progress.done) and not (await self.erased(id, query)).parts_left:
                return
            await asyncio.sleep(LOOK_SECONDS)

    def _condition(self, query: Scoped) -> str:
        if not isinstance(query.plan, SpanCount):
            raise TypeError("an erasure is about the spans of a count")
        return erasure_condition(query, query.plan.scan, self.ingest.attributes())
