"""The way of rows (log records, spans) from receivers to their store: decoded in the pool, stored once under a key, counted.

One path for every receiver: a `Delivery` goes in, an `Outcome` comes out after the rows are durable and visible. Idempotency
keys are looked up before anything is decoded. Within `inspecting` nothing is stored: see `nexus.pipeline.inspection`.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from nexus.errors import InvalidRequest, RateLimited
from nexus.pipeline.body import Lease
from nexus.pipeline.decode import DecodePool, decode, decompress, fingerprint
from nexus.pipeline.deliveries import Deliveries
from nexus.pipeline.inspection import INSPECTION, Inspection
from nexus.pipeline.statistics import IngestStatistics
from nexus.security.limits.limiter import Meter
from nexus.storage.api import Receipt, Token

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


class Rows(Protocol):
    """A decoded body: a batch of rows, and what was wrong with the others."""

    @property
    def batch(self) -> Any: ...
    @property
    def accepted(self) -> int: ...
    @property
    def rejected(self) -> int: ...
    @property
    def errors(self) -> list[tuple[int, str]]: ...


class RowStore(Protocol):
    """What a store of rows does for a delivery; see `storage.api.LogStore` and `storage.trace_api.TraceStore`."""

    async def replayed(self, tenant: str, token: Token) -> Receipt | None: ...


class Process(Protocol):
    """What is done to a decoded batch where bodies are decoded."""

    def run(self, batch: Any) -> Any: ...


class RowDeliveries(Deliveries):
    """Base of a way of rows. Lives on one event loop."""

    weight = 8
    """Bytes of bodies that are processed weigh this much when it is decided whether they are worth a thread."""

    def __init__(
        self,
        replays: RowStore,
        statistics: IngestStatistics,
        pool: DecodePool,
        ensure_tenant: Callable[[str], Awaitable[None]],
        max_body_bytes: Callable[[], int],
        meter_of: Callable[[str], Meter | None],
        check_tenant: Callable[[str], None],
    ) -> None:
        """`replays` knows what has been stored under a key. The others as those of `Deliveries`."""
        super().__init__(statistics.seconds, pool, ensure_tenant, max_body_bytes, meter_of, check_tenant)
        self.statistics = statistics
        self._replays = replays

    async def deliver(self, delivery: Delivery, decoder: Callable[[bytes], Rows], answer: Answer) -> Outcome:
        """Decode and store. Returns when the good rows are durable and visible.

        Raises any `NexusError` of decoding and storing; then nothing of the delivery is stored, or a retry with the
        same key completes it.
        """
        return await self._run(delivery.tenant, delivery.receiver, self._deliver(delivery, decoder, answer))

    async def _process(self, tenant: str, seed: int | None) -> Process | None:
        """What is done to batches of a tenant, if anything; `seed` decides what is left to chance (None: any)."""
        return None

    @abstractmethod
    async def _keep(
        self, delivery: Delivery, decoded: Rows, processed: Any, token: Token | None, outcome: Outcome
    ) -> tuple[Any, Receipt]:
        """Store what was decoded, or what processing left of it. Returns the delivery's own batch and its receipt."""

    @abstractmethod
    async def _kept(self, tenant: str, batch: Any) -> None:
        """A batch was stored, and not before."""

    @abstractmethod
    def _inspected(self, inspection: Inspection, tenant: str, decoded: Any, process: Any) -> None:
        """Note what would be stored. Runs in the pool."""

    def _refused(self, delivery: Delivery, processed: Any) -> None:
        """Nothing of what was processed is stored."""

    async def _deliver(self, delivery: Delivery, decoder: Callable[[bytes], Rows], answer: Answer) -> Outcome:
        if (inspection := INSPECTION.get()) is not None:
            return await self._inspect(delivery, decoder, answer, inspection)
        if delivery.key:
            return await self._deliver_once(delivery, decoder, answer)
        process = await self._process(delivery.tenant, None)
        size, decoded, processed = await self._pool.run(
            self._work_size(delivery, process),
            _decode_body,
            delivery.body,
            delivery.encoding,
            self._max_body_bytes(),
            decoder,
            process,
        )
        return await self._store_decoded(delivery, size, decoded, processed, None, answer)

    async def _deliver_once(self, delivery: Delivery, decoder: Callable[[bytes], Rows], answer: Answer) -> Outcome:
        check_key(delivery.key)
        body, mark = await self._pool.run(
            self._work_size(delivery, None), _unpack, delivery.body, delivery.encoding, self._max_body_bytes()
        )
        token = Token(delivery.key, mark)
        receipt = await self._replays.replayed(delivery.tenant, token)
        if receipt is not None:
            self.statistics.replayed(delivery.tenant, delivery.receiver)
            return Outcome(accepted=receipt.records, replayed=True, reply=receipt.reply)
        size = len(body)
        process = await self._process(delivery.tenant, mark)
        decoded, processed = await self._pool.run(
            size * (self.weight if process else 1), _decode_and_process, body, decoder, process
        )
        del body
        return await self._store_decoded(delivery, size, decoded, processed, token, answer)

    async def _inspect(
        self, delivery: Delivery, decoder: Callable[[bytes], Rows], answer: Answer, inspection: Inspection
    ) -> Outcome:
        """Decode and process, and note what would be stored; the answer is as if it had been."""
        process = await self._process(delivery.tenant, 0)
        size, decoded, _ = await self._pool.run(
            self._work_size(delivery, process),
            _decode_body,
            delivery.body,
            delivery.encoding,
            self._max_body_bytes(),
            decoder,
            None,
        )
        await self._pool.run(size * self.weight, self._inspected, inspection, delivery.tenant, decoded, process)
        outcome = Outcome(decoded.accepted, decoded.rejected, decoded.errors)
        outcome.reply = answer(outcome)
        return outcome

    async def _store_decoded(
        self, delivery: Delivery, size: int, decoded: Rows, processed: Any, token: Token | None, answer: Answer
    ) -> Outcome:
        outcome = Outcome(decoded.accepted, decoded.rejected, decoded.errors)
        tenant, receiver = delivery.tenant, delivery.receiver
        if not decoded.accepted:
            if decoded.rejected:
                self.statistics.rejected(tenant, receiver, decoded.rejected)
            outcome.reply = answer(outcome)
            return outcome
        if delivery.meter is not None:
            try:
                delivery.meter(decoded.accepted)
            except RateLimited:
                self._refused(delivery, processed)
                raise
        outcome.reply = answer(outcome)
        # The batch holds all there is to keep: the body's share of the budget is free while the commit is awaited.
        delivery.body = b""
        if delivery.lease:
            delivery.lease.close()
        batch, receipt = await self._keep(delivery, decoded, processed, token, outcome)
        if receipt.replayed:
            self.statistics.replayed(tenant, receiver)
            return Outcome(accepted=receipt.records, replayed=True, reply=receipt.reply)
        if receipt.refused:
            outcome.accepted -= receipt.refused
            outcome.rejected += receipt.refused
            outcome.errors = [*outcome.errors, (0, receipt.sentence)]
            outcome.reply = answer(outcome)
        self.statistics.stored(tenant, receiver, size, batch, decoded.rejected + receipt.refused)
        await self._kept(tenant, batch)
        return outcome

    def _work_size(self, delivery: Delivery, process: Process | None) -> int:
        # What is compressed may be many times larger.
        return len(delivery.body) * (20 if delivery.encoding else 1) * (self.weight if process else 1)


def check_key(key: str) -> None:
    """Raise `InvalidRequest` when the idempotency key is too long or not printable."""
    if len(key) > MAX_KEY_LENGTH or not key.isprintable():
        raise InvalidRequest(f"an idempotency key is 1 to {MAX_KEY_LENGTH} printable characters.")


def _decode_body(
    body: bytes, encoding: str, limit: int, decoder: Callable[[bytes], Rows], process: Process | None
) -> tuple[int, Rows, Any]:
    plain = decompress(body, encoding, limit)
    return len(plain), *_decode_and_process(plain, decoder, process)


def _decode_and_process(body: bytes, decoder: Callable[[bytes], Rows], process: Process | None) -> tuple[Rows, Any]:
    decoded = decode(body, decoder)
    return decoded, process.run(decoded.batch) if process and decoded.accepted else None


def _unpack(body: bytes, encoding: str, limit: int) -> tuple[bytes, int]:
    plain = decompress(body, encoding, limit)
    return plain, fingerprint(plain)
