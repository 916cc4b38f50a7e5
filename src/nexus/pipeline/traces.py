"""The running pipeline of traces: what a receiver hands over is decoded and stored, or refused with a reason.

What it shares with the way of logs is in `nexus.pipeline.rows`. Whoever derives something from all spans (request rates, the
service graph) is told of each batch once, before its sender is answered.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from nexus.model.batch import DecodedSpans, SpanBatch
from nexus.pipeline.decode import DecodePool
from nexus.pipeline.inspection import Inspection
from nexus.pipeline.rows import Delivery, Outcome, RowDeliveries, Rows
from nexus.pipeline.statistics import IngestStatistics
from nexus.security.limits.limiter import Meter
from nexus.storage.api import Receipt, Token
from nexus.storage.trace_api import TraceStore


class TracePipeline(RowDeliveries):
    """The way of spans from receivers to the store. Lives on one event loop."""

    def __init__(
        self,
        store: TraceStore,
        statistics: IngestStatistics,
        pool: DecodePool,
        ensure_tenant: Callable[[str], Awaitable[None]],
        max_body_bytes: Callable[[], int] = lambda: 64 << 20,
        observe: Callable[[str, SpanBatch], None] = lambda tenant, batch: None,
        meter_of: Callable[[str], Meter | None] = lambda tenant: None,
        check_tenant: Callable[[str], None] = lambda tenant: None,
    ) -> None:
        """`observe` is told of every batch of a tenant that has been stored, and not before, in whatever thread; the sender
        waits for it. The others as those of `Deliveries`."""
        super().__init__(store, statistics, pool, ensure_tenant, max_body_bytes, meter_of, check_tenant)
        self._store = store
        self._observe = observe

    async def _keep(
        self, delivery: Delivery, decoded: Rows, processed: Any, token: Token | None, outcome: Outcome
    ) -> tuple[Any, Receipt]:
        await self._ensure_tenant(delivery.tenant)
        return decoded.batch, await self._store.append(delivery.tenant, decoded.batch, token, outcome.reply)

    async def _kept(self, tenant: str, batch: SpanBatch) -> None:
        await self._pool.run(batch.num_bytes, self._observe, tenant, batch)

    def _inspected(self, inspection: Inspection, tenant: str, decoded: DecodedSpans, process: Any) -> None:
        inspection.note_spans(decoded)
