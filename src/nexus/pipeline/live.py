"""Live records: what was just stored goes to those who follow it, through their filters, in bounded buffers.

`LiveHub.publish` is told of every batch after its commit and does nothing when nobody listens. A worker per followed
tenant asks each subscription's native filter and renders what matches, once per batch and subscription, exactly as a
search of the stored records would; large batches are done in a thread. A subscription that is not emptied in time, or
that wants fewer records a second than match, loses its oldest ones, and counts them.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from nexus._native import Filter, LogBatch, Masks, render_batch
from nexus.query.encode import encode_predicate
from nexus.query.plan import All, And, Predicate, Scoped, Search
from nexus.telemetry import Registry

MAX_RECORDS: Final = 10_000
MAX_BYTES: Final = 8 << 20
"""What one subscription may hold."""
MAX_PENDING_BYTES: Final = 64 << 20
"""Batches of a tenant that wait for the worker."""
INLINE_BYTES: Final = 256 << 10
"""A batch up to this size is filtered on the event loop: a thread would cost more."""

log = logging.getLogger(__name__)


class LiveRecord(NamedTuple):
    """One record: timestamp in ns, identity hash, one JSON object as a search gives it."""

    timestamp: int
    hash: int
    json: bytes

    @property
    def id(self) -> str:
        """The record's id."""
        return f"{self.timestamp}-{self.hash:016x}"


class LiveFilter:
    """What of a batch somebody sees who follows a query: records of his row policy that match, with masked values masked."""

    def __init__(self, scoped: Scoped, where: Predicate) -> None:
        """`where` is the query's own predicate. Raises ValueError for one that no filter can be."""
        self.restricted = scoped.restricted
        self._policy: Filter | None = None
        self._masks: Masks | None = None
        if not scoped.masked:
            self._filter = Filter(encode_predicate(And((scoped.policy, where))))
            return
        # The policy is about the records themselves, the query about what is shown of them.
        self._filter = Filter(encode_predicate(where))
        self._masks = Masks(sorted((field.kind.value, field.name) for field in scoped.masked))
        if not isinstance(scoped.policy, All):
            self._policy = Filter(encode_predicate(scoped.policy))

    def seen(self, batch: LogBatch) -> LogBatch:
        """What there is to see of a batch, whatever the query. Pure, for any thread."""
        if self._policy is not None:
            batch = taken(batch, self._policy.matches(batch))
        return batch if self._masks is None else self._masks.apply(batch)

    def matches(self, batch: LogBatch) -> bytes:
        """One byte a record of what `seen` gave: 1 when it matches. Pure, for any thread."""
        return self._filter.matches(batch)


def taken(batch: LogBatch, mask: bytes) -> LogBatch:
    """The records that a mask marks."""
    return batch if mask.count(1) == len(mask) else batch.take(mask)


def filter_of(scoped: Scoped) -> LiveFilter:
    """What a scoped `Search` shows of live records: its row policy, its masks and its predicate are in it. Raises ValueError
    for one that no filter can be."""
    plan = scoped.plan
    if not isinstance(plan, Search):
        raise TypeError(f"{type(plan).__name__} has no records to follow")
    return LiveFilter(scoped, plan.scan.where)


class Subscription:
    """Records of one tenant that match a filter, oldest first, until it is closed. Lives on the hub's event loop."""

    def __init__(
        self,
        hub: LiveHub,
        tenant: str,
        filter: LiveFilter,
        *,
        rate: float,
        max_records: int,
        max_bytes: int,
        notify: Callable[[], None] | None,
    ) -> None:
        """Made by `LiveHub.subscribe`."""
        self.tenant = tenant
        self.filter = filter
        self._hub = hub
        self._rate = rate
        self._max_records = max_records
        self._max_bytes = max_bytes
        self._notify = notify
        self._records: deque[LiveRecord] = deque()
        self._bytes = 0
        self._dropped = 0
        self._allowance = rate
        self._refilled = hub.clock()
        self._ready = asyncio.Event()
        self.closed = False

    def __len__(self) -> int:
        """Records held."""
        return len(self._records)

    @property
    def num_bytes(self) -> int:
        """Bytes of the records held."""
        return self._bytes

    @property
    def dropped(self) -> int:
        """Records left out since the last `take`."""
        return self._dropped

    async def wait(self) -> None:
        """Until there is something to take."""
        await self._ready.wait()

    def take(self, max_records: int = MAX_RECORDS, max_bytes: int = MAX_BYTES) -> tuple[list[LiveRecord], int]:
        """The oldest records held, at least one if there is one, and how many were left out since the last time."""
        taken: list[LiveRecord] = []
        size = 0
        while self._records and len(taken) < max_records:
            size += len(self._records[0].json)
            if taken and size > max_bytes:
                break
            taken.append(self._records.popleft())
            self._bytes -= len(taken[-1].json)
        dropped, self._dropped = self._dropped, 0
        if not self._records:
            self._ready.clear()
        self._hub.sent.add(len(taken), self.tenant)
        return taken, dropped

    def close(self) -> None:
        """Follow no more."""
        if not self.closed:
            self.closed = True
            self._records.clear()
            self._bytes = 0
            self._hub.forget(self)

    # ------------------------------------------------------------------------------------------------ used by the hub

    def allowance(self) -> int:
        """How many more records the rate allows now; up to a second's worth can be saved."""
        now = self._hub.clock()
        self._allowance = min(self._rate, self._allowance + (now - self._refilled) * self._rate)
        self._refilled = now
        return int(self._allowance)

    def find(self, batch: LogBatch, limit: int) -> tuple[int, list[LiveRecord]]:
        """How many records of a batch match, and the last `limit` of them. Pure, for any thread."""
        batch = self.filter.seen(batch)
        mask = self.filter.matches(batch)
        matching = mask.count(1)
        if not matching or limit <= 0:
            return matching, []
        found = taken(batch, mask)
        # More than the buffer holds needs no rendering.
        fitting = 2 * self._max_bytes * matching // max(found.num_bytes, 1)
        lines = render_batch(found, None, max(min(limit, self._max_records, fitting), 1))
        return matching, [LiveRecord._make(line) for line in lines]

    def add(self, matching: int, records: list[LiveRecord]) -> None:
        """Take in what was found; the oldest make room."""
        if self.closed or not matching:
            return
        self._allowance -= len(records)
        lost = matching - len(records)
        self._records.extend(records)
        self._bytes += sum(len(record.json) for record in records)
        while len(self._records) > self._max_records or (self._bytes > self._max_bytes and len(self._records) > 1):
            self._bytes -= len(self._records.popleft().json)
            lost += 1
        self.lose(lost)
        self._ready.set()
        if self._notify is not None:
            self._notify()

    def lose(self, count: int) -> None:
        """Count records that were left out."""
        self._dropped += count
        if count:
            self._hub.dropped.add(count, self.tenant)


