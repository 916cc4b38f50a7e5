"""Samples on their way to one VictoriaMetrics: straight away while it is there, through the durable queue while it is not.

`send` returns when VictoriaMetrics has the body, or when the body is in the queue on disk. While something waits in the
queue everything goes through it, so that order is kept; bodies are sent again until they are taken, which changes nothing
when one was taken before, if VictoriaMetrics keeps one sample per series and time (`-dedup.minScrapeInterval=1ms`; without
it the sample is there twice).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import dataclass
from typing import Final

from nexus.storage.victoriametrics.client import Away, Client, Refused
from nexus.storage.victoriametrics.queue import BodyQueue, Waiting

FIRST_PAUSE: Final = 0.25
LONGEST_PAUSE: Final = 15.0

log = logging.getLogger(__name__)


@dataclass(slots=True)
class SenderStatistics:
    """What went where: samples sent, queued at any time, refused for good; `error` is the last failure, empty when the
    backend is there."""

    sent: int = 0
    queued: int = 0
    refused: int = 0
    error: str = ""


class Sender:
    """See the module text. Lives on an event loop."""

    def __init__(self, client: Client, queue: BodyQueue, name: str) -> None:
        """`name` is the backend's, for messages."""
        self._client = client
        self._queue = queue
        self._name = name
        self._more = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.statistics = SenderStatistics()

    def start(self) -> None:
        """Begin to empty the queue."""
        self._more.set()
        self._task = asyncio.create_task(self._empty(), name=f"victoriametrics-{self._name}")

    async def close(self) -> None:
        """Stop. What waits is sent after the next start."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        await self._client.close()

    async def send(self, body: bytes, samples: int) -> str:
        """Hand a body over; see the module text. Answers with the sentence of a final refusal, else "". Raises `Overloaded`,
        `DiskFull`, `StorageError` when it is neither sent nor queued."""
        if not len(self._queue):
            try:
                await self._client.write(body)
            except Refused as error:
                self.statistics.refused += samples
                return error.message
            except Away as error:
                self._away(error)
            else:
                self._sent(samples)
                return ""
        await asyncio.to_thread(self._queue.put, body, samples)
        self.statistics.queued += samples
        self._more.set()
        return ""

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
                except Away as error:
                    self._away(error)
                    await asyncio.sleep(pause)
                    pause = min(pause * 2, LONGEST_PAUSE)
                except OSError:
                    log.exception("a body that waits for VictoriaMetrics cannot be read; it is left where it is")
                    await asyncio.sleep(LONGEST_PAUSE)

    async def _send_waiting(self, body: Waiting) -> None:
        data = await asyncio.to_thread(body.path.read_bytes)
        try:
            await self._client.write(data)
            self._sent(body.samples)
        except Refused as error:
            # They were acknowledged, so that nobody hears of it but who reads the log and the counters.
            self.statistics.refused += body.samples
            log.error("VictoriaMetrics of %s refused %d samples that had waited: %s", self._name, body.samples, error)
        await asyncio.to_thread(self._queue.done, body)

    def _sent(self, samples: int) -> None:
        self.statistics.sent += samples
        if self.statistics.error:
            log.info("VictoriaMetrics of %s is back; %d samples wait", self._name, self._queue.samples)
            self.statistics.error = ""

    def _away(self, error: Away) -> None:
        if not self.statistics.error:
            log.warning("VictoriaMetrics of %s is away, samples are queued: %s", self._name, error)
        self.statistics.error = error.message
