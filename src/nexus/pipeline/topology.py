"""The running pipeline of logs: what a receiver hands over is decoded, processed and stored, or refused with a reason.

Pipelines run where bodies are decoded; what they drop or send to another tenant was accepted all the same. What it shares
with the way of spans is in `nexus.pipeline.rows`.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from typing import Any

from nexus.errors import TenantDeleted
from nexus.model.batch import Decoded, LogBatch
from nexus.pipeline.decode import DecodePool
from nexus.pipeline.inspection import Inspection
from nexus.pipeline.pipelines import PipelineSets, Work
from nexus.pipeline.rows import MAX_KEY_LENGTH, Answer, Delivery, Outcome, RowDeliveries, Rows, check_key
from nexus.pipeline.statistics import IngestStatistics
from nexus.security.limits.limiter import Meter
from nexus.storage.api import LogStore, Receipt, Token

__all__ = ["MAX_KEY_LENGTH", "Answer", "Delivery", "Outcome", "Topology", "check_key"]


class Topology(RowDeliveries):
    """The pipeline between receivers and store. Lives on one event loop."""

    def __init__(
        self,
        store: LogStore,
        statistics: IngestStatistics,
        pool: DecodePool,
        ensure_tenant: Callable[[str], Awaitable[None]],
        pipelines: PipelineSets | None = None,
        max_body_bytes: Callable[[], int] = lambda: 64 << 20,
        publish: Callable[[str, LogBatch], None] = lambda tenant, batch: None,
        meter_of: Callable[[str], Meter | None] = lambda tenant: None,
        check_tenant: Callable[[str], None] = lambda tenant: None,
    ) -> None:
        """`publish` is told of every batch of a tenant that has been stored. The others as those of `Deliveries`."""
        super().__init__(store, statistics, pool, ensure_tenant, max_body_bytes, meter_of, check_tenant)
        self.pipelines = pipelines
        self._store = store
        self._publish = publish

    async def _process(self, tenant: str, seed: int | None) -> Work | None:
        if not self.pipelines:
            return None
        return await self.pipelines.work(tenant, secrets.randbits(64) if seed is None else seed)

    async def _keep(
        self, delivery: Delivery, decoded: Rows, processed: Any, token: Token | None, outcome: Outcome
    ) -> tuple[Any, Receipt]:
        if processed is not None:
            return await self._store_processed(delivery.tenant, delivery.receiver, processed, token, outcome)
        await self._ensure_tenant(delivery.tenant)
        return decoded.batch, await self._store.append(delivery.tenant, decoded.batch, token, outcome.reply)

    async def _kept(self, tenant: str, batch: LogBatch) -> None:
        self._publish(tenant, batch)

    def _inspected(self, inspection: Inspection, tenant: str, decoded: Decoded, process: Work | None) -> None:
        inspection.note(tenant, decoded, process)

    def _refused(self, delivery: Delivery, processed: Any) -> None:
        if processed is not None:
            assert self.pipelines is not None
            self.pipelines.settled(delivery.tenant, processed, stored=False)

    async def _store_processed(
        self, tenant: str, receiver: str, processed: Any, token: Token | None, outcome: Outcome
    ) -> tuple[LogBatch, Receipt]:
        """Store what pipelines left and sent elsewhere. The tenant's own batch comes last: with it the delivery counts as
        stored, so a retry with the same key completes what is missing."""
        assert self.pipelines is not None
        stored = False
        try:
            await self._ensure_tenant(tenant)
            for number, (target, part) in enumerate(processed.routed):
                try:
                    await self._ensure_tenant(target)
                except TenantDeleted as error:
                    # What others send to a tenant that goes must not keep them from storing the rest.
                    self.statistics.dropped(target, receiver, part.num_rows, error.code)
                    continue
                own = Token(f"{tenant}\0{number}\0{token.key}", token.fingerprint) if token else None
                if not (await self._store.append(target, part, own)).replayed:
                    self.statistics.stored(target, receiver, 0, part, 0)
                    self._publish(target, part)
            batch: LogBatch = processed.batch
            receipt = await self._store.append(tenant, batch, token, outcome.reply, outcome.accepted)
            stored = not receipt.replayed
        finally:
            self.pipelines.settled(tenant, processed, stored=stored)
        return batch, receipt
