"""Makes rollups: one thread that goes over the closed days of tenants whose policy wants them, the oldest first, a part of
the series at a time, and rests between parts as long as one took.

A part is read, made and inserted while nothing else changes stored rows, so an erasure is before or after it. A day counts
when all its parts are stored; after a kill it is made again, and its rows replace those that are there. So it is with a day
that gets late samples.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Final

from nexus import _native
from nexus.storage.clickhouse.connection import Connection
from nexus.storage.clickhouse.errors import EngineError
from nexus.storage.clickhouse.literals import quote
from nexus.storage.clickhouse.metrics import fetch
from nexus.storage.clickhouse.metrics.flush import insert_rows
from nexus.storage.clickhouse.metrics.policies import MetricPolicy, Policies
from nexus.storage.clickhouse.metrics.rolled_days import RolledDays
from nexus.storage.clickhouse.metrics.tables import CHUNKS, FORMAT, ROLLUPS
from nexus.storage.clickhouse.queries import Connect

log = logging.getLogger(__name__)

LOOK_SECONDS: Final = 300.0
SETTLE_SECONDS: Final = 3 * 3600.0
"""So long after its end a day is closed: what was open in memory is in the tables then."""

PART_SERIES: Final = 2000
LONGEST_REST: Final = 2.0


@dataclass(slots=True)
class RollupStatistics:
    """Counters since the start."""

    days: int = 0
    rows: int = 0
    failures: int = 0
    seconds: float = 0.0


class RollupMaker:
    """See the module text. `start` and `stop` block."""

    def __init__(
        self,
        connect: Connect,
        engine: _native.MetricsEngine,
        days: RolledDays,
        policies: Callable[[], Policies],
        paused: Callable[[], AbstractContextManager[None]],
        changed: Callable[[], None],
        settled: Callable[[Connection], object],
        settle_seconds: float = SETTLE_SECONDS,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`policies` are those that new samples follow; inside `paused` nobody else changes stored rows; `changed` is called
        when rows were stored, `settled` when a tenant has all rollups that a new policy wants."""
        self._told_settled = settled
        self._connect = connect
        self._engine = engine
        self._days = days
        self._policies = policies
        self._paused = paused
        self._changed = changed
        self._settle_seconds = settle_seconds
        self._clock = clock
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._at_work = threading.Lock()
        self._lock = threading.Lock()
        self._settled: dict[str, MetricPolicy] = {}
        self.statistics = RollupStatistics()

    def start(self) -> None:
        """Start the thread."""
        self._thread = threading.Thread(target=self._run, name="metric-rollups", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """There may be something to do."""
        self._wake.set()

    def stop(self) -> None:
        """End the thread after the part that it is at; the day is begun again at the next start."""
        self._stopping.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join()

    def waits(self, tenant: str, policy: MetricPolicy) -> bool:
        """Does a policy want rollups that are not made yet, of days whose samples may expire by it?"""
        with self._lock:
            return bool(policy.tiers) and self._settled.get(tenant) != policy

    def make(self) -> int:
        """Make all that is due, now; the number of days. Raises `EngineError`."""
        with self._at_work:
            connection = self._connect.connect()
            try:
                return self._make(connection)
            finally:
                self._connect.release(connection)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self.make()
            except EngineError as error:
                self.statistics.failures += 1
                log.error("rollups could not be made, trying again later: %s", error)
            except Exception:
                self.statistics.failures += 1
                log.exception("making rollups failed in an unexpected way, trying again later")
            self._wake.wait(LOOK_SECONDS)
            self._wake.clear()

    def _make(self, connection: Connection) -> int:
        made = 0
        today = int(self._clock()) // 86_400
        for (tenant, tier), _ in self._days.known().items():
            self._drop_expired(tenant, tier, today)
        for tenant, policy in self._policies().items():
            if not policy.tiers:
                continue
            for day in self._days.due(tenant, policy.tiers, self._closed(connection, tenant)):
                if self._stopping.is_set():
                    return made
                made += self._make_day(connection, tenant, day, today, policy)
            with self._lock:
                before = self._settled.get(tenant)
                self._settled[tenant] = policy
            if before != policy:
                self._told_settled(connection)
        return made

    def _drop_expired(self, tenant: str, tier: int, today: int) -> None:
        policy = self._policies().get(tenant)
        kept = (
            []
            if policy is None
            else [
                days
                for rollups in (policy.rollups, *(one for _, _, one in policy.rules))
                for own, days in rollups
                if own == tier
            ]
        )
        if not kept:
            self._days.forget(tenant, tier)
        elif 0 not in kept:
            self._days.forget(tenant, tier, today - max(kept))

    def _closed(self, connection: Connection, tenant: str) -> list[int]:
        """Days with samples that are over."""
        last = int((self._clock() - self._settle_seconds) // 86_400) - 1
        found = connection.rows(
            # A sample at midnight belongs to the day before.
            f"SELECT DISTINCT arrayJoin([toUInt16(day), toUInt16(day) - (first = toInt64(toUInt16(day)) * {fetch.DAY_MS})]) "
            f"FROM nexus.{CHUNKS} WHERE tenant = {quote(tenant)} AND day <= toDate({last}) AND expires_on > today()"
        )
        return [int(day) for (day,) in found]

    def _make_day(self, connection: Connection, tenant: str, day: int, today: int, policy: MetricPolicy) -> bool:
        began = time.perf_counter()
        self._days.begin(tenant, day)
        first, rested = 0, 0.0
        while not self._stopping.is_set():
            begun = time.perf_counter()
            with self._paused():
                part = self._engine.rollup(tenant, day, today, first, PART_SERIES)
                if part is None:
                    break
                self._store(connection, tenant, part)
                first = part.next
                del part
            rest = min(time.perf_counter() - begun, LONGEST_REST)
            self._stopping.wait(rest)
            rested += rest
        if self._stopping.is_set() or not self._days.finish(policy.tiers):
            self.wake()
            return False
        self.statistics.days += 1
        self.statistics.seconds += time.perf_counter() - began - rested
        return True

    def _store(self, connection: Connection, tenant: str, part: _native.Rollup) -> None:
        for want in fetch.wanted(tenant, part.needs()):
            samples = int(connection.rows(fetch.samples_sql(want))[0][0])
            for piece in fetch.pieces(want, samples * fetch.SAMPLE_BYTES):
                if rows := connection.query(f"{fetch.chunks_sql(piece)} AND expires_on > today()", FORMAT).data:
                    part.feed(rows)
        count, made = part.rows()
        if count:
            insert_rows(connection, ROLLUPS, count, made)
            self.statistics.rows += count
            self._changed()
