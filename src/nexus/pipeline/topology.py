"""The running pipeline: what a receiver hands over is decoded, processed and stored, or refused with a reason.

One path for every receiver: a `Delivery` goes in, an `Outcome` comes out after the records are durable and visible.
Idempotency keys are looked up before anything is decoded. Pipelines run where bodies are decoded; what they drop or send to
another tenant was accepted all the same. Within `inspecting` nothing is stored: see `nexus.pipeline.inspection`.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final

from nexus.errors import InvalidRequest, RateLimited, TenantDeleted
from nexus.model.batch import Decoded, LogBatch
from nexus.pipeline.body import Lease
from nexus.pipeline.decode import Decode, DecodePool, decode, decompress, fingerprint
from nexus.pipeline.deliveries import Deliveries
from nexus.pipeline.inspection import INSPECTION, Inspection
from nexus.pipeline.pipelines import PipelineSets, Work
from nexus.pipeline.statistics import IngestStatistics
from nexus.security.limits.limiter import Meter
from nexus.storage.api import LogStore, Receipt, Token

MAX_KEY_LENGTH: Final = 256
PIPELINE_WEIGHT: Final = 8
"""Bytes that go through pipelines weigh this much when it is decided whether they are worth a thread."""


@dataclass(slots=True)
class Delivery:
    """One request's payload on its way: as sent, with what is needed to understand it."""

    receiver: str
    tenant: str
    body: bytes
    encoding: str = ""
    key: str = ""
    lease: Lease | None = None
    meter: Callable[[int], None] | None = None
    """Told how many records are about to be stored; it may refuse them all."""


@dataclass(slots=True)
class Outcome:
    """What became of a delivery. `reply` is set when the receipt of an earlier, equal delivery answers it."""

    accepted: int = 0
    rejected: int = 0
    errors: list[tuple[int, str]] = field(default_factory=list)
    replayed: bool = False
    reply: bytes = b""


Answer = Callable[[Outcome], bytes]
"""Encodes what the sender is told, so that a repetition can be told the same."""


