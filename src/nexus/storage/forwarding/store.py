"""What all stores in a backend have: records leave through a `Sender` and a `BodyQueue`."""

from __future__ import annotations

from nexus.storage.forwarding.queue import BodyQueue
from nexus.storage.forwarding.sender import Sender, SenderStatistics


class ForwardingStore:
    """See the module text."""

    def __init__(self, queue: BodyQueue, sender: Sender) -> None:
        self._queue = queue
        self._sender = sender

    def start(self) -> None:
        """Begin to send what waits."""
        self._sender.start()

    async def close(self) -> None:
        """Stop sending; the queue stays."""
        await self._sender.close()

    async def forget(self) -> None:
        """Drop what waits."""
        await self._sender.forget()

    @property
    def statistics(self) -> SenderStatistics:
        """What was sent."""
        return self._sender.statistics

    @property
    def waiting(self) -> tuple[int, int]:
        """Records and bytes in the queue."""
        return self._queue.records, self._queue.size
