"""Group commit, the pure part: what waits, when the next commit starts and which batches it takes.

One insert per commit; the engine makes one part per UTC day out of it, each whole or not at all. Small inserts cost as
much as large ones and are merged again and again, so a commit waits for company: not at all after a quiet spell, until
`interval` after the last one's start otherwise, longer when much comes in; less when nobody else seems to come, and not
once `target_rows` wait.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from nexus.storage.api import Receipt
from nexus.storage.clickhouse.options import WriterOptions
from nexus.storage.clickhouse.tokens import Entry


@dataclass(slots=True, eq=False)
class Waiting:
    """A batch on its way. `only_days` limits it to days that an earlier attempt left out.

    With a token it has `digest` and `fingerprint`; `entry` is what to write down of a token not seen before.
    """

    tenant: str
    batch: Any
    rows: int
    size: int
    days: tuple[int, ...]
    arrived: float
    future: asyncio.Future[Receipt]
    receipt: Receipt
    only_days: tuple[int, ...] | None = None
    digest: bytes | None = None
    fingerprint: int = 0
    entry: Entry | None = None
    pending: bool = False
    """Whether its rows are stored as pending."""

    @property
    def stored_days(self) -> tuple[int, ...]:
        """The days that this attempt stores."""
        return self.days if self.only_days is None else self.only_days

    def keep_rest(self, stored: set[int]) -> None:
        """Some days got stored: limit the next attempt to the others, under the token as written down."""
        if not stored.isdisjoint(self.stored_days):
            self.only_days = tuple(day for day in self.stored_days if day not in stored)
            self.entry = None


@dataclass(slots=True)
class CommitQueue:
    """Batches that wait, in order of arrival, with their sums. Guarded by the writer's lock."""

    options: WriterOptions
    batches: deque[Waiting] = field(default_factory=deque)
    rows: int = 0
    size: int = 0
    last_arrival: float = float("-inf")
    in_commit: int = 0
    """Bytes that committers have taken and not finished: they count against the queue's bound."""

    @property
    def held(self) -> int:
        """Bytes that wait or are being committed."""
        return self.size + self.in_commit

    def room_for(self, size: int) -> bool:
        """Whether a batch of this size may join. An empty queue takes any batch."""
        return self.held == 0 or self.held + size <= self.options.queue_bytes

    def put(self, waiting: Waiting) -> None:
        """Join the queue."""
        self.batches.append(waiting)
        self.rows += waiting.rows
        self.size += waiting.size
        self.last_arrival = waiting.arrived

    def take(self) -> list[Waiting]:
        """The next commit's batches: as many as fit, at least one when any waits."""
        taken: list[Waiting] = []
        rows = size = 0
        while self.batches:
            first = self.batches[0]
            full = rows + first.rows > self.options.commit_rows or size + first.size > self.options.commit_bytes
            if taken and full:
                break
            taken.append(self.batches.popleft())
            rows += first.rows
            size += first.size
        self.rows -= rows
        self.size -= size
        self.in_commit += size
        return taken

    def done(self, taken: list[Waiting]) -> None:
        """A commit has ended: its bytes are free."""
        self.in_commit -= sum(waiting.size for waiting in taken)


@dataclass(slots=True)
class Pace:
    """When the next commit may start. Times are monotonic seconds."""

    options: WriterOptions
    last_start: float = float("-inf")
    rate: float = 0.0
    """Rows a second over the last commits, smoothed."""

    def delay(self, queue: CommitQueue, now: float) -> float:
        """Seconds until the waiting batches should be committed; 0 is now."""
        if queue.rows >= self.options.target_rows or queue.size >= self.options.commit_bytes:
            return 0.0
        interval = self.options.busy_interval if self.rate >= self.options.busy_rate else self.options.interval
        start = self.last_start + interval
        if queue.rows >= self.options.quiet_rows:
            start = min(start, queue.last_arrival + self.options.quiet)
        return max(start - now, 0.0)

    def started(self, rows: int, now: float) -> None:
        """A commit of this many rows starts now."""
        gap = max(now - self.last_start, 0.001)
        weight = min(gap, 1.0)
        self.rate += (rows / gap - self.rate) * weight
        self.last_start = now
