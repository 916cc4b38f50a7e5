"""The running pipeline: what a receiver hands over is decoded, processed and stored, or refused with a reason.

One path for every receiver: a `Delivery` goes in, an `Outcome` comes out after the records are durable and visible.
Idempotency keys are looked up before anything is decoded; processors are a list with one signature.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from nexus.errors import InvalidRequest, Overloaded
from nexus.model.batch import Decoded, LogBatch
from nexus.pipeline.body import Lease
from nexus.pipeline.decode import Decode, DecodePool, decode, decompress, fingerprint
from nexus.pipeline.statistics import IngestStatistics
from nexus.storage.api import LogStore, Token

Processor = Callable[[str, LogBatch], LogBatch]
"""A step between decoder and store: (tenant, batch) -> batch. Pure; runs on the event loop."""

MAX_KEY_LENGTH: Final = 256


@dataclass(slots=True)
class Delivery:
    """One request's payload on its way: as sent, with what is needed to understand it."""

    receiver: str
    tenant: str
    body: bytes
    encoding: str = ""
    key: str = ""
    lease: Lease | None = None


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


class Topology:
    """The pipeline between receivers and store. Lives on one event loop."""

    def __init__(
        self,
        store: LogStore,
        statistics: IngestStatistics,
        pool: DecodePool,
        ensure_tenant: Callable[[str], Awaitable[None]],
        processors: Sequence[Processor] = (),
        max_body_bytes: Callable[[], int] = lambda: 64 << 20,
        publish: Callable[[str, LogBatch], None] = lambda tenant, batch: None,
    ) -> None:
        """`ensure_tenant` makes a tenant that is not there yet, or raises; `max_body_bytes` may change; `publish` is told
        of every batch of a tenant that has been stored."""
        self._store = store
        self.statistics = statistics
        self._pool = pool
        self._ensure_tenant = ensure_tenant
        self._processors = tuple(processors)
        self._max_body_bytes = max_body_bytes
        self._publish = publish
        self._running: set[asyncio.Task[Outcome]] = set()
        self._draining = False

    @property
    def draining(self) -> bool:
        """Is new work refused?"""
        return self._draining

    async def drain(self) -> None:
        """Refuse new deliveries, and wait until those handed over are stored."""
        self._draining = True
        while self._running:
            await asyncio.wait(self._running)

    def check_open(self) -> None:
        """Raise `Overloaded` when the process is about to stop."""
        if self._draining:
            raise Overloaded("Nexus is stopping.", retry_after=5.0, hint="Retry after the time in Retry-After.")

    async def deliver(self, delivery: Delivery, decoder: Decode, answer: Answer) -> Outcome:
        """Decode and store. Returns when the good records are durable and visible.

        Raises any `NexusError` of decoding and storing; then nothing of the delivery is stored, or a retry with the
        same key completes it.
        """
        self.check_open()
        task = asyncio.create_task(self._deliver(delivery, decoder, answer))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        with self.statistics.seconds.time(delivery.receiver):
            # A sender that goes away now changes nothing: what was handed over is stored.
            return await asyncio.shield(task)

    async def _deliver(self, delivery: Delivery, decoder: Decode, answer: Answer) -> Outcome:
        if delivery.key:
            return await self._deliver_once(delivery, decoder, answer)
        size, decoded = await self._pool.run(
            _work_size(delivery), _decode_body, delivery.body, delivery.encoding, self._max_body_bytes(), decoder
        )
        return await self._store_decoded(delivery, size, decoded, None, answer)

    async def _deliver_once(self, delivery: Delivery, decoder: Decode, answer: Answer) -> Outcome:
        check_key(delivery.key)
        body, mark = await self._pool.run(
            _work_size(delivery), _unpack, delivery.body, delivery.encoding, self._max_body_bytes()
        )
        token = Token(delivery.key, mark)
        receipt = await self._store.replayed(delivery.tenant, token)
        if receipt is not None:
            self.statistics.replayed(delivery.tenant, delivery.receiver)
            return Outcome(accepted=receipt.records, replayed=True, reply=receipt.reply)
        size = len(body)
        decoded = await self._pool.run(size, decode, body, decoder)
        del body
        return await self._store_decoded(delivery, size, decoded, token, answer)

    async def _store_decoded(
        self, delivery: Delivery, size: int, decoded: Decoded, token: Token | None, answer: Answer
    ) -> Outcome:
        outcome = Outcome(decoded.accepted, decoded.rejected, decoded.errors)
        tenant, receiver = delivery.tenant, delivery.receiver
        if not decoded.accepted:
            if decoded.rejected:
                self.statistics.rejected(tenant, receiver, decoded.rejected)
            outcome.reply = answer(outcome)
            return outcome
        batch = decoded.batch
        for process in self._processors:
            batch = process(tenant, batch)
        await self._ensure_tenant(tenant)
        outcome.reply = answer(outcome)
        # The batch holds all there is to keep: the body's share of the budget is free while the commit is awaited.
        delivery.body = b""
        if delivery.lease:
            delivery.lease.close()
        receipt = await self._store.append(tenant, batch, token, outcome.reply)
        if receipt.replayed:
            self.statistics.replayed(tenant, receiver)
            return Outcome(accepted=receipt.records, replayed=True, reply=receipt.reply)
        self.statistics.stored(tenant, receiver, size, batch, decoded.rejected)
        self._publish(tenant, batch)
        return outcome


def check_key(key: str) -> None:
    """Raise `InvalidRequest` when the idempotency key is too long or not printable."""
    if len(key) > MAX_KEY_LENGTH or not key.isprintable():
        raise InvalidRequest(f"an idempotency key is 1 to {MAX_KEY_LENGTH} printable characters.")


def _work_size(delivery: Delivery) -> int:
    # What is compressed may be many times larger.
    return len(delivery.body) * (20 if delivery.encoding else 1)


def _decode_body(body: bytes, encoding: str, limit: int, decoder: Decode) -> tuple[int, Decoded]:
    plain = decompress(body, encoding, limit)
    return len(plain), decode(plain, decoder)


def _unpack(body: bytes, encoding: str, limit: int) -> tuple[bytes, int]:
    plain = decompress(body, encoding, limit)
    return plain, fingerprint(plain)
