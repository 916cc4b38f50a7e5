"""Records (samples, spans) on their way to one backend: straight away while it is there, through the durable queue while it
is not.

`send` returns when the backend has the body, or when the body is in the queue on disk. While something waits in the queue
everything goes through it, so that order is kept; bodies are sent again until they are taken, so that what was taken in vain
before (its answer was lost) is sent twice. VictoriaMetrics keeps one sample per series and time then
(`-dedup.minScrapeInterval=1ms`; without it the sample is there twice); of spans the reading side shows one of each id.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import dataclass
from typing import Final, Protocol

from nexus.errors import NexusError
from nexus.storage.forwarding.errors import Away, Refused
from nexus.storage.forwarding.queue import BodyQueue, Waiting

FIRST_PAUSE: Final = 0.25
LONGEST_PAUSE: Final = 15.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a body that was handed over: how many of its records were refused for good, and why."""

    refused: int = 0
    sentence: str = ""


TAKEN: Final = Taken()
"""All of them were taken."""


class Client(Protocol):
    """What bodies are handed to."""

    async def write(self, body: bytes) -> Taken:
        """Hand a body over. Raises `Away`; `Refused` when nothing of it is taken, ever."""
        ...

    async def close(self) -> None:
        """Close connections."""
        ...


@dataclass(slots=True)
class SenderStatistics:
    """What went where: records sent, queued at any time, refused for good; `error` is the last failure, empty when the
    backend is there."""

    sent: int = 0
    queued: int = 0
    refused: int = 0
    error: str = ""


class Sender:
    """See the module text. Lives on an event loop."""

    def __init__(self, client: Client, queue: BodyQueue, backend: str, tenant: str, records: str) -> None:
        """`backend` is what it is called in messages, `tenant` whose it is, `records` what is sent, in the plural."""
        self._client = client
        self._queue = queue
        self._name = f"{backend} of {tenant}"
        self._records = records
        self._more = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.statistics = SenderStatistics()

    def start(self) -> None:
        """Begin to empty the queue."""
        self._more.set()
        self._task = asyncio.create_task(self._empty(), name=f"forwarding to {self._name}")

    async def close(self) -> None:
        """Stop. What waits is sent after the next start."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        await self._client.close()

    async def send(self, body: bytes, records: int) -> Taken:
        """Hand a body over; see the module text. Raises `Overloaded`, `DiskFull`, `StorageError` when it is neither sent nor
        queued."""
        if not len(self._queue):
            try:
                taken = await self._client.write(body)
            except Refused as error:
                self.statistics.refused += records
                return Taken(records, error.message)
            except Away as error:
                self._away(error)
            else:
                self._sent(records, taken)
                return taken
        await asyncio.to_thread(self._queue.put, body, records)
        self.statistics.queued += records
        self._more.set()
        return TAKEN

    async def forget(self) -> None:
        """Drop what waits."""
        await asyncio.to_thread(self._queue.clear)

    async def _empty(self) -> None:
        pause = FIRST_PAUSE
        while True:
            await self._more.wait()
            self._more.clear()
            while (body := self._queue.first()) is not None:
                try:
                    await self._send_waiting(body)
                    pause = FIRST_PAUSE
                except NexusError as error:
                    self._away(error)
                    await asyncio.sleep(pause)
                    pause = min(pause * 2, LONGEST_PAUSE)
                except OSError:
                    log.exception("a body that waits for %s cannot be read; it is left where it is", self._name)
                    await asyncio.sleep(LONGEST_PAUSE)

    async def _send_waiting(self, body: Waiting) -> None:
        data = await asyncio.to_thread(body.path.read_bytes)
        try:
            taken = await self._client.write(data)
            self._sent(body.records, taken)
        except Refused as error:
            self.statistics.refused += body.records
            taken = Taken(body.records, str(error))
        if taken.refused:
            # They were acknowledged, so that nobody hears of it but who reads the log and the counters.
            log.error("%s refused %d %s that had waited: %s", self._name, taken.refused, self._records, taken.sentence)
        await asyncio.to_thread(self._queue.done, body)

    def _sent(self, records: int, taken: Taken) -> None:
        self.statistics.sent += records - taken.refused
        self.statistics.refused += taken.refused
        if self.statistics.error:
            log.info("%s is back; %d %s wait", self._name, self._queue.records, self._records)
            self.statistics.error = ""

    def _away(self, error: NexusError) -> None:
        if not self.statistics.error:
            log.warning("%s is away, %s are queued: %s", self._name, self._records, error)
        self.statistics.error = error.message