class Topology(Deliveries):
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
        super().__init__(statistics.seconds, pool, ensure_tenant, max_body_bytes, meter_of, check_tenant)
        self.statistics = statistics
        self.pipelines = pipelines
        self._store = store
        self._publish = publish

    async def deliver(self, delivery: Delivery, decoder: Decode, answer: Answer) -> Outcome:
        """Decode and store. Returns when the good records are durable and visible.

        Raises any `NexusError` of decoding and storing; then nothing of the delivery is stored, or a retry with the
        same key completes it.
        """
        return await self._run(delivery.tenant, delivery.receiver, self._deliver(delivery, decoder, answer))

    async def _deliver(self, delivery: Delivery, decoder: Decode, answer: Answer) -> Outcome:
        if (inspection := INSPECTION.get()) is not None:
            return await self._inspect(delivery, decoder, answer, inspection)
        if delivery.key:
            return await self._deliver_once(delivery, decoder, answer)
        work = await self._work(delivery.tenant, secrets.randbits(64)) if self.pipelines else None
        size, decoded, processed = await self._pool.run(
            _work_size(delivery, work),
            _decode_body,
            delivery.body,
            delivery.encoding,
            self._max_body_bytes(),
            decoder,
            work,
        )
        return await self._store_decoded(delivery, size, decoded, processed, None, answer)

    async def _deliver_once(self, delivery: Delivery, decoder: Decode, answer: Answer) -> Outcome:
        check_key(delivery.key)
        body, mark = await self._pool.run(
            _work_size(delivery, None), _unpack, delivery.body, delivery.encoding, self._max_body_bytes()
        )
        token = Token(delivery.key, mark)
        receipt = await self._store.replayed(delivery.tenant, token)
        if receipt is not None:
            self.statistics.replayed(delivery.tenant, delivery.receiver)
            return Outcome(accepted=receipt.records, replayed=True, reply=receipt.reply)
        size = len(body)
        work = await self._work(delivery.tenant, mark) if self.pipelines else None
        decoded, processed = await self._pool.run(
            size * (PIPELINE_WEIGHT if work else 1), _decode_and_process, body, decoder, work
        )
        del body
        return await self._store_decoded(delivery, size, decoded, processed, token, answer)

    async def _work(self, tenant: str, seed: int) -> Work | None:
        assert self.pipelines is not None
        return await self.pipelines.work(tenant, seed)

    async def _inspect(self, delivery: Delivery, decoder: Decode, answer: Answer, inspection: Inspection) -> Outcome:
        """Decode and process, and note what would be stored; the answer is as if it had been."""
        work = await self._work(delivery.tenant, 0) if self.pipelines else None
        size, decoded, _ = await self._pool.run(
            _work_size(delivery, work), _decode_body, delivery.body, delivery.encoding, self._max_body_bytes(), decoder, None
        )
        await self._pool.run(size * PIPELINE_WEIGHT, inspection.note, delivery.tenant, decoded, work)
        outcome = Outcome(decoded.accepted, decoded.rejected, decoded.errors)
        outcome.reply = answer(outcome)
        return outcome

    async def _store_decoded(
        self, delivery: Delivery, size: int, decoded: Decoded, processed: Any, token: Token | None, answer: Answer
    ) -> Outcome:
        outcome = Outcome(decoded.accepted, decoded.rejected, decoded.errors)
        tenant, receiver = delivery.tenant, delivery.receiver
        if not decoded.accepted:
            if decoded.rejected:
                self.statistics.rejected(tenant, receiver, decoded.rejected)
            outcome.reply = answer(outcome)
            return outcome
        self._meter(delivery, decoded.accepted, processed)
        outcome.reply = answer(outcome)
        # The batch holds all there is to keep: the body's share of the budget is free while the commit is awaited.
        delivery.body = b""
        if delivery.lease:
            delivery.lease.close()
        if processed is None:
            await self._ensure_tenant(tenant)
            batch = decoded.batch
            receipt = await self._store.append(tenant, batch, token, outcome.reply)
        else:
            batch, receipt = await self._store_processed(tenant, receiver, processed, token, outcome)
        if receipt.replayed:
            self.statistics.replayed(tenant, receiver)
            return Outcome(accepted=receipt.records, replayed=True, reply=receipt.reply)
        self.statistics.stored(tenant, receiver, size, batch, decoded.rejected)
        self._publish(tenant, batch)
        return outcome

    def _meter(self, delivery: Delivery, records: int, processed: Any) -> None:
        """Say how many records come. Raises `RateLimited`; then none is stored."""
        if delivery.meter is None:
            return
        try:
            delivery.meter(records)
        except RateLimited:
            if processed is not None:
                assert self.pipelines is not None
                self.pipelines.settled(delivery.tenant, processed, stored=False)
            raise

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


def check_key(key: str) -> None:
    """Raise `InvalidRequest` when the idempotency key is too long or not printable."""
    if len(key) > MAX_KEY_LENGTH or not key.isprintable():
        raise InvalidRequest(f"an idempotency key is 1 to {MAX_KEY_LENGTH} printable characters.")


def _work_size(delivery: Delivery, work: Work | None) -> int:
    # What is compressed may be many times larger.
    return len(delivery.body) * (20 if delivery.encoding else 1) * (PIPELINE_WEIGHT if work else 1)


def _decode_body(body: bytes, encoding: str, limit: int, decoder: Decode, work: Work | None) -> tuple[int, Decoded, Any]:
    plain = decompress(body, encoding, limit)
    return len(plain), *_decode_and_process(plain, decoder, work)


def _decode_and_process(body: bytes, decoder: Decode, work: Work | None) -> tuple[Decoded, Any]:
    decoded = decode(body, decoder)
    return decoded, work.run(decoded.batch) if work and decoded.accepted else None


def _unpack(body: bytes, encoding: str, limit: int) -> tuple[bytes, int]:
    plain = decompress(body, encoding, limit)
    return plain, fingerprint(plain)
