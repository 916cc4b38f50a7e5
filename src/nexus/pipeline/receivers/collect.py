"""Small pieces of many senders, gathered into bodies worth a commit, within a bound of bytes.

Protocols without an acknowledgement write a message at a time; a commit for each would be absurd. A `Collector` joins what
comes within a tenth of a second or 128 KiB, hands it to the pipeline, and tries again when that is overloaded.
"""

from __future__ import annotations

import asyncio
import enum
import logging
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Protocol

from nexus.errors import (
    InvalidRequest,
    NexusError,
    PayloadTooLarge,
    TenantDeleted,
    TokenReused,
    TooManyAttempts,
    Unavailable,
    UnsupportedEncoding,
)
from nexus.pipeline.decode import fingerprint
from nexus.pipeline.topology import Delivery, Outcome
from nexus.security.limits.limiter import Meter

FLUSH_BYTES: Final = 128 << 10
FLUSH_SECONDS: Final = 0.1
MAX_BODY: Final = 1 << 20
IN_FLIGHT: Final = 4
LONGEST_PAUSE: Final = 5.0
LOG_SECONDS: Final = 10.0

log = logging.getLogger(__name__)


class Fate(enum.Enum):
    """What became of a body."""

    STORED = "stored"
    REFUSED = "refused"
    """It will never be accepted; it was counted."""
    LOST = "lost"
    """There was no room or no time for it; it was counted."""


@dataclass(frozen=True, slots=True)
class CollectorOptions:
    """For whom is collected, and how much may wait. `patience`: seconds until an overload costs the records; None: ever."""

    receiver: str
    tenant: str
    limit: int
    patience: float | None = None
    flush_seconds: float = FLUSH_SECONDS


class Drops(Protocol):
    """Who is told of records that are lost."""

    def dropped(self, tenant: str, receiver: str, records: int, reason: str) -> None:
        """Records were lost on their way."""
        ...


class Sink(Protocol):
    """Where bodies go: `Topology`, or the pipeline of metrics."""

    @property
    def statistics(self) -> Drops:
        """Who counts."""
        ...

    @property
    def meter_of(self) -> Callable[[str], Meter | None]:
        """Limits of a tenant."""
        ...

    async def deliver(self, delivery: Delivery, decoder: Any, answer: Any) -> object:
        """Store a body. Raises `NexusError`."""
        ...


class Collector:
    """Gathers and delivers. Lives on one event loop."""

    def __init__(self, topology: Sink, options: CollectorOptions, decoder: Callable[[], Any]) -> None:
        """`decoder` gives the decoder of bodies that arrive now; bodies of it can be joined."""
        self._topology = topology
        self._options = options
        self._decoder = decoder
        self._pieces: deque[tuple[bytes, int]] = deque()
        self._waiting = 0
        self._held = 0
        self._due = False
        self._timer: asyncio.TimerHandle | None = None
        self._flying: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Event()
        self._deadline: float | None = None
        self._logged = -LOG_SECONDS

    @property
    def held(self) -> int:
        """Bytes that are not stored yet."""
        return self._held

    @property
    def full(self) -> bool:
        """Is there no room for more?"""
        return self._held >= self._options.limit

    def add(self, piece: bytes, records: int) -> None:
        """Take a piece of so many records, whether there is room or not: whoever asks `full` before keeps the bound."""
        self._pieces.append((piece, records))
        self._waiting += len(piece)
        self._held += len(piece)
        if self._waiting >= FLUSH_BYTES:
            self._launch()
        elif self._timer is None and not self._due:
            self._timer = asyncio.get_running_loop().call_later(self._options.flush_seconds, self._launch)

    async def room(self) -> None:
        """Wait until there is room."""
        while self.full:
            self._changed.clear()
            await self._changed.wait()

    def drop(self, records: int, reason: str) -> None:
        """Count records that are lost."""
        self._topology.statistics.dropped(self._options.tenant, self._options.receiver, records, reason)

    async def close(self, grace: float) -> None:
        """Deliver what is there, for so many seconds; the rest is dropped and counted."""
        loop = asyncio.get_running_loop()
        self._deadline = loop.time() + grace
        while self._pieces or self._flying:
            self._launch()
            await asyncio.wait(self._flying)

    def _launch(self) -> None:
        """Deliver what waits, as far as there are deliveries to spare; the rest grows meanwhile."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._pieces and len(self._flying) < IN_FLIGHT:
            body, records = self._next_body()
            task = asyncio.create_task(self._fly(body, records))
            self._flying.add(task)
            task.add_done_callback(self._landed)
        self._due = bool(self._pieces)

    def _next_body(self) -> tuple[bytes, int]:
        taken: list[bytes] = []
        size = total = 0
        while self._pieces and (not taken or size + len(self._pieces[0][0]) <= MAX_BODY):
            piece, records = self._pieces.popleft()
            taken.append(piece)
            size += len(piece)
            total += records
        self._waiting -= size
        return taken[0] if len(taken) == 1 else b"".join(taken), total

    async def _fly(self, body: bytes, records: int) -> None:
        try:
            await self._store(body, records, "")
        finally:
            self._release(len(body))

    def _landed(self, task: asyncio.Task[None]) -> None:
        self._flying.discard(task)
        if self._due:
            self._launch()

    async def deliver(self, body: bytes, records: int, key: str = "") -> Fate:
        """Store a body now, trying again while that makes sense; its bytes count as held. `key` makes it once only."""
        self._held += len(body)
        try:
            return await self._store(body, records, key)
        finally:
            self._release(len(body))

    def _release(self, size: int) -> None:
        self._held -= size
        self._changed.set()

    async def _store(self, body: bytes, records: int, key: str) -> Fate:
        loop = asyncio.get_running_loop()
        began = loop.time()
        decoder = self._decoder()
        meter = self._topology.meter_of(self._options.tenant)
        counted = meter is None
        pause = 0.1
        while True:
            try:
                if meter is not None and not counted:
                    meter.take_bytes(len(body))
                    counted = True
                delivery = Delivery(self._options.receiver, self._options.tenant, body, key=key)
                delivery.meter = meter.take_records if meter else None
                await self._topology.deliver(delivery, decoder, _answer)
                return Fate.STORED
            except TokenReused:
                # The sender's own name for another payload: told apart by content it is stored, too.
                key = f"{key}/{fingerprint(body):016x}"
                continue
            except (InvalidRequest, PayloadTooLarge, UnsupportedEncoding, TenantDeleted) as error:
                self._report("%s refused records: %s", self._options.receiver, error)
                self.drop(records, error.code)
                return Fate.REFUSED
            except NexusError as error:
                reason = error.code
                if isinstance(error, Unavailable | TooManyAttempts):
                    pause = max(pause, min(error.retry_after, LONGEST_PAUSE))
                self._report("%s cannot store records: %s", self._options.receiver, error)
            except Exception:
                log.exception("%s failed to store records", self._options.receiver)
                self.drop(records, "internal")
                return Fate.LOST
            now = loop.time()
            patience = self._options.patience
            if (patience is not None and now - began + pause > patience) or (
                self._deadline is not None and now + pause > self._deadline
            ):
                self.drop(records, reason)
                return Fate.LOST
            await asyncio.sleep(pause * random.uniform(0.75, 1.25))
            pause = min(2 * pause, LONGEST_PAUSE)

    def _report(self, text: str, *values: object) -> None:
        """Say it, but not for every body."""
        now = asyncio.get_running_loop().time()
        if now - self._logged >= LOG_SECONDS:
            self._logged = now
            log.warning(text, *values)


def _answer(_: Outcome) -> bytes:
    return b""