class _Followed:
    """A tenant that somebody follows: its subscriptions, and the batches that wait for the worker."""

    def __init__(self) -> None:
        self.subscriptions: set[Subscription] = set()
        self.pending: deque[LogBatch] = deque()
        self.pending_bytes = 0
        self.worker: asyncio.Task[None] | None = None


class LiveHub:
    """Who follows what. Lives on one event loop."""

    def __init__(self, registry: Registry, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` counts seconds."""
        self.clock = clock
        self._followed: dict[str, _Followed] = {}
        self.sent = registry.counter("nexus_live_records_total", "Records handed to live subscriptions.", "tenant")
        self.dropped = registry.counter(
            "nexus_live_dropped_total", "Records that live subscriptions did not get in time.", "tenant"
        )
        registry.gauge("nexus_live_subscriptions", "Live subscriptions.", read=lambda: self.subscriptions)

    @property
    def subscriptions(self) -> int:
        """How many there are."""
        return sum(len(followed.subscriptions) for followed in self._followed.values())

    def subscribe(
        self,
        tenant: str,
        filter: LiveFilter,
        *,
        rate: float = 2000,
        max_records: int = MAX_RECORDS,
        max_bytes: int = MAX_BYTES,
        notify: Callable[[], None] | None = None,
    ) -> Subscription:
        """Follow records of a tenant that are stored from now on. Close it in the end.

        `filter` comes from `filter_of`, so that row policy and masks are in it. `rate` is the most records a second;
        `notify` is called when there is something to take.
        """
        subscription = Subscription(
            self, tenant, filter, rate=rate, max_records=max_records, max_bytes=max_bytes, notify=notify
        )
        self._followed.setdefault(tenant, _Followed()).subscriptions.add(subscription)
        return subscription

    def forget(self, subscription: Subscription) -> None:
        """A subscription was closed."""
        followed = self._followed.get(subscription.tenant)
        if followed is None:
            return
        followed.subscriptions.discard(subscription)
        if not followed.subscriptions:
            del self._followed[subscription.tenant]
            followed.pending.clear()

    def publish(self, tenant: str, batch: Any) -> None:
        """Records of a tenant (a native `LogBatch`) have been stored."""
        followed = self._followed.get(tenant)
        if followed is None:
            return
        followed.pending.append(batch)
        followed.pending_bytes += batch.num_bytes
        while followed.pending_bytes > MAX_PENDING_BYTES and len(followed.pending) > 1:
            # Nobody has looked what of it matches; all of it may have. How many those are is not for everybody to know.
            lost = followed.pending.popleft()
            followed.pending_bytes -= lost.num_bytes
            for subscription in followed.subscriptions:
                subscription.lose(1 if subscription.filter.restricted else lost.num_rows)
        if followed.worker is None:
            followed.worker = asyncio.create_task(self._work(followed))

    async def _work(self, followed: _Followed) -> None:
        try:
            while followed.pending:
                batch = followed.pending.popleft()
                followed.pending_bytes -= batch.num_bytes
                for subscription in list(followed.subscriptions):
                    limit = subscription.allowance()
                    if batch.num_bytes <= INLINE_BYTES:
                        subscription.add(*subscription.find(batch, limit))
                    else:
                        subscription.add(*await asyncio.to_thread(subscription.find, batch, limit))
        except Exception:
            log.exception("live records could not be handed out")
        finally:
            followed.worker = None
            if followed.pending and followed.subscriptions:
                followed.worker = asyncio.create_task(self._work(followed))
