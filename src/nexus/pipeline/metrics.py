"""The running pipeline of metrics: what a receiver hands over is decoded and appended, or refused with a reason.

One path for every receiver: a `Delivery` goes in, a `MetricOutcome` comes out after the samples are durable and visible.
Bodies are decoded in the pool, within their limits. Idempotency keys are not looked at: samples that come again change
nothing. Within `inspecting` nothing is stored: see `nexus.pipeline.inspection`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

from nexus.errors import Overloaded
from nexus.model.batch import DecodedMetrics, MetricBatch
from nexus.pipeline.decode import DecodePool, Undecodable, decompress
from nexus.pipeline.deliveries import Deliveries
from nexus.pipeline.inspection import INSPECTION
from nexus.pipeline.metric_statistics import MetricStatistics
from nexus.pipeline.topology import Delivery
from nexus.security.limits.limiter import Meter
from nexus.storage.metric_api import MetricReceipt, MetricStore, Refusal

INVALID: Final = "invalid_sample"
"""Reason of samples that a decoder could not understand."""
RETRY_AFTER: Final = 5.0

DecodeMetrics = Callable[[bytes], DecodedMetrics]


class RefusedForNow(Overloaded):
    """Samples were refused that may be taken later; the others are stored, and change nothing when they come again."""

    code = "refused_for_now"
    http_status = 429


@dataclass(slots=True)
class MetricOutcome:
    """What became of a delivery: what is stored, what the store refused, and what was not understood."""

    receipt: MetricReceipt = field(default_factory=MetricReceipt)
    rejected: int = 0
    errors: list[tuple[int, str]] = field(default_factory=list)

    @property
    def refused(self) -> int:
        """Samples that are not stored, whoever refused them."""
        return self.rejected + self.receipt.refused

    @property
    def refusals(self) -> tuple[Refusal, ...]:
        """Everything that is not stored, by reason, with a sentence for each."""
        if not self.rejected:
            return self.receipt.refusals
        return (Refusal(INVALID, describe_errors(self.errors, self.rejected), self.rejected), *self.receipt.refusals)

    @property
    def message(self) -> str:
        """Sentences about what is not stored; empty when everything is."""
        return "; ".join(f"{one.samples} samples refused: {one.message}" for one in self.refusals)

    @property
    def retryable(self) -> bool:
        """May a part of it be taken later, and nothing never?"""
        return bool(self.receipt.refusals) and not self.rejected and all(one.retryable for one in self.receipt.refusals)


class MetricPipeline(Deliveries):
    """The way of metrics from receivers to the store. Lives on one event loop."""

    def __init__(
        self,
        store: MetricStore,
        statistics: MetricStatistics,
        pool: DecodePool,
        ensure_tenant: Callable[[str], Awaitable[None]],
        max_body_bytes: Callable[[], int] = lambda: 64 << 20,
        meter_of: Callable[[str], Meter | None] = lambda tenant: None,
        check_tenant: Callable[[str], None] = lambda tenant: None,
    ) -> None:
        """Arguments as those of `Deliveries`."""
        super().__init__(statistics.seconds, pool, ensure_tenant, max_body_bytes, meter_of, check_tenant)
        self.statistics = statistics
        self._store = store

    async def deliver(self, delivery: Delivery, decoder: DecodeMetrics) -> MetricOutcome:
        """Decode and store. Returns when the good samples are durable and visible; what was refused is in the outcome.

        Raises any `NexusError` of decoding and storing; then a retry of the same body completes it.
        """
        return await self._run(delivery.tenant, delivery.receiver, self._deliver(delivery, decoder))

    async def decode(self, delivery: Delivery, decoder: DecodeMetrics) -> DecodedMetrics:
        """Only decode, within the limits, for receivers that keep something besides. Raises as `deliver` does."""
        self._admit(delivery.tenant)
        return (await self._decoded(delivery, decoder))[1]

    async def append(
        self, tenant: str, receiver: str, batch: MetricBatch, meter: Callable[[int], None] | None = None
    ) -> MetricOutcome:
        """Store a batch that was made elsewhere (a scrape, a flush). As `deliver`."""
        decoded = _Made(batch)
        return await self._run(tenant, receiver, self._store_decoded(tenant, receiver, 0, decoded, meter))

    async def _deliver(self, delivery: Delivery, decoder: DecodeMetrics) -> MetricOutcome:
        size, decoded = await self._decoded(delivery, decoder)
        if (inspection := INSPECTION.get()) is not None:
            inspection.note_metrics(delivery.tenant, decoded)
            receipt = MetricReceipt(samples=decoded.batch.num_samples)
            return MetricOutcome(receipt, decoded.rejected, decoded.errors)
        # The batch holds all there is to keep: the body's share of the budget is free while the store is awaited.
        delivery.body = b""
        if delivery.lease:
            delivery.lease.close()
        return await self._store_decoded(delivery.tenant, delivery.receiver, size, decoded, delivery.meter)

    async def _decoded(self, delivery: Delivery, decoder: DecodeMetrics) -> tuple[int, DecodedMetrics]:
        return await self._pool.run(
            # What is compressed may be many times larger.
            len(delivery.body) * (20 if delivery.encoding else 1),
            _decode_body,
            delivery.body,
            delivery.encoding,
            self._max_body_bytes(),
            decoder,
        )

    async def _store_decoded(
        self, tenant: str, receiver: str, size: int, decoded: DecodedMetrics, meter: Callable[[int], None] | None
    ) -> MetricOutcome:
        batch, receipt = decoded.batch, MetricReceipt()
        if not batch.is_empty:
            if meter is not None and batch.num_samples:
                meter(batch.num_samples)
            await self._ensure_tenant(tenant)
            receipt = await self._store.append(tenant, batch)
        outcome = MetricOutcome(receipt, decoded.rejected, decoded.errors)
        self.statistics.stored(tenant, receiver, size, receipt)
        for refusal in outcome.refusals:
            self.statistics.refused_samples(tenant, receiver, refusal.reason, refusal.samples)
        return outcome


@dataclass(slots=True)
class _Made:
    """A batch that no decoder made."""

    batch: MetricBatch
    rejected: int = 0
    errors: list[tuple[int, str]] = field(default_factory=list)


def describe_errors(errors: list[tuple[int, str]], rejected: int) -> str:
    """One sentence about samples that were not understood."""
    shown = "; ".join(f"{number}: {message}" for number, message in errors[:3])
    more = f" (and {rejected - len(errors[:3])} more)" if rejected > len(errors[:3]) else ""
    return f"{shown}{more}"


def raise_if_retryable(outcome: MetricOutcome) -> None:
    """Raise `RefusedForNow` when all that was refused may be taken later."""
    if outcome.retryable:
        raise RefusedForNow(f"{outcome.message}.", retry_after=RETRY_AFTER, hint="Retry after the time in Retry-After.")


def _decode_body(body: bytes, encoding: str, limit: int, decoder: DecodeMetrics) -> tuple[int, DecodedMetrics]:
    import nexus._native as _native

    plain = decompress(body, encoding, limit)
    try:
        return len(plain), decoder(plain)
    except _native.DecodeError as error:
        raise Undecodable(f"the body cannot be decoded: {error}.") from error
